import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { anyFileName, anyJunk } from '../testkit/arbitraries.js';
import { errorCode, isContained } from '../testkit/error-code.js';
import { baseName, decodeFileName, encodeFileName, fileNameOf, parseFileName } from './file-name.js';
import { NAME_MAX_BYTES, NAME_PART_MAX_BYTES } from './limits.js';

describe('parseFileName', () => {
  test.each(['', '.', '..', '/abs', 'a/../../b', 'a//b', 'a/', './a', 'a/.', 'C:\\x', '\\\\srv\\s'])(
    'FS1: refuses "%s", which is no canonical relative path',
    (text) => {
      expect(errorCode(() => parseFileName(text))).toBe('BAD_REQUEST');
    },
  );

  test.each(['\n', '\r', '\u0000', '\u001b[2J', '\u007f', '\u0085', '\u2028', '\ud800', '\u202e', '\u2066', '\u061c'])(
    'TW6, TW14: refuses a name with %j in it',
    (mark) => {
      expect(errorCode(() => parseFileName(`a${mark}b`))).toBe('BAD_REQUEST');
    },
  );

  test.each([
    'CON',
    'nul.txt',
    'a:b',
    'dot.',
    'space ',
    '?*<>|"',
    '-rf',
    '~',
    '__proto__',
    'constructor',
    'x=y',
    'ファイル',
    '...',
  ])('FS2, TW13: takes "%s" as the ordinary name it is here', (text) => {
    expect(parseFileName(text)).toBe(text);
  });

  test('TW14: refuses a decomposed name, and never folds it into the composed one', () => {
    expect(errorCode(() => parseFileName('e\u0301'))).toBe('BAD_REQUEST');
    expect(parseFileName('\u00e9')).toBe('\u00e9');
    expect(fileNameOf('e\u0301')).toBe('\u00e9');
  });

  test('FS3: takes a part and a name at their limits in bytes, and refuses one byte more', () => {
    const part = `${'é'.repeat(127)}x`;
    expect(Buffer.byteLength(part)).toBe(NAME_PART_MAX_BYTES);
    expect(parseFileName(part)).toBe(part);
    expect(errorCode(() => parseFileName(`${part}x`))).toBe('BAD_REQUEST');
    const filled = `${'a'.repeat(203)}/`.repeat(5).slice(0, -1).padEnd(NAME_MAX_BYTES, 'b');
    expect(parseFileName(filled)).toHaveLength(NAME_MAX_BYTES);
    expect(errorCode(() => parseFileName(`${filled}b`))).toBe('BAD_REQUEST');
    expect(errorCode(() => parseFileName('é/'.repeat(350).slice(0, -1)))).toBe('BAD_REQUEST');
  });
});

/** The rules, one by one and without haste. */
function isName(text: string): boolean {
  const isShort = (part: string, maxBytes: number) => new TextEncoder().encode(part).length <= maxBytes;
  const parts = text.split('/');
  return (
    isShort(text, NAME_MAX_BYTES) &&
    parts.every((part) => !['', '.', '..'].includes(part) && isShort(part, NAME_PART_MAX_BYTES)) &&
    !/[\u0000-\u001f\u007f-\u009f\\\u061c\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]|\p{Cs}/u.test(text) &&
    text.normalize('NFC') === text
  );
}

test('what is taken for a name is what the rules say, whatever is tried first', () => {
  const unit = fc.constantFrom(...'abcdefgh./a~ \\@%é\u0301\u007f\u0080\ud800\u202e🐟', 'b'.repeat(60), 'é'.repeat(64));
  const taken = { yes: 0, no: 0 };
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 20 }), (text) => {
      const isGood = isName(text);
      expect(errorCode(() => parseFileName(text))).toBe(isGood ? 'nothing was thrown' : 'BAD_REQUEST');
      taken[isGood ? 'yes' : 'no'] += 1;
    }),
    { numRuns: 3000 },
  );
  expect(Math.min(taken.yes, taken.no)).toBeGreaterThan(100);
});

describe('a name on the wire', () => {
  test('is one token for every reader, and comes back as it was', () => {
    fc.assert(
      fc.property(anyFileName, (name) => {
        const token = encodeFileName(name);
        expect(token).toMatch(/^[^\s@][^\s]*$/u);
        expect(decodeFileName(token)).toBe(name);
      }),
      { numRuns: 500 },
    );
  });

  test('may have any byte encoded, in either case', () => {
    fc.assert(
      fc.property(anyFileName, fc.boolean(), (name, isUpper) => {
        const hex = Array.from(Buffer.from(name), (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
        expect(decodeFileName(isUpper ? hex.toUpperCase() : hex)).toBe(name);
      }),
    );
  });

  test.each([
    ['a b', 'a%20b'],
    ['100%', '100%25'],
    ['@home', '%40home'],
    ['a@b', 'a@b'],
    ['a\u00a0b\u3000c', 'a%C2%A0b%E3%80%80c'],
    ['é+=&', 'é+=&'],
  ])('"%s" is written %s', (name, token) => {
    expect(encodeFileName(parseFileName(name))).toBe(token);
  });

  test.each([
    '%',
    '%4',
    '%zz',
    '%+1',
    'a%',
    '%ff',
    '%c0%af',
    '%ed%a0%80',
    '%2e%2e',
    'a%2f..%2fb',
    '%00',
    '%0a',
    '%5c',
    '@raw',
    '',
  ])('TW14, PW1: "%s" is refused', (token) => {
    expect(errorCode(() => decodeFileName(token))).toBe('BAD_REQUEST');
  });

  test('survives anything, with nothing but a ShoalError', () => {
    fc.assert(fc.property(anyJunk, (text) => isContained(() => decodeFileName(text)) && isContained(() => parseFileName(text))));
  });
});

test('baseName is the last part', () => {
  expect(baseName(parseFileName('a/b/c.txt'))).toBe('c.txt');
  expect(baseName(parseFileName('c.txt'))).toBe('c.txt');
});
