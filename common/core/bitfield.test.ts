import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Bitfield } from './bitfield.js';

type Step = readonly ['add' | 'delete', number];

const lengthAndSteps = fc
  .integer({ min: 0, max: 70 })
  .chain((length) =>
    fc.tuple(
      fc.constant(length),
      length === 0
        ? fc.constant<Step[]>([])
        : fc.array(fc.tuple(fc.constantFrom('add' as const, 'delete' as const), fc.nat(length - 1)), { maxLength: 120 }),
    ),
  );

describe('Bitfield', () => {
  test('agrees with a Set under any sequence of additions and removals', () => {
    fc.assert(
      fc.property(lengthAndSteps, ([length, steps]) => {
        const bits = new Bitfield(length);
        const model = new Set<number>();
        for (const [verb, index] of steps) {
          const isNews = verb === 'add' ? !model.has(index) : model.has(index);
          expect(bits[verb](index)).toBe(isNews);
          if (verb === 'add') model.add(index);
          else model.delete(index);
        }
        expect(bits.count).toBe(model.size);
        expect(bits.isFull).toBe(model.size === length);
        expect(Array.from({ length }, (_, index) => bits.has(index))).toEqual(
          Array.from({ length }, (_, index) => model.has(index)),
        );
        for (let from = 0; from <= length; from += 1) {
          let missing = from;
          while (missing < length && model.has(missing)) missing += 1;
          expect(bits.nextMissing(from)).toBe(missing);
        }
      }),
    );
  });

  test('gives runs that are ascending, apart, and hold exactly its members', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(99), { maxLength: 100 }), (members) => {
        const bits = new Bitfield(100);
        for (const index of members) bits.add(index);
        const runs = bits.runs();
        const listed = runs.flatMap(([first, count]) => Array.from({ length: count }, (_, step) => first + step));
        expect(listed).toEqual([...members].sort((left, right) => left - right));
        runs.slice(1).forEach(([first], at) => {
          const [before, count] = runs[at] ?? [0, 0];
          expect(first).toBeGreaterThan(before + count);
        });
      }),
    );
  });

  test('adds a run as it adds its members one by one, and nothing past its end', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(99)), fc.nat(120), fc.oneof(fc.nat(120), fc.constant(2 ** 52)), (members, first, count) => {
        const [bits, oneByOne] = [new Bitfield(100), new Bitfield(100)];
        for (const index of members) for (const each of [bits, oneByOne]) each.add(index);
        bits.addRun(first, count);
        for (let index = first; index < Math.min(100, first + count); index += 1) oneByOne.add(index);
        expect(bits.bytes).toEqual(oneByOne.bytes);
        expect(bits.count).toBe(oneByOne.count);
      }),
    );
  });

  test('is taken out of bytes at any place and of any length as bit by bit, and what is behind it does not matter', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 6 }), (bytes) => {
        const isSet = (bit: number) => ((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0;
        for (let skippedCount = 0; skippedCount <= 8 * bytes.length; skippedCount += 1) {
          for (let length = 0; length <= 8 * bytes.length - skippedCount; length += 1) {
            const taken = Bitfield.fromBytes(bytes, length, skippedCount);
            const model = new Bitfield(length);
            for (let index = 0; index < length; index += 1) if (isSet(skippedCount + index)) model.add(index);
            expect([taken.length, taken.count, ...taken.bytes]).toEqual([length, model.count, ...model.bytes]);
          }
        }
      }),
      { numRuns: 10 },
    );
  });

  test('is not taken out of bytes that are too few', () => {
    expect(() => Bitfield.fromBytes(new Uint8Array(2), 9, 8)).toThrow('the bytes hold all bits');
    expect(Bitfield.fromBytes(Uint8Array.of(0xff, 0xff), 8, 8).count).toBe(8);
  });

  test('keeps index 0 in bit 7 of byte 0, and spare bits at 0', () => {
    const bits = new Bitfield(9);
    bits.add(0);
    bits.add(8);
    expect([...bits.bytes]).toEqual([0x80, 0x80]);
    for (let index = 0; index < 9; index += 1) bits.add(index);
    expect([...bits.bytes]).toEqual([0xff, 0x80]);
  });

  test('refuses an index outside of it, and has none there', () => {
    const bits = new Bitfield(9);
    expect(() => bits.add(9)).toThrow('bit 9 of 9');
    expect(() => bits.add(-1)).toThrow('bit -1 of 9');
    expect([bits.has(9), bits.has(-1), bits.delete(9), bits.delete(-1)]).toEqual([false, false, false, false]);
  });

  test('is full and has no runs where it is empty of indexes', () => {
    const bits = new Bitfield(0);
    expect([bits.isFull, bits.count, bits.nextMissing(0), bits.runs()]).toEqual([true, 0, 0, []]);
  });
});
