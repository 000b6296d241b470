/**
 * Which units may be asked for, the rarest first. Pure.
 *
 * All units stand in one array, in segments: those that are taken (had, or asked for), then those that are open, by how many of the counted
 * peers have them. One more or one fewer swaps a unit over one border, so a change costs the same however many units there are:
 *
 *     order   │ taken │ nobody │ one peer │ two peers │ … │
 *             starts[0]  [1]       [2]        [3]       …
 *
 * Within a segment units go in ascending order from a place drawn by chance and round, as far as swaps leave it: where only seeds are, a
 * fetch goes through the file as disks like it, and each fetcher from a place of its own. A unit that another peer gained gives its place
 * to one from the far end, so that two fetchers whose ways meet do not go on side by side.
 *
 * Peers that have everything are not counted: they would raise every unit alike.
 * Invariant: `place` says where `order` has a unit, and each unit stands in the segment that its bit in `taken` and its holders call for,
 * unless the order is stale; then nobody reads it before it is made anew.
 */
import { Bitfield } from '../../common/core/bitfield.js';
import type { Random } from '../../common/ports/random.js';

/** Segments of open units; the last also has what more peers have. More than a fetch has connections tells nothing apart that matters. */
const LEVELS_COUNT = 64;
/**
 * A peer that has more than this share of all units makes the order stale, and one pass over all units makes it anew: a swap misses the
 * processor's cache, a step of the pass does not, and several peers that come together cost one pass.
 */
const BULK_SHARE = 1 / 16;
/** Units that `first` looks at: a look costs some 10 ns, and what a peer has by half is found at the second. */
export const LOOKS_MAX_COUNT = 256;

const TAKEN = 0;

export class Rarity {
  /** Units that are had or asked for. To be changed by `take` and `release` only. */
  readonly taken: Bitfield;
  readonly #random: Random;
  readonly #unitCount: number;
  readonly #order: Uint32Array;
  readonly #place: Uint32Array;
  readonly #holders: Uint16Array;
  /** Where in `order` each segment begins; one more says where the last ends. */
  readonly #starts = new Uint32Array(LEVELS_COUNT + 2);
  #isStale = true;

  /** What is in `had` is taken; nobody is counted yet. */
  constructor(had: Bitfield, random: Random) {
    this.#random = random;
    this.#unitCount = had.length;
    this.taken = new Bitfield(had.length);
    for (const [first, count] of had.runs()) this.taken.addRun(first, count);
    this.#order = new Uint32Array(had.length);
    this.#place = new Uint32Array(had.length);
    this.#holders = new Uint16Array(had.length);
  }

  /** How many counted peers have the unit. */
  holdersOf(unit: number): number {
    return this.#holders[unit] ?? 0;
  }

  /** The unit is asked for or had: nobody else is to be asked for it. Nothing happens where it is so already. */
  take(unit: number): void {
    const before = this.#segmentOf(unit);
    if (this.taken.add(unit)) this.#move(unit, before, TAKEN);
  }

  /** The unit is open again. Nothing happens where it is so already. */
  release(unit: number): void {
    if (this.taken.delete(unit)) this.#move(unit, TAKEN, this.#segmentOf(unit));
  }

  /** One counted peer more (`step` 1) or fewer (−1) has the unit. */
  count(unit: number, step: 1 | -1): void {
    const before = this.#isStale ? TAKEN : this.#segmentOf(unit);
    this.#holders[unit] = this.holdersOf(unit) + step;
    if (!this.#isStale) this.#move(unit, before, this.#segmentOf(unit));
  }

  /** The same for all units that a peer has. */
  countAll(units: Bitfield, step: 1 | -1): void {
    if (units.count > BULK_SHARE * this.#unitCount) this.#isStale = true;
    const { bytes } = units;
    for (let at = 0; at < bytes.length; at += 1) {
      for (let byte = bytes[at] ?? 0, unit = 8 * at; byte !== 0; byte = (byte << 1) & 0xff, unit += 1) {
        if ((byte & 0x80) !== 0) this.count(unit, step);
      }
    }
  }

  /**
   * The first open unit, from the rarest on, that is wanted; units with fewer than `holdersMin` holders are left out. `undefined` where
   * there is none among the first `LOOKS_MAX_COUNT`.
   */
  first(holdersMin: 0 | 1, isWanted: (unit: number) => boolean): number | undefined {
    if (this.#isStale) this.#sort();
    const from = this.#starts[1 + holdersMin] ?? 0;
    const end = Math.min(this.#unitCount, from + LOOKS_MAX_COUNT);
    for (let at = from; at < end; at += 1) {
      const unit = this.#order[at] ?? 0;
      if (isWanted(unit)) return unit;
    }
    return undefined;
  }

  #segmentOf(unit: number): number {
    return this.taken.has(unit) ? TAKEN : 1 + Math.min(LEVELS_COUNT - 1, this.holdersOf(unit));
  }

  /** Moves a unit over the borders between two segments, one by one. */
  #move(unit: number, from: number, to: number): void {
    if (this.#isStale) return;
    const starts = this.#starts;
    for (let segment = from; segment > to; segment -= 1) {
      const border = starts[segment] ?? 0;
      this.#swap(unit, border);
      starts[segment] = border + 1;
    }
    for (let segment = from; segment < to; segment += 1) {
      const border = (starts[segment + 1] ?? 0) - 1;
      this.#swap(unit, border);
      starts[segment + 1] = border;
    }
  }

  #swap(unit: number, place: number): void {
    const other = this.#order[place] ?? 0;
    const freed = this.#place[unit] ?? 0;
    this.#order[freed] = other;
    this.#place[other] = freed;
    this.#order[place] = unit;
    this.#place[unit] = place;
  }

  /** Makes the order anew, from another place drawn by chance: where peers come and go, fetchers that met part again. */
  #sort(): void {
    this.#isStale = false;
    const starts = this.#starts.fill(0);
    for (let unit = 0; unit < this.#unitCount; unit += 1) {
      const after = this.#segmentOf(unit) + 1;
      starts[after] = (starts[after] ?? 0) + 1;
    }
    for (let segment = 1; segment < starts.length; segment += 1) {
      starts[segment] = (starts[segment] ?? 0) + (starts[segment - 1] ?? 0);
    }
    const ends = starts.slice();
    let unit = this.#random.below(Math.max(1, this.#unitCount));
    for (let step = 0; step < this.#unitCount; step += 1) {
      const segment = this.#segmentOf(unit);
      const place = ends[segment] ?? 0;
      ends[segment] = place + 1;
      this.#order[place] = unit;
      this.#place[unit] = place;
      unit = unit + 1 === this.#unitCount ? 0 : unit + 1;
    }
  }
}
