/** The built tracker asks built peers how they are, and forgets those that are gone, and what is not shared, before their lease ends. */
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type SharedOne, Workshop } from '../../common/testkit/spawned-command.js';

let shop: Workshop;
beforeAll(async () => {
  shop = await Workshop.open();
});
afterAll(() => shop.close());

/** What the tracker answers to a line, as a stranger asks it. */
function ask(port: number, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.end(`${line}\n`));
    socket.on('data', (bytes) => (text += bytes.toString())).on('error', reject);
    socket.on('end', () => resolve(text));
  });
}

test('what a peer does not share, though it was registered for it, is gone long before its ttl; what it shares stays', async () => {
  // The peer reports to a tracker of its own, so that this one knows of it what it was told here.
  const own = await shop.tracker(0);
  const { port } = await shop.tracker(0, '--interval', '1s', '--ttl', '1h');
  await writeFile(shop.path('shared'), 'hello');
  const peer = await shop.share([shop.path('shared')], own.address);
  const entry = /^\S+ 5 ([0-9a-f]{64})/m.exec(await ask(own.port, 'LOOKUP shared'));
  for (const name of ['shared', 'ghost'])
    expect(await ask(port, `REGISTER ${name} 5 ${peer.address} root=${entry?.[1]}`)).toMatch(/^OK /);
  // Asking names it, which is what makes the tracker look.
  const sinceMs = performance.now();
  let reply = '';
  do {
    reply = await ask(port, 'LOOKUP ghost');
    await new Promise((resolve) => setTimeout(resolve, 100));
  } while (!reply.startsWith('OK 0') && performance.now() - sinceMs < 25_000);
  expect(reply).toBe('OK 0\n');
  expect(await ask(port, 'LOOKUP shared')).toMatch(/^OK 1\n/);
});

test('a peer that is killed is gone long before its ttl, though nobody says so, and one that is there stays', async () => {
  const { address, port } = await shop.tracker(0, '--interval', '1s', '--ttl', '1h');
  await writeFile(shop.path('file'), 'hello');
  const shared: SharedOne[] = [];
  for (let count = 0; count < 2; count += 1) shared.push(await shop.share([shop.path('file')], address));
  const [one, other] = shared.map((peer) => peer.address);
  shared[0]?.process.kill('SIGKILL');
  // Asking names it, which is what makes the tracker look.
  const sinceMs = performance.now();
  let reply = '';
  do {
    reply = await ask(port, 'LOOKUP file');
    expect(reply).toContain(other);
    await new Promise((resolve) => setTimeout(resolve, 100));
  } while (reply.includes(`${one}`) && performance.now() - sinceMs < 25_000);
  expect(reply).toMatch(/^OK 1\n/);
});
