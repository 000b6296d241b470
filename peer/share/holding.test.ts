import { describe, expect, test } from '@jest/globals';
import { Bitfield } from '../../common/core/bitfield.js';
import { errorCode } from '../../common/testkit/error-code.js';
import { fullHolding } from './holding.js';

describe('a full holding', () => {
  // Empty, one bit, around a byte's edge, and several bytes.
  test.each([0, 1, 7, 8, 9, 16, 1000])('of %d chunks has these and no other, and says so as a bitfield does', (chunkCount) => {
    const holding = fullHolding(chunkCount);
    const all = new Bitfield(chunkCount);
    for (let index = 0; index < chunkCount; index += 1) all.add(index);
    expect(holding.bits()).toEqual(all.bytes);
    expect(holding.chunkCount).toBe(chunkCount);
    expect([-1, 0, chunkCount - 1, chunkCount].map((index) => holding.has(index))).toEqual([
      false,
      chunkCount > 0,
      chunkCount > 0,
      false,
    ]);
  });

  test('gives copies: what is done to one changes nothing', () => {
    const holding = fullHolding(8);
    holding.bits().fill(0);
    expect(holding.bits()).toEqual(Uint8Array.of(0xff));
  });

  test('has a whole number of chunks', () => {
    expect(errorCode(() => fullHolding(1.5))).toBe('INTERNAL');
  });

  test('is not whole while chunks are damaged, and tells whoever watches of those that are good again', () => {
    const holding = fullHolding(10);
    const came: number[] = [];
    const unwatch = holding.watch((chunkIndex) => came.push(chunkIndex));
    expect([holding.lose(3), holding.lose(9), holding.lose(3), holding.lose(10), holding.lose(-1)]).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    expect([holding.isWhole, holding.has(3), holding.has(4), holding.has(9)]).toEqual([false, false, true, false]);
    expect(holding.bits()).toEqual(Uint8Array.of(0b1110_1111, 0b1000_0000));
    expect([holding.regain(9), holding.regain(9), holding.regain(4)]).toEqual([true, false, false]);
    unwatch();
    expect(holding.regain(3)).toBe(true);
    expect([holding.isWhole, came, holding.bits()]).toEqual([true, [9], Uint8Array.of(0xff, 0xc0)]);
  });
});
