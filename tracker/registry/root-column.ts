/** The roots of contents, 32 bytes each: as texts they would take three times as much. */
import type { ContentRoot } from '../../common/core/root.js';

const PAGE_BITS = 12;
const PAGE_ROWS_COUNT = 2 ** PAGE_BITS;
const PLACE_MASK = PAGE_ROWS_COUNT - 1;
const ROOT_BYTES = 32;

/** A root as numbers of 32 bits. */
export const ROOT_WORDS_COUNT = ROOT_BYTES / 4;
export type RootWords = Int32Array;

const scratch = Buffer.alloc(ROOT_BYTES);
const scratchWords = new Int32Array(scratch.buffer, scratch.byteOffset, ROOT_WORDS_COUNT);

/** A root as numbers, in one place for all: they are good until the next call. */
export function wordsOf(root: ContentRoot): RootWords {
  scratch.write(root, 'hex');
  return scratchWords;
}

/** A root for each row that was set; of the others it knows nothing. */
export class RootColumn {
  readonly #pages: { readonly bytes: Buffer; readonly words: Int32Array }[] = [];

  set(row: number, words: RootWords): void {
    while (this.#pages.length <= row >>> PAGE_BITS) {
      const bytes = Buffer.alloc(PAGE_ROWS_COUNT * ROOT_BYTES);
      this.#pages.push({ bytes, words: new Int32Array(bytes.buffer, bytes.byteOffset, PAGE_ROWS_COUNT * ROOT_WORDS_COUNT) });
    }
    this.#pages[row >>> PAGE_BITS]?.words.set(words, (row & PLACE_MASK) * ROOT_WORDS_COUNT);
  }

  get(row: number): ContentRoot {
    const at = (row & PLACE_MASK) * ROOT_BYTES;
    return this.#pages[row >>> PAGE_BITS]?.bytes.toString('hex', at, at + ROOT_BYTES) as ContentRoot;
  }

  is(row: number, words: RootWords): boolean {
    const page = this.#pages[row >>> PAGE_BITS]?.words;
    if (page === undefined) return false;
    const at = (row & PLACE_MASK) * ROOT_WORDS_COUNT;
    for (let word = 0; word < ROOT_WORDS_COUNT; word += 1) if (page[at + word] !== words[word]) return false;
    return true;
  }
}

/** A number of 32 bits, all of them good, from factors that nobody else knows: who chooses roots cannot choose where they fall. */
export function hashWords(words: RootWords, factors: RootWords): number {
  let sum = 0;
  for (let word = 0; word < ROOT_WORDS_COUNT; word += 1) {
    sum = (sum + Math.imul(words[word] as number, factors[word] as number)) | 0;
  }
  // Of the sum the upper bits are good; MurmurHash3 ends in the same way, so that they come to all.
  sum = Math.imul(sum ^ (sum >>> 16), 0x85ebca6b);
  sum = Math.imul(sum ^ (sum >>> 13), 0xc2b2ae35);
  return sum ^ (sum >>> 16);
}
