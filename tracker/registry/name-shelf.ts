/**
 * A run of names of the name index, in the order of their ids: their records one after the other in one stretch of bytes.
 *
 * The bytes count as 32 blocks, and a name belongs to the block in which it starts. A search looks at the blocks only that may hold
 * what it is for. A removed name is overwritten with NUL, which nothing can match; the room is had back by moving what is left to
 * another shelf. Invariant: `#ids` and `#starts` ascend; a name lives exactly where the byte at its start is not 0.
 */
import { invariant } from '../../common/core/errors.js';
import { GRAM_BLOCKS_COUNT, GRAM_ROWS_BYTES, GramRows } from './gram-rows.js';
import { NAME_BYTE_MIN } from './name-record.js';

const BLOCK_SHIFT = 12;
/** Bytes of a full shelf: small enough to be moved in a fraction of a millisecond. */
export const SHELF_BYTES = GRAM_BLOCKS_COUNT << BLOCK_SHIFT;
const FIRST_NAMES_COUNT = 1024;
const ID_DISTANCE_MAX = 0xffffffff;

/** What is searched for: its bytes, and the rows of its grams. */
export interface Pattern {
  readonly bytes: Uint8Array;
  readonly rows: readonly number[];
}

/** A name that was found: its record says how it is written. */
export interface FoundName {
  readonly id: number;
  readonly record: string;
}

export class NameShelf {
  /** No name of it has a lower id. */
  readonly firstId: number;
  readonly #text: Buffer;
  #usedBytes = 0;
  #wastedBytes = 0;
  /** Ids, as distances from the first one; and where each name starts. */
  #ids = new Uint32Array(FIRST_NAMES_COUNT);
  #starts = new Uint32Array(FIRST_NAMES_COUNT);
  #count = 0;
  readonly #rows = new GramRows();

  constructor(firstId: number, capacityBytes: number) {
    this.firstId = firstId;
    this.#text = Buffer.alloc(capacityBytes);
  }

  /** Bytes of names that live. */
  get liveBytes(): number {
    return this.#usedBytes - this.#wastedBytes;
  }

  /** Bytes of names that were removed. */
  get wastedBytes(): number {
    return this.#wastedBytes;
  }

  /** Bytes of memory that the shelf takes. */
  get keptBytes(): number {
    return this.#text.length + this.#ids.byteLength + this.#starts.byteLength + GRAM_ROWS_BYTES;
  }

  /** Id of the last name, removed or not; the first id where there is none. */
  get lastId(): number {
    return this.firstId + (this.#count === 0 ? 0 : (this.#ids[this.#count - 1] ?? 0));
  }

  /** Adds a name behind all others. False where it has no room. */
  add(id: number, record: string): boolean {
    // A character of a text takes at most 3 bytes; asking for the exact number would cost more than what is left free at the end.
    if (!this.#hasRoom(id, 3 * record.length)) return false;
    this.#push(id, this.#usedBytes + this.#text.write(record, this.#usedBytes));
    return true;
  }

  /** Moves what lives on another shelf behind all that is here. False, and nothing is moved, where it has no room. */
  take(other: NameShelf): boolean {
    if (!this.#hasRoom(other.lastId, other.liveBytes)) return false;
    for (let index = 0; index < other.#count; index += 1) {
      const start = other.#startOf(index);
      if (other.#text[start] === 0) continue;
      const bytes = other.#text.copy(this.#text, this.#usedBytes, start, other.#startOf(index + 1));
      this.#push(other.firstId + (other.#ids[index] ?? 0), this.#usedBytes + bytes);
    }
    return true;
  }

  /** Nothing more will be added: gives back the room for it. */
  seal(): void {
    this.#ids = this.#ids.slice(0, this.#count);
    this.#starts = this.#starts.slice(0, this.#count);
  }

  /** Removes a name. Nothing happens where there is no such name. */
  remove(id: number): void {
    const index = this.#indexOf(id);
    if (index === undefined) return;
    const [start, end] = [this.#startOf(index), this.#startOf(index + 1)];
    this.#text.fill(0, start, end);
    this.#wastedBytes += end - start;
  }

  /** Appends to `found` the names behind `afterId`, until it has `maxCount`. */
  list(afterId: number, found: FoundName[], maxCount: number): void {
    for (let index = this.#indexAfter(afterId); index < this.#count && found.length < maxCount; index += 1) {
      if (this.#text[this.#startOf(index)] !== 0) found.push(this.#foundAt(index));
    }
  }

  /** Appends to `found` the names behind `afterId` that hold the pattern, until it has `maxCount`. Gives how many bytes it looked at. */
  search(pattern: Pattern, afterId: number, found: FoundName[], maxCount: number): number {
    const blocks = this.#rows.blocksOf(pattern.rows);
    let seenBytes = 0;
    let at = blocks === 0 ? this.#usedBytes : this.#startOf(this.#indexAfter(afterId));
    while (at < this.#usedBytes && found.length < maxCount) {
      const block = at >>> BLOCK_SHIFT;
      const skipCount = zerosBelow(blocks >>> block);
      if (block + skipCount >= GRAM_BLOCKS_COUNT) break;
      if (skipCount > 0) at = (block + skipCount) << BLOCK_SHIFT;
      const endBlock = block + skipCount + zerosBelow(~(blocks >>> (block + skipCount)));
      const end = this.#startOf(this.#firstIndex((index) => (this.#starts[index] ?? 0) >= endBlock << BLOCK_SHIFT));
      this.#searchIn(at, end, pattern.bytes, found, maxCount);
      seenBytes += end - at;
      at = endBlock << BLOCK_SHIFT;
    }
    return seenBytes;
  }

  #searchIn(start: number, end: number, bytes: Uint8Array, found: FoundName[], maxCount: number): void {
    const text = this.#text.subarray(start, end);
    for (let at = text.indexOf(bytes); at >= 0 && found.length < maxCount; ) {
      const behind = this.#firstIndex((index) => (this.#starts[index] ?? 0) > start + at);
      found.push(this.#foundAt(behind - 1));
      at = text.indexOf(bytes, this.#startOf(behind) - start);
    }
  }

  #hasRoom(id: number, bytes: number): boolean {
    return this.#usedBytes + bytes <= this.#text.length && id - this.firstId <= ID_DISTANCE_MAX;
  }

  /** Counts in the name whose record ends at `end`. */
  #push(id: number, end: number): void {
    invariant(this.#count === 0 || id > this.lastId, 'names come in the order of their ids');
    if (this.#count === this.#ids.length) {
      this.#ids = grown(this.#ids);
      this.#starts = grown(this.#starts);
    }
    const start = this.#usedBytes;
    this.#ids[this.#count] = id - this.firstId;
    this.#starts[this.#count] = start;
    this.#count += 1;
    this.#usedBytes = end;
    this.#rows.add(this.#text, start, NAME_BYTE_MIN, start >>> BLOCK_SHIFT);
  }

  #startOf(index: number): number {
    return index >= this.#count ? this.#usedBytes : (this.#starts[index] ?? 0);
  }

  #recordAt(index: number): string {
    return this.#text.toString('utf8', this.#startOf(index), this.#startOf(index + 1));
  }

  #foundAt(index: number): FoundName {
    return { id: this.firstId + (this.#ids[index] ?? 0), record: this.#recordAt(index) };
  }

  /** The first name behind an id, removed or not. */
  #indexAfter(id: number): number {
    return this.#firstIndex((index) => this.firstId + (this.#ids[index] ?? 0) > id);
  }

  /** Where a name is that lives. */
  #indexOf(id: number): number | undefined {
    const index = this.#indexAfter(id) - 1;
    const isThere = index >= 0 && this.firstId + (this.#ids[index] ?? 0) === id && this.#text[this.#startOf(index)] !== 0;
    return isThere ? index : undefined;
  }

  /** The first name of which `isBehind` holds, which must hold of all after it; the number of names where it holds of none. */
  #firstIndex(isBehind: (index: number) => boolean): number {
    let [low, high] = [0, this.#count];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBehind(middle)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** How many of the lowest bits are 0: 32 for none set. */
function zerosBelow(bits: number): number {
  return bits === 0 ? 32 : 31 - Math.clz32(bits & -bits);
}

function grown(old: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(2 * old.length);
  larger.set(old);
  return larger;
}
