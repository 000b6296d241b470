/** How fast a scrub may go, and when. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isIdle, Pace } from './pace.js';

test('whatever is read when, never more than the budget and one step comes in any time', () => {
  const step = fc.record({ bytes: fc.integer({ min: 1, max: 1_000_000 }), lateMs: fc.nat(5000) });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 50 }), fc.integer({ min: 1000, max: 10_000_000 }), (steps, rate) => {
      const pace = new Pace(rate);
      let [nowMs, doneBytes] = [0, 0];
      for (const { bytes, lateMs } of steps) {
        expect(doneBytes).toBeLessThanOrEqual((nowMs * rate) / 1000 + 1);
        doneBytes += bytes;
        nowMs += pace.take(bytes, nowMs) + lateMs;
      }
    }),
  );
});

test('without a budget nothing waits, and time in which nothing was read is not made up for', () => {
  expect(new Pace(undefined).take(1e9, 5)).toBe(0);
  const pace = new Pace(1000);
  expect([pace.take(1000, 0), pace.take(1000, 1000), pace.take(1000, 60_000), pace.take(500, 60_000)]).toEqual([
    1000, 1000, 1000, 1500,
  ]);
});

test('uploads, work for commands and busy cores each keep it waiting', () => {
  const reading = { loopBusyMs: 0, loopDelayP99Ms: 0, loopDelayMaxMs: 0, coreCount: 2, ownBusyMs: 0 };
  const quiet = { uploadPercent: 19, isWorking: false, machine: { ...reading, coresBusyMs: 999 }, spanMs: 1000 };
  expect(isIdle(quiet)).toBe(true);
  expect(isIdle({ ...quiet, machine: undefined })).toBe(true);
  expect(isIdle({ ...quiet, uploadPercent: 20 })).toBe(false);
  expect(isIdle({ ...quiet, isWorking: true })).toBe(false);
  expect(isIdle({ ...quiet, machine: { ...reading, coresBusyMs: 1000 } })).toBe(false);
});
