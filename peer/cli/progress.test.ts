import { describe, expect, test } from '@jest/globals';
import { RateMeter } from './progress.js';

describe('rate meter', () => {
  test('the rate is that of the last seconds, not of the whole', () => {
    const meter = new RateMeter();
    for (let at = 0; at <= 10; at += 1) meter.update(at * 1000, at * 100);
    expect(meter.update(11_000, 1100)).toBeCloseTo(100);
    for (let at = 12; at <= 20; at += 1) meter.update(at * 1000, 1100 + (at - 11) * 5000);
    expect(meter.update(21_000, 1100 + 50_000)).toBeCloseTo(5000);
  });

  test('the remaining time: unknown while nothing moves, nothing when all is done', () => {
    const meter = new RateMeter();
    expect(meter.etaMs(10)).toBe(Number.POSITIVE_INFINITY);
    expect(meter.etaMs(0)).toBe(0);
    meter.update(0, 0);
    meter.update(1000, 500);
    expect(meter.etaMs(1000)).toBeCloseTo(2000);
    expect(meter.update(1000, 500)).toBeCloseTo(500);
  });

  test('it holds few samples, however often it is asked', () => {
    const meter = new RateMeter();
    for (let at = 0; at < 100_000; at += 1) meter.update(at, at);
    expect(meter.update(100_000, 100_000)).toBeCloseTo(1000);
  });
});
