/**
 * Which of 32 blocks of text may hold a pattern: a signature of the grams (one, two and three bytes in a row) of each block, by rows.
 *
 * A gram belongs to one of ROWS_COUNT rows, a row has a bit for each block that holds one of its grams. The AND of the rows of a
 * pattern's longest grams has the bits of all blocks that hold the pattern, and of some that do not. Bits are set and never taken
 * back: who drops text begins anew.
 */
const ROWS_COUNT = 8192;
const ROW_SHIFT = 32 - Math.log2(ROWS_COUNT);
/** 2^32 divided by the golden ratio: multiples of it are spread evenly in their upper bits (Knuth, volume 3, 6.4). */
const SPREAD = 0x9e3779b1;
/** Grams of one and two bytes are told from longer ones by a byte above theirs. */
const ONE = 0x1000000;
const TWO = 0x2000000;

export const GRAM_BLOCKS_COUNT = 32;
/** Bytes of memory for the rows of so many blocks. */
export const GRAM_ROWS_BYTES = 4 * ROWS_COUNT;

/** The rows of the longest grams of a pattern, which is not empty; each once. */
export function gramRowsOf(pattern: Uint8Array): readonly number[] {
  const rows = new Set<number>();
  let gram = 0;
  for (const [at, byte] of pattern.entries()) {
    gram = ((gram << 8) | byte) & 0xffffff;
    if (at >= 2) rows.add(rowOf(gram));
  }
  if (rows.size === 0) rows.add(rowOf(gram | (pattern.length === 1 ? ONE : TWO)));
  return [...rows];
}

export class GramRows {
  readonly #rows = new Uint32Array(ROWS_COUNT);

  /** Adds the grams of `bytes` from `start` to the first byte below `byteMin` to a block. */
  add(bytes: Uint8Array, start: number, byteMin: number, block: number): void {
    const bit = 1 << block;
    let gram = 0;
    // The first grams of two and three bytes hold bytes that are not there; they cost two bits, which is less than to ask each time.
    for (let at = start; ; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte < byteMin) return;
      gram = ((gram << 8) | byte) & 0xffffff;
      this.#set(rowOf(byte | ONE), bit);
      this.#set(rowOf((gram & 0xffff) | TWO), bit);
      this.#set(rowOf(gram), bit);
    }
  }

  /** A bit for each block that may hold a pattern with these rows. */
  blocksOf(patternRows: readonly number[]): number {
    let blocks = -1;
    for (const row of patternRows) {
      blocks &= this.#rows[row] ?? 0;
      if (blocks === 0) break;
    }
    return blocks >>> 0;
  }

  #set(row: number, bit: number): void {
    this.#rows[row] = (this.#rows[row] ?? 0) | bit;
  }
}

function rowOf(gram: number): number {
  return Math.imul(gram, SPREAD) >>> ROW_SHIFT;
}
