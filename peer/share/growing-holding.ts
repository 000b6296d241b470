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
  readonly #had: Bitfield;
  readonly #watchers = new Set<Came>();

  /** `had` is kept up to date by the fetch. */
  constructor(had: Bitfield) {
    this.#had = had;
  }

  /** To be called with each unit as it comes in. */
  came(unit: number): void {
    for (const watcher of this.#watchers) watcher(unit);
  }

  /** The chunks of one file, which are `count` units from `first` on. */
  file(first: number, count: number): Holding {
    return {
      chunkCount: count,
      has: (chunkIndex) => chunkIndex >= 0 && chunkIndex < count && this.#had.has(first + chunkIndex),
      bits: () => Bitfield.fromBytes(this.#had.bytes, count, first).bytes,
      watch: (came) =>
        this.#watch((unit) => {
          if (unit >= first && unit < first + count) came(unit - first);
        }),
    };
  }

  /** All units behind the `indexCount` chunks of a folder's index. */
  folder(indexCount: number): Holding {
    const chunkCount = indexCount + this.#had.length;
    return {
      chunkCount,
      has: (chunkIndex) =>
        chunkIndex >= 0 && chunkIndex < chunkCount && (chunkIndex < indexCount || this.#had.has(chunkIndex - indexCount)),
      bits: () => {
        const index = new Bitfield(indexCount);
        index.addRun(0, indexCount);
        return joined(index, this.#had);
      },
      watch: (came) => this.#watch((unit) => came(indexCount + unit)),
    };
  }

  #watch(watcher: Came): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
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
