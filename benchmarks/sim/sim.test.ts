/** The simulation in every test run: a few hundred seeds, those that once failed, and planted faults that must be found. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, jest, test } from '@jest/globals';
import { repoRoot } from '../../common/testkit/repo-root.js';
import { HOSTILE_KINDS } from '../../peer/testkit/hostile/hostile-kinds.js';
import { CANARIES, unfound } from './canaries.js';
import { drawScenario } from './scenario.js';
import type { SeedOutcome } from './seed-run.js';
import { SeedThread } from './seed-thread.js';

/** Seeds of every run. */
const SEEDS_COUNT = 300;
const TEST_SEEDS_COUNT = 50;
/** What takes seconds where nothing else runs, on a machine that does many things besides. */
const TIME_LIMIT_MS = 240_000;
/** Seeds within which a planted fault is found. */
const CANARY_SEEDS_COUNT = 100;

interface KeptSeed {
  readonly seed: number;
  /** What had broken. */
  readonly was: string;
}

const kept = JSON.parse(readFileSync(join(repoRoot, 'test_files/sim-seeds.json'), 'utf8')) as readonly KeptSeed[];
const thread = new SeedThread();

afterAll(() => thread.close());

/** What broke, as `npm run sim -- --seed` shows it. */
async function brokenIn(from: number, count = 1): Promise<string[]> {
  const outcomes = await thread.run({ from, count, canary: undefined });
  return outcomes.flatMap(({ seed, broken }) => broken.map((what) => `npm run sim -- --seed ${seed} --trace: ${what}`));
}

async function outcomeOf(seed: number, canary?: string): Promise<SeedOutcome> {
  const [outcome] = await thread.run({ from: seed, count: 1, canary });
  if (outcome === undefined) throw new Error(`nothing came of seed ${seed}`);
  return outcome;
}

jest.setTimeout(TIME_LIMIT_MS);

describe('simulated trackers, nodes, networks and disks', () => {
  const firsts = Array.from({ length: SEEDS_COUNT / TEST_SEEDS_COUNT }, (_, at) => 1 + at * TEST_SEEDS_COUNT);
  test.each(firsts)(`hold what they promise, ${TEST_SEEDS_COUNT} seeds from %i on`, async (first) => {
    expect(await brokenIn(first, TEST_SEEDS_COUNT)).toEqual([]);
  });

  test.each(kept)('seed $seed, in which once $was', async ({ seed }) => {
    expect(await brokenIn(seed)).toEqual([]);
  });

  test('do the same for the same seed, event by event, and something else for another', async () => {
    // With crashes, power cuts and a hostile peer among them.
    for (const seed of [2, 11, 25]) {
      const [first, again] = [await outcomeOf(seed), await outcomeOf(seed)];
      expect([again.hash, again.eventCount]).toEqual([first.hash, first.eventCount]);
    }
    expect((await outcomeOf(3)).hash).not.toBe((await outcomeOf(4)).hash);
  });
});

describe('the seeds of every run', () => {
  const scenarios = Array.from({ length: SEEDS_COUNT }, (_, at) => drawScenario(1 + at));

  test('have every kind of fault among them, wherever it can hit', () => {
    const faults = scenarios.flatMap(({ faults, machines }) =>
      faults.map((fault) => {
        const role = 'machine' in fault ? ` of who is to ${machines[fault.machine]?.role}` : '';
        if (fault.kind === 'crash')
          return `${fault.isPower ? 'power loss' : 'kill'}${fault.changeCount > 0 ? ' in a write' : ''}${role}`;
        if (fault.kind === 'disk-error') return `failed ${fault.what}${role}`;
        if (fault.kind === 'tracker-crash') return `tracker ${fault.isPower ? 'without power' : 'killed'}`;
        if (fault.kind === 'partition') return fault.isOneWay ? 'one-way partition' : 'partition';
        return `${fault.kind}${role}`;
      }),
    );
    const both = (kind: string) => [`${kind} of who is to share`, `${kind} of who is to fetch`];
    const network = ['datagrams', 'resets', 'silences', 'partition', 'one-way partition'];
    const crashes = ['kill', 'kill in a write', 'power loss', 'power loss in a write'].flatMap(both);
    const disks = ['sync', 'read', 'write', 'rename', 'sync-folder', 'create'].flatMap((what) => both(`failed ${what}`));
    const others = [...both('disk-full'), ...both('stall'), 'edit of who is to share', 'interrupt of who is to fetch'];
    const expected = [...network, 'tracker killed', 'tracker without power', ...crashes, ...disks, ...others];
    expect(expected.filter((kind) => !faults.includes(kind))).toEqual([]);
  });

  test('have every kind of hostile peer among them', () => {
    const kinds = scenarios.flatMap(({ machines }) => machines.flatMap((one) => (one.role === 'hostile' ? one.kind.name : [])));
    expect(HOSTILE_KINDS.map(({ name }) => name).filter((name) => !kinds.includes(name))).toEqual([]);
  });
});

describe('a planted fault is found, by all that must find it', () => {
  test.each(CANARIES)('$name', async (canary) => {
    const outcomes: SeedOutcome[] = [];
    for (let seed = 1; seed <= CANARY_SEEDS_COUNT && unfound(canary, outcomes).length > 0; seed += 1) {
      outcomes.push(await outcomeOf(seed, canary.name));
    }
    expect(unfound(canary, outcomes)).toEqual([]);
  });
});
