import { describe, expect, test } from '@jest/globals';
import { fluidBoundMs } from './fluid-bound.js';

const line = (upBytesPerSecond: number, downBytesPerSecond: number) => ({ upBytesPerSecond, downBytesPerSecond });

describe('the fluid bound', () => {
  test.each([
    ["the seed's uplink, which everything passes once", 10, [line(100, 1000), line(100, 1000)], 100_000],
    ['the slowest downlink', 1000, [line(100, 5), line(100, 1000)], 200_000],
    ['all uplinks together, which carry the file to each', 100, [line(0, 1000), line(0, 1000), line(0, 1000)], 30_000],
    ['the same, where fetchers help', 100, [line(100, 1000), line(100, 1000), line(0, 1000)], 10_000],
  ])('is set by %s', (_, seedUp, fetchers, boundMs) => {
    expect(fluidBoundMs(1000, seedUp, fetchers)).toBeCloseTo(boundMs, 6);
  });
});
