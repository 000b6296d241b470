/** Trackers that die, are silent, are several, or are talked to over UDP: what a user of the built commands sees of it. */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { isFile, type SpawnedCommand, Workshop } from '../../common/testkit/spawned-command.js';

const MIB = 1024 * 1024;
const SWARM_COUNT = 20;

let shop: Workshop;
const closing: (() => unknown)[] = [];

beforeEach(async () => {
  shop = await Workshop.open();
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  await shop.close();
});

async function sharedFile(sizeBytes: number, ...flags: string[]) {
  const bytes = randomBytes(sizeBytes);
  await writeFile(shop.path('file.bin'), bytes);
  return { bytes, share: (tracker: string) => shop.share([shop.path('file.bin')], tracker, ...flags) };
}

/** Starts fetching by name into a folder of its own. */
async function fetching(folder: string, trackers: readonly string[], ...flags: string[]): Promise<SpawnedCommand> {
  await mkdir(shop.path(folder));
  const named = trackers.flatMap((tracker) => ['--tracker', tracker]);
  return shop.start('peer', ['fetch', 'file.bin', '--directory', shop.path(folder), '--json', ...named, ...flags]);
}

function eventsOf(stdout: string): { readonly event: string; readonly [key: string]: unknown }[] {
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { event: string });
}

/** What a stranger's LOOKUP of the file is answered with: one line for each peer. */
async function lookup(port: number): Promise<string[]> {
  const socket = connect(port, '127.0.0.1');
  socket.setEncoding('utf8').end('LOOKUP file.bin\n');
  let text = '';
  socket.on('data', (piece) => {
    text += piece;
  });
  await once(socket, 'close');
  return text.split('\n').slice(1, -1);
}

/** A server that reads everything and says nothing; resolves with its address and the text it has read. */
async function silentServer(): Promise<{ address: string; heard: () => string }> {
  let text = '';
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.setEncoding('utf8').on('data', (piece) => {
      text += piece;
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => server.close());
  const at = server.address();
  return { address: `127.0.0.1:${typeof at === 'object' ? at?.port : 0}`, heard: () => text };
}

/** A port where nobody listens over TCP, and which hands datagrams on to a tracker and back. */
async function datagramRelay(port: number): Promise<{ address: string; count: () => number }> {
  const upstream = new Map<number, Socket>();
  let count = 0;
  const relay = createSocket('udp4').on('message', (bytes, from) => {
    count += 1;
    let socket = upstream.get(from.port);
    if (socket === undefined) {
      socket = createSocket('udp4').on('message', (reply) => relay.send(reply, from.port, '127.0.0.1'));
      upstream.set(from.port, socket);
    }
    socket.send(bytes, port, '127.0.0.1');
  });
  relay.bind(0, '127.0.0.1');
  await once(relay, 'listening');
  closing.push(() => {
    for (const socket of [relay, ...upstream.values()]) socket.close();
  });
  return { address: `127.0.0.1:${relay.address().port}`, count: () => count };
}

describe('trackers', () => {
  test('killing the tracker during a swarm of 20 loses nothing and stops no fetch', async () => {
    const tracker = await shop.tracker();
    // Capped, so that nobody can be done before all have begun.
    const { bytes, share } = await sharedFile(8 * MIB + 1, '--limit-up', '1M');
    await share(tracker.address);
    const folders = Array.from({ length: SWARM_COUNT }, (_, n) => `d${n}`);
    const swarm = await Promise.all(folders.map((folder) => fetching(folder, [tracker.address], '--timeout', '90s')));
    await Promise.all(swarm.map((one) => one.waitFor(/"event":"phase","phase":"fetch"/)));
    expect(swarm.filter((one) => one.stdout.includes('"event":"done"'))).toEqual([]);
    tracker.process.kill('SIGKILL');
    const endings = await Promise.all(swarm.map((one) => one.ended));
    expect(endings.map(({ code }) => code)).toEqual(folders.map(() => 0));
    for (const folder of folders) expect(await isFile(shop.path(folder, 'file.bin'), bytes)).toBe(true);
  }, 120_000);

  test('a peer that was killed is forgotten after the ttl, and one that lives stays', async () => {
    const tracker = await shop.tracker(0, '--interval', '1s');
    const { share } = await sharedFile(1000);
    const [dead, alive] = [await share(tracker.address), await share(tracker.address)];
    expect(await lookup(tracker.port)).toHaveLength(2);
    dead.process.kill('SIGKILL');
    await dead.process.ended;
    // The deadline is the test's own; the ttl is two seconds.
    for (let rows = await lookup(tracker.port); rows.length > 1; rows = await lookup(tracker.port)) expect(rows).toHaveLength(2);
    const rows = await lookup(tracker.port);
    expect(rows).toEqual([expect.stringContaining(alive.address)]);
  });

  test('of two trackers one is killed: what is shared is found, and what is fetched arrives', async () => {
    const [first, second] = [await shop.tracker(), await shop.tracker()];
    const { bytes, share } = await sharedFile(3 * MIB, '--tracker', second.address, '--limit-up', '1M');
    await share(first.address);
    for (let isKnown = false; !isKnown; ) isKnown = (await lookup(second.port)).length === 1;
    const during = await fetching('during', [first.address, second.address]);
    await during.waitFor(/"event":"phase","phase":"fetch"/);
    first.process.kill('SIGKILL');
    await first.process.ended;
    const after = await fetching('after', [first.address, second.address]);
    const endings = await Promise.all([during.ended, after.ended]);
    expect(endings.map(({ code }) => code)).toEqual([0, 0]);
    for (const folder of ['during', 'after']) expect(await isFile(shop.path(folder, 'file.bin'), bytes)).toBe(true);
  });

  test('a tracker that never answers costs no time: all is done before anybody has given it up', async () => {
    const silent = await silentServer();
    const tracker = await shop.tracker();
    const { bytes, share } = await sharedFile(MIB);
    await share(tracker.address);
    const { code, stdout } = await (await fetching('here', [silent.address, tracker.address])).ended;
    expect(code).toBe(0);
    expect(await isFile(shop.path('here', 'file.bin'), bytes)).toBe(true);
    expect(silent.heard()).toContain('LOOKUP file.bin\n');
    const events = eventsOf(stdout).map(({ event }) => event);
    expect(events.at(-1)).toBe('done');
    expect(events).not.toContain('tracker-failed');
  });

  test('--udp shares, finds and fetches where the tracker cannot be reached by TCP at all', async () => {
    const tracker = await shop.tracker();
    const relay = await datagramRelay(tracker.port);
    const { bytes, share } = await sharedFile(2 * MIB + 3, '--udp');
    const shared = await share(relay.address);
    expect(relay.count()).toBeGreaterThan(0);
    expect(await lookup(tracker.port)).toHaveLength(1);
    const { code } = await (await fetching('here', [relay.address], '--udp')).ended;
    expect(code).toBe(0);
    expect(await isFile(shop.path('here', 'file.bin'), bytes)).toBe(true);
    const plain = await (await fetching('plain', [relay.address])).ended;
    expect(plain.code).toBe(6);
    // The environment says it as well as the flag; and it says goodbye.
    const env = await shop.run('peer', ['fetch', shared.link, '--out', shop.path('env.bin')], { env: { SHOAL_UDP: 'yes' } });
    expect(env.code).toBe(0);
    shared.process.kill('SIGTERM');
    expect((await shared.process.ended).code).toBe(0);
    expect(await lookup(tracker.port)).toEqual([]);
  });
});
