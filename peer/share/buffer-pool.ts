/**
 * Memory for replies: buffers of two sizes that are taken, sent from, and given back.
 *
 * A stream's first buffer is always granted, because the number of streams is bounded; buffers to read ahead with are granted while
 * few are out, so that many slow readers cost one chunk each and not two. The free lists are last-in first-out and short.
 * Invariant: a buffer is in a free list or has one owner.
 */
import { invariant } from '../../common/core/errors.js';
import { CHUNK_BYTES, SERVE_AHEAD_MAX_COUNT } from '../../common/core/limits.js';

/** Bytes of a small buffer: most files of a folder of many fit. */
export const SMALL_BUFFER_BYTES = 32 * 1024;

/** Free buffers of each size that are kept. */
const FREE_MAX_COUNT = 32;

export class BufferPool {
  readonly #freeChunks: Uint8Array[] = [];
  readonly #freeSmall: Uint8Array[] = [];
  #chunksOutCount = 0;

  /** A buffer of at least `lengthBytes`, or `undefined` where it is wanted only to read ahead and too many are out. */
  take(lengthBytes: number, isAhead: boolean): Uint8Array | undefined {
    invariant(lengthBytes <= CHUNK_BYTES, 'a reply fits in a buffer');
    if (lengthBytes <= SMALL_BUFFER_BYTES) return this.#freeSmall.pop() ?? Buffer.allocUnsafeSlow(SMALL_BUFFER_BYTES);
    if (isAhead && this.#chunksOutCount >= SERVE_AHEAD_MAX_COUNT) return undefined;
    this.#chunksOutCount += 1;
    return this.#freeChunks.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  }

  /** Takes a buffer back; nobody may look at it any more. */
  release(buffer: Uint8Array): void {
    const isSmall = buffer.length === SMALL_BUFFER_BYTES;
    const free = isSmall ? this.#freeSmall : this.#freeChunks;
    invariant(!free.includes(buffer), 'a buffer is released once');
    if (!isSmall) this.#chunksOutCount -= 1;
    if (free.length < FREE_MAX_COUNT) free.push(buffer);
  }

  /** Chunk buffers that have an owner. */
  get chunksOutCount(): number {
    return this.#chunksOutCount;
  }
}
