/**
 * How often each source may ask, in fixed memory however many there are: a table of slots that sources are spread over by a hash that
 * nobody outside can compute. Sources in one slot share what it gives.
 *
 * A slot holds one instant: when all that was taken from it is made up for. It may be a second ahead of now, which is a burst of a
 * second's worth (the generic cell rate algorithm of ATM Forum TM 4.0).
 */
import { INDEX_RATE_SLOTS_COUNT } from '../../common/core/limits.js';
import type { Random } from '../../common/ports/random.js';

const BURST_MS = 1000;
const FNV_PRIME = 16_777_619;

export class SourceRates {
  readonly #madeUpMs = new Float64Array(INDEX_RATE_SLOTS_COUNT).fill(Number.NEGATIVE_INFINITY);
  readonly #costMs: number;
  readonly #seed: number;

  /** `perSecondCount`: requests a second of one source, and so many at once. */
  constructor(random: Random, perSecondCount: number) {
    this.#costMs = 1000 / perSecondCount;
    this.#seed = random.below(2 ** 32);
  }

  /** Whether a source may ask now, for something that counts as `count` requests; then it has. */
  take(source: string, nowMs: number, count = 1): boolean {
    const slot = this.#slotOf(source);
    const madeUpMs = Math.max(this.#madeUpMs[slot] ?? nowMs, nowMs) + count * this.#costMs;
    if (madeUpMs > nowMs + BURST_MS) return false;
    this.#madeUpMs[slot] = madeUpMs;
    return true;
  }

  #slotOf(source: string): number {
    let hash = this.#seed;
    for (let at = 0; at < source.length; at += 1) hash = Math.imul(hash ^ source.charCodeAt(at), FNV_PRIME);
    return ((hash ^ (hash >>> 15)) >>> 0) % INDEX_RATE_SLOTS_COUNT;
  }
}
