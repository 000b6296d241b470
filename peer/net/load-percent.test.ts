import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { loadPercent } from './load-percent.js';

const idle = { slotCount: 8, usedSlotCount: 0, waitingCount: 0, rateBytes: 0 };

describe('the load of a peer', () => {
  test('is 0 for an idle one, 60 for one that is just busy, 100 for one at which as many wait as are served', () => {
    expect(loadPercent(idle, undefined)).toBe(0);
    expect(loadPercent({ ...idle, usedSlotCount: 4 }, undefined)).toBe(30);
    expect(loadPercent({ ...idle, usedSlotCount: 8 }, undefined)).toBe(60);
    expect(loadPercent({ ...idle, usedSlotCount: 8, waitingCount: 4 }, undefined)).toBe(80);
    expect(loadPercent({ ...idle, usedSlotCount: 8, waitingCount: 100 }, undefined)).toBe(100);
  });

  test('counts a rate limit that is reached as much as slots that are taken', () => {
    expect(loadPercent({ ...idle, usedSlotCount: 1, rateBytes: 1_000_000 }, 1_000_000)).toBe(60);
    expect(loadPercent({ ...idle, usedSlotCount: 1, rateBytes: 1_000_000 }, 4_000_000)).toBe(15);
    expect(loadPercent({ ...idle, usedSlotCount: 1, rateBytes: 1_000_000 }, undefined)).toBe(8);
  });

  test('is a whole number from 0 to 100, and never less with more to do', () => {
    const some = fc.record({
      slotCount: fc.integer({ min: 1, max: 64 }),
      usedSlotCount: fc.double({ min: 0, max: 80, noNaN: true }),
      waitingCount: fc.nat(10_000),
      rateBytes: fc.nat(),
    });
    fc.assert(
      fc.property(some, fc.option(fc.integer({ min: 1 }), { nil: undefined }), (load, limitBytes) => {
        const percent = loadPercent(load, limitBytes);
        expect(Number.isInteger(percent) && percent >= 0 && percent <= 100).toBe(true);
        for (const key of ['usedSlotCount', 'waitingCount', 'rateBytes'] as const)
          expect(loadPercent({ ...load, [key]: load[key] + 1 }, limitBytes)).toBeGreaterThanOrEqual(percent);
      }),
    );
  });
});
