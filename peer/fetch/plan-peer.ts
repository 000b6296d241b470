/**
 * What the plan knows of one peer: which units it has, and which it asked us to ask for later. Pure.
 *
 * A peer that has everything, or never says what it has, takes no memory here. For the others there is a bit a unit, and a bit a block
 * of units that says "nothing open in here", so that what is left of a large content is found without going through all of it.
 * Invariant: a block that is marked exhausted has no unit that the peer has and that is open.
 */
import { Bitfield } from '../../common/core/bitfield.js';
import { invariant } from '../../common/core/errors.js';

/** Bytes of a bitfield, 8 units each, that make a block: looked through in about 0.1 µs, and a content of 1 TiB has some 4,000. */
const BLOCK_BYTES = 64;
/** Units that a peer may have put off at a time: more than a peer is asked for at once. The oldest give way, and may be asked for early. */
export const DEFERRED_MAX_COUNT = 64;
/** About as long as one of the chunks that a busy peer sends to others takes, at 4 Mbit/s: much sooner and it would only refuse again. */
const DEFERRED_MS = 1000;

/** A peer as the plan sees it; to everybody else a handle, and nothing more. */
export class PlanPeer {
  /** Whether its units are counted in the rarity of each. */
  isCounted = false;
  readonly #unitCount: number;
  /** `undefined`: all of them. */
  #units: Bitfield | undefined;
  /** Empty and unused where `#units` is `undefined`. */
  #exhausted = new Bitfield(0);
  /** The block where the search goes on. */
  #block: number;
  /** Until when each unit is put off, the first to end first. */
  readonly #deferred = new Map<number, number>();

  /** A peer that has everything; the search in what is left of that, should it turn out otherwise, begins at `firstUnit`. */
  constructor(unitCount: number, firstUnit: number) {
    this.#unitCount = unitCount;
    this.#block = blockOf(firstUnit);
  }

  /** What it has; `undefined`: everything. */
  get units(): Bitfield | undefined {
    return this.#units;
  }

  /** Whether it is known to have nothing that is open; `false` where nobody looked. */
  get isExhausted(): boolean {
    return this.#units !== undefined && this.#exhausted.isFull;
  }

  /** Takes `units` over as what it has; `undefined`: everything. */
  replace(units: Bitfield | undefined): void {
    invariant(units === undefined || units.length === this.#unitCount, 'a bitfield has a bit for each unit');
    this.#units = units;
    this.#exhausted = new Bitfield(units === undefined ? 0 : blockOf(this.#unitCount + 8 * BLOCK_BYTES - 1));
  }

  has(unit: number): boolean {
    return this.#units === undefined || this.#units.has(unit);
  }

  /** The first unit from `from` on that it does not have; the number of all units where there is none. */
  nextLacked(from: number): number {
    return this.#units === undefined ? this.#unitCount : this.#units.nextMissing(from);
  }

  /** It has a unit more. */
  add(unit: number): void {
    if (this.#units?.add(unit) === true) this.reopen(unit);
  }

  /** Returns whether it had the unit. */
  delete(unit: number): boolean {
    if (this.#units === undefined) this.replace(Bitfield.full(this.#unitCount));
    return this.#units?.delete(unit) === true;
  }

  /** A unit that was taken is open again. */
  reopen(unit: number): void {
    this.#exhausted.delete(blockOf(unit));
  }

  /** Puts a unit off for about a second. */
  defer(unit: number, nowMs: number): void {
    // Anew, so that the one that ends first stays the first.
    this.#deferred.delete(unit);
    this.#deferred.set(unit, nowMs + DEFERRED_MS);
    for (const [oldest, untilMs] of this.#deferred) {
      if (untilMs > nowMs && this.#deferred.size <= DEFERRED_MAX_COUNT) return;
      this.#deferred.delete(oldest);
    }
  }

  isDeferred(unit: number, nowMs: number): boolean {
    const untilMs = this.#deferred.get(unit);
    return untilMs !== undefined && nowMs < untilMs;
  }

  /**
   * Fills `found` with open units that the peer has, deferred or not, and returns how many: fewer than fit only where there are no more.
   * Not for a peer that has everything.
   */
  findOpen(taken: Bitfield, found: Uint32Array): number {
    const blockCount = this.#exhausted.length;
    let foundCount = 0;
    let isFirst = true;
    const start = this.#block;
    for (const [from, end] of [
      [start, blockCount],
      [0, start],
    ] as const) {
      for (let block = this.#exhausted.nextMissing(from); block < end; block = this.#exhausted.nextMissing(block + 1)) {
        const before = foundCount;
        foundCount = this.#findInBlock(block, taken, found, foundCount);
        if (foundCount === before) this.#exhausted.add(block);
        else if (isFirst) {
          this.#block = block;
          isFirst = false;
        }
        if (foundCount === found.length) return foundCount;
      }
    }
    return foundCount;
  }

  #findInBlock(block: number, taken: Bitfield, found: Uint32Array, foundBefore: number): number {
    const bytes = this.#units?.bytes ?? taken.bytes;
    const end = Math.min(bytes.length, (block + 1) * BLOCK_BYTES);
    let foundCount = foundBefore;
    for (let at = block * BLOCK_BYTES; at < end; at += 1) {
      let byte = (bytes[at] ?? 0) & ~(taken.bytes[at] ?? 0);
      for (let unit = 8 * at; byte !== 0; byte = (byte << 1) & 0xff, unit += 1) {
        if ((byte & 0x80) === 0) continue;
        found[foundCount] = unit;
        foundCount += 1;
        if (foundCount === found.length) return foundCount;
      }
    }
    return foundCount;
  }
}

function blockOf(unit: number): number {
  return Math.floor(unit / (8 * BLOCK_BYTES));
}
