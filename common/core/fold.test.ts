import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { anyFileName } from '../testkit/arbitraries.js';
import { fold } from './fold.js';

describe('folding', () => {
  test.each([
    ['Holiday.MP4', 'holiday.mp4'],
    ['E\u0301TE\u0301', 'été'],
    ['Straße', 'straße'],
    ['STRASSE', 'strasse'],
    ['ẞ', 'ß'],
    ['İstanbul', 'i\u0307stanbul'],
    ['ISTANBUL', 'istanbul'],
    ['ΟΔΟΣ', 'οδοσ'],
    ['οδος', 'οδοσ'],
    ['ЁЖ', 'ёж'],
    ['🐟 Shoal 👩‍👩‍👧', '🐟 shoal 👩‍👩‍👧'],
    ['𐐀', '𐐨'],
    ['\u1100\u1161', '가'],
    ['', ''],
  ])('%j is compared as %j', (text, folded) => {
    expect(fold(text)).toBe(folded);
  });

  test('is the same for a text in any form and case, and changes nothing the second time', () => {
    fc.assert(
      fc.property(fc.oneof(anyFileName, fc.string({ unit: 'binary' })), (text) => {
        const folded = fold(text);
        expect(fold(text.normalize('NFD'))).toBe(folded);
        expect(fold(folded)).toBe(folded);
        expect(folded.normalize('NFC')).toBe(folded);
      }),
      { numRuns: 1000 },
    );
  });

  test('changes no single character the second time', () => {
    const unstable: string[] = [];
    for (let code = 0; code < 0x11_0000; code += 1) {
      const char = String.fromCodePoint(code);
      if (fold(fold(char)) !== fold(char) || fold(`a${char}b`.normalize('NFD')) !== fold(`a${char}b`))
        unstable.push(code.toString(16));
    }
    expect(unstable).toEqual([]);
  });

  test('a word is found by its beginning, whichever sigma that ends with', () => {
    expect(fold('ΟΔΟΣΤΡΩΜΑ').startsWith(fold('ΟΔΟΣ'))).toBe(true);
  });
});
