/** What is kept of each root, found by the root: each entry is a number, and `rowOf` tells a row of the column whose root is the entry's. */
import type { Random } from '../../common/ports/random.js';
import { EntryTable } from './entry-table.js';
import { hashWords, ROOT_WORDS_COUNT, type RootColumn, type RootWords } from './root-column.js';

export function rootTable(
  ports: { readonly random: Random },
  roots: RootColumn,
  rowOf: (entry: number) => number,
): EntryTable<RootWords> {
  // Secret and odd, one for each word.
  const factors = new Int32Array(ROOT_WORDS_COUNT);
  for (let word = 0; word < ROOT_WORDS_COUNT; word += 1) factors[word] = ports.random.below(2 ** 32) | 1;
  return new EntryTable({
    hashOf: (words) => hashWords(words, factors),
    isOf: (entry, words) => roots.is(rowOf(entry), words),
  });
}
