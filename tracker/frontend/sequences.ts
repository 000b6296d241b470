/**
 * The highest sequence number seen from each address, for a while: what is older came late and must not undo what came since.
 *
 * Two generations of entries, of which the older one goes as a whole; an address that asks again moves to the newer. So memory is
 * bounded, and a number is remembered for `keepMs` at least, unless INDEX_SEQUENCES_KEPT_COUNT others count meanwhile.
 */
import { INDEX_SEQUENCES_KEPT_COUNT } from '../../common/core/limits.js';

export class Sequences {
  readonly #keepMs: number;
  #newer = new Map<string, number>();
  #older = new Map<string, number>();
  #sinceMs = Number.NEGATIVE_INFINITY;

  constructor(keepMs: number) {
    this.#keepMs = keepMs;
  }

  /** The number that makes `seq` stale; `undefined` where it is not, and is remembered. Equal numbers are of one intent: not stale. */
  staleBy(address: string, seq: number, nowMs: number): number | undefined {
    if (nowMs - this.#sinceMs >= this.#keepMs || this.#newer.size >= INDEX_SEQUENCES_KEPT_COUNT) {
      this.#older = this.#newer;
      this.#newer = new Map();
      this.#sinceMs = nowMs;
    }
    const seen = this.#newer.get(address) ?? this.#older.get(address) ?? 0;
    this.#newer.set(address, Math.max(seen, seq));
    return seq < seen ? seen : undefined;
  }
}
