import { describe, expect, test } from '@jest/globals';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { PeerScore } from './peer-score.js';

const least = { below: () => 0 };
const most = { below: (count: number) => count - 1 };

/** A score of a peer that brought chunks at this rate. */
function scoreAt(bytesPerSecond: number, latencyMs = 1): PeerScore {
  const score = new PeerScore();
  const stepMs = Math.max(latencyMs, (CHUNK_BYTES * 1000) / bytesPerSecond);
  score.asked(0, true);
  for (let at = 1; at <= 30; at += 1) score.delivered(at * stepMs - latencyMs, at * stepMs, (bytesPerSecond * stepMs) / 1000);
  return score;
}

describe('peer score', () => {
  test('the rate is that of verified bytes, and idle time does not count', () => {
    const score = new PeerScore();
    expect(score.bytesPerSecond).toBeUndefined();
    score.asked(1_000_000, true);
    score.delivered(1_000_000, 1_000_100, 100_000);
    expect(score.bytesPerSecond).toBeCloseTo(1e6);
    score.asked(9_000_000, true);
    score.delivered(9_000_000, 9_000_100, 100_000);
    expect(score.bytesPerSecond).toBeCloseTo(1e6);
  });

  test('the depth grows with rate and latency, within its bounds', () => {
    expect(new PeerScore().depth(CHUNK_BYTES)).toBe(4);
    expect(scoreAt(1e5).depth(CHUNK_BYTES)).toBe(2);
    const near = scoreAt(1e8, 1).depth(CHUNK_BYTES);
    const far = scoreAt(1e8, 60).depth(CHUNK_BYTES);
    expect(near).toBeGreaterThan(2);
    expect(far).toBeGreaterThan(near);
    expect(scoreAt(1e11, 500).depth(CHUNK_BYTES)).toBe(32);
    expect(scoreAt(1e11, 500).depth(100)).toBe(64);
  });

  test('a peer that serves others first holds one request, until its turns come at once again', () => {
    const score = scoreAt(1e8, 60);
    const depth = score.depth(CHUNK_BYTES);
    score.waited(60);
    expect(score.depth(CHUNK_BYTES)).toBe(depth);
    for (const waitMs of [1000, 1000, 0]) score.waited(waitMs);
    expect(score.depth(CHUNK_BYTES)).toBe(1);
    for (let count = 0; count < 3; count += 1) score.waited(0);
    expect(score.depth(CHUNK_BYTES)).toBe(depth);
  });

  test('a peer that has brought nothing yet and let us wait holds one request', () => {
    const score = new PeerScore();
    score.waited(1000);
    expect(score.depth(CHUNK_BYTES)).toBe(1);
  });

  test('it is asked for several at a time: up to the depth, then not before a quarter of it was answered', () => {
    const score = scoreAt(1e11, 500);
    const wants = (openCount: number) => score.wants(openCount, CHUNK_BYTES);
    expect([0, 1, 31].map(wants)).toEqual([true, true, true]);
    expect([32, 31, 25].map(wants)).toEqual([false, false, false]);
    expect([24, 25, 31].map(wants)).toEqual([true, true, true]);
    const slow = scoreAt(1e5);
    expect([0, 1, 2, 1].map((openCount) => slow.wants(openCount, CHUNK_BYTES))).toEqual([true, true, false, true]);
  });

  test('is asked for no more than its part until its rate is known', () => {
    const score = new PeerScore();
    expect([0, 1, 2].map((openCount) => score.wants(openCount, CHUNK_BYTES, 2))).toEqual([true, true, false]);
    expect([0, 3, 4].map((openCount) => new PeerScore().wants(openCount, CHUNK_BYTES, 100))).toEqual([true, true, false]);
    expect(scoreAt(1e8).wants(2, CHUNK_BYTES, 1)).toBe(true);
  });

  test('MP5: past its deadline a reply is slow where bytes come, and dead where they drip', () => {
    const score = new PeerScore();
    const judge = (gotBytes: number, ageMs: number) => score.judge({ sinceMs: 0, gotBytes }, CHUNK_BYTES, ageMs);
    expect(judge(0, 10_000)).toBe('ok');
    expect(judge(0, 10_001)).toBe('dead');
    expect(judge(10, 10_001)).toBe('dead');
    expect(judge(4096 * 11, 10_001)).toBe('slow');
  });

  test('MP5: what came at first speaks for a reply for ten seconds, and no longer: one that stops at the last byte is dead then', () => {
    const score = new PeerScore();
    const head = { sinceMs: 0, gotBytes: CHUNK_BYTES - 1 };
    for (let nowMs = 250; nowMs <= 10_250; nowMs += 250) expect(score.judge(head, CHUNK_BYTES, nowMs)).not.toBe('dead');
    expect(score.quietMs(0, 10_250)).toBe(10_000);
    // Enough had come at the first look, and nothing since.
    expect(score.judge(head, CHUNK_BYTES, 10_251)).toBe('dead');
    // The next request has its own time.
    expect(score.judge({ sinceMs: 10_300, gotBytes: 0 }, CHUNK_BYTES, 10_301)).toBe('ok');
    expect(score.quietMs(10_300, 10_301)).toBe(1);
  });

  test('a slow line is dead at no time, however long a chunk takes', () => {
    const score = new PeerScore();
    for (let nowMs = 250; nowMs <= 100_000; nowMs += 250)
      expect(score.judge({ sinceMs: 0, gotBytes: nowMs * 5 }, CHUNK_BYTES, nowMs)).not.toBe('dead');
  });

  test('NW4: the deadline follows the rate, from 5 to 15 seconds', () => {
    const isOk = (score: PeerScore, ageMs: number) => score.judge({ sinceMs: 0, gotBytes: 0 }, CHUNK_BYTES, ageMs) === 'ok';
    const fast = scoreAt(1e8);
    expect([isOk(fast, 5000), isOk(fast, 5001)]).toEqual([true, false]);
    const slow = scoreAt(1e4);
    expect([isOk(slow, 15_000), isOk(slow, 15_001)]).toEqual([true, false]);
    const middle = scoreAt(CHUNK_BYTES);
    expect([isOk(middle, 7900), isOk(middle, 8100)]).toEqual([true, false]);
  });

  test('MP10: it rests twice as long after each failure, partly by chance, and is given up after four', () => {
    const rests = [least, most].map((random) => {
      const score = new PeerScore();
      return [1, 2, 3, 4].map(() => {
        expect(score.isGivenUp).toBe(false);
        score.failed(0, random);
        return score.restUntilMs;
      });
    });
    expect(rests).toEqual([
      [500, 1000, 2000, 4000],
      [1000, 2000, 4000, 8000],
    ]);
  });

  test('a chunk clears its failures; being named again clears them only long after the rest', () => {
    const score = new PeerScore();
    for (let count = 0; count < 4; count += 1) score.failed(0, most);
    expect(score.isGivenUp).toBe(true);
    score.revive(8000 + 30_000);
    expect(score.isGivenUp).toBe(true);
    score.revive(8000 + 30_001);
    expect(score.isGivenUp).toBe(false);
    for (let count = 0; count < 3; count += 1) score.failed(0, most);
    score.delivered(0, 10, 1);
    score.failed(0, most);
    expect(score.isGivenUp).toBe(false);
  });

  test('MP1: a liar is banned for good', () => {
    const score = new PeerScore();
    score.lied();
    score.revive(1e12);
    expect([score.isBanned, score.isGivenUp]).toEqual([true, true]);
  });
});
