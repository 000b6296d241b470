/** Pushing and keeping copies, by the built commands: to several peers, against their policies, through deaths and restarts. */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isFile, type SpawnedCommand, Workshop } from '../../common/testkit/spawned-command.js';
import { RawClient } from '../../peer/testkit/raw-client.js';

const MIB = 1024 * 1024;

interface Receiver {
  readonly process: SpawnedCommand;
  readonly address: string;
}

let shop: Workshop;
let tracker: string;

beforeAll(async () => {
  shop = await Workshop.open();
  tracker = (await shop.tracker(0, '--interval', '1s', '--ttl', '3s')).address;
});
afterAll(() => shop.close());

/** A peer that stays, and takes pushes into the folder of its name. Each has a state of its own, as another machine would. */
async function serve(name: string, ...flags: string[]): Promise<Receiver> {
  const state = { SHOAL_STATE_DIR: shop.path(`${name} state`), SHOAL_CACHE_DIR: shop.path(`${name} cache`) };
  const args = ['serve', '--host', '127.0.0.1', '--tracker', tracker, '--accept-dir', shop.path(name), ...flags];
  const process = shop.start('peer', args, { env: state });
  const found = await process.waitFor(/serving at (127\.0\.0\.1:\d+)/, true);
  return { process, address: found[1] ?? '' };
}

async function file(name: string, sizeBytes: number): Promise<Buffer> {
  const bytes = randomBytes(sizeBytes);
  await writeFile(shop.path(name), bytes);
  return bytes;
}

function push(name: string, ...flags: string[]): SpawnedCommand {
  return shop.start('peer', ['push', shop.path(name), '--tracker', tracker, '--host', '127.0.0.1', ...flags]);
}

/** Asks the tracker until it knows a peer that takes pushes at an address. */
async function untilKnown(address: string): Promise<void> {
  const client = new RawClient(Number(tracker.split(':')[1]));
  for (let isKnown = false; !isKnown; ) {
    client.socket.write('PEERS\n');
    const count = Number((await client.line()).split(' ')[1]);
    for (let row = 0; row < count; row += 1) {
      const line = await client.line();
      isKnown ||= line.startsWith(`${address} `) && / accept=[1-9]/.test(line);
    }
  }
  client.socket.destroy();
}

function eventsOf(stdout: string): Record<string, unknown>[] {
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('peer push', () => {
  test('puts a file on several peers, says which have it, and they share it when the sender is gone', async () => {
    const bytes = await file('one.bin', 3 * MIB + 5);
    const receivers = [await serve('b', '--accept'), await serve('c', '--accept')];
    const { code, stdout, stderr } = await push('one.bin', ...receivers.flatMap(({ address }) => ['--to', address])).ended;
    expect({ code, stderr: stderr.includes('to 2 peers') }).toEqual({ code: 0, stderr: true });
    expect(stdout).toMatch(/^one\.bin is on 2 of 2 peers\n( {2}127\.0\.0\.1:\d+ {2}verified\n){2}$/);
    for (const name of ['b', 'c']) expect(await isFile(shop.path(name, 'one.bin'), bytes)).toBe(true);
    const fetched = await shop.run('peer', ['fetch', 'one.bin', '--tracker', tracker, '--out', shop.path('one copy.bin')]);
    expect(fetched.code).toBe(0);
    for (const { process } of receivers) process.kill('SIGTERM');
  });

  test('what was there already is done at once, and shared on after a restart like what came', async () => {
    const bytes = await file('had.bin', 3 * MIB + 5);
    await mkdir(shop.path('h'));
    await writeFile(shop.path('h', 'had.bin'), bytes);
    const receiver = await serve('h', '--accept');
    expect((await push('had.bin', '--to', receiver.address).ended).code).toBe(0);
    receiver.process.kill('SIGTERM');
    await receiver.process.ended;
    const again = await serve('h', '--accept');
    await again.process.waitFor(/^sharing had\.bin /m);
    again.process.kill('SIGTERM');
    await again.process.ended;
  });

  test('a folder goes to all of a group as one, and a program reads every step', async () => {
    await mkdir(shop.path('set', 'deep'), { recursive: true });
    const bytes = await file('set/deep/1.bin', MIB + 1);
    await file('set/2.bin', 10);
    const [near, other] = [await serve('near', '--accept', '--group', 'g1'), await serve('other', '--accept', '--group', 'g2')];
    await untilKnown(near.address);
    const { code, stdout } = await push('set', '--to', 'all', '--group', 'g1', '--json').ended;
    expect(code).toBe(0);
    const events = eventsOf(stdout);
    expect(events.find(({ event }) => event === 'pushing')).toMatchObject({
      name: 'set',
      size: MIB + 11,
      receivers: [near.address],
    });
    expect(events.filter(({ event }) => event === 'receiver').at(-1)).toMatchObject({ address: near.address, state: 'done' });
    expect(events.at(-1)).toMatchObject({ event: 'done', name: 'set', receivers: [near.address] });
    expect(await isFile(shop.path('near', 'set', 'deep', '1.bin'), bytes)).toBe(true);
    for (const { process } of [near, other]) process.kill('SIGTERM');
    await Promise.all([near.process.ended, other.process.ended]);
  });

  test('who does not take it is named with the reason, and the exit code is that of the worst', async () => {
    await file('two.bin', 2 * MIB);
    await mkdir(shop.path('full'));
    await writeFile(shop.path('full', 'two.bin'), 'another one');
    const denying = await serve('denying');
    const strict = await serve('strict', '--accept', '--accept-from', '203.0.113.0/24');
    const small = await serve('small', '--accept', '--accept-quota', '1M');
    const taken = await serve('full', '--accept');
    const ending = (...receivers: Receiver[]) => push('two.bin', ...receivers.flatMap(({ address }) => ['--to', address])).ended;
    const first = await ending(denying, small);
    expect(first.code).toBe(24);
    expect(first.stdout).toMatch(/two\.bin is on 0 of 2 peers/);
    expect(first.stdout).toContain('failed    DENIED');
    expect(first.stdout).toContain('failed    LIMIT');
    expect(first.stderr).toContain('2 of 2 peers do not have it');
    expect((await ending(strict)).code).toBe(24);
    expect((await ending(small)).code).toBe(6);
    expect((await ending(taken, small)).code).toBe(13);
    expect(await isFile(shop.path('full', 'two.bin'), Buffer.from('another one'))).toBe(true);
    for (const { process } of [denying, strict, small, taken]) process.kill('SIGTERM');
  });

  test('a number is of peers that can take it, and one too many is an error before anything is sent', async () => {
    await file('three.bin', MIB);
    const one = await serve('third', '--accept', '--group', 'three');
    await untilKnown(one.address);
    const { code, stderr } = await push('three.bin', '--to', '2', '--group', 'three').ended;
    expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining('only 1 of them is known') });
    const { stdout } = await push('three.bin', '--to', '1', '--group', 'three').ended;
    expect(stdout).toContain(`${one.address}  verified`);
    one.process.kill('SIGTERM');
  });

  test('Ctrl-C ends it with 130; the receiver keeps what it has, and the same command goes on', async () => {
    const bytes = await file('four.bin', 8 * MIB);
    const to = await serve('fourth', '--accept');
    const cut = push('four.bin', '--to', to.address, '--limit-up', '3M', '--json');
    await cut.waitFor(/"state":"fetching","haveChunks":[2-9]/);
    cut.kill('SIGINT');
    expect((await cut.ended).code).toBe(130);
    const part = (await readdir(shop.path('fourth'))).find((name) => name.endsWith('.shoal-part'));
    expect(part).toBeDefined();
    expect((await push('four.bin', '--to', to.address).ended).code).toBe(0);
    expect(await isFile(shop.path('fourth', 'four.bin'), bytes)).toBe(true);
    to.process.kill('SIGTERM');
  });

  test('a receiver that is killed and comes back within the timeout gets it all the same', async () => {
    const bytes = await file('five.bin', 8 * MIB);
    const first = await serve('fifth', '--accept');
    const port = first.address.split(':')[1] ?? '';
    const pushing = push('five.bin', '--to', first.address, '--limit-up', '3M', '--json');
    await pushing.waitFor(/"state":"fetching","haveChunks":[2-9]/);
    first.process.kill('SIGKILL');
    await first.process.ended;
    const second = await serve('fifth', '--accept', '--port', port);
    expect((await pushing.ended).code).toBe(0);
    expect(await isFile(shop.path('fifth', 'five.bin'), bytes)).toBe(true);
    second.process.kill('SIGTERM');
  });

  test('a stranger that offers what it has not, or under a hidden name, leaves nothing behind', async () => {
    const to = await serve('stranger', '--accept');
    const client = new RawClient(Number(to.address.split(':')[1]));
    client.socket.write(`PUSH .bashrc 5 ${'ab'.repeat(32)} port=9\n`);
    expect(await client.line()).toMatch(/^ERR DENIED /);
    client.socket.write(`PUSH lie.bin 5 ${'ab'.repeat(32)} port=9\n`);
    expect((await client.body()).toString()).toMatch(/^state=(waiting|fetching) have=0 of=1\n$/);
    await to.process.waitFor(/"lie\.bin", pushed by 127\.0\.0\.1, was not received/, true);
    expect(await readdir(shop.path('stranger'))).toEqual([]);
    client.socket.destroy();
    to.process.kill('SIGTERM');
  });
});

describe('peer serve --replicate', () => {
  test('every file of a group is on two of three peers, and on two again when one that had it is killed', async () => {
    const bytes = await file('kept.bin', 2 * MIB + 1);
    const flags = ['--accept', '--group', 'keepers', '--replicate', '2', '--replicate-every', '1s'];
    const first = await serve('k1', shop.path('kept.bin'), ...flags);
    const others = new Map([
      ['k2', await serve('k2', ...flags)],
      ['k3', await serve('k3', ...flags)],
    ]);
    const holder = await Promise.race(
      [...others].map(async ([name, { process }]) => {
        await process.waitFor(/"kept\.bin" was pushed here/, true);
        return name;
      }),
    );
    expect(await isFile(shop.path(holder, 'kept.bin'), bytes)).toBe(true);
    const last = holder === 'k2' ? 'k3' : 'k2';
    expect(await readdir(shop.path(last))).toEqual([]);
    first.process.kill('SIGKILL');
    await others.get(last)?.process.waitFor(/"kept\.bin" was pushed here/, true);
    expect(await isFile(shop.path(last, 'kept.bin'), bytes)).toBe(true);
    for (const { process } of others.values()) process.kill('SIGTERM');
  });
});
