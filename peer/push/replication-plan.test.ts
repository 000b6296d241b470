import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { byRendezvous, type Member, planCopies, type ReplicationView } from './replication-plan.js';

const ROOT = 'ab'.repeat(32);
const GRACE_MS = 1000;

function members(...more: Partial<Member>[]): Member[] {
  return more.map((one, index) => ({ address: `10.0.0.${index}:1`, load: 0, acceptBytes: 1000, ...one }));
}

function plan(view: Partial<ReplicationView> & Pick<ReplicationView, 'self' | 'members'>) {
  const empty = { holders: new Set<string>(), coming: new Set<string>(), refusing: new Set<string>() };
  return planCopies({ root: ROOT, totalBytes: 10, copyCount: 2, lackingMs: 0, graceMs: GRACE_MS, ...empty, ...view });
}

describe('replication plan', () => {
  test('the least loaded with room get it; who refused, has it or is getting it is left out', () => {
    const group = members({}, { load: 50 }, { load: 20 }, { load: 0, acceptBytes: 9 }, { load: 1 }, { load: 2 });
    const self = '10.0.0.0:1';
    expect(plan({ self, members: group, copyCount: 3 }).receivers).toEqual(['10.0.0.4:1', '10.0.0.5:1']);
    const refusing = new Set(['10.0.0.4:1']);
    expect(plan({ self, members: group, copyCount: 3, refusing }).receivers).toEqual(['10.0.0.5:1', '10.0.0.2:1']);
    const coming = new Set(['10.0.0.4:1']);
    expect(plan({ self, members: group, copyCount: 3, coming }).receivers).toEqual(['10.0.0.5:1']);
  });

  test('of several holders the first acts at once, each after it only when a grace more has passed', () => {
    const group = members({}, {}, {}, {});
    const [first, second, third] = byRendezvous(ROOT, group.slice(0, 3)).map(({ address }) => address);
    const holders = new Set(group.slice(0, 3).map(({ address }) => address));
    const acts = (self: string | undefined, lackingMs: number) =>
      plan({ self: self ?? '', members: group, holders, copyCount: 4, lackingMs }).receivers.length;
    expect([acts(first, 0), acts(second, GRACE_MS - 1), acts(second, GRACE_MS)]).toEqual([1, 0, 1]);
    expect([acts(third, 2 * GRACE_MS - 1), acts(third, 2 * GRACE_MS)]).toEqual([0, 1]);
  });

  test('holders outside the group are no copies, and one outside it does nothing', () => {
    const group = members({}, {});
    const stranger = '192.0.2.1:1';
    expect(plan({ self: '10.0.0.0:1', members: group, holders: new Set([stranger]) }).receivers).toEqual(['10.0.0.1:1']);
    expect(plan({ self: stranger, members: group }).receivers).toEqual([]);
  });

  test('where all holders are busy there is one copy more, up to twice the number; what is coming is waited for', () => {
    const busy = { load: 80 };
    const receivers = (group: Member[], holderCount: number, coming: string[] = []) => {
      const held = group.slice(0, holderCount);
      const [first] = byRendezvous(ROOT, held);
      const holders = new Set(held.map(({ address }) => address));
      return plan({ self: first?.address ?? '', members: group, holders, coming: new Set(coming) }).receivers.length;
    };
    expect(receivers(members(busy, busy, {}, {}), 2)).toBe(1);
    expect(receivers(members(busy, { load: 79 }, {}, {}), 2)).toBe(0);
    expect(receivers(members(busy, busy, {}, {}), 2, ['10.0.0.2:1'])).toBe(0);
    expect(receivers(members(busy, busy, busy, busy, {}, {}), 4)).toBe(0);
  });

  test('law: while nothing fails, everybody acting on what they see ends at exactly as many copies as wanted, or at all', () => {
    const group = fc.integer({ min: 1, max: 12 }).chain((count) =>
      fc.record({
        all: fc.array(fc.record({ load: fc.nat(79), acceptBytes: fc.constantFrom(0, 5, 1000) }), {
          minLength: count,
          maxLength: count,
        }),
        holderCount: fc.integer({ min: 1, max: count }),
        copyCount: fc.integer({ min: 1, max: 6 }),
        order: fc.infiniteStream(fc.nat(100)),
      }),
    );
    fc.assert(
      fc.property(group, ({ all, holderCount, copyCount, order }) => {
        const list = members(...all);
        const holders = new Set(list.slice(0, holderCount).map(({ address }) => address));
        const coming = new Set<string>();
        const ableCount = list.slice(holderCount).filter(({ acceptBytes }) => (acceptBytes ?? 0) >= 10).length;
        const endCount = Math.max(holderCount, Math.min(copyCount, holderCount + ableCount));
        for (let lackingMs = 0; lackingMs < 40 * GRACE_MS; lackingMs += GRACE_MS) {
          const holding = [...holders];
          for (let turn = 0; turn < holding.length; turn += 1) {
            const self = holding[(turn + (order.next().value ?? 0)) % holding.length] ?? '';
            for (const receiver of plan({ self, members: list, holders, coming, copyCount, lackingMs }).receivers)
              coming.add(receiver);
          }
          expect(holders.size + coming.size).toBeLessThanOrEqual(endCount);
          for (const one of coming) holders.add(one);
          coming.clear();
        }
        expect(holders.size).toBe(endCount);
      }),
    );
  });
});
