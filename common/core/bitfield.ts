/**
 * A fixed set of small integers: which chunks are there. Bit 7 of byte 0 is index 0, as in BEP 3.
 *
 * Invariant: `count` is the number of set bits, and the spare bits of the last byte are 0.
 */
import { invariant } from './errors.js';

export class Bitfield {
  readonly length: number;
  readonly bytes: Uint8Array;
  #count = 0;

  /** An empty set over the indexes 0 to `length` − 1. */
  constructor(length: number) {
    this.length = length;
    this.bytes = new Uint8Array(Math.ceil(length / 8));
  }

  /** All indexes from 0 to `length` − 1. */
  static full(length: number): Bitfield {
    const set = new Bitfield(length);
    set.addRun(0, length);
    return set;
  }

  /**
   * A set of `length` indexes out of bytes in the same order, of which the first `skippedCount` bits are left out. The bytes must hold
   * all of them; bits beyond are ignored.
   */
  static fromBytes(bytes: Uint8Array, length: number, skippedCount = 0): Bitfield {
    const set = new Bitfield(length);
    invariant(bytes.length * 8 >= skippedCount + length, 'the bytes hold all bits');
    const [first, shift] = [skippedCount >> 3, skippedCount & 7];
    for (let at = 0; at < set.bytes.length; at += 1) {
      const pair = ((bytes[first + at] ?? 0) << 8) | (bytes[first + at + 1] ?? 0);
      set.bytes[at] = (pair << shift) >> 8;
    }
    const spareCount = set.bytes.length * 8 - length;
    const last = set.bytes.length - 1;
    if (spareCount > 0) set.bytes[last] = (set.bytes[last] ?? 0) & (0xff << spareCount);
    for (const byte of set.bytes) set.#count += onesIn(byte);
    return set;
  }

  /** How many indexes are in the set. */
  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count === this.length;
  }

  has(index: number): boolean {
    return ((this.bytes[index >> 3] ?? 0) & (0x80 >> (index & 7))) !== 0;
  }

  /** Adds `index`; returns whether it was new. */
  add(index: number): boolean {
    invariant(index >= 0 && index < this.length, `bit ${index} of ${this.length}`);
    if (this.has(index)) return false;
    this.bytes[index >> 3] = (this.bytes[index >> 3] ?? 0) | (0x80 >> (index & 7));
    this.#count += 1;
    return true;
  }

  /** Adds `count` indexes from `first` on, as far as they are in range. */
  addRun(first: number, count: number): void {
    const end = Math.min(this.length, first + count);
    for (let index = first; index < end; ) {
      const isWholeByte = (index & 7) === 0 && end - index >= 8 && this.bytes[index >> 3] === 0;
      if (isWholeByte) {
        this.bytes[index >> 3] = 0xff;
        this.#count += 8;
        index += 8;
      } else {
        this.add(index);
        index += 1;
      }
    }
  }

  /** Takes `index` out; returns whether it was in. */
  delete(index: number): boolean {
    if (!this.has(index)) return false;
    this.bytes[index >> 3] = (this.bytes[index >> 3] ?? 0) & ~(0x80 >> (index & 7));
    this.#count -= 1;
    return true;
  }

  /** The first index from `from` on that is not in the set; `length` where there is none. */
  nextMissing(from: number): number {
    let index = from;
    while (index < this.length) {
      if ((index & 7) === 0 && this.bytes[index >> 3] === 0xff) index += 8;
      else if (this.has(index)) index += 1;
      else return index;
    }
    return this.length;
  }

  /** The set as ascending runs `[first, count]`, which is how journals keep it. */
  runs(): [first: number, count: number][] {
    const runs: [number, number][] = [];
    let last: [number, number] | undefined;
    for (let index = 0; index < this.length; index += 1) {
      if (!this.has(index)) continue;
      if (last !== undefined && last[0] + last[1] === index) last[1] += 1;
      else {
        last = [index, 1];
        runs.push(last);
      }
    }
    return runs;
  }
}

function onesIn(byte: number): number {
  let count = 0;
  for (let rest = byte; rest > 0; rest &= rest - 1) count += 1;
  return count;
}
