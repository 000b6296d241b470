import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseFileName } from '../../common/core/file-name.js';
import { INDEX_EPOCH_NAMES_COUNT } from '../../common/core/limits.js';
import { ChangeOrder, changedBy } from './change-order.js';

const change = fc.constantFrom('a', 'b', 'c', '', '\n');

describe('the order of changes', () => {
  test('UD5: two that touch each other never have one number, and the later one has the higher', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(change, fc.boolean()), { maxLength: 60 }), (steps) => {
        const order = new ChangeOrder();
        const admitted: [changed: string, seq: number][] = [];
        let onTheWay: number[] = [];
        for (const [changed, isSettlingFirst] of steps) {
          const settleAll = (): void => {
            for (const _ of onTheWay) order.settled();
            onTheWay = [];
          };
          if (isSettlingFirst) settleAll();
          if (!order.admit(changed)) {
            // It waits only for others.
            expect(onTheWay.length).toBeGreaterThan(0);
            settleAll();
            expect(order.admit(changed)).toBe(true);
          }
          onTheWay.push(order.seq);
          expect(new Set(onTheWay).size).toBe(1);
          for (const [before, seq] of admitted) {
            const isTouching = before === changed || before === '\n' || changed === '\n';
            expect(isTouching ? seq < order.seq : seq <= order.seq).toBe(true);
          }
          admitted.push([changed, order.seq]);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('is kept in bounded memory: after so many names there is a new number', () => {
    const order = new ChangeOrder();
    for (let at = 0; at < INDEX_EPOCH_NAMES_COUNT; at += 1) expect(order.admit(String(at))).toBe(true);
    expect([order.admit('one more'), order.seq]).toEqual([false, 1]);
    for (let at = 0; at < INDEX_EPOCH_NAMES_COUNT; at += 1) order.settled();
    expect([order.admit('one more'), order.seq]).toEqual([true, 2]);
  });

  test('is about what requests change', () => {
    const name = parseFileName('a');
    expect(changedBy({ verb: 'REGISTER', name, sizeBytes: 1, address: '*:1', attributes: {} })).toBe('a');
    expect(changedBy({ verb: 'WITHDRAW', name, address: '*:1' })).toBe('a');
    expect([changedBy({ verb: 'ALIVE', address: '*:1' }), changedBy({ verb: 'JOIN', address: '*:1' })]).toEqual(['', '']);
    expect(changedBy({ verb: 'STATS' })).toBeUndefined();
    expect(() => parseFileName(changedBy({ verb: 'UNREGISTER', address: '*:1' }) ?? '')).toThrow();
  });
});
