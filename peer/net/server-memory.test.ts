import { expect, test } from '@jest/globals';
import { parseFileName } from '../../common/core/file-name.js';
import {
  CHUNK_BYTES,
  SERVE_STREAMS_MAX_COUNT,
  UPLOAD_SLOTS_MAX_COUNT,
  UPLOAD_SLOTS_START_COUNT,
} from '../../common/core/limits.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { ServedStream, StreamHandlers } from '../../common/ports/net.js';
import { SimClock } from '../../common/sim/sim-clock.js';
import { SlotMemory } from '../hash/slot-memory.js';
import { fullHolding } from '../share/holding.js';
import { ShareIndex } from '../share/share-index.js';
import { StuckStream } from '../testkit/stuck-stream.js';
import { ChunkServer } from './server.js';

const CHUNK_COUNT = 8192;

test('OV6, MX2: 500 fetchers of a 4 GiB file that read nothing cost some tens of chunks of memory until they are cut off, and then none', async () => {
  const clock = new SimClock();
  const index = new ShareIndex();
  const name = parseFileName('file');
  const manifest = {
    name,
    sizeBytes: CHUNK_COUNT * CHUNK_BYTES,
    chunkBytes: CHUNK_BYTES,
    hashName: 'blake3' as const,
    hashes: new Uint8Array(32 * CHUNK_COUNT),
  };
  const source = { kind: 'memory' as const, bytes: new Uint8Array(0) };
  index.add({ name, root: 'ab'.repeat(32) as ContentRoot, manifest, source, holding: fullHolding(CHUNK_COUNT) });
  let accept: ((stream: ServedStream) => StreamHandlers) | undefined;
  const listener = {
    listen: (_options: unknown, onStream: (stream: ServedStream) => StreamHandlers) => {
      accept = onStream;
      return Promise.resolve({ local: { ip: '192.0.2.1', port: 4701 }, close: () => Promise.resolve() });
    },
  };
  const reader = { read: () => Promise.resolve() };
  const server = await ChunkServer.listen({ listener, clock, index, reader }, { host: '', port: 0 });
  const streams = Array.from({ length: 500 }, (_, at) => {
    const stream = new StuckStream(`10.0.${at >> 4}.7`);
    const handlers = accept?.(stream);
    stream.destroy = () => {
      if (stream.isDestroyed) return;
      stream.isDestroyed = true;
      queueMicrotask(() => {
        handlers?.closed(undefined);
        for (const flushed of stream.flushes) flushed();
      });
    };
    handlers?.data(Buffer.from(Array.from({ length: 100 }, (__, nth) => `GET_CHUNK file ${at + nth}\n`).join('')));
    return stream;
  });
  expect(streams.length).toBeLessThan(SERVE_STREAMS_MAX_COUNT);
  /** Chunks that lie in memory for somebody who does not take them. */
  const heldCount = () => streams.reduce((sum, { sent, isDestroyed }) => sum + (isDestroyed ? 0 : sent.length), 0);
  await clock.run({ untilMs: 1000 });
  expect(heldCount()).toBeLessThanOrEqual(UPLOAD_SLOTS_START_COUNT);
  // They are known to read nothing by and by, and hold no slot then; so others have their turn.
  let mostCount = 0;
  for (let second = 2; second < 20 * 60; second += 1) {
    await clock.run({ untilMs: 1000 * second });
    mostCount = Math.max(mostCount, heldCount());
  }
  expect(mostCount).toBeGreaterThan(UPLOAD_SLOTS_START_COUNT);
  expect(mostCount).toBeLessThanOrEqual(2 * UPLOAD_SLOTS_MAX_COUNT);
  expect([streams.every(({ isDestroyed }) => isDestroyed), server.streamCount, server.load.usedSlotCount]).toEqual([true, 0, 0]);
  await server.close();
});

test('OV6: a fetch from however many peers has its fixed number of chunks in memory, and who asks for one more waits', () => {
  const memory = new SlotMemory(4);
  const slots = Array.from({ length: 50 }, () => memory.take()).filter((slot) => slot !== undefined);
  expect(slots).toHaveLength(4);
  let wokenCount = 0;
  for (let peer = 0; peer < 50; peer += 1)
    memory.whenFree(() => {
      wokenCount += 1;
    });
  const [slot] = slots;
  if (slot !== undefined) memory.release(slot);
  expect(wokenCount).toBe(1);
});
