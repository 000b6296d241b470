/** A holding that grows when the test says so. */
import { Bitfield } from '../../common/core/bitfield.js';
import type { Holding } from '../share/holding.js';

export class ScriptedHolding implements Holding {
  isWhole = false;
  readonly #bits: Bitfield;
  readonly #watchers = new Set<(chunkIndex: number) => void>();

  constructor(chunkCount: number) {
    this.#bits = new Bitfield(chunkCount);
  }

  get chunkCount(): number {
    return this.#bits.length;
  }

  get watcherCount(): number {
    return this.#watchers.size;
  }

  has(chunkIndex: number): boolean {
    return this.#bits.has(chunkIndex);
  }

  bits(): Uint8Array {
    return this.#bits.bytes.slice();
  }

  watch(came: (chunkIndex: number) => void): () => void {
    this.#watchers.add(came);
    return () => void this.#watchers.delete(came);
  }

  /** These chunks come in. */
  gain(...chunkIndexes: number[]): void {
    for (const chunkIndex of chunkIndexes) {
      this.#bits.add(chunkIndex);
      for (const came of this.#watchers) came(chunkIndex);
    }
  }

  /** The chunk is there no longer; nobody is told. */
  lose(chunkIndex: number): void {
    this.#bits.delete(chunkIndex);
  }
}
