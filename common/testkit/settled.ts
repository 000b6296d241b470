/** Waiting for a promise in simulated time. */
import type { SimClock } from '../sim/sim-clock.js';

/** Lets time pass until the promise has settled; gives its value. Throws what it throws. */
export async function settled<T>(clock: SimClock, promise: Promise<T>): Promise<T> {
  let isOver = false;
  const over = (): void => {
    isOver = true;
  };
  promise.then(over, over);
  await clock.run({ isOver: () => isOver });
  return promise;
}
