import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Bitfield } from '../../common/core/bitfield.js';
import { Plan } from './plan.js';

type Step = {
  readonly kind: 'next' | 'dup' | 'land' | 'fail' | 'lack' | 'lose' | 'forget';
  readonly peer: number;
  readonly pick: number;
};

const steps = fc.array(
  fc.record<Step>({
    kind: fc.constantFrom('next', 'next', 'next', 'dup', 'land', 'land', 'fail', 'lack', 'lose', 'forget'),
    peer: fc.nat(3),
    pick: fc.nat(1000),
  }),
  { maxLength: 200 },
);

/** The plan beside the simplest model of it: sets, and a list of who was asked for what. */
class Model {
  readonly had = new Set<number>();
  readonly asked = new Map<number, string[]>();
  readonly lacks = new Set<string>();
  readonly unitCount: number;

  constructor(unitCount: number) {
    this.unitCount = unitCount;
  }

  isMissing = (unit: number) => !this.had.has(unit) && !this.asked.has(unit);
  missing = () => Array.from({ length: this.unitCount }, (_, unit) => unit).filter(this.isMissing);
  fail(unit: number, peer: string): void {
    const rest = (this.asked.get(unit) ?? []).filter((one) => one !== peer);
    if (rest.length > 0) this.asked.set(unit, rest);
    else this.asked.delete(unit);
  }
}

describe('plan', () => {
  test('whatever happens: units are missing, asked or had; at most two are asked; nobody is asked for what it lacks', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), fc.array(fc.nat(39), { maxLength: 20 }), steps, (unitCount, start, list) => {
        const had = new Bitfield(unitCount);
        const model = new Model(unitCount);
        for (const unit of start) {
          if (unit >= unitCount) continue;
          had.add(unit);
          model.had.add(unit);
        }
        const plan = new Plan(had);
        for (const step of list) {
          apply(plan, model, step);
          expect(plan.missingCount).toBe(unitCount - model.had.size);
          expect(plan.isDone).toBe(model.had.size === unitCount);
          for (let unit = 0; unit < unitCount; unit += 1) expect(plan.had.has(unit)).toBe(model.had.has(unit));
        }
        // From any state, one peer that has everything brings the rest, each unit once.
        for (const [unit, peers] of [...model.asked]) for (const peer of peers) plan.failed(unit, peer, false);
        const rest: number[] = [];
        for (let unit = plan.next('honest'); unit !== undefined; unit = plan.next('honest')) {
          rest.push(unit);
          expect(plan.landed(unit)).toBe(true);
        }
        expect(plan.isDone).toBe(true);
        expect(new Set(rest).size).toBe(rest.length);
        expect(rest.length).toBe(unitCount - model.had.size);
      }),
    );
  });

  function apply(plan: Plan, model: Model, { kind, peer: number, pick }: Step): void {
    const peer = `peer ${number}`;
    const open = [...model.asked].flatMap(([unit, peers]) => peers.map((one) => ({ unit, peer: one })));
    const chosen = open[pick % Math.max(1, open.length)];
    switch (kind) {
      case 'next': {
        const unit = plan.next(peer);
        const may = model.missing().filter((one) => !model.lacks.has(`${peer} ${one}`));
        expect(unit).toBe(may[0]);
        if (unit !== undefined) model.asked.set(unit, [peer]);
        return;
      }
      case 'dup': {
        if (chosen === undefined) return;
        const peers = model.asked.get(chosen.unit) ?? [];
        const isAllowed = peers.length < 2 && !peers.includes(peer) && !model.lacks.has(`${peer} ${chosen.unit}`);
        expect(plan.mayDuplicate(chosen.unit, peer)).toBe(isAllowed);
        if (!isAllowed) return;
        plan.duplicate(chosen.unit, peer);
        peers.push(peer);
        return;
      }
      case 'land':
        if (chosen === undefined) return;
        expect(plan.landed(chosen.unit)).toBe(true);
        expect(plan.landed(chosen.unit)).toBe(false);
        model.asked.delete(chosen.unit);
        model.had.add(chosen.unit);
        return;
      case 'fail':
      case 'lack':
        if (chosen === undefined) return;
        plan.failed(chosen.unit, chosen.peer, kind === 'lack');
        if (kind === 'lack') model.lacks.add(`${chosen.peer} ${chosen.unit}`);
        model.fail(chosen.unit, chosen.peer);
        return;
      case 'lose': {
        const unit = [...model.had][pick % Math.max(1, model.had.size)];
        if (unit === undefined) return;
        plan.lost(unit);
        model.had.delete(unit);
        return;
      }
      case 'forget':
        plan.forgetLacks(peer);
        for (const lack of [...model.lacks]) if (lack.startsWith(`${peer} `)) model.lacks.delete(lack);
    }
  }

  test('a late failure of a duplicate whose chunk has landed changes nothing', () => {
    const plan = new Plan(new Bitfield(1));
    expect(plan.next('a')).toBe(0);
    plan.duplicate(0, 'b');
    plan.landed(0);
    plan.failed(0, 'a', false);
    expect(plan.isDone).toBe(true);
    expect(plan.next('b')).toBeUndefined();
  });
});
