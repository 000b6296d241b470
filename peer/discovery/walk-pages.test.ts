/** Lists by pages, of those who end them and those who do not. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { PAGE_ROWS_MAX_COUNT } from '../../common/core/limits.js';
import { type AskPage, EMPTY_PAGES_MAX_COUNT, walkPages } from './walk-pages.js';

test('cursors that are always new, and lead to no row, come to an end', async () => {
  let count = 0;
  const walked = await walkPages<number>(async () => {
    count += 1;
    return { rows: [], next: `c${count}` };
  }, 10);
  expect({ walked, count }).toEqual({ walked: { rows: [], isCut: true }, count: EMPTY_PAGES_MAX_COUNT });
});

test('cursors that lead round in a circle of several pages come to an end', async () => {
  const asked: (string | undefined)[] = [];
  const walked = await walkPages<number>(async ({ after }) => {
    asked.push(after);
    return { rows: [], next: after === 'one' ? 'two' : 'one' };
  }, 10);
  expect({ walked, asked }).toEqual({ walked: { rows: [], isCut: true }, asked: [undefined, 'one', 'two'] });
});

test('law: every row comes once and in order, however the pages are cut, and no more than are wanted', async () => {
  const pages = fc.array(fc.nat(4), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(pages, fc.integer({ min: 1, max: 40 }), async (lengths, maxCount) => {
      const all = lengths.map((length, page) => Array.from({ length }, (_, row) => `${page}.${row}`));
      const ask: AskPage<string> = async ({ after, maxCount: count }) => {
        expect(count).toBeLessThanOrEqual(PAGE_ROWS_MAX_COUNT);
        const page = Number(after ?? 0);
        return { rows: all[page] ?? [], next: page + 1 < all.length ? String(page + 1) : undefined };
      };
      const { rows, isCut } = await walkPages(ask, maxCount);
      const whole = all.flat();
      expect(rows).toEqual(whole.slice(0, maxCount));
      if (!isCut) expect(rows).toEqual(whole);
    }),
  );
});
