import { expect, test } from '@jest/globals';
import { openFilesMaxCount, peakBytes, possibleConnections, residentBytes } from './account.js';
import { delayFigures } from './delays.js';
import { realisticName } from './sample.js';

test('as many connections as files may be open, less a few, and what to do for more', () => {
  expect(possibleConnections(10_000, 20_000)).toEqual({ count: 10_000, advice: undefined });
  expect(possibleConnections(10_000, 10_200)).toEqual({ count: 10_000, advice: undefined });
  const few = possibleConnections(10_000, 1024);
  expect(few.count).toBe(824);
  expect(few.advice).toContain('ulimit -n 10200');
  expect(possibleConnections(10_000, 100).count).toBe(0);
  expect(possibleConnections(10_000, Number.NaN).count).toBe(10_000);
  expect(possibleConnections(10_000, openFilesMaxCount()).count).toBeGreaterThan(0);
});

test('the memory of a process, and not a number for none', () => {
  expect(residentBytes(process.pid)).toBeGreaterThan(2 ** 20);
  expect(peakBytes(process.pid)).toBeGreaterThan(2 ** 20);
  expect(residentBytes(undefined)).toBeNaN();
});

test('delays are told by the middle one, the one that a hundredth is beyond, and the longest', () => {
  const delays = Array.from({ length: 200 }, (_, index) => 200 - index);
  expect(delayFigures('it', delays).map((figure) => figure.median)).toEqual([101, 199, 200]);
});

test('sample names are all different and of about 30 bytes', () => {
  const names = Array.from({ length: 100_000 }, (_, number) => realisticName(number));
  expect(new Set(names).size).toBe(names.length);
  const meanBytes = names.reduce((sum, name) => sum + name.length, 0) / names.length;
  expect(meanBytes).toBeGreaterThan(27);
  expect(meanBytes).toBeLessThan(33);
});
