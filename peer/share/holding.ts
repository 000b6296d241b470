/** Which chunks of a content are here, and who wants to hear of more. */
import { Bitfield } from '../../common/core/bitfield.js';
import { invariant } from '../../common/core/errors.js';

export interface Holding {
  /** Chunks in all; for a folder: of its index and its files. */
  readonly chunkCount: number;
  /** All is here. */
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
export function fullHolding(chunkCount: number): WholeHolding {
  return new WholeHolding(chunkCount);
}

/** All is here, but for chunks that turned out to be damaged. A class, and no object of functions: a folder has up to a million of them. */
export class WholeHolding implements Holding {
  readonly chunkCount: number;
  #damaged: Set<number> | undefined;
  #watchers: Set<(chunkIndex: number) => void> | undefined;

  constructor(chunkCount: number) {
    invariant(Number.isSafeInteger(chunkCount) && chunkCount >= 0, `a holding of ${chunkCount} chunks`);
    this.chunkCount = chunkCount;
  }

  get isWhole(): boolean {
    return this.#damaged === undefined;
  }

  has(chunkIndex: number): boolean {
    return chunkIndex >= 0 && chunkIndex < this.chunkCount && this.#damaged?.has(chunkIndex) !== true;
  }

  bits(): Uint8Array {
    const bits = Bitfield.full(this.chunkCount);
    for (const chunkIndex of this.#damaged ?? []) bits.delete(chunkIndex);
    return bits.bytes;
  }

  watch(came: (chunkIndex: number) => void): () => void {
    this.#watchers ??= new Set();
    const watchers = this.#watchers.add(came);
    return () => void watchers.delete(came);
  }

  /** A chunk is damaged; returns whether that is news. */
  lose(chunkIndex: number): boolean {
    if (!this.has(chunkIndex)) return false;
    this.#damaged = (this.#damaged ?? new Set()).add(chunkIndex);
    return true;
  }

  /** A chunk is as it should be again; returns whether that is news. */
  regain(chunkIndex: number): boolean {
    if (this.#damaged?.delete(chunkIndex) !== true) return false;
    if (this.#damaged.size === 0) this.#damaged = undefined;
    for (const came of [...(this.#watchers ?? [])]) came(chunkIndex);
    return true;
  }
}
