/**
 * Chunks that the disk did not give when somebody wanted them are tried again after a while: a disk may have failed for a moment, as one
 * on a network does, and nobody else may have them.
 *
 *     unreadable ──► waits a minute ──► read: right, other bytes, or gone: forgotten
 *                        ▲                │
 *                        └─ twice as long ┘ still unreadable
 *
 * Invariant: at most CHUNKS_MAX_COUNT wait, at most one is read at a time, and none after `close`.
 */
import type { Clock, Timer } from '../../common/ports/clock.js';
import type { FileContent } from './damage-ledger.js';

/** Milliseconds until the first look, doubled after each that found nothing better, and the longest. */
const FIRST_MS = 60_000;
const LAST_MS = 3_600_000;
/** Of a disk that gives nothing any more, these are enough; the others wait for the next scrub. */
const CHUNKS_MAX_COUNT = 1000;

interface Look {
  readonly content: FileContent;
  readonly chunkIndex: number;
}

export class SecondLooks {
  readonly #clock: Clock;
  readonly #isUnreadable: (look: Look) => Promise<boolean>;
  #waiting: Look[] = [];
  #waitMs = FIRST_MS;
  #timer: Timer | undefined;
  #isClosed = false;

  /** `isUnreadable` reads a chunk once more; resolves with whether the disk still does not give it. */
  constructor(clock: Clock, isUnreadable: (look: Look) => Promise<boolean>) {
    this.#clock = clock;
    this.#isUnreadable = isUnreadable;
  }

  add(content: FileContent, chunkIndex: number): void {
    const isKnown = this.#waiting.some((look) => look.content === content && look.chunkIndex === chunkIndex);
    if (this.#isClosed || isKnown || this.#waiting.length >= CHUNKS_MAX_COUNT) return;
    this.#waiting.push({ content, chunkIndex });
    if (this.#timer === undefined) this.#wait(FIRST_MS);
  }

  /** Idempotent. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#waiting = [];
  }

  #wait(ms: number): void {
    this.#waitMs = ms;
    this.#timer = this.#clock.setTimer('second look', ms, () => void this.#look());
  }

  async #look(): Promise<void> {
    const still: Look[] = [];
    // Those that come meanwhile wait for the next time.
    for (const look of this.#waiting.splice(0)) {
      if (this.#isClosed) return;
      if (await this.#isUnreadable(look)) still.push(look);
    }
    this.#waiting.push(...still);
    this.#timer = undefined;
    if (this.#isClosed || this.#waiting.length === 0) return;
    this.#wait(still.length === 0 ? FIRST_MS : Math.min(2 * this.#waitMs, LAST_MS));
  }
}
