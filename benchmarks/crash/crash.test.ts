/** A few of the kills of `npm run crash`: real processes, real files. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SimRandom } from '../../common/sim/sim-random.js';
import { enumerate, killAtRandom } from './enumerate.js';
import { type Subject, Trials } from './trial.js';

/** Milliseconds in which a fetch starts and ends, about. */
const LIFE_MS = 500;
/** Dozens of processes start one after the other, on a machine that may be busy. */
const TIME_LIMIT_MS = 120_000;

let trials: Trials;
beforeAll(async () => {
  trials = await Trials.open();
});
afterAll(() => trials.close());

describe('a process that is killed', () => {
  // Each begins at another point, so that together they are near every kind of change.
  test.each<[Subject, number, number]>([
    ['file', 5, 13],
    ['folder', 9, 17],
    ['share', 1, 3],
    ['state', 2, 4],
  ])(
    'CR1: at points of its work on a %s: nothing wrong, nothing lost, nothing left',
    async (subject, first, stride) => {
      const { killCount, againMaxBytes } = await enumerate(trials, subject, first, stride);
      expect(killCount).toBeGreaterThan(2);
      // All that was under way, at most.
      expect(againMaxBytes).toBeLessThanOrEqual(4 * 524_288);
    },
    TIME_LIMIT_MS,
  );

  test(
    'CR2: at any moment: the name is absent or exact, and what had landed is not fetched again',
    async () => {
      const random = new SimRandom(7);
      const moments = Array.from({ length: 6 }, () => random.below(LIFE_MS));
      const { againMaxBytes } = await killAtRandom(trials, 'file', moments);
      expect(againMaxBytes).toBeLessThanOrEqual(4 * 524_288);
    },
    TIME_LIMIT_MS,
  );

  test(
    'RS7: again and again: every chunk is fetched once, and nothing piles up',
    async () => {
      expect(await trials.killAgainAndAgain(6, 1)).toEqual({ killCount: 6, chunkCount: 6 });
    },
    TIME_LIMIT_MS,
  );
});
