/** Which chunks of a content are here, and who wants to hear of more. */
import { Bitfield } from '../../common/core/bitfield.js';
import { invariant } from '../../common/core/errors.js';

export interface Holding {
  /** Chunks in all; for a folder: of its index and its files. */
  readonly chunkCount: number;
  /** All is here, and was from the first time on that it was shared like this. */
  readonly isWhole: boolean;
  /** False for an index that the content does not have. */
  has(chunkIndex: number): boolean;
  /** A copy, as it goes over the wire: bit 7 of byte 0 is chunk 0, spare bits are 0. */
  bits(): Uint8Array;
  /** Calls `came` with each chunk that comes in, at once. Returns how to end that. */
  watch(came: (chunkIndex: number) => void): () => void;
}

/** How many chunks are here. */
export function heldCount(holding: Holding): number {
  return holding.isWhole ? holding.chunkCount : Bitfield.fromBytes(holding.bits(), holding.chunkCount).count;
}

/** Of a content that is all here. */
export function fullHolding(chunkCount: number): Holding {
  return new FullHolding(chunkCount);
}

/** A class, and no object of functions: a folder has up to a million of them. */
class FullHolding implements Holding {
  readonly chunkCount: number;

  constructor(chunkCount: number) {
    invariant(Number.isSafeInteger(chunkCount) && chunkCount >= 0, `a holding of ${chunkCount} chunks`);
    this.chunkCount = chunkCount;
  }

  get isWhole(): boolean {
    return true;
  }

  has(chunkIndex: number): boolean {
    return chunkIndex >= 0 && chunkIndex < this.chunkCount;
  }

  bits(): Uint8Array {
    return Bitfield.full(this.chunkCount).bytes;
  }

  watch(): () => void {
    return () => undefined;
  }
}
