import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Bitfield } from '../../common/core/bitfield.js';
import { rangesOf, rangesOfBits } from './chunk-ranges.js';

const anyIndexes = fc.oneof(
  fc.array(fc.nat(70), { maxLength: 80 }),
  // Runs that fill whole bytes, and gaps that leave whole bytes empty.
  fc
    .array(fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 60 })), { maxLength: 6 })
    .map((runs) => runs.flatMap(([first, count]) => Array.from({ length: count }, (_, at) => first + at))),
);

function bitfieldOf(indexes: readonly number[]): Bitfield {
  const bits = new Bitfield(460);
  for (const index of indexes) bits.add(index);
  return bits;
}

describe('chunk ranges', () => {
  test('of a list are those of the set, whatever its order and whatever is in it twice', () => {
    fc.assert(fc.property(anyIndexes, (indexes) => expect(rangesOf(indexes)).toEqual(bitfieldOf(indexes).runs())));
  });

  test('of bits are those of the set, taken in pieces of any size', () => {
    fc.assert(
      fc.property(anyIndexes, fc.integer({ min: 1, max: 5 }), (indexes, maxCount) => {
        const bits = bitfieldOf(indexes);
        const found = [];
        for (let from: number | undefined = 0; from !== undefined; ) {
          const { ranges, nextIndex } = rangesOfBits(bits.bytes, from, maxCount);
          expect(ranges.length).toBeLessThanOrEqual(maxCount);
          found.push(...ranges);
          from = nextIndex;
        }
        expect(found).toEqual(bits.runs());
      }),
    );
  });

  test('of no bits are none', () => {
    expect(rangesOfBits(new Uint8Array(0), 0, 5)).toEqual({ ranges: [], nextIndex: undefined });
  });
});
