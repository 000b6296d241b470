/** Which chunks of a content are here, and who wants to hear of more. */
import { invariant } from '../../common/core/errors.js';

export interface Holding {
  /** Chunks in all; for a folder: of its index and its files. */
  readonly chunkCount: number;
  /** False for an index that the content does not have. */
  has(chunkIndex: number): boolean;
  /** A copy, as it goes over the wire: bit 7 of byte 0 is chunk 0, spare bits are 0. */
  bits(): Uint8Array;
  /** Calls `came` with each chunk that comes in, at once. Returns how to end that. */
  watch(came: (chunkIndex: number) => void): () => void;
}

/** Of a content that is all here. */
export function fullHolding(chunkCount: number): Holding {
  invariant(Number.isSafeInteger(chunkCount) && chunkCount >= 0, `a holding of ${chunkCount} chunks`);
  return {
    chunkCount,
    has: (chunkIndex) => chunkIndex >= 0 && chunkIndex < chunkCount,
    bits: () => {
      const bytes = new Uint8Array(Math.ceil(chunkCount / 8)).fill(0xff);
      const spareCount = 8 * bytes.length - chunkCount;
      if (spareCount > 0) bytes[bytes.length - 1] = (0xff << spareCount) & 0xff;
      return bytes;
    },
    watch: () => () => undefined,
  };
}
