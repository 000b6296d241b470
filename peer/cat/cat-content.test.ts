import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ShoalError } from '../../common/core/errors.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { tcpDialer } from '../../common/node/tcp.js';
import { rejectionCode } from '../../common/testkit/error-code.js';
import { parseFetchSource } from '../fetch/fetch-source.js';
import { FetchBench, linkOf } from '../testkit/fetch-bench.js';
import type { ScriptedPeer } from '../testkit/scripted-peer.js';
import { chunkOf, seededBytes, type TestContent, testContent, testFolder } from '../testkit/test-content.js';
import { turn, until } from '../testkit/until.js';
import { parseByteRange } from './byte-range.js';
import { type CatOptions, catContent } from './cat-content.js';

const bench = new FetchBench();
const content = testContent(seededBytes(6 * CHUNK_BYTES + 10));
const small = testContent(Buffer.from('hello'), { name: 'small.txt' });
let written: Buffer[];
let notes: string[];

beforeEach(async () => {
  [written, notes] = [[], []];
  await bench.begin();
});
afterEach(() => bench.end());
afterAll(() => bench.close());

/** Takes everything, unless the test says otherwise. */
let write: (bytes: Buffer) => Promise<boolean> = async () => true;
beforeEach(() => {
  write = async () => true;
});

function cat(text: string, options: Partial<CatOptions> = {}): Promise<void> {
  const ports = { dialer: tcpDialer, clock: bench.clock, random: bench.random, pool: bench.pool };
  const rest = { trackers: [], range: undefined, patienceMs: 30_000, signal: new AbortController().signal };
  const sink = {
    write: (bytes: Uint8Array) => {
      // A copy: its memory is somebody else's afterwards.
      written.push(Buffer.from(bytes));
      return write(Buffer.from(bytes));
    },
  };
  const note = (line: string) => notes.push(line);
  return catContent(ports, { source: parseFetchSource(text), shown: text, note, ...rest, ...options }, sink);
}

const range = (text: string) => ({ range: parseByteRange(text) });
const isWritten = (bytes: Buffer) => Buffer.compare(Buffer.concat(written), bytes) === 0;
const verbs = (peer: ScriptedPeer) => new Set(peer.requests.map(({ verb }) => verb));

function freeSlotCount(): number {
  const slots = [];
  for (let slot = bench.pool.slots.take(); slot !== undefined; slot = bench.pool.slots.take()) slots.push(slot);
  for (const slot of slots) bench.pool.slots.release(slot);
  return slots.length;
}

describe('cat', () => {
  test('writes all of a content, in order, from several peers that know ranges', async () => {
    const peers = [await bench.peer(content, { isRanged: true }), await bench.peer(content, { isRanged: true })];
    await cat(linkOf(content, peers));
    expect(isWritten(content.bytes)).toBe(true);
    expect(peers.map((peer) => peer.requests.some(({ verb }) => verb === 'GET_RANGE'))).toEqual([true, true]);
    expect(peers.flatMap((peer) => peer.askedChunks())).toEqual([]);
    expect(freeSlotCount()).toBe(bench.pool.slots.slotCount);
  });

  test('asks for chunks where ranges are not known, after one try', async () => {
    const peer = await bench.peer(content);
    await cat(linkOf(content, [peer]));
    expect(isWritten(content.bytes)).toBe(true);
    expect(peer.requests.filter(({ verb }) => verb === 'GET_RANGE')).toHaveLength(1);
    expect(peer.askedChunks().sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  test.each([
    ['0-99', 0, 100, 1],
    [`${CHUNK_BYTES - 1}-${CHUNK_BYTES}`, CHUNK_BYTES - 1, CHUNK_BYTES + 1, 2],
    [`${2 * CHUNK_BYTES}-${3 * CHUNK_BYTES - 1}`, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES, 1],
    ['-5', content.bytes.length - 5, content.bytes.length, 1],
    [`${5 * CHUNK_BYTES + 7}-`, 5 * CHUNK_BYTES + 7, content.bytes.length, 2],
  ])('writes the bytes %s, and asks for no other chunk than those that have them', async (text, start, end, chunkCount) => {
    const peer = await bench.peer(content, { isRanged: true });
    await cat(linkOf(content, [peer]), range(text));
    expect(isWritten(content.bytes.subarray(start, end))).toBe(true);
    const asked = peer.requests.filter((request) => request.verb === 'GET_RANGE');
    expect(asked).toHaveLength(chunkCount);
  });

  test('finds a name at a tracker, and a path in a folder whose files are not registered', async () => {
    const folder = testFolder('photos', { 'a.jpg': seededBytes(700_000, 2), 'deep/b.jpg': Buffer.from('b') });
    const peer = await bench.peer([small, ...folder.all], { isRanged: true });
    const rows = (one: TestContent) => `OK 1\n127.0.0.1:${peer.address.port} ${one.bytes.length} ${one.root}\n`;
    const tracker = await bench.tracker((line) =>
      line === 'LOOKUP small.txt' ? rows(small) : line === 'LOOKUP photos' ? rows(folder.index) : 'OK 0\n',
    );
    const trackers = [tracker.address];
    await cat('small.txt', { trackers });
    await cat('photos/a.jpg', { trackers, ...range('0-99') });
    await cat('photos/deep/b.jpg', { trackers });
    const a = folder.files.find(({ name }) => name === 'a.jpg')?.bytes ?? Buffer.alloc(0);
    expect(isWritten(Buffer.concat([small.bytes, a.subarray(0, 100), Buffer.from('b')]))).toBe(true);
    expect(await rejectionCode(cat('photos/c.jpg', { trackers }))).toBe('NOT_FOUND');
    expect(await rejectionCode(cat('other/c.jpg', { trackers }))).toBe('NOT_FOUND');
    expect(await rejectionCode(cat('photos', { trackers }))).toBe('USAGE');
  });

  test('verifies one chunk by its root where nobody has a manifest, writes nothing of two, and nothing of a stranger without a root', async () => {
    const bare = await bench.peer([small, content], { isBare: true });
    await cat(linkOf(small, [bare]));
    expect(isWritten(small.bytes)).toBe(true);
    expect(verbs(bare)).toContain('GET_CHUNK');
    expect(await rejectionCode(cat(linkOf(content, [bare])))).toBe('VERIFY_FAILED');
    const tracker = await bench.tracker(() => `OK 1\n127.0.0.1:${bare.address.port} 5 -\n`);
    expect(await rejectionCode(cat('small.txt', { trackers: [tracker.address] }))).toBe('VERIFY_FAILED');
    expect(written).toHaveLength(1);
  });

  test('of an empty content writes nothing', async () => {
    const empty = testContent(Buffer.alloc(0));
    await cat(linkOf(empty, [await bench.peer(empty)]));
    expect(written).toEqual([]);
  });

  test('MP1: a wrong chunk is not written, its sender is banned and not asked again, and it comes from elsewhere', async () => {
    const liar = await bench.peer(content, { isRanged: true, body: (at, { bytes }) => Buffer.from(chunkOf(bytes, at)).fill(7) });
    const isFoundOut = () => notes.some((note) => note.includes('is banned'));
    const slow = await bench.peer(content, {
      isRanged: true,
      gate: ({ verb }) => (verb === 'GET_RANGE' ? until('the liar is banned', isFoundOut) : Promise.resolve()),
    });
    await cat(linkOf(content, [liar, slow]));
    expect(isWritten(content.bytes)).toBe(true);
    expect(notes.filter((note) => note.includes('is banned'))).toHaveLength(1);
    expect(liar.connectionCount).toBe(2);
    expect(freeSlotCount()).toBe(bench.pool.slots.slotCount);
  });

  test('where all lie, nothing is written and it says so', async () => {
    const liar = await bench.peer(content, { isRanged: true, body: () => Buffer.alloc(CHUNK_BYTES, 7) });
    expect((await bench.failure(cat(linkOf(content, [liar])), 500)).exitCode).toBe(32);
    expect(written).toEqual([]);
  });

  test.each([
    ['MP4: an endless one', { isEndless: true }],
    ['PW7: one that hangs up in a body', { cutBodyBytes: 1000 }],
    ['PW3: one that sends a header that is none', { header: () => '+524288\n' }],
    ['PW6: one that says more', { header: () => `${10 * CHUNK_BYTES}\n` }],
    ['MP6: one that refuses everything', { refuse: () => 'INTERNAL' }],
    ['one that is always busy', { refuse: () => 'BUSY' }],
  ])('%s costs nothing but time', async (_what, misbehaviour) => {
    const bad = await bench.peer(content, { isRanged: true, ...misbehaviour });
    const good = await bench.peer(content, {
      isRanged: true,
      gate: () => until('the other was asked', () => bad.connectionCount > 0),
    });
    await bench.jumpUntilOver(cat(linkOf(content, [bad, good])), 200);
    expect(isWritten(content.bytes)).toBe(true);
    expect(freeSlotCount()).toBe(bench.pool.slots.slotCount);
  });

  test('NW4: one that falls silent in a chunk is left, and the chunk asked of another', async () => {
    const silent = await bench.peer(content, { isRanged: true, stallAtByte: content.manifest.length + 100_000 });
    const good = await bench.peer(content, {
      isRanged: true,
      gate: ({ verb }) =>
        verb === 'GET_RANGE' ? until('the other is silent', () => silent.stalledCount > 0) : Promise.resolve(),
    });
    await bench.jumpUntilOver(cat(linkOf(content, [silent, good])), 200, () => silent.stalledCount > 0);
    expect(isWritten(content.bytes)).toBe(true);
  });

  test('partial peers bring what they have; what nobody has ends it with what came before it', async () => {
    const even = await bench.peer(content, { isRanged: true, refuse: (at) => (at % 2 === 0 ? undefined : 'NOT_FOUND') });
    const odd = await bench.peer(content, { isRanged: true, refuse: (at) => (at % 2 === 1 ? undefined : 'NOT_FOUND') });
    await bench.jumpUntilOver(cat(linkOf(content, [even, odd])), 200);
    expect(isWritten(content.bytes)).toBe(true);
    written = [];
    expect((await bench.failure(cat(linkOf(content, [even])), 500)).exitCode).toBe(6);
    expect(isWritten(chunkOf(content.bytes, 0))).toBe(true);
  });

  test('a reader that takes its time holds up the peers: what is asked for is a window', async () => {
    const long = testContent(seededBytes(40 * CHUNK_BYTES, 3));
    const peer = await bench.peer(long, { isRanged: true });
    let goOn: () => void = () => undefined;
    write = () => new Promise((resolve) => (goOn = () => resolve(true)));
    const reading = cat(linkOf(long, [peer]));
    // A slot is taken as soon as a reply is due. When it is the last one's turn, the others are here; both sides are in this process.
    await until('all that may be asked for is due', () => freeSlotCount() === bench.pool.slots.slotCount - 17);
    for (let left = 100; left > 0; left -= 1) await turn();
    // However long: nothing is wrong with the peer.
    for (let left = 20; left > 0; left -= 1) bench.clock.jump(5000);
    expect(peer.requests.filter(({ verb }) => verb === 'GET_RANGE')).toHaveLength(17);
    expect(written).toHaveLength(1);
    write = async () => true;
    goOn();
    await reading;
    expect(isWritten(long.bytes)).toBe(true);
    expect(notes).toEqual([]);
  });

  test('ends quietly where nobody reads any more, and at once where it is stopped', async () => {
    const peer = await bench.peer(content, { isRanged: true });
    write = async () => false;
    await cat(linkOf(content, [peer]));
    expect(written).toHaveLength(1);
    await until('the peer is left', () => peer.openCount === 0);
    const controller = new AbortController();
    write = () => {
      controller.abort(new ShoalError('INTERRUPTED', 'local', 'Enough.'));
      return new Promise(() => undefined);
    };
    expect(await rejectionCode(cat(linkOf(content, [peer]), { signal: controller.signal }))).toBe('INTERRUPTED');
    await until('the peer is left', () => peer.openCount === 0);
  });

  test('a range behind the end is wrong usage, and what nobody has is not found', async () => {
    const peer = await bench.peer(small);
    expect((await bench.failure(cat(linkOf(small, [peer]), range('5-9')))).exitCode).toBe(2);
    expect((await bench.failure(cat(`@${'0'.repeat(64)}`))).exitCode).toBe(3);
  });
});
