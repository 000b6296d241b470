/** A pause that a signal ends. */
import type { Clock } from '../../common/ports/clock.js';

/** Throws the signal's reason. */
export async function wait(clock: Clock, waitMs: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (waitMs <= 0) return;
  await new Promise<void>((resolve) => {
    const over = () => {
      timer.cancel();
      signal.removeEventListener('abort', over);
      resolve();
    };
    const timer = clock.setTimer('scrub', waitMs, over);
    signal.addEventListener('abort', over, { once: true });
  });
  signal.throwIfAborted();
}
