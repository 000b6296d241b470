/** Sorting for lists that are long enough to hold up the event loop. */
import { breathe } from '../../common/node/clock.js';

/** Items that are worked on between two breaths of the event loop: a millisecond or two. */
const SLICE_COUNT = 4096;

/** Sorts a copy by merging: stable, and never longer than a slice at a stretch. */
export async function sortInSlices<T>(items: readonly T[], compare: (left: T, right: T) => number): Promise<T[]> {
  let runs: T[][] = [];
  for (let at = 0; at < items.length; at += SLICE_COUNT) {
    runs.push(items.slice(at, at + SLICE_COUNT).sort(compare));
    if (items.length > SLICE_COUNT) await breathe();
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let at = 0; at < runs.length; at += 2) merged.push(await merge(runs[at] ?? [], runs[at + 1] ?? [], compare));
    runs = merged;
  }
  return runs[0] ?? [];
}

async function merge<T>(left: readonly T[], right: readonly T[], compare: (left: T, right: T) => number): Promise<T[]> {
  const merged: T[] = [];
  let [atLeft, atRight] = [0, 0];
  while (atLeft < left.length || atRight < right.length) {
    const [one, other] = [left[atLeft] as T, right[atRight] as T];
    const isLeft = atRight >= right.length || (atLeft < left.length && compare(one, other) <= 0);
    merged.push(isLeft ? one : other);
    if (isLeft) atLeft += 1;
    else atRight += 1;
    if (merged.length % SLICE_COUNT === 0) await breathe();
  }
  return merged;
}
