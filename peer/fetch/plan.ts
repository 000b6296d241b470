/**
 * Which unit is asked for next, and of whom. Pure: no clock, no network.
 *
 *     missing ── next(peer) ──► asked of one or two peers ── landed ──► had
 *        ▲                             │
 *        └──────── failed(peer) ◄──────┘ (when the last peer that was asked failed)
 *
 * Peers take units in turn as they have room (round-robin); a peer that said it does not have a unit is not asked for it again.
 * Invariant: a unit is missing, asked or had; `had` is exactly the bitfield that the journal is written from.
 */
import { Bitfield } from '../../common/core/bitfield.js';
import { invariant } from '../../common/core/errors.js';

/** Peers that may be asked for one unit at the same time: a second one ends the wait for a slow first. */
const ASKED_PEERS_MAX_COUNT = 2;

export class Plan {
  readonly had: Bitfield;
  /** Units that are had or asked for: what `next` skips. */
  readonly #taken: Bitfield;
  readonly #asked = new Map<number, string[]>();
  readonly #lacks = new Map<string, Set<number>>();
  /** No unit before it is missing. */
  #cursor = 0;

  /** `had` is what is on disk already; the plan keeps it up to date. */
  constructor(had: Bitfield) {
    this.had = had;
    this.#taken = new Bitfield(had.length);
    for (const [first, count] of had.runs()) this.#taken.addRun(first, count);
  }

  get isDone(): boolean {
    return this.had.isFull;
  }

  get missingCount(): number {
    return this.had.length - this.had.count;
  }

  /** Claims the next unit for a peer, or `undefined` where nothing is left that it may have. */
  next(peer: string): number | undefined {
    const lacks = this.#lacks.get(peer);
    this.#cursor = this.#taken.nextMissing(this.#cursor);
    let unit = this.#cursor;
    while (unit < this.had.length && lacks?.has(unit) === true) unit = this.#taken.nextMissing(unit + 1);
    if (unit >= this.had.length) return undefined;
    this.#taken.add(unit);
    this.#asked.set(unit, [peer]);
    return unit;
  }

  /** Whether `peer` may be asked for a unit that another peer was asked for already. */
  mayDuplicate(unit: number, peer: string): boolean {
    const peers = this.#asked.get(unit);
    if (peers === undefined || peers.length >= ASKED_PEERS_MAX_COUNT || peers.includes(peer)) return false;
    return this.#lacks.get(peer)?.has(unit) !== true;
  }

  duplicate(unit: number, peer: string): void {
    invariant(this.mayDuplicate(unit, peer), 'a duplicate is allowed');
    this.#asked.get(unit)?.push(peer);
  }

  /** The unit is verified and written; returns whether that was news. */
  landed(unit: number): boolean {
    this.#asked.delete(unit);
    this.#taken.add(unit);
    return this.had.add(unit);
  }

  /** A peer did not deliver; `isLacking` where it said that it does not have the unit. */
  failed(unit: number, peer: string, isLacking: boolean): void {
    if (isLacking) this.#noteLack(unit, peer);
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

  /** The peer may have got more since: forget what it lacked. */
  forgetLacks(peer: string): void {
    this.#lacks.delete(peer);
  }

  #giveBack(unit: number): void {
    this.#asked.delete(unit);
    this.#taken.delete(unit);
    this.#cursor = Math.min(this.#cursor, unit);
  }

  #noteLack(unit: number, peer: string): void {
    const lacks = this.#lacks.get(peer) ?? new Set();
    lacks.add(unit);
    this.#lacks.set(peer, lacks);
  }
}
