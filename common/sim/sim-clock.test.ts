import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { rejectionCode } from '../testkit/error-code.js';
import { SimClock } from './sim-clock.js';

describe('simulated time', () => {
  test('runs timers in the order of their times, and at one time in the order of setting', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(20), { maxLength: 60 }), async (delays) => {
        const clock = new SimClock();
        const ran: { delayMs: number; nth: number; atMs: number }[] = [];
        for (const [nth, delayMs] of delays.entries()) {
          clock.setTimer('one', delayMs, () => ran.push({ delayMs, nth, atMs: clock.nowMs() }));
        }
        await clock.run();
        const expected = delays.map((delayMs, nth) => ({ delayMs, nth, atMs: delayMs }));
        expect(ran).toEqual(expected.sort((a, b) => a.delayMs - b.delayMs || a.nth - b.nth));
      }),
    );
  });

  test('lets every promise have its turn before it goes on, however many wait for each other', async () => {
    const clock = new SimClock();
    const seen: number[] = [];
    clock.setTimer('first', 10, async () => {
      for (let step = 0; step < 100; step += 1) await Promise.resolve();
      seen.push(clock.nowMs());
      clock.setTimer('set after promises', 0, () => seen.push(clock.nowMs()));
    });
    clock.setTimer('second', 11, () => seen.push(clock.nowMs()));
    await clock.run();
    expect(seen).toEqual([10, 10, 11]);
  });

  test('does not run what was cancelled, also by one that is due at the same time', async () => {
    const clock = new SimClock();
    let ranCount = 0;
    const timers = [5, 7].map((delayMs) => clock.setTimer('cancelled', delayMs, () => (ranCount += 1)));
    clock.setTimer('early', 5, () => timers[1]?.cancel());
    timers[0]?.cancel();
    await clock.run();
    expect(ranCount).toBe(0);
  });

  test('stops where it is told to, and goes on from there', async () => {
    const clock = new SimClock();
    const ran: number[] = [];
    for (const delayMs of [10, 20, 30]) clock.setTimer('one', delayMs, () => ran.push(delayMs));
    await clock.run({ untilMs: 20 });
    expect([ran, clock.nowMs()]).toEqual([[10, 20], 20]);
    await clock.run({ untilMs: 25 });
    expect([ran, clock.nowMs()]).toEqual([[10, 20], 25]);
    clock.setTimer('later', 1, () => ran.push(26));
    await clock.run({ isOver: () => ran.includes(26) });
    expect([ran, clock.nowMs()]).toEqual([[10, 20, 26], 26]);
  });

  test('says who keeps it from going on, and passes on what an event throws', async () => {
    const stuck = new SimClock();
    const again = () => void stuck.setTimer('again', 0, again);
    again();
    await expect(stuck.run()).rejects.toThrow('"again" is due again and again');
    const failing = new SimClock();
    failing.setTimer('fails', 1, () => {
      throw new Error('as planned');
    });
    await expect(failing.run()).rejects.toThrow('as planned');
    expect(await rejectionCode(failing.run())).toBe('nothing was thrown');
  });

  test('passes by itself where it is automatic', async () => {
    const clock = new SimClock({ isAutomatic: true });
    await new Promise<void>((resolve) => clock.setTimer('one hour', 3_600_000, resolve));
    expect(clock.nowMs()).toBe(3_600_000);
  });
});
