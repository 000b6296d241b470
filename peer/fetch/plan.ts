/**
 * Which unit is asked for next, and of whom. Pure: no clock, no network.
 *
 *     missing ── next(peer) ──► asked of one or two peers ── landed ──► had
 *        ▲                             │
 *        └──────── failed(peer) ◄──────┘ (when the last peer that was asked failed)
 *
 * Each peer is asked for what it has, and of that for what the fewest others have, so that no unit dies out and fetchers have something
 * to give to each other. How rare a unit is, only peers count for that told which units they have and lack some (`rarity.ts`).
 * Invariant: a unit is missing, asked or had, and one of them alone, which is looked at whenever it changes; `had` is exactly the bitfield
 * that the journal is written from.
 */
import type { Bitfield } from '../../common/core/bitfield.js';
import { invariant } from '../../common/core/errors.js';
import type { Random } from '../../common/ports/random.js';
import { DEFERRED_MAX_COUNT, PlanPeer } from './plan-peer.js';
import { LOOKS_MAX_COUNT, Rarity } from './rarity.js';

/** Peers that may be asked for one unit at the same time: a second one ends the wait for a slow first. */
const ASKED_PEERS_MAX_COUNT = 2;
/** Units of a peer of which the rarest is taken where none is among the rarest of all. */
const FOUND_MAX_COUNT = 128;
// Both searches see more units than may be put off, so neither ends without one while there is one.
invariant(DEFERRED_MAX_COUNT < Math.min(FOUND_MAX_COUNT, LOOKS_MAX_COUNT), 'no search sees deferred units alone');

/** Why a peer did not deliver: it is gone or failed, it said that it does not have the unit, or that it is busy with others. */
export type FailureReason = 'gone' | 'lacks' | 'later';

export class Plan {
  readonly had: Bitfield;
  readonly #rarity: Rarity;
  readonly #random: Random;
  readonly #peers = new Set<PlanPeer>();
  readonly #asked = new Map<number, PlanPeer[]>();
  readonly #found = new Uint32Array(FOUND_MAX_COUNT);

  /** `had` is what is on disk already; the plan keeps it up to date. */
  constructor(had: Bitfield, random: Random) {
    this.had = had;
    this.#random = random;
    this.#rarity = new Rarity(had, random);
  }

  get isDone(): boolean {
    return this.had.isFull;
  }

  get missingCount(): number {
    return this.had.length - this.had.count;
  }

  /** A peer takes part. Until told otherwise it is taken to have every unit. */
  join(): PlanPeer {
    const peer = new PlanPeer(this.had.length, this.#random.below(Math.max(1, this.had.length)));
    this.#peers.add(peer);
    return peer;
  }

  /**
   * Forgets what the peer has; from then on it is given nothing, and what it gains is not heard. What it was asked for and is under way
   * stays asked until that has landed or failed.
   */
  leave(peer: PlanPeer): void {
    if (!this.#peers.delete(peer)) return;
    this.#uncount(peer);
    peer.replace(undefined);
  }

  /** All that the peer has, in place of what was known of it. The plan keeps `units` and changes it. */
  knows(peer: PlanPeer, units: Bitfield): void {
    if (!this.#peers.has(peer)) return;
    this.#uncount(peer);
    peer.replace(units.isFull ? undefined : units);
    if (units.isFull) return;
    peer.isCounted = true;
    this.#rarity.countAll(units, 1);
  }

  /** One unit more that the peer has. */
  gained(peer: PlanPeer, unit: number): void {
    this.gainedRun(peer, unit, 1);
  }

  /** `count` units from `first` on that the peer has; returns how many of them were news. */
  gainedRun(peer: PlanPeer, first: number, count: number): number {
    if (!this.#peers.has(peer)) return 0;
    let newsCount = 0;
    for (let unit = peer.nextLacked(first); unit < first + count; unit = peer.nextLacked(unit + 1)) {
      peer.add(unit);
      newsCount += 1;
      if (peer.isCounted) this.#rarity.count(unit, 1);
    }
    if (peer.units?.isFull !== true) return newsCount;
    this.#uncount(peer);
    peer.replace(undefined);
    return newsCount;
  }

  /**
   * Claims the next unit for a peer, or returns `undefined` where it has none that is open and not put off. The rarest of those that it
   * has, unless it has more than 128 and none of them is among the 256 rarest of all: then one that is rare for it.
   */
  next(peer: PlanPeer, nowMs: number): number | undefined {
    if (!this.#peers.has(peer) || peer.isExhausted) return undefined;
    const mayAsk = (unit: number) => peer.has(unit) && !peer.isDeferred(unit, nowMs);
    // What a counted peer has, one peer has at least.
    const unit = this.#rarity.first(peer.isCounted ? 1 : 0, mayAsk) ?? this.#rarestOf(peer, mayAsk);
    if (unit === undefined) return undefined;
    this.#rarity.take(unit);
    this.#asked.set(unit, [peer]);
    this.#checkState(unit);
    return unit;
  }

  /** Whether `peer` may be asked for a unit that another peer was asked for already. */
  mayDuplicate(unit: number, peer: PlanPeer, nowMs: number): boolean {
    return this.#isRoomFor(unit, peer) && peer.has(unit) && !peer.isDeferred(unit, nowMs);
  }

  /** Claims a unit for a second peer, for which `mayDuplicate` holds. */
  duplicate(unit: number, peer: PlanPeer): void {
    invariant(this.#isRoomFor(unit, peer), 'a duplicate is allowed');
    this.#asked.get(unit)?.push(peer);
  }

  /** The unit is verified and written; returns whether that was news. */
  landed(unit: number): boolean {
    this.#asked.delete(unit);
    this.#rarity.take(unit);
    const isNews = this.had.add(unit);
    this.#checkState(unit);
    return isNews;
  }

  /** A peer did not deliver. One that `lacks` the unit is not asked for it until it gains it, one that said `later` not for a second. */
  failed(unit: number, peer: PlanPeer, why: FailureReason, nowMs: number): void {
    if (this.#peers.has(peer)) {
      if (why === 'lacks' && peer.delete(unit) && peer.isCounted) this.#rarity.count(unit, -1);
      if (why === 'later') peer.defer(unit, nowMs);
    }
    const peers = this.#asked.get(unit);
    if (peers === undefined) return;
    const rest = peers.filter((one) => one !== peer);
    if (rest.length > 0) this.#asked.set(unit, rest);
    else this.#giveBack(unit);
  }

  /** A unit that was had turned out not to be safe on disk. */
  lost(unit: number): void {
    if (this.had.delete(unit)) this.#giveBack(unit);
  }

  /** Whether the peer has anything that is missing here, asked for or not. */
  isUseful(peer: PlanPeer): boolean {
    if (!this.#peers.has(peer)) return false;
    if (peer.units === undefined) return !this.isDone;
    for (const unit of this.#asked.keys()) if (peer.has(unit)) return true;
    return peer.findOpen(this.#rarity.taken, this.#found) > 0;
  }

  /** The rarest of the first units that are found open among those that the peer has. */
  #rarestOf(peer: PlanPeer, mayAsk: (unit: number) => boolean): number | undefined {
    if (peer.units === undefined) return undefined;
    const foundCount = peer.findOpen(this.#rarity.taken, this.#found);
    let rarest: number | undefined;
    let fewest = Number.POSITIVE_INFINITY;
    for (const unit of this.#found.subarray(0, foundCount)) {
      const holders = this.#rarity.holdersOf(unit);
      if (holders >= fewest || !mayAsk(unit)) continue;
      rarest = unit;
      fewest = holders;
    }
    return rarest;
  }

  #isRoomFor(unit: number, peer: PlanPeer): boolean {
    const peers = this.#asked.get(unit);
    return peers !== undefined && peers.length < ASKED_PEERS_MAX_COUNT && !peers.includes(peer) && this.#peers.has(peer);
  }

  #giveBack(unit: number): void {
    this.#asked.delete(unit);
    this.#rarity.release(unit);
    for (const peer of this.#peers) peer.reopen(unit);
    this.#checkState(unit);
  }

  #checkState(unit: number): void {
    const [isHad, isAsked] = [this.had.has(unit), this.#asked.has(unit)];
    invariant(!(isHad && isAsked) && this.#rarity.taken.has(unit) === (isHad || isAsked), `unit ${unit} is in one state`);
  }

  #uncount(peer: PlanPeer): void {
    if (peer.isCounted && peer.units !== undefined) this.#rarity.countAll(peer.units, -1);
    peer.isCounted = false;
  }
}
