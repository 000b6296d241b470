import { beforeEach, describe, expect, test } from '@jest/globals';
import { chunkCount } from '../../common/core/chunks.js';
import { parseFileName } from '../../common/core/file-name.js';
import {
  CHUNK_BYTES,
  SERVE_QUEUE_MAX_COUNT,
  SERVE_REPLIES_MAX_COUNT,
  SERVE_STREAMS_PER_IP_MAX_COUNT,
  WRITE_STALL_MS,
} from '../../common/core/limits.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { Clock } from '../../common/ports/clock.js';
import type { ListenPort, ServedStream, StreamHandlers } from '../../common/ports/net.js';
import { BufferPool } from '../share/buffer-pool.js';
import { fullHolding } from '../share/holding.js';
import { ShareIndex } from '../share/share-index.js';
import type { SharedContent } from '../share/shared-content.js';
import { StuckStream } from '../testkit/stuck-stream.js';
import { ProbeLimits } from './probe-limits.js';
import { ServeSession } from './serve-session.js';
import { ChunkServer } from './server.js';
import { UploadQueue } from './upload-queue.js';

const clock: Clock = { nowMs: () => 0, setTimer: () => ({ cancel: () => undefined }) };
let stream: StuckStream;
let buffers: BufferPool;
let session: ServeSession;
let readCount: number;

function contentOf(sizeBytes: number): SharedContent {
  const manifest = {
    name: parseFileName('file'),
    sizeBytes,
    chunkBytes: CHUNK_BYTES,
    hashName: 'blake3' as const,
    hashes: new Uint8Array(0),
  };
  const source = { kind: 'memory' as const, bytes: new Uint8Array(0) };
  return {
    name: manifest.name,
    root: '0'.repeat(64) as ContentRoot,
    manifest,
    source,
    holding: fullHolding(chunkCount(sizeBytes)),
  };
}

function begin(sizeBytes: number): void {
  readCount = 0;
  const read = () => {
    readCount += 1;
    return Promise.resolve();
  };
  const find = () => contentOf(sizeBytes);
  session = new ServeSession(stream, {
    index: { find, from: () => [].values() },
    reader: { read },
    buffers,
    uploads: new UploadQueue(),
    probes: new ProbeLimits(),
    clock,
    id: undefined,
    desk: undefined,
    peerSeen: () => undefined,
    served: () => undefined,
    closed: () => undefined,
  });
}

/** Lets promises that are settled run their continuations. */
async function settle(): Promise<void> {
  for (let left = 20; left > 0; left -= 1) await Promise.resolve();
}

const ask = (count: number) => session.data(Buffer.from('GET_CHUNK file 0\n'.repeat(count)));

beforeEach(() => {
  stream = new StuckStream();
  buffers = new BufferPool();
});

describe('serve session', () => {
  test('PW12: of a fetcher that takes nothing two chunks are held, and no further request is read', async () => {
    begin(CHUNK_BYTES);
    ask(SERVE_QUEUE_MAX_COUNT + 2);
    await settle();
    expect([readCount, buffers.chunksOutCount, stream.sent.length, stream.isPaused]).toEqual([2, 2, 2, true]);
    stream.flushes[0]?.();
    await settle();
    expect([readCount, buffers.chunksOutCount, stream.sent.length, stream.isPaused]).toEqual([3, 2, 3, false]);
  });

  test('of small replies a few more are on their way', async () => {
    begin(100);
    ask(100);
    await settle();
    expect(readCount).toBe(SERVE_REPLIES_MAX_COUNT);
    expect(stream.sent[0]).toEqual(['100\n', expect.any(Uint8Array)]);
  });

  test('memory that is handed to the network comes back once, also where the stream is gone first', async () => {
    begin(CHUNK_BYTES);
    ask(5);
    await settle();
    session.closed();
    expect(buffers.chunksOutCount).toBe(2);
    for (const flushed of stream.flushes) flushed();
    await settle();
    expect([buffers.chunksOutCount, readCount]).toEqual([0, 2]);
  });

  test('a chunk whose reading ends after the stream gives its memory back', async () => {
    begin(CHUNK_BYTES);
    ask(2);
    session.closed();
    await settle();
    expect([buffers.chunksOutCount, stream.sent.length]).toEqual([0, 0]);
  });

  test('MX2: bytes that go one by one keep a stream, no bytes for the deadline end it', async () => {
    begin(CHUNK_BYTES);
    ask(1);
    await settle();
    for (let round = 1; round <= 5; round += 1) {
      stream.takenBytes = round;
      session.check(round * (WRITE_STALL_MS - 1));
    }
    const lastMs = 5 * (WRITE_STALL_MS - 1);
    session.check(lastMs + WRITE_STALL_MS);
    expect(stream.isDestroyed).toBe(false);
    session.check(lastMs + WRITE_STALL_MS + 1);
    expect(stream.isDestroyed).toBe(true);
  });

  test('MX1: one address gets its number of streams and no more; this machine is not counted', async () => {
    let accept: ((stream: ServedStream) => StreamHandlers) | undefined;
    const listener: ListenPort = {
      listen: (_options, given) => {
        accept = given;
        return Promise.resolve({ local: { ip: '0.0.0.0', port: 1 }, close: () => Promise.resolve() });
      },
    };
    const ports = { listener, clock, index: new ShareIndex(), reader: { read: () => Promise.resolve() } };
    const server = await ChunkServer.listen(ports, { host: '0.0.0.0', port: 0 });
    const dial = (ip: string) => {
      const dialed = new StuckStream(ip);
      return { dialed, handlers: accept?.(dialed) };
    };
    const first = dial('198.51.100.1');
    for (let left = SERVE_STREAMS_PER_IP_MAX_COUNT - 1; left > 0; left -= 1) expect(dial('198.51.100.1').dialed.sent).toEqual([]);
    const surplus = dial('198.51.100.1');
    expect(surplus.dialed.sent[0]?.[0]).toMatch(/^ERR BUSY /);
    surplus.dialed.flushes[0]?.();
    expect(surplus.dialed.isEnded).toBe(true);
    surplus.handlers?.closed(undefined);
    expect(dial('198.51.100.2').dialed.sent).toEqual([]);
    for (let left = SERVE_STREAMS_PER_IP_MAX_COUNT + 1; left > 0; left -= 1) expect(dial('127.0.0.1').dialed.sent).toEqual([]);
    first.handlers?.closed(undefined);
    expect(dial('198.51.100.1').dialed.sent).toEqual([]);
    await server.close();
  });
});
