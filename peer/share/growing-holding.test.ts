import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Bitfield } from '../../common/core/bitfield.js';
import { GrowingHolding } from './growing-holding.js';
import type { Holding } from './holding.js';

/** What a holding says of itself, chunk by chunk and as it goes over the wire. */
function told(holding: Holding): { chunks: boolean[]; wire: boolean[]; spare: boolean[] } {
  const { chunkCount } = holding;
  const bytes = holding.bits();
  expect(bytes).toHaveLength(Math.ceil(chunkCount / 8));
  const all = Array.from({ length: 8 * bytes.length }, (_, bit) => ((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0);
  return {
    chunks: Array.from({ length: chunkCount }, (_, index) => holding.has(index)),
    wire: all.slice(0, chunkCount),
    spare: all.slice(chunkCount),
  };
}

type Step = readonly ['come' | 'lose', number];

/** File sizes in units, chunks of an index, and what happens. */
const fetches = fc
  .tuple(fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 6 }), fc.integer({ min: 0, max: 17 }))
  .chain(([sizes, indexCount]) => {
    const unitCount = sizes.reduce((sum, size) => sum + size, 0);
    const step = fc.tuple(fc.constantFrom('come' as const, 'come' as const, 'lose' as const), fc.nat(Math.max(0, unitCount - 1)));
    return fc.record({
      sizes: fc.constant(sizes),
      indexCount: fc.constant(indexCount),
      unitCount: fc.constant(unitCount),
      steps: unitCount === 0 ? fc.constant<Step[]>([]) : fc.array(step, { maxLength: 40 }),
    });
  });

describe('what is here of a fetch', () => {
  test('says of each file and of the folder what a list of units says, whatever comes and is lost', () => {
    fc.assert(
      fc.property(fetches, ({ sizes, indexCount, unitCount, steps }) => {
        const had = new Bitfield(unitCount);
        const growing = new GrowingHolding(had);
        const model = new Set<number>();
        const firsts = sizes.map((_, at) => sizes.slice(0, at).reduce((sum, size) => sum + size, 0));
        const files = sizes.map((size, at) => growing.file(firsts[at] ?? 0, size));
        const folder = growing.folder(indexCount);
        const heard = files.map((): number[] => []);
        const heardOfFolder: number[] = [];
        for (const [at, file] of files.entries()) file.watch((chunk) => heard[at]?.push(chunk));
        folder.watch((chunk) => heardOfFolder.push(chunk));
        const came: number[] = [];
        for (const [kind, unit] of steps) {
          if (kind === 'lose') {
            had.delete(unit);
            model.delete(unit);
          } else if (had.add(unit)) {
            model.add(unit);
            growing.came(unit);
            came.push(unit);
          }
        }
        const units = Array.from({ length: unitCount }, (_, unit) => model.has(unit));
        for (const [at, file] of files.entries()) {
          const [first, size] = [firsts[at] ?? 0, sizes[at] ?? 0];
          const chunks = units.slice(first, first + size);
          const isMine = (unit: number) => unit >= first && unit < first + size;
          expect(told(file)).toEqual({ chunks, wire: chunks, spare: told(file).spare.map(() => false) });
          expect(heard[at]).toEqual(came.filter(isMine).map((unit) => unit - first));
        }
        const all = [...Array.from({ length: indexCount }, () => true), ...units];
        expect(told(folder)).toEqual({ chunks: all, wire: all, spare: told(folder).spare.map(() => false) });
        expect(heardOfFolder).toEqual(came.map((unit) => indexCount + unit));
      }),
    );
  });

  test('has no chunk before its first or behind its last, though the fetch has those units', () => {
    const had = new Bitfield(9);
    had.addRun(0, 9);
    const growing = new GrowingHolding(had);
    const file = growing.file(3, 3);
    expect([file.has(-1), file.has(0), file.has(2), file.has(3)]).toEqual([false, true, true, false]);
    const folder = growing.folder(2);
    expect([folder.has(-1), folder.has(0), folder.has(10), folder.has(11)]).toEqual([false, true, true, false]);
  });

  test('gives its bits away as a copy, and tells nobody who listens no more', () => {
    const had = new Bitfield(8);
    const growing = new GrowingHolding(had);
    const file = growing.file(0, 8);
    const bits = file.bits();
    const heard: number[] = [];
    const stop = file.watch((chunk) => {
      heard.push(chunk);
      // Ending it while it is told is allowed, and ends nobody else's.
      stop();
    });
    const others: number[] = [];
    file.watch((chunk) => others.push(chunk));
    for (const unit of [4, 5]) {
      had.add(unit);
      growing.came(unit);
    }
    expect([[...bits], heard, others]).toEqual([[0], [4], [4, 5]]);
  });
});
