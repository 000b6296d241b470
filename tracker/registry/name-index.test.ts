/** The name index against a naive twin: a list of names, each looked at for each search. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type FileName, fileNameOf, parseFileName } from '../../common/core/file-name.js';
import { fold } from '../../common/core/fold.js';
import { anyFileName } from '../../common/testkit/arbitraries.js';
import { seededRandom } from '../testkit/manual-ports.js';
import { NameIndex, type NamePage } from './name-index.js';

const NO_LIMIT_BYTES = 1e9;

/** All names of a walk over the pages, in order; each page begins where the last one said. */
function walk(page: (afterId: number) => NamePage): FileName[] {
  const names: FileName[] = [];
  for (let afterId = 0; ; ) {
    const { names: some, nextId } = page(afterId);
    names.push(...some);
    if (nextId === undefined) return names;
    expect(nextId).toBeGreaterThan(afterId);
    afterId = nextId;
  }
}

/** Names with every kind of letter, in few enough shapes that parts of them are in several. */
const someName = fc.oneof(
  anyFileName,
  fc
    .array(fc.constantFrom('a', 'A', 'b', 'ab', 'É', 'é', 'ΑΣ', 'ς', 'İ', 'K', 'ẞ', '𐐀', '日本', ' '), {
      minLength: 1,
      maxLength: 12,
    })
    .map((parts) => fileNameOf(parts.join(''))),
);
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('add' as const), name: someName, copies: fc.constantFrom(1, 1, 50, 400) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('remove' as const), every: fc.integer({ min: 1, max: 5 }), from: fc.nat() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('search' as const),
      of: fc.nat(),
      start: fc.nat(),
      length: fc.integer({ min: 1, max: 6 }),
      maxCount: fc.constantFrom(1, 7, 1000),
      budgetBytes: fc.constantFrom(1, 5000, NO_LIMIT_BYTES),
    }),
  },
);

describe('name index against its model', () => {
  test('gives the same names in the same order after any adds and removals', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
        const index = new NameIndex();
        const model = new Map<number, FileName>();
        let lastId = 0;
        let isAscending = true;
        for (const one of steps) {
          if (one.kind === 'add') {
            for (let copy = 0; copy < one.copies; copy += 1) {
              const name = (one.copies === 1 ? one.name : `${copy}-${[...one.name].slice(0, 60).join('')}`) as FileName;
              const id = index.add(name);
              isAscending &&= id > lastId;
              lastId = id;
              model.set(id, name);
            }
          } else if (one.kind === 'remove') {
            for (const [at, id] of [...model.keys()].entries()) {
              if ((at + one.from) % one.every !== 0) continue;
              index.remove(id);
              index.remove(id);
              model.delete(id);
            }
          } else {
            const names = [...model.values()];
            const letters = [...fold(names[one.of % Math.max(1, names.length)] ?? 'nothing')];
            const text = letters.slice(one.start % letters.length, (one.start % letters.length) + one.length).join('');
            const got = walk((afterId) => index.search(text, afterId, one.maxCount, one.budgetBytes));
            expect(got).toEqual(names.filter((name) => fold(name).includes(text)));
            expect(walk((afterId) => index.list(afterId, one.maxCount))).toEqual(names);
          }
        }
        expect(isAscending).toBe(true);
      }),
      // A failure is told as it is: to make it smaller would take an hour.
      { numRuns: 60, endOnFailure: true },
    );
  });

  test('a walk gives each name once that is there the whole time, while others come and go, and their room is had back', () => {
    const random = seededRandom(4);
    const index = new NameIndex();
    const staying: FileName[] = [];
    const passing: number[] = [];
    const addSome = (count: number): void => {
      for (let added = 0; added < count; added += 1) passing.push(index.add(`passing ${random.below(1e9)}` as FileName));
    };
    for (let number = 0; number < 3000; number += 1) {
      staying.push(`Staying ${number}` as FileName);
      index.add(`Staying ${number}` as FileName);
      addSome(10);
    }
    const fullBytes = index.keptBytes;
    const seen = walk((afterId) => {
      for (let removed = 0; removed < 500 && passing.length > 0; removed += 1) {
        index.remove(passing.splice(random.below(passing.length), 1)[0] ?? 0);
      }
      addSome(40);
      return index.search('ing ', afterId, 100, 20_000);
    });
    expect(seen.filter((name) => name.startsWith('Staying'))).toEqual(staying);
    expect(new Set(seen).size).toBe(seen.length);
    for (const id of passing) index.remove(id);
    expect(index.keptBytes).toBeLessThan(fullBytes / 4);
    expect(walk((afterId) => index.list(afterId, 1000))).toEqual(staying);
  });
});

describe('name index', () => {
  const indexOf = (...names: string[]): NameIndex => {
    const index = new NameIndex();
    for (const name of names) index.add(parseFileName(name));
    return index;
  };
  const search = (index: NameIndex, text: string) => index.search(fold(text), 0, 100, NO_LIMIT_BYTES).names;

  test('finds a part of a name in whatever case and form, and gives the name as it was told', () => {
    const index = indexOf('Holiday/Été 2024.MP4', 'ΟΔΟΣ', 'İzmir', 'STRAßE', 'Kelvin \u212a'.normalize('NFC'));
    expect(search(index, 'E\u0301TE\u0301')).toEqual(['Holiday/Été 2024.MP4']);
    expect(search(index, 'day/é')).toEqual(['Holiday/Été 2024.MP4']);
    expect(search(index, 'οδος')).toEqual(['ΟΔΟΣ']);
    expect(search(index, 'İZ')).toEqual(['İzmir']);
    expect(search(index, 'ß')).toEqual(['STRAßE']);
    expect(search(index, 'k')).toEqual(['Kelvin K']);
    expect(search(index, 'nothing')).toEqual([]);
  });

  test('finds nothing that reaches over the end of a name, and no mark of how a name is written', () => {
    const index = indexOf('ABCD', 'efgh');
    for (const text of ['de', 'd\u001fe', '\u001f', '\u0000', '\u0001']) expect(search(index, text)).toEqual([]);
    expect(search(index, 'cd')).toEqual(['ABCD']);
  });

  test('a page says that it is the last when it is, also where it is just full', () => {
    const index = indexOf('a1', 'b', 'a2', 'a3');
    expect(index.search('a', 0, 2, NO_LIMIT_BYTES)).toEqual({ names: ['a1', 'a2'], nextId: 3 });
    expect(index.search('a', 3, 2, NO_LIMIT_BYTES)).toEqual({ names: ['a3'] });
    expect(index.search('a', 0, 3, NO_LIMIT_BYTES)).toEqual({ names: ['a1', 'a2', 'a3'] });
    expect(index.list(0, 4)).toEqual({ names: ['a1', 'b', 'a2', 'a3'] });
    expect(index.list(0, 3)).toEqual({ names: ['a1', 'b', 'a2'], nextId: 3 });
    expect(index.list(1e15, 3)).toEqual({ names: [] });
  });

  test('a search that finds nothing ends early, and goes on where it ended', () => {
    const index = new NameIndex();
    for (let number = 0; number < 20_000; number += 1) index.add(`abc-bcd-${number}` as FileName);
    const last = index.add('abcd' as FileName);
    const first = index.search('abcd', 0, 10, 100_000);
    expect(first.names).toEqual([]);
    expect(first.nextId).toBeGreaterThan(1000);
    expect(first.nextId).toBeLessThan(last);
    expect(walk((afterId) => index.search('abcd', afterId, 10, 100_000))).toEqual(['abcd']);
  });

  test('a walk gets further at each page, however little each may look at', () => {
    const index = new NameIndex();
    for (let number = 0; number < 20_000; number += 1) index.add(`some-name-${number}` as FileName);
    expect(walk((afterId) => index.search('nowhere', afterId, 10, 1))).toEqual([]);
    expect(walk((afterId) => index.search('name-19999', afterId, 10, 1))).toEqual(['some-name-19999']);
  });

  test('50,000 names take 60 bytes each, and nearly nothing is kept when all but the last are gone, in whatever order', () => {
    const random = seededRandom(7);
    const index = new NameIndex();
    const ids = Array.from({ length: 50_000 }, (_, number) => index.add(`Some file ${number} of 30 byte.mp4` as FileName));
    expect(index.keptBytes).toBeLessThan(60 * ids.length);
    for (let left = ids.length - 1; left > 0; left -= 1) index.remove(ids.splice(random.below(left), 1)[0] ?? 0);
    expect(index.list(0, 10).names).toEqual(['Some file 49999 of 30 byte.mp4']);
    expect(index.keptBytes).toBeLessThan(400_000);
  });

  test('names that come and go leave nothing', () => {
    const index = new NameIndex();
    for (let number = 0; number < 100_000; number += 1) index.remove(index.add(`passing ${number}` as FileName));
    expect(index.keptBytes).toBeLessThan(400_000);
  });

  test('an empty index has one empty page', () => {
    const index = indexOf('gone');
    index.remove(1);
    index.remove(2);
    expect(index.list(0, 10)).toEqual({ names: [] });
    expect(index.search('gone', 0, 10, 1)).toEqual({ names: [] });
    expect(index.add('back' as FileName)).toBe(2);
  });
});
