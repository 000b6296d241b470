/**
 * What is kept of each root, found by the root: a Map with texts for keys would take several times the memory.
 *
 * An open-addressing table: each entry is a number other than 0, and `rowOf` tells a row of the column whose root is the entry's.
 * Invariant: from the place where a root's hash points to the root's entry, no place is empty.
 */
import type { Random } from '../../common/ports/random.js';
import { hashWords, ROOT_WORDS_COUNT, type RootColumn, type RootWords } from './root-column.js';

const TABLE_MIN_BITS = 6;
/** How full the table may be before it doubles. */
const FILL_MAX = 0.75;

export class RootTable {
  readonly #roots: RootColumn;
  readonly #rowOf: (entry: number) => number;
  /** Secret, odd, and one more for each word. The upper bits of the sum are the good ones. */
  readonly #factors = new Int32Array(ROOT_WORDS_COUNT);
  #bits = TABLE_MIN_BITS;
  #entries = new Int32Array(2 ** TABLE_MIN_BITS);
  #count = 0;

  constructor(ports: { readonly random: Random }, roots: RootColumn, rowOf: (entry: number) => number) {
    this.#roots = roots;
    this.#rowOf = rowOf;
    for (let word = 0; word < ROOT_WORDS_COUNT; word += 1) this.#factors[word] = ports.random.below(2 ** 32) | 1;
  }

  /** The entry of a root, or 0. */
  get(words: RootWords): number {
    return this.#entries[this.#find(words)] as number;
  }

  /** Puts in place of a root's entry, 0 where there is none, what `change` makes of it; 0 forgets it. */
  update(words: RootWords, change: (entry: number) => number): void {
    const place = this.#find(words);
    const was = this.#entries[place] as number;
    const entry = change(was);
    this.#entries[place] = entry;
    if (was === 0 && entry !== 0) {
      this.#count += 1;
      if (this.#count > FILL_MAX * this.#entries.length) this.#resize(this.#bits + 1);
    } else if (was !== 0 && entry === 0) {
      this.#close(place);
    }
  }

  /** The place of a root's entry, or the empty place where it would be. */
  #find(words: RootWords): number {
    const mask = this.#entries.length - 1;
    let place = hashWords(words, 0, this.#factors) >>> (32 - this.#bits);
    for (; ; place = (place + 1) & mask) {
      const entry = this.#entries[place] as number;
      if (entry === 0 || this.#roots.is(this.#rowOf(entry), words)) return place;
    }
  }

  /** Where the hash of an entry's root points. */
  #homeOf(entry: number): number {
    return this.#roots.hash(this.#rowOf(entry), this.#factors) >>> (32 - this.#bits);
  }

  /** After an entry was taken out: moves those behind it that would not be found any more. */
  #close(place: number): void {
    const mask = this.#entries.length - 1;
    let hole = place;
    for (let at = (hole + 1) & mask; this.#entries[at] !== 0; at = (at + 1) & mask) {
      const entry = this.#entries[at] as number;
      if (((at - this.#homeOf(entry)) & mask) < ((at - hole) & mask)) continue;
      this.#entries[hole] = entry;
      hole = at;
    }
    this.#entries[hole] = 0;
    this.#count -= 1;
    if (this.#bits > TABLE_MIN_BITS && this.#count < this.#entries.length / 8) this.#resize(this.#bits - 1);
  }

  #resize(bits: number): void {
    const old = this.#entries;
    this.#bits = bits;
    this.#entries = new Int32Array(2 ** bits);
    const mask = this.#entries.length - 1;
    for (const entry of old) {
      if (entry === 0) continue;
      let place = this.#homeOf(entry);
      while (this.#entries[place] !== 0) place = (place + 1) & mask;
      this.#entries[place] = entry;
    }
  }
}
