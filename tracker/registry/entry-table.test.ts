import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '../testkit/manual-ports.js';
import { EntryTable } from './entry-table.js';
import type { Peer } from './peer.js';
import { PeerOrder } from './peer-order.js';
import { lightHash, SplitMap } from './split-map.js';
import { textHash } from './text-hash.js';

/** A table of words, whose entries are their places in a list. */
function tableOf(words: readonly string[], hashOf: (word: string) => number) {
  let compareCount = 0;
  const table = new EntryTable<string>({
    hashOf,
    isOf: (entry, word) => {
      compareCount += 1;
      return words[entry] === word;
    },
  });
  return { table, compareCount: () => compareCount };
}

describe('entry table', () => {
  test.each([
    ['good', textHash(seededRandom(3))],
    ['bad', (word: string) => word.length],
    ['worst', () => -1],
  ])('is a Map, whatever comes and goes, with a %s hash', (_, hashOf) => {
    const step = fc.record({ at: fc.integer({ min: 1, max: 60 }), isKept: fc.boolean() });
    const words = Array.from({ length: 61 }, (__, at) => 'x'.repeat(at % 7) + at);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400, size: 'max' }), (steps) => {
        const { table } = tableOf(words, hashOf);
        const model = new Map<string, number>();
        for (const { at, isKept } of steps) {
          const word = words[at] ?? '';
          table.update(word, (entry) => {
            expect(entry).toBe(model.get(word) ?? 0);
            return isKept ? at : 0;
          });
          if (isKept) model.set(word, at);
          else model.delete(word);
        }
        for (const word of words) expect(table.get(word)).toBe(model.get(word) ?? 0);
      }),
      { numRuns: 60 },
    );
  });

  test('OV2: finds a hundred thousand names with few looks at them, and forgets them again', () => {
    const words = Array.from({ length: 100_000 }, (_, at) => `films/${at % 10}/${at}.mkv`);
    const { table, compareCount } = tableOf(['', ...words], textHash(seededRandom(4)));
    for (const [at, word] of words.entries()) table.update(word, () => at + 1);
    expect(words.findIndex((word, at) => table.get(word) !== at + 1)).toBe(-1);
    expect(compareCount()).toBeLessThan(101_000);
    for (const word of words) table.update(word, () => 0);
    expect(words.findIndex((word) => table.get(word) !== 0)).toBe(-1);
  });
});

describe('hash of a text', () => {
  test('spreads what counts up over all its bits, and differs from tracker to tracker', () => {
    const hash = textHash(seededRandom(5));
    const bits = new Array<number>(32).fill(0);
    for (let at = 0; at < 4096; at += 1) {
      const value = hash(`10.0.${at >> 8}.${at & 255}`, 4700);
      for (let bit = 0; bit < 32; bit += 1) bits[bit] = (bits[bit] ?? 0) + ((value >>> bit) & 1);
    }
    // Six standard deviations (32 each) around the half.
    for (const count of bits) expect(Math.abs(count - 2048)).toBeLessThan(192);
    expect(textHash(seededRandom(6))('a')).not.toBe(hash('a'));
  });
});

describe('peers in order', () => {
  test('are those that are there, in their order, from any serial number on', () => {
    const step = fc.oneof({ weight: 3, arbitrary: fc.constant(-1) }, { weight: 2, arbitrary: fc.nat(5000) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: 'max' }), fc.integer({ min: 1, max: 40 }), (steps, many) => {
        const order = new PeerOrder();
        let model: Peer[] = [];
        let serial = 0;
        for (const pick of steps) {
          // Many at once, so that there are several blocks.
          for (let left = many; left > 0; left -= 1) {
            if (pick < 0) {
              serial += 1;
              const peer = { serial, isGone: false } as Peer;
              order.add(peer);
              model.push(peer);
            } else {
              const gone = model[(pick + left) % Math.max(1, model.length)];
              if (gone === undefined) continue;
              gone.isGone = true;
              order.remove(gone);
              model = model.filter((peer) => peer !== gone);
            }
          }
        }
        const walked: number[] = [];
        for (let peer = order.after(0); peer !== undefined; peer = order.after(peer.serial)) walked.push(peer.serial);
        expect(walked).toEqual(model.map((peer) => peer.serial));
      }),
      { numRuns: 60 },
    );
  });
});

describe('a map in parts', () => {
  test('is a Map', () => {
    const step = fc.record({ key: fc.string({ maxLength: 3 }), value: fc.option(fc.nat()) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const map = new SplitMap<string, number>(lightHash);
        const model = new Map<string, number>();
        for (const { key, value } of steps) {
          if (value === null) {
            map.delete(key);
            model.delete(key);
          } else {
            map.set(key, value);
            model.set(key, value);
          }
          expect([map.get(key), map.has(key), map.size]).toEqual([model.get(key), model.has(key), model.size]);
        }
      }),
    );
  });
});
