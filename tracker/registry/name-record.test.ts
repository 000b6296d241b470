import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type FileName, parseFileName } from '../../common/core/file-name.js';
import { fold } from '../../common/core/fold.js';
import { anyFileName } from '../../common/testkit/arbitraries.js';
import { isOdd, nameOfRecord, recordOf } from './name-record.js';

describe('records of names', () => {
  test('begin with the folded name and give the name back, or are odd', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          anyFileName,
          fc.stringMatching(/^[ -.0-[\]-~]{1,40}$/).map((text) => text as FileName),
        ),
        (name) => {
          const record = recordOf(name);
          expect(record.startsWith(fold(name))).toBe(true);
          expect(record.slice(fold(name).length)).toMatch(/^[\u0001\u0010-\u001f]*\u0000$/);
          if (!isOdd(record)) expect(nameOfRecord(record)).toBe(name);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['plain-name.txt', 0],
    ['Plain-name.txt', 1],
    ['plain-name.TXT', 4],
    ['ÉTÉ', 1],
    ['ΑΒΓ', 1],
  ])('%s takes %d bytes for its capitals', (name, marksBytes) => {
    const record = recordOf(parseFileName(name));
    expect(record).toHaveLength(name.length + marksBytes + 1);
    expect(isOdd(record)).toBe(false);
  });

  test.each(['ΟΔΟς', 'İzmir', 'ẞ'])('%s cannot be had back from its folded form', (name) => {
    expect(isOdd(recordOf(parseFileName(name)))).toBe(true);
  });
});
