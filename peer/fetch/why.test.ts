/** What a whole fetch says of itself, through real peers, connections, workers and files. Time moves only where a test moves it. */
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { realRandom } from '../../common/node/clock.js';
import { tcpDialer } from '../../common/node/tcp.js';
import type { PeerRequest } from '../../common/wire/peer-lines.js';
import { HashPool } from '../hash/hash-pool.js';
import type { Landing, LandingResult } from '../hash/worker-task.js';
import { RateLimits } from '../net/rate-limits.js';
import { throttledDialer } from '../net/throttle.js';
import { realStorage } from '../storage-ports.js';
import { FetchBench, linkOf } from '../testkit/fetch-bench.js';
import { JumpClock } from '../testkit/jump-clock.js';
import type { ScriptedPeer } from '../testkit/scripted-peer.js';
import { seededBytes, type TestContent, testContent } from '../testkit/test-content.js';
import { until } from '../testkit/until.js';
import { fetchContent } from './fetch-content.js';
import type { FetchResult } from './fetch-events.js';
import type { FetchPorts } from './fetch-session.js';
import { parseFetchSource } from './fetch-source.js';

const small = testContent(seededBytes(16 * CHUNK_BYTES));
/** More chunks than there are slots. */
const large = testContent(seededBytes(80 * CHUNK_BYTES, 2));

/** A pool whose landings are done when they are let go; each says that it took so long. */
class HeldPool extends HashPool {
  isHolding = false;
  landedCount = 0;
  took = { hashMs: 0, writeMs: 0 };
  readonly held: (() => void)[] = [];

  override async land(landing: Landing, hashName: 'blake3' | 'sha256'): Promise<LandingResult> {
    const result = await super.land(landing, hashName);
    if (this.isHolding) await new Promise<void>((resolve) => void this.held.push(resolve));
    this.landedCount += 1;
    return result.kind === 'landed' ? { ...result, ...this.took } : result;
  }

  letGo(): void {
    for (const go of this.held.splice(0)) go();
  }
}

const bench = new FetchBench();
const pool = new HeldPool({ threadCount: 1 });
let clock: JumpClock;
beforeEach(async () => {
  await bench.begin();
  clock = new JumpClock(true);
  pool.isHolding = false;
  pool.landedCount = 0;
});
afterEach(() => bench.end());
afterAll(async () => {
  await pool.close();
  await bench.close();
});

function fetch(content: TestContent, peers: readonly ScriptedPeer[], more: Partial<FetchPorts> = {}): Promise<FetchResult> {
  const link = linkOf(content, peers);
  return fetchContent(
    { ...realStorage, dialer: tcpDialer, clock, random: realRandom, pool, ...more },
    {
      source: parseFetchSource(link),
      shown: link,
      trackers: [],
      out: undefined,
      directory: bench.folder,
      isOverwrite: false,
      isFresh: false,
      patienceMs: 30_000,
      onEvent: () => {},
      signal: new AbortController().signal,
    },
  );
}

/** Holds up the chunks that it is for, until it is opened. */
function gateFor(isHeld: (chunkIndex: number) => boolean) {
  let heldCount = 0;
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const gate = async (request: PeerRequest) => {
    if (request.verb !== 'GET_CHUNK' || !isHeld(request.chunkIndex)) return;
    heldCount += 1;
    await opened;
  };
  return { gate, open: () => open(), heldCount: () => heldCount };
}

const lacks = (isMissing: (chunkIndex: number) => boolean) => (chunkIndex: number) =>
  isMissing(chunkIndex) ? 'NOT_FOUND' : undefined;

describe('a fetch says what limited it', () => {
  test('one slow peer among four, which alone has the last chunks, is named', async () => {
    const isLast = (chunkIndex: number) => chunkIndex >= 12;
    const { gate, open, heldCount } = gateFor(isLast);
    const slow = await bench.peer(small, { gate, refuse: lacks((index) => !isLast(index)) });
    const quick: ScriptedPeer[] = [];
    for (let count = 0; count < 3; count += 1) quick.push(await bench.peer(small, { refuse: lacks(isLast) }));
    const running = fetch(small, [...quick, slow]);
    // Time passes while nothing lands: what was asked of the slow one too, behind the chunk that it holds up, may wait until its end.
    let seenCount = 0;
    let jumpCount = 0;
    const isSteady = () => {
      const isStill = heldCount() === 1 && pool.landedCount >= 9 && pool.landedCount === seenCount;
      seenCount = pool.landedCount;
      if (isStill) jumpCount += 1;
      if (jumpCount === 16) open();
      return isStill;
    };
    bench.clock = clock;
    const { why } = await bench.jumpUntilOver(running, 250, isSteady);
    expect(why).toMatchObject({ limiter: 'peer', peer: `127.0.0.1:${slow.address.port}` });
    expect(why.text).toMatch(/^limited by peer 127\.0\.0\.1:\d+ or the way to it: \d+ % .*slow to begin its replies/);
    expect(why.peers).toHaveLength(4);
  });

  test('where all peers are slow, none is named', async () => {
    const { gate, open, heldCount } = gateFor(() => true);
    const peers = [];
    for (let count = 0; count < 4; count += 1) peers.push(await bench.peer(small, { gate }));
    const running = fetch(small, peers);
    await until('all have been asked', () => heldCount() === 4);
    clock.jump(4000);
    open();
    const { why } = await running;
    expect(why).toMatchObject({ limiter: 'peers', peer: null, spentMs: { peers: expect.closeTo(4000) } });
    expect(why.text).toMatch(/^limited by the peers or the network to them: 100 %/);
  });

  test.each([
    [
      'a disk that is slow to write',
      { hashMs: 10, writeMs: 490 },
      'disk',
      /^limited by the disk written to: \d+ % .* chunks waited/,
    ],
    ['slow hashing', { hashMs: 490, writeMs: 10 }, 'processor', /^limited by the processor: \d+ % .* waited to be checked/],
  ])('%s', async (_, took, limiter, text) => {
    pool.isHolding = true;
    pool.took = took;
    const peers = [await bench.peer(large), await bench.peer(large)];
    const running = fetch(large, peers);
    for (let landed = 0; landed < large.chunkCount; landed = pool.landedCount) {
      const count = Math.min(pool.slots.slotCount - 2, large.chunkCount - landed);
      await until('the workers have all that there is memory for', () => pool.held.length >= count);
      clock.jump(500);
      const goal = landed + pool.held.length;
      pool.letGo();
      await until('these are written', () => pool.landedCount === goal);
    }
    const { why } = await running;
    expect(why).toMatchObject({ limiter, peer: null });
    expect(why.text).toMatch(text);
    expect(why.share).toBeGreaterThan(0.9);
    expect(why.work).toMatchObject({
      hashMs: large.chunkCount * took.hashMs,
      writeMs: large.chunkCount * took.writeMs,
    });
  });

  test('our own rate limit', async () => {
    const limits = new RateLimits(clock, { downBytesPerSecond: 8 * 2 ** 20, isLanLimited: true });
    const peers = [await bench.peer(small), await bench.peer(small)];
    bench.clock = clock;
    const running = fetch(small, peers, { peerDialer: throttledDialer(tcpDialer, limits) });
    const { why } = await bench.jumpUntilOver(running, 5);
    expect(why).toMatchObject({ limiter: 'rate-limit', peer: null });
    expect(why.text).toMatch(/^limited by your rate limit \(--limit-down\): \d+ % of the time it held the peers back$/);
    expect(why.totalMs).toBeGreaterThan(600);
    expect(why.spentMs.limit).toBeGreaterThan(0.6 * why.totalMs);
  });

  test('the manifest that is long in coming, and a machine that is busy with it', async () => {
    let open = () => {};
    let isAsked = false;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const gate = async ({ verb }: PeerRequest) => {
      if (verb !== 'GET_MANIFEST') return;
      isAsked = true;
      await opened;
    };
    let isWatched = false;
    const reading = { loopBusyMs: 1, loopDelayP99Ms: 0, loopDelayMaxMs: 0, coreCount: 2, coresBusyMs: 2000, ownBusyMs: 1500 };
    const watch = () => {
      isWatched = true;
      const close = () => {
        isWatched = false;
      };
      return { read: () => reading, close };
    };
    const running = fetch(small, [await bench.peer(small, { gate })], { load: { watch } });
    await until('the manifest was asked for', () => isAsked);
    expect(isWatched).toBe(true);
    clock.jump(1000);
    open();
    const { why } = await running;
    expect(why).toMatchObject({ limiter: 'manifest', share: 1, load: reading, spentMs: { connect: 1000 } });
    expect(isWatched).toBe(false);
  });
});
