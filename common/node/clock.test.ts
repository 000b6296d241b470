import { afterEach, expect, jest, test } from '@jest/globals';
import { realClock } from './clock.js';

const HOUR_MS = 3_600_000;
afterEach(() => void jest.restoreAllMocks());

test.each([HOUR_MS, -HOUR_MS])(
  'NW9: the clock of leases and deadlines is not moved when the time of day jumps by %d ms',
  async (jumpMs) => {
    const beforeMs = realClock.nowMs();
    const fired = new Promise<number>((resolve) => realClock.setTimer('deadline', 5, () => resolve(realClock.nowMs())));
    const { now } = Date;
    jest.spyOn(Date, 'now').mockImplementation(() => now() + jumpMs);
    expect(Math.abs(Date.now() - now())).toBeGreaterThan(HOUR_MS / 2);
    const firedMs = await fired;
    // As late as a busy machine makes it, and neither an hour early nor late.
    expect(firedMs - beforeMs).toBeGreaterThan(4);
    expect(firedMs - beforeMs).toBeLessThan(HOUR_MS / 2);
  },
);

test('a timer that is due at once runs after what is ready now, and one that was cancelled never', async () => {
  const order: string[] = [];
  realClock.setTimer('cancelled', 0, () => order.push('cancelled')).cancel();
  realClock.setTimer('cancelled later', 1, () => order.push('cancelled later')).cancel();
  await new Promise<void>((resolve) => {
    realClock.setTimer('due', 0, () => {
      order.push('due');
      resolve();
    });
    queueMicrotask(() => order.push('ready'));
  });
  expect(order).toEqual(['ready', 'due']);
});
