import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { errorCode } from '../../common/testkit/error-code.js';
import { parseByteRange, spanOfRange } from './byte-range.js';

describe('a range of bytes', () => {
  test.each([
    ['0-0', { offset: 0, lengthBytes: 1 }],
    ['0-99', { offset: 0, lengthBytes: 100 }],
    ['10-19', { offset: 10, lengthBytes: 10 }],
    ['990-2000', { offset: 990, lengthBytes: 10 }],
    ['999-', { offset: 999, lengthBytes: 1 }],
    ['0-', { offset: 0, lengthBytes: 1000 }],
    ['-1', { offset: 999, lengthBytes: 1 }],
    ['-1000', { offset: 0, lengthBytes: 1000 }],
    ['-9007199254740991', { offset: 0, lengthBytes: 1000 }],
  ])('"%s" of 1,000 bytes', (text, span) => {
    expect(spanOfRange(parseByteRange(text), 1000)).toEqual(span);
  });

  test.each(['', '-', '5', '5-4', '-0', 'a-b', '1-2-3', '1.5-2', ' 1-2', '0x1-', '-9007199254740992', '01-2'])(
    '"%s" is none',
    (text) => {
      expect(errorCode(() => parseByteRange(text))).toBe('USAGE');
    },
  );

  test('that begins behind the end is refused, of nothing too; the last bytes of nothing are none', () => {
    expect(errorCode(() => spanOfRange(parseByteRange('1000-'), 1000))).toBe('USAGE');
    expect(errorCode(() => spanOfRange(parseByteRange('0-9'), 0))).toBe('USAGE');
    expect(spanOfRange(parseByteRange('-5'), 0)).toEqual({ offset: 0, lengthBytes: 0 });
    expect(spanOfRange(undefined, 0)).toEqual({ offset: 0, lengthBytes: 0 });
  });

  test('takes what a slice takes', () => {
    const bytes = Array.from({ length: 50 }, (_, at) => at);
    fc.assert(
      fc.property(fc.nat(49), fc.nat(80), (first, more) => {
        const { offset, lengthBytes } = spanOfRange(parseByteRange(`${first}-${first + more}`), 50);
        expect(bytes.slice(offset, offset + lengthBytes)).toEqual(bytes.slice(first, first + more + 1));
      }),
    );
  });
});
