/**
 * Which of 32 blocks of text may hold a pattern: a signature of the trigrams (three bytes in a row) of each block, kept by rows.
 *
 * A trigram belongs to one of ROWS_COUNT rows, a row has a bit for each block that holds one of its trigrams. The AND of the rows of a
 * pattern's trigrams has the bits of all blocks that hold the pattern, and of some that do not. Bits are set and never taken back:
 * who drops text begins anew.
 */
const ROWS_COUNT = 8192;
const ROW_SHIFT = 32 - Math.log2(ROWS_COUNT);
/** 2^32 divided by the golden ratio: multiples of it are spread evenly in their upper bits (Knuth, volume 3, 6.4). */
const SPREAD = 0x9e3779b1;
const GRAM_BYTES = 3;

export const GRAM_BLOCKS_COUNT = 32;

/** The rows of the trigrams of a pattern, each once; none where it is shorter than a trigram. */
export function gramRowsOf(pattern: Uint8Array): readonly number[] {
  const rows = new Set<number>();
  let gram = 0;
  for (const [at, byte] of pattern.entries()) {
    gram = ((gram << 8) | byte) & 0xffffff;
    if (at >= GRAM_BYTES - 1) rows.add(Math.imul(gram, SPREAD) >>> ROW_SHIFT);
  }
  return [...rows];
}

export class GramRows {
  readonly #rows = new Uint32Array(ROWS_COUNT);

  /** Adds the trigrams of `bytes` from `start` to the first byte below `byteMin` to a block. */
  add(bytes: Uint8Array, start: number, byteMin: number, block: number): void {
    const rows = this.#rows;
    const bit = 1 << block;
    let gram = ((bytes[start] ?? 0) << 8) | (bytes[start + 1] ?? 0);
    // A name of fewer bytes has a byte below the least among the first three, and the loop ends at it.
    if (gram >>> 8 < byteMin || (gram & 0xff) < byteMin) return;
    for (let at = start + 2; ; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte < byteMin) return;
      gram = ((gram << 8) | byte) & 0xffffff;
      const row = Math.imul(gram, SPREAD) >>> ROW_SHIFT;
      rows[row] = (rows[row] ?? 0) | bit;
    }
  }

  /** A bit for each block that may hold a pattern with these rows: all of them where it has no rows. */
  blocksOf(patternRows: readonly number[]): number {
    let blocks = -1;
    for (const row of patternRows) {
      blocks &= this.#rows[row] ?? 0;
      if (blocks === 0) break;
    }
    return blocks >>> 0;
  }
}
