/** Chunk numbers as the ranges of news. Pure. */
import type { ChunkRange } from '../../common/wire/peer-lines.js';

/** The numbers of a list in any order, also repeated ones, as ascending ranges that do not touch. */
export function rangesOf(chunkIndexes: readonly number[]): ChunkRange[] {
  const ranges: [first: number, count: number][] = [];
  for (const index of chunkIndexes.toSorted((left, right) => left - right)) {
    const last = ranges.at(-1);
    const end = last === undefined ? -1 : last[0] + last[1];
    if (last === undefined || index > end) ranges.push([index, 1]);
    else if (index === end) last[1] += 1;
  }
  return ranges;
}

/** The set bits from `fromIndex` on as at most `maxCount` ranges, and where to go on; that is `undefined` after the last one. */
export function rangesOfBits(
  bits: Uint8Array,
  fromIndex: number,
  maxCount: number,
): { readonly ranges: ChunkRange[]; readonly nextIndex: number | undefined } {
  const ranges: ChunkRange[] = [];
  const find = (from: number, isSet: boolean): number => {
    const skipped = isSet ? 0x00 : 0xff;
    for (let index = from; index < 8 * bits.length; index += 1) {
      while ((index & 7) === 0 && bits[index >> 3] === skipped) index += 8;
      if ((((bits[index >> 3] ?? 0) & (0x80 >> (index & 7))) !== 0) === isSet) return Math.min(index, 8 * bits.length);
    }
    return 8 * bits.length;
  };
  for (let first = find(fromIndex, true); first < 8 * bits.length; ) {
    if (ranges.length === maxCount) return { ranges, nextIndex: first };
    const end = find(first, false);
    ranges.push([first, end - first]);
    first = find(end, true);
  }
  return { ranges, nextIndex: undefined };
}
