/**
 * How often each chunk went out from here, so that the ones that fewest have got go first.
 *
 * Bounded: what was sent longest ago is forgotten first, and then counts as never sent. Counts end at 255.
 */
import type { ContentRoot } from '../../common/core/root.js';

/** Bytes of all counts together, a byte a chunk: the four largest contents, or thousands of usual ones. */
const COUNTS_MAX_BYTES = 8 * 1024 * 1024;
/** Contents that are counted: what a folder of many small files may take. */
const CONTENTS_MAX_COUNT = 4096;

export class SentCounts {
  /** The ones that were sent last come last. */
  readonly #byRoot = new Map<ContentRoot, Uint8Array>();
  #countBytes = 0;

  of(root: ContentRoot, chunkIndex: number): number {
    return this.#byRoot.get(root)?.[chunkIndex] ?? 0;
  }

  /** Counts a chunk of a content that has `chunkCount`. */
  add(root: ContentRoot, chunkIndex: number, chunkCount: number): void {
    let counts = this.#byRoot.get(root);
    if (counts === undefined) {
      counts = new Uint8Array(chunkCount);
      this.#countBytes += chunkCount;
    } else this.#byRoot.delete(root);
    this.#byRoot.set(root, counts);
    counts[chunkIndex] = Math.min(255, (counts[chunkIndex] ?? 0) + 1);
    while (this.#byRoot.size > 1 && (this.#countBytes > COUNTS_MAX_BYTES || this.#byRoot.size > CONTENTS_MAX_COUNT)) {
      const [oldest] = this.#byRoot;
      if (oldest === undefined) return;
      this.#byRoot.delete(oldest[0]);
      this.#countBytes -= oldest[1].length;
    }
  }

  /** Takes a count back: the chunk did not go out after all. */
  remove(root: ContentRoot, chunkIndex: number): void {
    const counts = this.#byRoot.get(root);
    if (counts !== undefined) counts[chunkIndex] = Math.max(0, (counts[chunkIndex] ?? 0) - 1);
  }
}
