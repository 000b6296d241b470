/**
 * How many peers are asked for chunks at once: all of them, unless our own line is too slow for so many. Pure.
 *
 * Each who is asked has its part of the line. Where that is so small that no chunk comes through before its peer counts as silent, what
 * came of it is thrown away, and so is what comes of the next, for ever. So when one falls silent and nobody has brought anything since it
 * was asked, though bytes come in, no more are asked than the line can carry a chunk for in time; as chunks come easily, one more each.
 */

/** Milliseconds in which a chunk of each who is asked should come through: as long as one whose rate is not known is waited for. */
const CHUNK_MS = 10_000;
/** A chunk that comes within this leaves room for another peer. */
const EASY_MS = 5000;

export class AskedLimit {
  #mostCount = Number.POSITIVE_INFINITY;
  #landedMs = Number.NEGATIVE_INFINITY;

  /** Peers that may be asked at once. */
  get mostCount(): number {
    return this.#mostCount;
  }

  /** A right chunk has come, for which somebody was asked at `askedMs`. */
  landed(askedMs: number, nowMs: number): void {
    this.#landedMs = nowMs;
    if (nowMs - askedMs < EASY_MS) this.#mostCount += 1;
  }

  /**
   * One of `askedCount` that are asked has fallen silent, the first thing that it was asked for at `askedMs`; all together bring
   * `bytesPerSecond`, and chunks have `chunkBytes`.
   */
  silent(askedMs: number, { askedCount, bytesPerSecond, chunkBytes }: LineUse): void {
    // Somebody gets through, or nobody says anything: it is not the line.
    if (this.#landedMs >= askedMs || bytesPerSecond === 0) return;
    const fittingCount = Math.floor((bytesPerSecond * CHUNK_MS) / 1000 / chunkBytes);
    this.#mostCount = Math.max(1, Math.min(fittingCount, Math.floor(Math.min(this.#mostCount, askedCount) / 2)));
  }
}

export interface LineUse {
  readonly askedCount: number;
  readonly bytesPerSecond: number;
  readonly chunkBytes: number;
}
