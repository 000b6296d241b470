import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parsePageHead } from '../common/wire/tracker-replies.js';
import { replyOfPage, replyOfRows } from './pages.js';

const line = (row: string) => `${row}\n`;

/** All the pages of a list of texts, as somebody walks them; the cursor is the number of rows before. */
function walk(all: readonly string[], maxCount: number, maxBytes: number): { pages: string[]; rows: string[] } {
  const pages: string[] = [];
  const rows: string[] = [];
  for (let after: string | undefined = '0'; after !== undefined; ) {
    const from = Number(after);
    const ask = (count: number) => {
      const shown = all.slice(from, from + count);
      const next = from + shown.length;
      return next < all.length ? { rows: shown, next: String(next) } : { rows: shown };
    };
    const page = replyOfPage(ask, maxCount, { maxBytes }, line);
    pages.push(page);
    const [head = '', ...lines] = page.slice(0, -1).split('\n');
    const { rowCount, next } = parsePageHead(head, maxCount);
    expect(lines).toHaveLength(rowCount);
    rows.push(...lines);
    after = next;
  }
  return { pages, rows };
}

describe('pages', () => {
  test('a walk over them gives every row that fits at all, once and in order, and no page is longer than its room', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom('a', 'é', '🐟'), maxLength: 60 })),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 90, max: 400 }),
        (all, maxCount, maxBytes) => {
          const { pages, rows } = walk(all, maxCount, maxBytes);
          for (const page of pages) expect(Buffer.byteLength(page)).toBeLessThanOrEqual(maxBytes);
          expect(rows).toEqual(all.filter((row) => Buffer.byteLength(row) + 81 <= maxBytes));
        },
      ),
    );
  });

  test('rows beyond the room are left out, the last ones', () => {
    expect(replyOfRows(['a'.repeat(9), 'b'.repeat(9), 'c'.repeat(9)], { maxBytes: 100 }, line)).toBe(
      'OK 2\naaaaaaaaa\nbbbbbbbbb\n',
    );
    expect(replyOfRows([], { maxBytes: 0 }, line)).toBe('OK 0\n');
  });
});
