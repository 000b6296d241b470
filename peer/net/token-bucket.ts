/**
 * A cap of bytes a second as a bucket of tokens, one for each byte. Pure: the time comes in and never goes back.
 *
 * It fills at the rate, up to a burst, so that what is small never waits. Whoever takes more than is there leaves a debt, which is paid
 * back before anybody takes more. In any time t at most rate·t + burst + one overdraft pass: with a burst of a quarter of a second
 * that is 3 % over the cap in 10 seconds.
 */

/** A burst is what flows in this many milliseconds: enough that a late timer loses nothing. */
const BURST_MS = 250;
/** A piece is what flows in this many milliseconds, and at most PIECE_MAX_BYTES: nobody waits long for another one's piece. */
const PIECE_MS = 50;
const PIECE_MAX_BYTES = 64 * 1024;

export class TokenBucket {
  readonly bytesPerSecond: number;
  /** Bytes that may pass at once after a time of rest. */
  readonly burstBytes: number;
  /** Bytes that are worth a turn. */
  readonly pieceBytes: number;
  /**
   * Fewer bytes than this are not worth passing, and count as none. Time goes on between any two looks, so whoever took each token as it
   * comes would never find the bucket empty, and send some bytes at a time.
   */
  readonly worthBytes: number;
  #tokens: number;
  #atMs: number;

  /** Full. `bytesPerSecond` is more than 0. */
  constructor(bytesPerSecond: number, nowMs: number) {
    this.bytesPerSecond = bytesPerSecond;
    this.pieceBytes = Math.max(1, Math.min(PIECE_MAX_BYTES, (bytesPerSecond * PIECE_MS) / 1000));
    this.worthBytes = Math.max(1, this.pieceBytes / 2);
    this.burstBytes = Math.max(2 * this.pieceBytes, (bytesPerSecond * BURST_MS) / 1000);
    this.#tokens = this.burstBytes;
    this.#atMs = nowMs;
  }

  /** What may pass now; below 0 it is a debt. */
  tokens(nowMs: number): number {
    if (nowMs > this.#atMs) {
      this.#tokens = Math.min(this.burstBytes, this.#tokens + ((nowMs - this.#atMs) * this.bytesPerSecond) / 1000);
      this.#atMs = nowMs;
    }
    return this.#tokens;
  }

  /** Takes tokens, also such as are not there. */
  pay(bytes: number, nowMs: number): void {
    this.#tokens = this.tokens(nowMs) - bytes;
  }

  /** Milliseconds until a piece may pass. */
  msUntilPiece(nowMs: number): number {
    return (Math.max(0, this.pieceBytes - this.tokens(nowMs)) * 1000) / this.bytesPerSecond;
  }
}
