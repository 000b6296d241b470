/**
 * What is here of a content that is being fetched: the units of the fetch, seen as the chunks of a content.
 *
 * A unit is one chunk of one file, numbered through. Of a folder the index is here as a whole, and its chunks come first.
 * Invariant: what it says is what the bitfield of the fetch says at that moment; whoever watches hears of each unit that comes in.
 */
import { Bitfield } from '../../common/core/bitfield.js';
import type { Holding } from './holding.js';

type Came = (unit: number) => void;

/** The units of a fetch, and who wants to hear of more. */
export class GrowingHolding {
  /** Kept up to date by the fetch. */
  readonly had: Bitfield;
  readonly #watchers = new Set<Came>();

  constructor(had: Bitfield) {
    this.had = had;
  }

  /** To be called with each unit as it comes in. */
  came(unit: number): void {
    for (const watcher of this.#watchers) watcher(unit);
  }

  /** The chunks of one file, which are `count` units from `first` on. */
  file(first: number, count: number): Holding {
    return new FileHolding(this, first, count);
  }

  /** All units behind the `indexCount` chunks of a folder's index. */
  folder(indexCount: number): Holding {
    return new FolderHolding(this, indexCount);
  }

  /** Calls `watcher` with each unit that comes in. Returns how to end that. */
  watch(watcher: Came): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }
}

/** A class, and no object of functions: a folder has up to a million of them. */
class FileHolding implements Holding {
  readonly chunkCount: number;
  readonly #whole: GrowingHolding;
  readonly #first: number;

  constructor(whole: GrowingHolding, first: number, count: number) {
    this.chunkCount = count;
    this.#whole = whole;
    this.#first = first;
  }

  get isWhole(): boolean {
    return false;
  }

  has(chunkIndex: number): boolean {
    return chunkIndex >= 0 && chunkIndex < this.chunkCount && this.#whole.had.has(this.#first + chunkIndex);
  }

  bits(): Uint8Array {
    return Bitfield.fromBytes(this.#whole.had.bytes, this.chunkCount, this.#first).bytes;
  }

  watch(came: (chunkIndex: number) => void): () => void {
    const first = this.#first;
    const end = first + this.chunkCount;
    return this.#whole.watch((unit) => {
      if (unit >= first && unit < end) came(unit - first);
    });
  }
}

class FolderHolding implements Holding {
  readonly chunkCount: number;
  readonly #whole: GrowingHolding;
  readonly #indexCount: number;

  constructor(whole: GrowingHolding, indexCount: number) {
    this.chunkCount = indexCount + whole.had.length;
    this.#whole = whole;
    this.#indexCount = indexCount;
  }

  get isWhole(): boolean {
    return false;
  }

  has(chunkIndex: number): boolean {
    if (chunkIndex < 0 || chunkIndex >= this.chunkCount) return false;
    return chunkIndex < this.#indexCount || this.#whole.had.has(chunkIndex - this.#indexCount);
  }

  bits(): Uint8Array {
    return joined(Bitfield.full(this.#indexCount), this.#whole.had);
  }

  watch(came: (chunkIndex: number) => void): () => void {
    return this.#whole.watch((unit) => came(this.#indexCount + unit));
  }
}

/** The bits of one set and behind them those of another; by bytes, since a list of what is in a large one takes its time. */
function joined(left: Bitfield, right: Bitfield): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((left.length + right.length) / 8));
  bytes.set(left.bytes);
  const [first, shift] = [left.length >> 3, left.length & 7];
  for (let at = 0; at < right.bytes.length; at += 1) {
    const byte = right.bytes[at] ?? 0;
    bytes[first + at] = (bytes[first + at] ?? 0) | (byte >> shift);
    if (first + at + 1 < bytes.length) bytes[first + at + 1] = byte << (8 - shift);
  }
  return bytes;
}
