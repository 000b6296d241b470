import { describe, expect, test } from '@jest/globals';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { SlotMemory } from '../hash/slot-memory.js';
import { HOSTILE_KINDS, type HostileKind, hostileKind } from '../testkit/hostile/hostile-kinds.js';
import { type HostileOutcome, type HostileScenario, runHostileSwarm } from '../testkit/hostile/hostile-swarm.js';
import { seededBytes, testContent } from '../testkit/test-content.js';

/** As many as a pool of two threads has; given back by each fetch, so one memory is enough for all. */
const SLOT_COUNT = 64;
const slots = new SlotMemory(SLOT_COUNT);
/** The last one is short. */
const content = testContent(seededBytes(40 * CHUNK_BYTES - 100_000));
/** Its honest time is short, so that what is lost to hostile peers shows. */
const small = testContent(seededBytes(64 * CHUNK_BYTES, 2));

/** What a hostile peer may cost: dials of each step and of those that are tried again, requests until it is known, chunks that it spoils. */
const DIALS_MAX_COUNT = 2 + 4;
const REQUESTS_PER_DIAL_MAX_COUNT = 64;
/** Of ten peers with 70 % poisoners, times the time without those. */
const SLOWDOWN_MAX = 2.5;
/** Of two hundred at once against three, in a fetch that takes little more than a second: most of that is the second for which they are waited for. */
const MANY_SLOWDOWN_MAX = 4;

function run(scenario: Omit<HostileScenario, 'slots'>): Promise<HostileOutcome> {
  return runHostileSwarm({ ...scenario, slots });
}

/** All of it is there, byte for byte; no honest peer was blamed, and no memory is lost. */
function expectWhole({ error, fetch, honestAddresses }: HostileOutcome): void {
  expect(error).toBeUndefined();
  expect([fetch.had.isFull, fetch.isExact]).toEqual([true, true]);
  expectNoBlame(fetch, honestAddresses);
}

function expectNoBlame({ banned, failed, slots: used }: HostileOutcome['fetch'], honestAddresses: readonly string[]): void {
  expect([...banned, ...failed].filter((address) => honestAddresses.includes(address))).toEqual([]);
  // Told once.
  expect(new Set(banned).size).toBe(banned.length);
  expect(freeSlotCount(used)).toBe(SLOT_COUNT);
}

function freeSlotCount(memory: SlotMemory): number {
  const taken = [];
  for (let slot = memory.take(); slot !== undefined; slot = memory.take()) taken.push(slot);
  for (const slot of taken) memory.release(slot);
  return taken.length;
}

/** What became of the hostile ones: each address is left as its kind says, and not dialed or asked without end. */
function expectFates({ fetch, hostile }: HostileOutcome): void {
  for (const { kind, addresses, connectionCount, requests } of hostile) {
    const bannedCount = addresses.filter((address) => fetch.banned.includes(address)).length;
    const failedCount = addresses.filter((address) => fetch.failed.includes(address)).length;
    if (kind.fate !== 'banned') expect([kind.name, bannedCount]).toEqual([kind.name, 0]);
    else if (requests.some(({ verb }) => verb === 'GET_CHUNK')) expect([kind.name, bannedCount > 0]).toEqual([kind.name, true]);
    if (kind.fate === 'failed' && fetch.had.isFull) expect(failedCount).toBeLessThanOrEqual(DIALS_MAX_COUNT);
    expect(connectionCount).toBeLessThanOrEqual(DIALS_MAX_COUNT);
    expect(requests.length).toBeLessThanOrEqual(REQUESTS_PER_DIAL_MAX_COUNT * Math.max(1, connectionCount));
  }
}

describe('one hostile peer beside one honest one: all of it comes, exactly, and only the hostile one is blamed', () => {
  test.each(HOSTILE_KINDS.map((kind) => [`${kind.row}: ${kind.name}`, kind] as const))('%s', async (_title, kind) => {
    for (let seed = 1; seed <= 4; seed += 1) {
      const outcome = await run({ content, seed, honestCount: 1, hostile: [kind] });
      expectWhole(outcome);
      expectFates(outcome);
      // What it spoilt is a few chunks.
      expect(outcome.fetch.receivedBytes).toBeLessThan(content.bytes.length + 20 * CHUNK_BYTES);
    }
  });
});

/** The honest time by seed and number of honest peers. */
const honestMs = new Map<string, Promise<number>>();
function honestTime(seed: number, honestCount: number): Promise<number> {
  const key = `${seed} ${honestCount}`;
  const known = honestMs.get(key) ?? run({ content: small, seed, honestCount, hostile: [] }).then(({ tookMs }) => tookMs);
  honestMs.set(key, known);
  return known;
}

const times = (count: number, kind: HostileKind) => Array.from({ length: count }, () => kind);

describe('most of ten peers are hostile', () => {
  const liars = HOSTILE_KINDS.filter(({ fate, portCount }) => fate === 'banned' && portCount === 1);

  test.each(liars.map((kind) => [`MP9: 70 % ${kind.name}`, kind] as const))('%s', async (_title, kind) => {
    for (const [seed, hostileSpeed] of [
      [1, 1],
      [2, 10],
      [3, 0.1],
    ] as const) {
      const outcome = await run({ content: small, seed, honestCount: 3, hostile: times(7, kind), hostileSpeed });
      expectWhole(outcome);
      expectFates(outcome);
      expect(outcome.tookMs / (await honestTime(seed, 3))).toBeLessThan(SLOWDOWN_MAX);
    }
  });

  test.each(HOSTILE_KINDS.map((kind, at) => [`MP9: 90 % ${kind.name}: one honest peer is enough`, kind, at] as const))(
    '%s',
    async (_title, kind, seed) => {
      expectWhole(await run({ content, seed, honestCount: 1, hostile: times(9, kind) }));
    },
  );

  test('MP9: 70 % of all kinds mixed', async () => {
    for (let seed = 1; seed <= 8; seed += 1) {
      const hostile = Array.from({ length: 7 }, (_, at) => HOSTILE_KINDS[(7 * seed + 11 * at) % HOSTILE_KINDS.length]);
      const outcome = await run({ content, seed, honestCount: 3, hostile: hostile.flatMap((kind) => kind ?? []) });
      expectWhole(outcome);
      expectFates(outcome);
    }
  });
});

describe('one machine with two hundred ports', () => {
  test.each(['poison', 'silent', 'stall-at-last-byte', 'always-busy', 'accept-then-close'])('MP8: %s', async (name) => {
    const hostile = times(200, hostileKind(name));
    const outcome = await run({ content: small, seed: 5, honestCount: 3, hostile, isOneHost: true });
    expectWhole(outcome);
    expect(outcome.tookMs / (await honestTime(5, 3))).toBeLessThan(MANY_SLOWDOWN_MAX);
    // Three strikes, and those that were connected already.
    expect(outcome.fetch.banned.length).toBeLessThanOrEqual(32);
  });

  test('MP8: that comes back from a new port after each ban is not listened to after three', async () => {
    const outcome = await run({ content: small, seed: 6, honestCount: 1, hostile: [hostileKind('returning')] });
    expectWhole(outcome);
    expect(outcome.hostile[0]?.connectionCount).toBeLessThanOrEqual(4);
    expect(outcome.fetch.banned.length).toBe(3);
  });
});

describe('nobody honest is left', () => {
  test.each(HOSTILE_KINDS.map((kind) => [`MP12: three of ${kind.name}`, kind] as const))('%s', async (_title, kind) => {
    const outcome = await run({ content, seed: 3, honestCount: 0, hostile: times(3, kind), patienceMs: 10_000 });
    const { fetch, error, hostile, honestAddresses, tookMs } = outcome;
    // Some bring it whole: they lie seldom, or drop chunks that another has.
    if (error !== undefined) expect(['NETWORK', 'VERIFY_FAILED']).toContain(error.code);
    else expect(fetch.had.isFull).toBe(true);
    expect(fetch.isExact).toBe(true);
    expectNoBlame(fetch, honestAddresses);
    expect(tookMs).toBeLessThan(300_000);
    for (const { connectionCount } of hostile) expect(connectionCount).toBeLessThanOrEqual(40);
  });
});
