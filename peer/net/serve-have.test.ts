import { beforeEach, describe, expect, test } from '@jest/globals';
import { chunkCount } from '../../common/core/chunks.js';
import { parseFileName } from '../../common/core/file-name.js';
import { CHUNK_BYTES, HAVE_NEWS_GATHER_MS, HAVE_NEWS_PAUSE_MS } from '../../common/core/limits.js';
import { formatPeerAddress } from '../../common/core/peer-address.js';
import { type ContentRoot, parseContentRoot } from '../../common/core/root.js';
import type { ContentRef } from '../../common/wire/peer-lines.js';
import { BufferPool } from '../share/buffer-pool.js';
import type { SharedContent } from '../share/shared-content.js';
import { JumpClock } from '../testkit/jump-clock.js';
import { ScriptedHolding } from '../testkit/scripted-holding.js';
import { StuckStream } from '../testkit/stuck-stream.js';
import { ProbeLimits } from './probe-limits.js';
import { ServeSession } from './serve-session.js';
import { UploadQueue } from './upload-queue.js';

const ROOT = parseContentRoot('ab'.repeat(32));
const OWN_ID = '0123456789abcdef';

let clock: JumpClock;
let buffers: BufferPool;
let uploads: UploadQueue;
let seen: string[];
let holding: ScriptedHolding;
/** Ends of the reads that are under way, where the test holds them up. */
let reads: { resolve: () => void; reject: (error: Error) => void }[];
let isReadHeld: boolean;

beforeEach(() => {
  clock = new JumpClock(true);
  buffers = new BufferPool();
  uploads = new UploadQueue(1);
  seen = [];
  holding = new ScriptedHolding(20);
  reads = [];
  isReadHeld = false;
});

function contentOf(root: ContentRoot): SharedContent {
  const name = parseFileName('file');
  const sizeBytes = holding.chunkCount * CHUNK_BYTES;
  const hashes = new Uint8Array(32 * chunkCount(sizeBytes));
  const manifest = { name, sizeBytes, chunkBytes: CHUNK_BYTES, hashName: 'blake3' as const, hashes };
  return { name, root, manifest, source: { kind: 'memory', bytes: new Uint8Array(0) }, holding };
}

/** A session on a stream of its own; all sessions of a test share the upload queue. */
function open(ip = '192.0.2.7'): {
  readonly stream: StuckStream;
  readonly session: ServeSession;
  ask(lines: string): Promise<void>;
} {
  const stream = new StuckStream(ip);
  const read = () => (isReadHeld ? new Promise<void>((resolve, reject) => reads.push({ resolve, reject })) : Promise.resolve());
  const find = (ref: ContentRef) => (ref.by === 'root' ? contentOf(ref.root) : ref.name === 'file' ? contentOf(ROOT) : undefined);
  const session = new ServeSession(stream, {
    index: { find, from: () => [].values() },
    reader: { read },
    buffers,
    uploads,
    probes: new ProbeLimits(),
    clock,
    id: OWN_ID,
    desk: undefined,
    served: () => undefined,
    peerSeen: (root, address) => seen.push(`${root.slice(0, 4)} ${formatPeerAddress(address)}`),
    closed: () => undefined,
  });
  const ask = (lines: string) => {
    session.data(Buffer.from(lines));
    return settle();
  };
  return { stream, session, ask };
}

/** Lets promises that are settled run their continuations. */
async function settle(): Promise<void> {
  for (let left = 20; left > 0; left -= 1) await Promise.resolve();
}

/** What was sent so far, bodies as their length. */
function sentBy(stream: StuckStream): string[] {
  return stream.sent.map((parts) => parts.map((part) => (typeof part === 'string' ? part.trim() : `<${part.length}>`)).join(' '));
}

/** The network takes what is handed to it, until nothing more comes. */
async function takeAll(stream: StuckStream): Promise<void> {
  while (stream.flushes.length > 0) {
    stream.flushes.shift()?.();
    await settle();
  }
}

describe('a session that is asked what is here', () => {
  test('answers with a bitfield, and tells what comes in', async () => {
    holding.gain(0, 9);
    const { stream, ask } = open();
    await ask('HAVE file\n');
    expect(stream.sent).toEqual([['3\n', Uint8Array.of(0x80, 0x40, 0)]]);
    await takeAll(stream);
    holding.gain(1, 2);
    expect(stream.sent).toHaveLength(1);
    clock.jump(HAVE_NEWS_GATHER_MS);
    expect(sentBy(stream).slice(1)).toEqual([`HAVE @${ROOT} 1-2`]);
  });

  test('sends news with the next reply, before it, and never inside one', async () => {
    holding.gain(0, 1);
    const { stream, ask } = open();
    await ask('HAVE file\nGET_MANIFEST file\n');
    holding.gain(2);
    clock.jump(HAVE_NEWS_GATHER_MS);
    // The manifest waits for the bitfield to be taken, and the news for the manifest.
    expect(sentBy(stream)).toEqual(['3 <3>']);
    await ask('GET_CHUNK file 0\n');
    await takeAll(stream);
    const [bits, news, head, hashes, chunk] = sentBy(stream);
    expect([bits, news, hashes, chunk]).toEqual(['3 <3>', `HAVE @${ROOT} 2`, '<640>', `${CHUNK_BYTES} <${CHUNK_BYTES}>`]);
    expect(head).toMatch(/^[0-9]+ <[0-9]+>$/);
  });

  test('has one line of news on its way at a time, and one more when that is taken', async () => {
    const { stream, ask } = open();
    await ask('HAVE file\n');
    await takeAll(stream);
    for (let chunk = 0; chunk < 8; chunk += 2) {
      holding.gain(chunk);
      clock.jump(HAVE_NEWS_PAUSE_MS);
    }
    expect(sentBy(stream).slice(1)).toEqual([`HAVE @${ROOT} 0`]);
    await takeAll(stream);
    expect(sentBy(stream).slice(2)).toEqual([`HAVE @${ROOT} 2,4,6`]);
  });

  test('watches nothing once its stream is gone', async () => {
    const { stream, session, ask } = open();
    await ask('HAVE file\n');
    expect(holding.watcherCount).toBe(1);
    holding.gain(1);
    session.closed();
    expect([holding.watcherCount, clock.timerCount]).toEqual([0, 0]);
    await takeAll(stream);
  });

  test('hands on where the asker serves it too, at the address it is seen from; of what is not here it says nothing', async () => {
    const { stream, ask } = open('198.51.100.9');
    await ask('HAVE file port=4701 id=00000000000000ff\nHAVE other port=4701\nHAVE file\n');
    expect(seen).toEqual(['abab 198.51.100.9:4701']);
    await takeAll(stream);
    expect(sentBy(stream)).toEqual(['3 <3>', 'ERR NOT_FOUND This is not shared here.', '3 <3>']);
  });

  test('tells itself that it dialed itself, and hands nothing on', async () => {
    const { stream, ask } = open();
    await ask(`HAVE file port=4701 id=${OWN_ID}\n`);
    expect([sentBy(stream), seen, holding.watcherCount]).toEqual([['ERR DENIED This is you.'], [], 0]);
  });

  test('follows sixteen contents of a connection, and goes on after the one too many', async () => {
    holding.gain(0);
    const { stream, ask } = open();
    const roots = Array.from({ length: 17 }, (_, number) => number.toString(16).padStart(64, '0'));
    for (const root of roots) {
      await ask(`HAVE @${root}\n`);
      await takeAll(stream);
    }
    await ask('GET_CHUNK file 0\n');
    const lines = sentBy(stream);
    expect(lines.slice(0, 16)).toEqual(Array.from({ length: 16 }, () => '3 <3>'));
    expect(lines[16]).toMatch(/^ERR LIMIT .*16 contents/);
    expect(lines[17]).toBe(`${CHUNK_BYTES} <${CHUNK_BYTES}>`);
  });
});

describe('sessions that share the upload slots', () => {
  test('answer BUSY on a connection that sent HAVE, and let a stranger wait its turn', async () => {
    holding.gain(0, 1, 2);
    holding.isWhole = true;
    const [first, second, stranger, fourth] = [open(), open(), open(), open()];
    for (const { ask, stream } of [first, second, fourth]) {
      await ask('HAVE file\n');
      await takeAll(stream);
    }
    await first.ask('GET_CHUNK file 0\n');
    await stranger.ask('GET_CHUNK file 0\n');
    expect(sentBy(stranger.stream)).toEqual([]);
    await second.ask('GET_CHUNK file 0\nGET_CHUNK file 1\n');
    // The second waits for a chunk that nobody has got; so does whoever came before it.
    expect(sentBy(second.stream).slice(1)).toEqual([expect.stringMatching(/^ERR BUSY /)]);
    await fourth.ask('GET_CHUNK file 5\n');
    expect(sentBy(fourth.stream).slice(1)).toEqual(['ERR NOT_FOUND This chunk is not here.']);
    await takeAll(first.stream);
    expect(sentBy(stranger.stream)).toEqual([`${CHUNK_BYTES} <${CHUNK_BYTES}>`]);
    await takeAll(stranger.stream);
    expect(sentBy(second.stream).slice(2)).toEqual([`${CHUNK_BYTES} <${CHUNK_BYTES}>`]);
    await takeAll(second.stream);
    expect([uploads.load.usedSlotCount, buffers.chunksOutCount]).toEqual([0, 0]);
  });

  test('refuse what is taken back, in its order, and leave the turn to others', async () => {
    holding.gain(0, 1, 2);
    const [first, second, third] = [open(), open(), open()];
    for (const { ask, stream } of [first, second, third]) {
      await ask('HAVE file\n');
      await takeAll(stream);
    }
    await first.ask('GET_CHUNK file 0\n');
    await second.ask('GET_CHUNK file 1\nGET_CHUNK file 2\nGET_CHUNK file 0\n');
    await third.ask('GET_CHUNK file 2\n');
    await second.ask('CANCEL file 2\nCANCEL file 9\n');
    expect(sentBy(second.stream)).toEqual(['3 <3>']);
    await second.ask('CANCEL file 1\n');
    const taken = expect.stringMatching(/^ERR BUSY You took this request back/);
    expect(sentBy(second.stream).slice(1)).toEqual([taken, taken]);
    expect(uploads.load.waitingCount).toBe(2);
    await takeAll(first.stream);
    await takeAll(third.stream);
    await takeAll(second.stream);
    expect(sentBy(third.stream).slice(1)).toEqual([`${CHUNK_BYTES} <${CHUNK_BYTES}>`]);
    expect(sentBy(second.stream).slice(3)).toEqual([`${CHUNK_BYTES} <${CHUNK_BYTES}>`]);
    expect([uploads.load.usedSlotCount, uploads.load.waitingCount, buffers.chunksOutCount]).toEqual([0, 0, 0]);
  });

  test('send what is taken back too late, and to strangers whatever they asked for', async () => {
    holding.gain(0);
    isReadHeld = true;
    const [fetcher, stranger] = [open(), open()];
    await fetcher.ask('HAVE file\n');
    await takeAll(fetcher.stream);
    await fetcher.ask('GET_CHUNK file 0\n');
    await stranger.ask('GET_CHUNK file 0\n');
    await fetcher.ask('CANCEL file 0\n');
    await stranger.ask('CANCEL file 0\n');
    for (const { stream } of [fetcher, stranger]) {
      reads.shift()?.resolve();
      await settle();
      await takeAll(stream);
    }
    expect(sentBy(fetcher.stream).slice(1)).toEqual([`${CHUNK_BYTES} <${CHUNK_BYTES}>`]);
    expect(sentBy(stranger.stream)).toEqual([`${CHUNK_BYTES} <${CHUNK_BYTES}>`]);
  });

  test('keep the order of replies around one that waits for its turn', async () => {
    holding.gain(0);
    const [first, second] = [open(), open()];
    await first.ask('GET_CHUNK file 0\n');
    await second.ask('GET_CHUNK file 7\nGET_CHUNK file 0\nHAVE file\n');
    await takeAll(second.stream);
    expect(sentBy(second.stream)).toEqual(['ERR NOT_FOUND This chunk is not here.']);
    await takeAll(first.stream);
    await takeAll(second.stream);
    expect(sentBy(second.stream).slice(1)).toEqual([`${CHUNK_BYTES} <${CHUNK_BYTES}>`, '3 <3>']);
  });

  test('give a slot back once, whether the chunk is sent, cannot be read, or loses its stream at any point', async () => {
    holding.gain(0, 1, 2);
    isReadHeld = true;
    const [failing, reading, sending, waiting, last] = [open(), open(), open(), open(), open()];
    for (const { ask } of [failing, reading, sending, waiting, last]) await ask('GET_CHUNK file 0\n');
    const usedBy = () => [uploads.load.usedSlotCount, uploads.load.waitingCount];
    expect(usedBy()).toEqual([1, 4]);
    reads.shift()?.reject(new Error('the disk is gone'));
    await settle();
    expect(usedBy()).toEqual([1, 3]);
    reading.session.closed();
    expect(usedBy()).toEqual([1, 3]);
    reads.shift()?.resolve();
    await settle();
    expect(usedBy()).toEqual([1, 2]);
    reads.shift()?.resolve();
    await settle();
    waiting.session.closed();
    sending.session.closed();
    expect(usedBy()).toEqual([1, 1]);
    await takeAll(sending.stream);
    expect(usedBy()).toEqual([1, 0]);
    reads.shift()?.resolve();
    await settle();
    await takeAll(last.stream);
    expect([usedBy(), buffers.chunksOutCount, reads.length]).toEqual([[0, 0], 0, 0]);
    expect(sentBy(last.stream)).toEqual([`${CHUNK_BYTES} <${CHUNK_BYTES}>`]);
  });

  test('do not wait for a side that takes nothing, and count it again when it goes on', async () => {
    holding.gain(0, 1);
    const [stuck, other] = [open(), open()];
    await stuck.ask('GET_CHUNK file 0\n');
    await other.ask('GET_CHUNK file 0\n');
    stuck.session.check(clock.nowMs());
    expect(sentBy(other.stream)).toEqual([]);
    for (let second = 0; second < 20; second += 1) {
      clock.jump(1000);
      stuck.session.check(clock.nowMs());
    }
    await settle();
    expect(sentBy(other.stream)).toEqual([`${CHUNK_BYTES} <${CHUNK_BYTES}>`]);
    stuck.stream.takenBytes = CHUNK_BYTES;
    expect(stuck.session.check(clock.nowMs())).toBe(CHUNK_BYTES);
    expect(uploads.load.usedSlotCount).toBe(2);
  });

  test('do not take a side for slow that our own rate limit holds up', async () => {
    holding.gain(0);
    const [held, other] = [open(), open()];
    await held.ask('GET_CHUNK file 0\n');
    await other.ask('GET_CHUNK file 0\n');
    held.stream.isHeld = true;
    for (let second = 0; second < 20; second += 1) held.session.check(clock.nowMs());
    expect(uploads.load).toMatchObject({ usedSlotCount: 1, waitingCount: 1 });
    held.stream.isHeld = false;
    for (let second = 0; second < 20; second += 1) held.session.check(clock.nowMs());
    expect(uploads.load).toMatchObject({ usedSlotCount: 1, waitingCount: 0 });
  });

  test('are not closed for asking nothing while they wait for their turn', async () => {
    holding.gain(0);
    const [first, second] = [open(), open()];
    await first.ask('GET_CHUNK file 0\n');
    await second.ask('GET_CHUNK file 0\n');
    for (let minute = 1; minute <= 10; minute += 1) {
      clock.jump(60_000);
      second.session.check(clock.nowMs());
    }
    expect(second.stream.isDestroyed).toBe(false);
  });
});
