/** A line that is slow for the number of peers: chunks come through all the same, and little of what comes is thrown away. */
import { describe, expect, test } from '@jest/globals';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { SimClock } from '../../common/sim/sim-clock.js';
import { SimNetwork } from '../../common/sim/sim-network.js';
import { SimRandom } from '../../common/sim/sim-random.js';
import { startMemorySeed } from '../testkit/memory-seed.js';
import { SimFetch } from '../testkit/sim-fetch.js';
import { seededBytes, testContent } from '../testkit/test-content.js';
import { AskedLimit } from './asked-limit.js';

const content = testContent(seededBytes(16 * CHUNK_BYTES));
const LINE = { upBytesPerSecond: 1e6, downBytesPerSecond: 1e6, latencyMs: 20 };
const LIMIT_MS = 3_600_000;

describe('a fetch over a line on which no chunk of so many peers comes through in time', () => {
  test.each([
    { downBytesPerSecond: 40_000, peerCount: 8, windowBytes: 65_536 },
    { downBytesPerSecond: 40_000, peerCount: 8, windowBytes: 262_144 },
    { downBytesPerSecond: 120_000, peerCount: 32, windowBytes: 65_536 },
    { downBytesPerSecond: 200_000, peerCount: 32, windowBytes: 262_144 },
  ])('$downBytesPerSecond bytes a second from $peerCount peers with windows of $windowBytes', async (scene) => {
    const clock = new SimClock();
    const network = new SimNetwork(clock, { windowBytes: scene.windowBytes });
    const { dialer } = network.host({ ip: '10.0.0.1', ...LINE, downBytesPerSecond: scene.downBytesPerSecond });
    const peers = [];
    for (let at = 0; at < scene.peerCount; at += 1) {
      const host = network.host({ ip: `10.1.${at}.1`, ...LINE });
      peers.push((await startMemorySeed({ listener: host.listenPort, clock }, content, host.ip)).address);
    }
    const fetch = new SimFetch({ dialer, clock, random: new SimRandom(1) }, content, peers);
    let end: unknown;
    fetch.run().then(
      () => {
        end = 'done';
      },
      (error: unknown) => {
        end = error;
      },
    );
    await clock.run({ untilMs: LIMIT_MS, isOver: () => end !== undefined });
    expect([end, fetch.isExact]).toEqual(['done', true]);
    expect(fetch.receivedBytes / content.bytes.length).toBeLessThan(1.5);
    const wholeMs = (1000 * content.bytes.length) / scene.downBytesPerSecond;
    expect(clock.nowMs() / wholeMs).toBeLessThan(3);
  });
});

describe('how many are asked at once', () => {
  const use = { askedCount: 8, bytesPerSecond: 2 * CHUNK_BYTES, chunkBytes: CHUNK_BYTES };

  test('is not limited while somebody gets through, or where nobody says anything', () => {
    const limit = new AskedLimit();
    limit.landed(1000, 9000);
    limit.silent(8000, use);
    limit.silent(9500, { ...use, bytesPerSecond: 0 });
    expect(limit.mostCount).toBe(Number.POSITIVE_INFINITY);
  });

  test('is what the line can carry in time, half of those that were asked at most, and never less than one', () => {
    const limit = new AskedLimit();
    limit.silent(0, use);
    expect(limit.mostCount).toBe(4);
    limit.silent(0, { ...use, bytesPerSecond: CHUNK_BYTES / 10 });
    expect(limit.mostCount).toBe(1);
    limit.silent(0, { ...use, bytesPerSecond: 1 });
    expect(limit.mostCount).toBe(1);
  });

  test('grows with each chunk that comes easily, and with no other', () => {
    const limit = new AskedLimit();
    limit.silent(0, use);
    limit.landed(20_000, 26_000);
    expect(limit.mostCount).toBe(4);
    limit.landed(26_000, 27_000);
    expect(limit.mostCount).toBe(5);
  });
});
