/**
 * Contents by name, each with a place in the order in which the names came; so that a walk over them can be left and taken up again
 * while others come and go. A content that takes the place of another of its name keeps it.
 *
 * Two arrays in the order of places, in which what is gone leaves a gap; when most of them is gaps, they are closed.
 * Invariants: places ascend and are never given twice; a name has one place; at most half of a long list is gaps.
 */
import type { FileName } from '../../common/core/file-name.js';
import type { SharedContent } from './shared-content.js';

/** Gaps that are not worth closing. */
const GAPS_FREE_COUNT = 64;

export interface PlacedContent {
  readonly place: number;
  readonly content: SharedContent;
}

export class OrderedContents {
  readonly #placeOf = new Map<FileName, number>();
  #places: number[] = [];
  #contents: (SharedContent | undefined)[] = [];
  #nextPlace = 0;

  get size(): number {
    return this.#placeOf.size;
  }

  get(name: FileName): SharedContent | undefined {
    const place = this.#placeOf.get(name);
    return place === undefined ? undefined : this.#contents[this.#indexOf(place)];
  }

  set(content: SharedContent): void {
    const place = this.#placeOf.get(content.name);
    if (place !== undefined) {
      this.#contents[this.#indexOf(place)] = content;
      return;
    }
    this.#placeOf.set(content.name, this.#nextPlace);
    this.#places.push(this.#nextPlace);
    this.#contents.push(content);
    this.#nextPlace += 1;
  }

  delete(name: FileName): void {
    const place = this.#placeOf.get(name);
    if (place === undefined) return;
    this.#placeOf.delete(name);
    this.#contents[this.#indexOf(place)] = undefined;
    if (this.#places.length > 2 * this.size + GAPS_FREE_COUNT) this.#closeGaps();
  }

  /** What is at `place` and behind it, in order; also what comes while this goes on. */
  *from(place: number): IterableIterator<PlacedContent> {
    let [places, index, next] = [this.#places, this.#indexOf(place), place];
    while (true) {
      // Gaps were closed since: what was next is elsewhere.
      if (places !== this.#places) [places, index] = [this.#places, this.#indexOf(next)];
      if (index >= places.length) return;
      const content = this.#contents[index];
      next = (places[index] ?? 0) + 1;
      if (content !== undefined) yield { place: next - 1, content };
      index += 1;
    }
  }

  /** The index of a place, or of the first behind it. */
  #indexOf(place: number): number {
    // Where nothing went yet, a place is its index.
    if (this.#places[place] === place) return place;
    let [low, high] = [0, this.#places.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#places[middle] ?? 0) < place) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #closeGaps(): void {
    const kept: number[] = [];
    this.#contents.forEach((content, index) => {
      if (content !== undefined) kept.push(index);
    });
    this.#places = kept.map((index) => this.#places[index] ?? 0);
    this.#contents = kept.map((index) => this.#contents[index]);
  }
}
