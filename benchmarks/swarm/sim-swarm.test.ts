import { describe, expect, test } from '@jest/globals';
import { runSimSwarm } from './sim-swarm.js';

const SMALL = { fetcherCount: 8, chunkCount: 24, seed: 7, arrivalsMs: 2000, leaverShare: 0.5, crasherShare: 0.2 };

describe('a simulated swarm', () => {
  test('is the same each time, and another one with another seed', async () => {
    const [first, again, other] = [await runSimSwarm(SMALL), await runSimSwarm(SMALL), await runSimSwarm({ ...SMALL, seed: 8 })];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  test('ends with everybody done who did not crash, and never before a fluid could be', async () => {
    const outcome = await runSimSwarm({ ...SMALL, arrivalsMs: 0, leaverShare: 0, crasherShare: 0 });
    expect([outcome.doneCount, outcome.failedCount]).toEqual([8, 0]);
    expect(outcome.longestStayMs).toBeGreaterThanOrEqual(outcome.boundMs);
    expect(outcome.seedUseShare).toBeLessThanOrEqual(1);
    // Every chunk came from the seed once at least.
    expect(outcome.seedSentCount - outcome.seedAgainCount).toBe(24);
  });

  test('loses those that crash, and no others', async () => {
    const outcome = await runSimSwarm({ ...SMALL, fetcherCount: 20, crasherShare: 0.5 });
    expect(outcome.doneCount).toBeGreaterThan(0);
    expect(outcome.doneCount).toBeLessThan(20);
    expect(outcome.failedCount).toBe(0);
  });
});
