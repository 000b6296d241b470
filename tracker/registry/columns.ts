/**
 * Tables of numbers for the many records of the registry: a row is an id, a column holds one number of each row.
 *
 * A million records as objects cost several hundred bytes each and time at every collection; as columns they cost their numbers.
 * Columns grow by pages, so that growing copies nothing. What was never set reads 0.
 */

const PAGE_BITS = 12;
const PAGE_ROWS_COUNT = 2 ** PAGE_BITS;
const PLACE_MASK = PAGE_ROWS_COUNT - 1;

/** Whole numbers of 32 bits, with sign. */
export class IntColumn {
  readonly #pages: Int32Array[] = [];

  get(row: number): number {
    return this.#pages[row >>> PAGE_BITS]?.[row & PLACE_MASK] ?? 0;
  }

  set(row: number, value: number): void {
    while (this.#pages.length <= row >>> PAGE_BITS) this.#pages.push(new Int32Array(PAGE_ROWS_COUNT));
    (this.#pages[row >>> PAGE_BITS] as Int32Array)[row & PLACE_MASK] = value;
  }
}

/** Whole numbers up to 2^53. */
export class WideColumn {
  readonly #pages: Float64Array[] = [];

  get(row: number): number {
    return this.#pages[row >>> PAGE_BITS]?.[row & PLACE_MASK] ?? 0;
  }

  set(row: number, value: number): void {
    while (this.#pages.length <= row >>> PAGE_BITS) this.#pages.push(new Float64Array(PAGE_ROWS_COUNT));
    (this.#pages[row >>> PAGE_BITS] as Float64Array)[row & PLACE_MASK] = value;
  }
}

/** Anything that is no number. What was never set is what the column says. */
export class ListColumn<T> {
  readonly #none: T;
  readonly #pages: T[][] = [];

  constructor(none: T) {
    this.#none = none;
  }

  get(row: number): T {
    return this.#pages[row >>> PAGE_BITS]?.[row & PLACE_MASK] ?? this.#none;
  }

  set(row: number, value: T): void {
    while (this.#pages.length <= row >>> PAGE_BITS) this.#pages.push(new Array<T>(PAGE_ROWS_COUNT).fill(this.#none));
    (this.#pages[row >>> PAGE_BITS] as T[])[row & PLACE_MASK] = value;
  }
}

/** Ids of rows, from 1 on: 0 is none. What was given back is taken again first, so that columns stay as short as they can. */
export class RowIds {
  #free: number[] = [];
  #lastId = 0;

  take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    this.#lastId += 1;
    return this.#lastId;
  }

  giveBack(id: number): void {
    this.#free.push(id);
    if (this.#free.length < this.#lastId) return;
    this.#free = [];
    this.#lastId = 0;
  }
}
