/**
 * How many UDP requests may be on the way to a tracker: as many as come back, found as TCP finds it (RFC 5681). One more for each reply
 * until something is lost, then one more for each window of replies; half of them after a loss. Pure.
 *
 * It never goes below where it began: so few fit in any buffer, and a link that loses by chance is not taken for a full one.
 */
import { INDEX_RETRY_FIRST_MS, INDEX_WINDOW_MAX_COUNT, INDEX_WINDOW_START_COUNT } from '../../common/core/limits.js';

export class SendWindow {
  #count = INDEX_WINDOW_START_COUNT;
  #slowFromCount = INDEX_WINDOW_MAX_COUNT;
  #lostMs = Number.NEGATIVE_INFINITY;

  /** Requests that may be on the way. */
  get count(): number {
    return Math.floor(this.#count);
  }

  answered(): void {
    const step = this.#count < this.#slowFromCount ? 1 : 1 / this.#count;
    this.#count = Math.min(INDEX_WINDOW_MAX_COUNT, this.#count + step);
  }

  /** A request was not answered in time. Several of one window are one loss. */
  lost(nowMs: number): void {
    if (nowMs - this.#lostMs < INDEX_RETRY_FIRST_MS) return;
    this.#lostMs = nowMs;
    this.#count = this.#slowFromCount = Math.max(INDEX_WINDOW_START_COUNT, this.#count / 2);
  }
}
