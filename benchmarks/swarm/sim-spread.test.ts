import { describe, expect, test } from '@jest/globals';
import { runSimSpread } from './sim-spread.js';

const SCENARIO = { holderCount: 4, fetcherCount: 20, chunkCount: 64, seed: 1 };

describe('20 fetchers that start at once', () => {
  test.each([1, 2, 3])('use 4 equal holders evenly, within 20 %% at most: seed %i', async (seed) => {
    const outcome = await runSimSpread({ ...SCENARIO, seed });
    expect(outcome.doneCount).toBe(20);
    expect(outcome.sentCounts).toHaveLength(4);
    // The holders sent every chunk once at least, all together.
    expect(outcome.sentCounts.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(64);
    expect(outcome.spread).toBeLessThanOrEqual(0.2);
  });

  test('do so the same way each time', async () => {
    const [first, again] = [await runSimSpread(SCENARIO), await runSimSpread(SCENARIO)];
    expect(again).toEqual(first);
  });

  test('ask all of 4 holders, and not the first of them alone, for a file of as few chunks', async () => {
    const { sentCounts } = await runSimSpread({ ...SCENARIO, chunkCount: 4, fetcherCount: 1 });
    expect(sentCounts).toEqual([1, 1, 1, 1]);
  });
});
