import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type FileName, parseFileName } from '../../common/core/file-name.js';
import { OrderedContents } from './ordered-contents.js';
import type { SharedContent } from './shared-content.js';

const contentOf = (name: string, version = 0) => ({ name: parseFileName(name), version }) as unknown as SharedContent;
const names = (contents: OrderedContents, place = 0) => [...contents.from(place)].map(({ content }) => content.name);

describe('contents in order', () => {
  test('are what a map with the same history holds, in the same order, whatever came and went', () => {
    const step = fc.record({ isGone: fc.boolean(), name: fc.nat(300).map((number) => parseFileName(`n${number}`)) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 1500, size: 'max' }), (steps) => {
        const contents = new OrderedContents();
        const model = new Map<FileName, SharedContent>();
        for (const [version, { isGone, name }] of steps.entries()) {
          if (isGone) [contents.delete(name), model.delete(name)];
          else {
            const content = contentOf(name, version);
            contents.set(content);
            model.set(name, content);
          }
        }
        expect([...contents.from(0)].map(({ content }) => content)).toEqual([...model.values()]);
        expect(contents.size).toBe(model.size);
        for (const name of model.keys()) expect(contents.get(name)).toBe(model.get(name));
        expect(contents.get(parseFileName('never'))).toBeUndefined();
      }),
      { numRuns: 50 },
    );
  });

  test('keep their places: a walk that is left and taken up again meets each that stays exactly once', () => {
    const contents = new OrderedContents();
    for (let number = 0; number < 1000; number += 1) contents.set(contentOf(`n${number}`));
    const met: string[] = [];
    let place = 0;
    for (let page = 0; ; page += 1) {
      const rows = [...contents.from(place)].slice(0, 10);
      const last = rows.at(-1);
      if (last === undefined || page > 1000) break;
      met.push(...rows.map(({ content }) => content.name));
      place = last.place + 1;
      // Behind, around and before the walk something goes, is replaced, and comes.
      for (const number of [page, 5 * page, 900 - page].filter((one) => one % 7 !== 0))
        contents.delete(parseFileName(`n${number}`));
      contents.set(contentOf(`n${7 * page}`, 1));
      if (page < 50) contents.set(contentOf(`later${page}`));
    }
    expect(new Set(met).size).toBe(met.length);
    const stayed = Array.from({ length: 143 }, (_, at) => `n${7 * at}`);
    expect(stayed.filter((name) => !met.includes(name))).toEqual([]);
    expect(met).toContain('later49');
  });

  test('can be walked over while gaps are closed under the walk', () => {
    const contents = new OrderedContents();
    for (let number = 0; number < 500; number += 1) contents.set(contentOf(`n${number}`));
    const met: string[] = [];
    for (const { content } of contents.from(0)) {
      met.push(content.name);
      if (met.length === 100) for (let number = 0; number < 400; number += 1) contents.delete(parseFileName(`n${number}`));
    }
    expect(met).toEqual([...Array.from({ length: 100 }, (_, at) => `n${at}`), ...names(contents)]);
    expect(names(contents)).toHaveLength(100);
    expect(names(contents, 450)).toHaveLength(50);
  });
});
