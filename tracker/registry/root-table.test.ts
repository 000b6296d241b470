import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type ContentRoot, parseContentRoot } from '../../common/core/root.js';
import { anyRoot } from '../../common/testkit/arbitraries.js';
import { seededRandom } from '../testkit/manual-ports.js';
import { RootColumn, wordsOf } from './root-column.js';
import { rootTable } from './root-table.js';

/** An entry is a row of the column. */
function tableWith(seed: number) {
  const roots = new RootColumn();
  return { roots, table: rootTable({ random: seededRandom(seed) }, roots, (entry) => entry) };
}

describe('root table', () => {
  test('is a Map, whatever comes and goes', () => {
    const step = fc.record({ at: fc.nat(400), isKept: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 1500, size: 'max' }), fc.nat(), (steps, seed) => {
        const { roots, table } = tableWith(seed);
        const model = new Map<ContentRoot, number>();
        const rootAt = (at: number) => parseContentRoot((at * 7919).toString(16).padStart(64, '0'));
        for (const { at, isKept } of steps) {
          const root = rootAt(at);
          if (isKept) roots.set(at + 1, wordsOf(root));
          table.update(wordsOf(root), (entry) => {
            expect(entry).toBe(model.get(root) ?? 0);
            return isKept ? at + 1 : 0;
          });
          if (isKept) model.set(root, at + 1);
          else model.delete(root);
        }
        for (let at = 0; at <= 400; at += 1) expect(table.get(wordsOf(rootAt(at)))).toBe(model.get(rootAt(at)) ?? 0);
      }),
      { numRuns: 50 },
    );
  });

  test('a root comes back as it was kept', () => {
    fc.assert(
      fc.property(anyRoot, fc.nat(10_000), (root, row) => {
        const roots = new RootColumn();
        roots.set(row, wordsOf(root));
        expect(roots.get(row)).toBe(root);
        expect(roots.is(row, wordsOf(root))).toBe(true);
        const other = parseContentRoot(root.replace(/.$/, (last) => (last === '0' ? '1' : '0')));
        expect(roots.is(row, wordsOf(other))).toBe(false);
      }),
    );
  });

  test.each([
    ['count up in front', (at: number) => at.toString(16).padStart(8, '0').padEnd(64, '0')],
    ['count up behind', (at: number) => at.toString(16).padStart(64, '0')],
    ['count up in every word', (at: number) => at.toString(16).padStart(8, '0').repeat(8)],
  ])('roots that %s are found as fast as any', (_, textOf) => {
    const { roots, table } = tableWith(5);
    let compareCount = 0;
    const is = roots.is.bind(roots);
    roots.is = (row, words) => {
      compareCount += 1;
      return is(row, words);
    };
    for (let at = 1; at <= 20_000; at += 1) {
      const root = parseContentRoot(textOf(at));
      roots.set(at, wordsOf(root));
      table.update(wordsOf(root), () => at);
    }
    expect(compareCount).toBeLessThan(20_000 * 10);
  });
});
