/** When a fetched content has been shared for long enough: `--seed`, `--seed-time` and `--seed-ratio`. */
import type { CommandInput } from '../../common/cli/command-spec.js';
import { ShoalError } from '../../common/core/errors.js';
import type { Clock, Timer } from '../../common/ports/clock.js';

const RATIO_MAX = 10_000;

/** Whichever limit is reached first ends it; without one only the signal does. */
export class Seeding {
  readonly #timeMs: number | undefined;
  readonly #ratio: number | undefined;
  #servedBytes = 0;
  #onServed: () => void = () => undefined;

  constructor(timeMs: number | undefined, ratio: number | undefined) {
    this.#timeMs = timeMs;
    this.#ratio = ratio;
  }

  /** Bytes that were given to others, while it was fetched or after. */
  served(bytes: number): void {
    this.#servedBytes += bytes;
    this.#onServed();
  }

  /** Resolves when a content of `sizeBytes` was seeded for long enough, or the signal came. */
  untilOver(sizeBytes: number, clock: Clock, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      let timer: Timer | undefined;
      const endMs = clock.nowMs() + (this.#timeMs ?? Number.POSITIVE_INFINITY);
      // A timer may run out earlier than told: real ones last 24 days at most.
      const wait = () => {
        const leftMs = endMs - clock.nowMs();
        if (leftMs > 0) timer = clock.setTimer('seed time', leftMs, wait);
        else over();
      };
      const over = () => {
        timer?.cancel();
        signal.removeEventListener('abort', over);
        this.#onServed = () => undefined;
        resolve();
      };
      this.#onServed = () => {
        if (this.#ratio !== undefined && this.#servedBytes >= this.#ratio * sizeBytes) over();
      };
      if (signal.aborted) {
        over();
        return;
      }
      signal.addEventListener('abort', over, { once: true });
      if (this.#timeMs !== undefined) wait();
      this.#onServed();
    });
  }
}

/** What the flags ask for; `undefined` where nothing is seeded. Throws `USAGE`. */
export function seedingOf(input: CommandInput): Seeding | undefined {
  const ratioText = input.text('seed-ratio');
  if (input.switch('seed') !== true && input.text('seed-time') === undefined && ratioText === undefined) return undefined;
  const ratio = ratioText === undefined ? undefined : Number(ratioText);
  if (ratio !== undefined && !(/^\d+(\.\d+)?$/.test(ratioText ?? '') && ratio <= RATIO_MAX))
    throw new ShoalError(
      'USAGE',
      'local',
      `--seed-ratio takes a number from 0 to ${RATIO_MAX}, such as 1.5, not "${ratioText}".`,
    );
  return new Seeding(input.durationMs('seed-time'), ratio);
}
