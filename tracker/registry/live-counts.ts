/**
 * Counts what lives, for the rows of one page, with bounded work: a page of contents that everybody has is as long in the making as any.
 *
 * Up to COUNTED_MAX_COUNT registrations are counted one by one. Of more, that many are looked at, and the same part of all is taken to
 * live: what is past its lease is swept soon, so that a count is hardly ever wrong by much. One that is not 0 is never told as 0.
 */
import type { Records } from './records.js';

export const COUNTED_MAX_COUNT = 4096;
/** Registrations that may be looked at for each byte of the reply, two milliseconds for the longest page; and in any case. */
const LOOKS_PER_BYTE = 0.75;
const LOOKS_MIN_COUNT = 1000;

export class LiveCounts {
  readonly #records: Pick<Records, 'isLive'>;
  readonly #tick: number;
  #leftCount: number;

  /** For a page of `maxBytes`. */
  constructor(records: Pick<Records, 'isLive'>, tick: number, maxBytes: number) {
    this.#records = records;
    this.#tick = tick;
    this.#leftCount = Math.max(LOOKS_MIN_COUNT, LOOKS_PER_BYTE * maxBytes);
  }

  /** Whether as much was looked at as one page may; the page ends behind its row. */
  get isSpent(): boolean {
    return this.#leftCount < 0;
  }

  /** How many of `keptCount` registrations live. */
  count(holdings: Iterable<number>, keptCount: number): number {
    let [seenCount, liveCount] = [0, 0];
    for (const holding of holdings) {
      if (seenCount >= COUNTED_MAX_COUNT && liveCount > 0) break;
      seenCount += 1;
      if (this.#records.isLive(holding, this.#tick)) liveCount += 1;
    }
    this.#leftCount -= seenCount;
    return seenCount === keptCount ? liveCount : Math.max(1, Math.round((liveCount * keptCount) / seenCount));
  }
}
