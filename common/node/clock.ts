/** The real clock and the real randomness: with the simulator's twins, the only places where they come from. */
import { randomInt } from 'node:crypto';
import type { Clock } from '../ports/clock.js';
import type { Random } from '../ports/random.js';

export const realClock: Clock = {
  nowMs: () => performance.now(),
  setTimer(_name, delayMs, run) {
    if (delayMs <= 0) {
      // After the sockets that are ready now, not a millisecond later.
      const immediate = setImmediate(run);
      return { cancel: () => clearImmediate(immediate) };
    }
    const timer = setTimeout(run, Math.min(delayMs, 2 ** 31 - 1));
    return { cancel: () => clearTimeout(timer) };
  },
};

export const realRandom: Random = {
  below: (count) => randomInt(count),
};

/** Milliseconds since 1970, for comparison with the times of files. It may jump: never for measuring. */
export function epochNowMs(): number {
  return Date.now();
}

/** Lets everything else that is due run first: for loops that are long enough to hold up the event loop. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
