import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { WIRE_CODES } from '../core/errors.js';
import { LINE_MAX_BYTES } from '../core/limits.js';
import { anyJunk } from '../testkit/arbitraries.js';
import { errorCode, isContained } from '../testkit/error-code.js';
import { formatErr, parseAttributes, parseCount, parseErr, parseFileSize, printable, splitTokens } from './tokens.js';

describe('tokens', () => {
  test.each(['a  b', ' a', 'a ', '', 'a\tb', 'a\rb', 'a\u0000', 'a\u007f', 'a\u001b[2J'])('TW4: refuses the line %j', (line) => {
    expect(errorCode(() => splitTokens(line))).toBe('BAD_REQUEST');
  });

  test('are parted by one space and by nothing else', () => {
    expect(splitTokens('a b\u00a0c =d')).toEqual(['a', 'b\u00a0c', '=d']);
  });

  test('attributes keep the first of a repeated key, and are no object with a prototype', () => {
    const attributes = parseAttributes(['verb', 'a=1', 'a=2', 'b=', 'c=x=y', '__proto__=z', 'longer=1'], 1);
    const keys = ['a', 'b', 'c', '__proto__', 'toString', 'long', 'verb', ''];
    expect(keys.map((key) => attributes.get(key))).toEqual(['1', '', 'x=y', 'z', ...new Array(4).fill(undefined)]);
    for (const token of ['a', '=a', '=']) expect(errorCode(() => parseAttributes([token]))).toBe('BAD_REQUEST');
  });
});

describe('numbers', () => {
  test.each([
    '-1',
    '+1',
    '1e9',
    '0x10',
    'NaN',
    '9007199254740993',
    '9007199254740992',
    '9'.repeat(400),
    '',
    '00',
    '01',
    '1.5',
    '1 ',
    '1n',
    '１',
  ])('TW7, PW3: "%s" is no size', (text) => {
    expect(errorCode(() => parseFileSize(text))).toBe('BAD_REQUEST');
    expect(parseCount(text, Number.MAX_SAFE_INTEGER)).toBeUndefined();
  });

  test('a count is taken at its limit, and not one past it', () => {
    expect([parseCount('0', 0), parseCount('100', 100), parseCount('101', 100)]).toEqual([0, 100, undefined]);
    expect(parseFileSize('9007199254740991')).toBe(Number.MAX_SAFE_INTEGER);
    fc.assert(fc.property(fc.maxSafeNat(), (value) => parseFileSize(String(value)) === value));
  });
});

describe('ERR lines', () => {
  test('come back with their code and text', () => {
    const text = fc.string({ minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(fc.constantFrom(...WIRE_CODES), text, (code, message) => {
        const line = formatErr(code, message);
        expect(line).toMatch(/^ERR [A-Z_]+ [^\n]*\n$/);
        expect(parseErr(line.slice(0, -1))).toMatchObject({ code, fault: 'remote', message });
      }),
    );
  });

  test('TW6: hold no control character and fit a line, whatever the text is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2000 }), (message) => {
        const line = formatErr('INTERNAL', message);
        expect(line.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
        expect(Buffer.byteLength(line)).toBeLessThanOrEqual(LINE_MAX_BYTES);
      }),
    );
  });

  test('with a code of the future are internal errors, with no text they say their code, and other lines are none', () => {
    expect(parseErr('ERR NEW_CODE why')).toMatchObject({ code: 'INTERNAL', message: 'why' });
    expect(parseErr('ERR BUSY')).toMatchObject({ code: 'BUSY', message: 'BUSY' });
    expect(parseErr('ERR BUSY ')).toMatchObject({ code: 'BUSY', message: 'BUSY' });
    expect(['OK', '512', '', 'ERR', 'ERROR x', 'ERR lower case'].map(parseErr)).toEqual(new Array(6).fill(undefined));
  });
});

describe('printable', () => {
  test('PW13: leaves nothing that moves a cursor or turns text around', () => {
    expect(printable('a\u001b[2Jb\u202e\u061c\n')).toBe('a\\u001b[2Jb\\u202e\\u061c\\u000a');
    expect(printable('é 🐟')).toBe('é 🐟');
    expect(printable('x'.repeat(1000))).toHaveLength(300);
  });

  test('takes anything, as every parser here does', () => {
    const parsers = [splitTokens, (text: string) => parseAttributes([text]), parseFileSize, parseErr, printable];
    fc.assert(fc.property(anyJunk, (text) => parsers.every((parse) => isContained(() => parse(text)))));
  });
});
