/** The reader of a peer's list, fed with what peers and others send. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseFileName } from '../../common/core/file-name.js';
import { PAGE_MAX_BYTES } from '../../common/core/limits.js';
import { parseContentRoot } from '../../common/core/root.js';
import { formatSharedPage, formatSharedRow } from '../../common/wire/peer-documents.js';
import { LIST_PAGES_MAX_COUNT, ListReader } from './ask-list.js';

const root = parseContentRoot('a'.repeat(64));

/** A page as a peer sends it. */
function page(names: readonly string[], next?: string): string {
  const rows = names.map((name) => formatSharedRow({ name: parseFileName(name), sizeBytes: 5, root }));
  const body = formatSharedPage(rows, next);
  return `${body.length}\n${body}`;
}

function read(maxBytes = 1e6) {
  const names: string[] = [];
  return { names, reader: new ListReader({ maxBytes, row: ({ name }) => names.push(name) }) };
}

const bytes = (text: string) => Buffer.from(text);

describe('the walk over a list', () => {
  test('asks for page after page, and is whole at the last one', () => {
    const { names, reader } = read();
    expect(reader.opening).toBe('LIST max=1000\n');
    expect(reader.take(bytes(page(['a', 'b'], '17')))).toBe('LIST max=1000 after=17\n');
    expect(reader.answer.isWhole).toBe(false);
    expect(reader.take(bytes(page([], '18')))).toBe('LIST max=1000 after=18\n');
    expect(reader.take(bytes(page(['c'])))).toBeUndefined();
    expect(reader.answer.isWhole).toBe(true);
    expect(names).toEqual(['a', 'b', 'c']);
  });

  test('is the same however its bytes are cut', () => {
    const text = page(['a', 'b b', 'c']);
    fc.assert(
      fc.property(fc.array(fc.nat(text.length)), (cuts) => {
        const { names, reader } = read();
        const ends = [...new Set([...cuts, text.length])].sort((a, b) => a - b).filter((end) => end > 0);
        const nexts = ends.map((end, at) => reader.take(bytes(text.slice(ends[at - 1] ?? 0, end))));
        expect(nexts).toEqual([...Array(nexts.length - 1).fill(''), undefined]);
        expect([names, reader.answer.isWhole]).toEqual([['a', 'b b', 'c'], true]);
      }),
    );
  });

  test.each([
    ['that is not known', 'ERR UNKNOWN_COMMAND x\n'],
    ['that is refused', 'ERR BUSY x\n'],
    ['of another program', 'HTTP/1.1 400 Bad Request\r\n'],
    ['of rows that are none', '12\nOK 1\nhello\n\n'],
    ['with fewer rows than it says', '5\nOK 1\n'],
    ['with more behind it', `${page(['a'])}more`],
    ['larger than a page may be', `${PAGE_MAX_BYTES + 1}\nOK 0\n`],
    ['without a line', 'x'.repeat(5000)],
    ['that goes nowhere up', '12\nOK 0 next=/\n'],
  ])('says nothing of a list %s', (_what, text) => {
    const { reader } = read();
    expect(reader.take(bytes(text))).toBeUndefined();
    expect(reader.answer.isWhole).toBe(false);
  });

  test('says nothing of a list that is longer than it may be, in bytes or in pages', () => {
    const short = read(page(['a']).length);
    expect(short.reader.take(bytes(page(['a'])))).toBeUndefined();
    expect(short.reader.answer.isWhole).toBe(true);
    const long = read(page(['a']).length - 1);
    expect(long.reader.take(bytes(page(['a'])))).toBeUndefined();
    expect(long.reader.answer).toEqual({ isWhole: false, readBytes: page(['a']).length });
    const endless = read();
    let pageCount = 1;
    while (endless.reader.take(bytes(page([], '1'))) !== undefined) pageCount += 1;
    expect(pageCount).toBe(LIST_PAGES_MAX_COUNT);
    expect(endless.reader.answer.isWhole).toBe(false);
  });

  test('takes any bytes, and is whole only where a last page came', () => {
    const some = fc.oneof(
      fc.uint8Array({ maxLength: 100 }).map((junk) => Buffer.from(junk)),
      fc.constantFrom(page(['a'], '1'), page(['a']), 'ERR X y\n', '5\n', 'OK 0\n').map(bytes),
    );
    fc.assert(
      fc.property(fc.array(some, { maxLength: 4 }), (parts) => {
        const { reader } = read();
        for (const part of parts) if (reader.take(part) === undefined) break;
        if (reader.answer.isWhole) expect(Buffer.concat(parts).toString('latin1')).toContain('OK ');
      }),
    );
  });
});
