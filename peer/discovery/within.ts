/** Waiting for something, but not for ever. */
import type { Clock } from '../../common/ports/clock.js';

/** Resolves when `work` is over, well or not, and at the latest after `deadlineMs`; at once where there is none. */
export async function within(clock: Clock, deadlineMs: number, work: Promise<unknown> | undefined): Promise<void> {
  if (work === undefined) return;
  await new Promise<void>((resolve) => {
    const deadline = clock.setTimer('goodbye', deadlineMs, resolve);
    const over = () => {
      deadline.cancel();
      resolve();
    };
    work.then(over, over);
  });
}
