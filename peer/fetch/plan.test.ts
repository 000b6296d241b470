import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Bitfield } from '../../common/core/bitfield.js';
import { Plan } from './plan.js';
import type { PlanPeer } from './plan-peer.js';

const KINDS = [
  'join',
  'leave',
  'knows',
  'gained',
  'next',
  'duplicate',
  'landed',
  'gone',
  'lacks',
  'later',
  'lost',
  'wait',
] as const;
/** Which of them come more often than the others, so that runs get somewhere. */
const OFTEN = ['join', 'knows', 'gained', 'next', 'next', 'next', 'landed', 'landed'] as const;

interface Step {
  readonly kind: (typeof KINDS)[number];
  readonly peer: number;
  readonly pick: number;
  readonly bits: readonly number[];
}

const steps = (unitCount: number, maxLength: number) =>
  fc.array(
    fc.record<Step>({
      kind: fc.constantFrom(...KINDS, ...OFTEN),
      peer: fc.nat(4),
      pick: fc.nat(100_000),
      bits: fc.array(fc.nat(Math.max(0, unitCount - 1)), { maxLength: 30, size: 'max' }),
    }),
    // Without a size, most runs have fewer than ten steps.
    { maxLength, size: 'max' },
  );

interface ModelPeer {
  readonly handle: PlanPeer;
  units: Set<number>;
  /** Whether it told what it has, and has not everything. */
  isCounted: boolean;
  readonly deferred: Map<number, number>;
}

/** The plan beside the simplest model of it: sets, and a list of who was asked for what. */
class Model {
  readonly had: Set<number>;
  readonly asked = new Map<number, PlanPeer[]>();
  readonly peers = new Map<number, ModelPeer>();
  readonly all: readonly number[];
  nowMs = 0;

  constructor(unitCount: number, had: readonly number[]) {
    this.all = Array.from({ length: unitCount }, (_, unit) => unit);
    this.had = new Set(had);
  }

  holdersOf = (unit: number) => [...this.peers.values()].filter((peer) => peer.isCounted && peer.units.has(unit)).length;
  mayAsk = (peer: ModelPeer, unit: number) => peer.units.has(unit) && this.nowMs >= (peer.deferred.get(unit) ?? 0);
  open = () => this.all.filter((unit) => !this.had.has(unit) && !this.asked.has(unit));
  requests = () => [...this.asked].flatMap(([unit, handles]) => handles.map((handle) => ({ unit, handle })));
  byHandle = (handle: PlanPeer) => [...this.peers.values()].find((peer) => peer.handle === handle);
  isFull = (peer: ModelPeer) => peer.units.size === this.all.length;
}

function bitfield(length: number, members: Iterable<number>): Bitfield {
  const bits = new Bitfield(length);
  for (const unit of members) bits.add(unit);
  return bits;
}

/** Does a step in both, and compares what they say. `isExact`: no search is cut short, so the rarest unit is what comes. */
function apply(plan: Plan, model: Model, step: Step, isExact: boolean): void {
  const { kind, pick } = step;
  const peer = model.peers.get(step.peer);
  const unitCount = model.all.length;
  const requests = model.requests();
  const request = requests[pick % Math.max(1, requests.length)];
  switch (kind) {
    case 'join':
      if (peer !== undefined) return;
      model.peers.set(step.peer, { handle: plan.join(), units: new Set(model.all), isCounted: false, deferred: new Map() });
      return;
    case 'leave':
      if (peer === undefined) return;
      plan.leave(peer.handle);
      model.peers.delete(step.peer);
      expect(plan.next(peer.handle, model.nowMs)).toBeUndefined();
      return;
    case 'knows':
      if (peer === undefined) return;
      // Few, most, or all.
      peer.units = new Set([step.bits, model.all.filter((unit) => !step.bits.includes(unit)), model.all][pick % 3]);
      if (unitCount === 0) peer.units.clear();
      peer.isCounted = !model.isFull(peer);
      plan.knows(peer.handle, bitfield(unitCount, peer.units));
      return;
    case 'gained':
      if (peer === undefined || unitCount === 0) return;
      plan.gained(peer.handle, pick % unitCount);
      peer.units.add(pick % unitCount);
      if (model.isFull(peer)) peer.isCounted = false;
      return;
    case 'next':
      if (peer !== undefined) compareNext(plan, model, peer, isExact);
      return;
    case 'duplicate': {
      if (peer === undefined || request === undefined) return;
      const handles = model.asked.get(request.unit) ?? [];
      const isAllowed = handles.length < 2 && !handles.includes(peer.handle) && model.mayAsk(peer, request.unit);
      expect(plan.mayDuplicate(request.unit, peer.handle, model.nowMs)).toBe(isAllowed);
      if (!isAllowed) return;
      plan.duplicate(request.unit, peer.handle);
      handles.push(peer.handle);
      return;
    }
    case 'landed':
      if (request === undefined) return;
      expect(plan.landed(request.unit)).toBe(true);
      expect(plan.landed(request.unit)).toBe(false);
      model.asked.delete(request.unit);
      model.had.add(request.unit);
      return;
    case 'gone':
    case 'lacks':
    case 'later': {
      if (request === undefined) return;
      plan.failed(request.unit, request.handle, kind, model.nowMs);
      const asked = model.byHandle(request.handle);
      if (kind === 'lacks') asked?.units.delete(request.unit);
      if (kind === 'later') asked?.deferred.set(request.unit, model.nowMs + 1000);
      const rest = (model.asked.get(request.unit) ?? []).filter((handle) => handle !== request.handle);
      if (rest.length > 0) model.asked.set(request.unit, rest);
      else model.asked.delete(request.unit);
      return;
    }
    case 'lost': {
      const unit = [...model.had][pick % Math.max(1, model.had.size)];
      if (unit === undefined) return;
      plan.lost(unit);
      model.had.delete(unit);
      return;
    }
    case 'wait':
      model.nowMs += pick % 1500;
  }
}

function compareNext(plan: Plan, model: Model, peer: ModelPeer, isExact: boolean): void {
  const may = model.open().filter((unit) => model.mayAsk(peer, unit));
  const unit = plan.next(peer.handle, model.nowMs);
  if (unit === undefined) {
    expect(may).toEqual([]);
    return;
  }
  expect(may).toContain(unit);
  if (isExact) expect(model.holdersOf(unit)).toBe(Math.min(...may.map(model.holdersOf)));
  model.asked.set(unit, [peer.handle]);
}

function compareState(plan: Plan, model: Model): void {
  expect(plan.missingCount).toBe(model.all.length - model.had.size);
  expect(plan.isDone).toBe(model.had.size === model.all.length);
  expect(model.all.filter((unit) => plan.had.has(unit) !== model.had.has(unit))).toEqual([]);
  for (const { handle, units } of model.peers.values()) {
    expect(plan.isUseful(handle)).toBe([...units].some((unit) => !model.had.has(unit)));
  }
}

/** From any state, one peer that has everything brings the rest, each unit once. */
function finish(plan: Plan, model: Model): void {
  for (const { unit, handle } of model.requests()) plan.failed(unit, handle, 'gone', model.nowMs);
  const honest = plan.join();
  const rest: number[] = [];
  for (let unit = plan.next(honest, model.nowMs); unit !== undefined; unit = plan.next(honest, model.nowMs)) {
    rest.push(unit);
    expect(plan.landed(unit)).toBe(true);
  }
  expect(rest.sort((left, right) => left - right)).toEqual(model.all.filter((unit) => !model.had.has(unit)));
  expect(plan.isDone).toBe(true);
}

describe('plan', () => {
  test('whatever happens: each peer is asked for the rarest unit that it has, and for nothing that it lacks, put off or is being asked', () => {
    const runs = fc.integer({ min: 0, max: 40 }).chain((unitCount) => {
      const start = fc.array(fc.nat(Math.max(0, unitCount - 1)), { maxLength: unitCount === 0 ? 0 : 20 });
      return fc.tuple(fc.constant(unitCount), start, fc.nat(100), steps(unitCount, 200));
    });
    fc.assert(
      fc.property(runs, ([unitCount, start, seed, list]) => {
        const model = new Model(unitCount, start);
        const plan = new Plan(bitfield(unitCount, start), { below: (count) => seed % count });
        for (const step of list) {
          apply(plan, model, step, true);
          compareState(plan, model);
        }
        finish(plan, model);
      }),
      { numRuns: 60 },
    );
  });

  test('where a search is cut short too, nothing that a peer may be asked for is overlooked', () => {
    const unitCount = 1500;
    fc.assert(
      fc.property(fc.nat(unitCount - 1), steps(unitCount, 120), (seed, list) => {
        const model = new Model(unitCount, []);
        const plan = new Plan(new Bitfield(unitCount), { below: (count) => seed % count });
        for (const step of list) {
          apply(plan, model, step, false);
          // A peer is asked for much at a time, so that blocks run out and are opened again.
          for (let more = 0; step.kind === 'next' && more < 10; more += 1) apply(plan, model, step, false);
        }
        compareState(plan, model);
        finish(plan, model);
      }),
      { numRuns: 30 },
    );
  });

  test('a peer whose units are few among many rare ones that it lacks is asked for them, its rarest first', () => {
    // The search begins in the middle of what a peer has, and goes round.
    const plan = new Plan(new Bitfield(5000), { below: (count) => count >> 1 });
    const [poor, other, third] = [plan.join(), plan.join(), plan.join()];
    const common = [1000, 2500, 4999];
    plan.knows(poor, bitfield(5000, common));
    // 600 units that one peer has stand before those that two or three have.
    plan.knows(other, bitfield(5000, [...common, ...Array.from({ length: 600 }, (_, index) => 2 * index + 1)]));
    plan.knows(third, bitfield(5000, [1000, 4999]));
    const asked = [plan.next(poor, 0), plan.next(poor, 0), plan.next(poor, 0), plan.next(poor, 0)];
    expect(asked[0]).toBe(2500);
    expect(asked.slice(1, 3).sort()).toEqual([1000, 4999]);
    expect(asked[3]).toBeUndefined();
  });

  test('where only seeds are, a fetch goes through the content in order, from a place drawn by chance and round', () => {
    const plan = new Plan(new Bitfield(6), { below: (count) => 4 % count });
    const [seed, stranger] = [plan.join(), plan.join()];
    plan.knows(seed, bitfield(6, [0, 1, 2, 3, 4, 5]));
    expect(Array.from({ length: 6 }, (_, turn) => plan.next(turn % 2 === 0 ? seed : stranger, 0))).toEqual([4, 5, 0, 1, 2, 3]);
  });

  test('a unit put off is asked of others at once, and of the same peer after a second', () => {
    const plan = new Plan(new Bitfield(1), { below: () => 0 });
    const [busy, other] = [plan.join(), plan.join()];
    expect(plan.next(busy, 5000)).toBe(0);
    plan.failed(0, busy, 'later', 5000);
    expect(plan.next(busy, 5999)).toBeUndefined();
    expect(plan.next(other, 5999)).toBe(0);
    expect(plan.mayDuplicate(0, busy, 5999)).toBe(false);
    expect(plan.mayDuplicate(0, busy, 6000)).toBe(true);
    plan.failed(0, other, 'gone', 6000);
    expect(plan.next(busy, 6000)).toBe(0);
  });

  test('of units put off, the oldest gives way past 64, and 64 hide nothing else', () => {
    const plan = new Plan(new Bitfield(66), { below: () => 0 });
    const peer = plan.join();
    const putOff = () => {
      const unit = plan.next(peer, 0) ?? -1;
      plan.failed(unit, peer, 'later', 0);
      return unit;
    };
    const units = Array.from({ length: 65 }, putOff);
    expect(new Set(units).size).toBe(65);
    // One was never put off, one not any more.
    const last = [plan.next(peer, 0), plan.next(peer, 0)];
    expect(new Set(last)).toEqual(new Set([units[0], 65]));
    expect(plan.next(peer, 0)).toBeUndefined();
  });

  test('a peer that left is given nothing, and what it was asked for ends when it has failed or landed', () => {
    const plan = new Plan(new Bitfield(2), { below: () => 0 });
    const [gone, other] = [plan.join(), plan.join()];
    expect([plan.next(gone, 0), plan.next(gone, 0)]).toEqual([0, 1]);
    plan.leave(gone);
    plan.gained(gone, 0);
    plan.knows(gone, new Bitfield(2));
    expect([plan.next(other, 0), plan.next(gone, 0), plan.isUseful(gone)]).toEqual([undefined, undefined, false]);
    plan.failed(0, gone, 'lacks', 0);
    expect(plan.landed(1)).toBe(true);
    expect([plan.next(other, 0), plan.next(other, 0)]).toEqual([0, undefined]);
  });

  test('a late failure of a duplicate whose chunk has landed changes nothing', () => {
    const plan = new Plan(new Bitfield(1), { below: () => 0 });
    const [first, second] = [plan.join(), plan.join()];
    expect(plan.next(first, 0)).toBe(0);
    plan.duplicate(0, second);
    plan.landed(0);
    plan.failed(0, first, 'gone', 0);
    expect(plan.isDone).toBe(true);
    expect(plan.next(second, 0)).toBeUndefined();
  });

  test('a unit that comes to be had behind its back is told of at its next change, not taken for missing', () => {
    const had = new Bitfield(1);
    const plan = new Plan(had, { below: () => 0 });
    const peer = plan.join();
    expect(plan.next(peer, 0)).toBe(0);
    had.add(0);
    expect(() => plan.failed(0, peer, 'gone', 0)).toThrow('unit 0 is in one state');
  });
});
