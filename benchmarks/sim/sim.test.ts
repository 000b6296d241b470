/** The simulation in every test run: a few hundred seeds, those that once failed, and planted faults that must be found. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { repoRoot } from '../../common/testkit/repo-root.js';
import { CANARIES, canaryNamed } from './canaries.js';
import { runSeed } from './seed-run.js';

/** Seeds of every run. */
const SEEDS_COUNT = 200;
/** Seeds of one test: a test has half a minute, on a machine that does other things too. */
const TEST_SEEDS_COUNT = 20;
/** Seeds within which a planted fault is found. */
const CANARY_SEEDS_COUNT = 12;

interface KeptSeed {
  readonly seed: number;
  /** What had broken. */
  readonly was: string;
}

const kept = JSON.parse(readFileSync(join(repoRoot, 'test_files/sim-seeds.json'), 'utf8')) as readonly KeptSeed[];

/** What broke in a seed, as `npm run sim -- --seed` shows it. */
async function brokenIn(seed: number): Promise<string[]> {
  const { broken } = await runSeed(seed);
  return broken.map((what) => `npm run sim -- --seed ${seed} --trace: ${what}`);
}

describe('simulated trackers, nodes, networks and disks', () => {
  const firsts = Array.from({ length: SEEDS_COUNT / TEST_SEEDS_COUNT }, (_, at) => 1 + at * TEST_SEEDS_COUNT);
  test.each(firsts)(`hold what they promise, seeds from %i on`, async (first) => {
    const broken: string[] = [];
    for (let seed = first; seed < first + TEST_SEEDS_COUNT; seed += 1) broken.push(...(await brokenIn(seed)));
    expect(broken).toEqual([]);
  });

  test.each(kept)('seed $seed, in which once $was', async ({ seed }) => {
    expect(await brokenIn(seed)).toEqual([]);
  });

  test('do the same for the same seed, event by event, and something else for another', async () => {
    // With crashes, power cuts and a hostile peer among them.
    for (const seed of [2, 11, 25]) {
      const [first, again] = [await runSeed(seed), await runSeed(seed)];
      expect([again.hash, again.eventCount]).toEqual([first.hash, first.eventCount]);
    }
    expect((await runSeed(3)).hash).not.toBe((await runSeed(4)).hash);
  });
});

describe('a planted fault is found', () => {
  test.each(CANARIES.map(({ name }) => name))('%s', async (name) => {
    const broken: string[] = [];
    for (let seed = 1; seed <= CANARY_SEEDS_COUNT && broken.length === 0; seed += 1) {
      broken.push(...(await runSeed(seed, canaryNamed(name))).broken);
    }
    expect(broken).not.toEqual([]);
  });
});
