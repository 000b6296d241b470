import { describe, expect, test } from '@jest/globals';
import { CHUNKS_MAX_COUNT } from '../../common/core/limits.js';
import { parseContentRoot } from '../../common/core/root.js';
import { SentCounts } from './sent-counts.js';

const rootOf = (number: number) => parseContentRoot(number.toString(16).padStart(64, '0'));

describe('counts of what was sent', () => {
  test('are of a chunk of a content, go back, and end at 255', () => {
    const counts = new SentCounts();
    counts.add(rootOf(1), 2, 3);
    counts.add(rootOf(1), 2, 3);
    counts.add(rootOf(2), 2, 3);
    expect([counts.of(rootOf(1), 2), counts.of(rootOf(1), 1), counts.of(rootOf(2), 2), counts.of(rootOf(3), 2)]).toEqual([
      2, 0, 1, 0,
    ]);
    counts.remove(rootOf(1), 2);
    counts.remove(rootOf(1), 0);
    expect([counts.of(rootOf(1), 2), counts.of(rootOf(1), 0)]).toEqual([1, 0]);
    for (let left = 300; left > 0; left -= 1) counts.add(rootOf(1), 0, 3);
    expect(counts.of(rootOf(1), 0)).toBe(255);
  });

  test('of the contents that were sent longest ago are forgotten first', () => {
    const counts = new SentCounts();
    for (let number = 0; number < 4; number += 1) counts.add(rootOf(number), 0, CHUNKS_MAX_COUNT);
    counts.add(rootOf(0), 0, CHUNKS_MAX_COUNT);
    counts.add(rootOf(9), 0, 1);
    expect([0, 1, 2, 3, 9].map((number) => counts.of(rootOf(number), 0))).toEqual([2, 0, 1, 1, 1]);
  });

  test('of a folder of a great many files do not grow without end', () => {
    const counts = new SentCounts();
    for (let number = 0; number < 5000; number += 1) counts.add(rootOf(number), 0, 1);
    const keptCount = Array.from({ length: 5000 }, (_, number) => counts.of(rootOf(number), 0)).reduce(
      (sum, one) => sum + one,
      0,
    );
    expect(keptCount).toBe(4096);
    expect(counts.of(rootOf(4999), 0)).toBe(1);
  });
});
