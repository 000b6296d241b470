/**
 * One peer in the part that it has in a download: what is asked of it, what it brought, how much of the content it says it has.
 *
 * A new connection is greeted before anything is asked for:
 *
 *     greeting ── bitfield ──► telling (its news keep the plan up to date)
 *        ├─ knows no HAVE ──► plain (taken to have everything; what it lacks is learnt by refusals)
 *        └─ connection lost ──► plain at the next one: a stranger may end a connection over a verb that it does not know
 *
 * Pure but for the lane that it points to: time comes in.
 */
import type { Catalog } from './catalog.js';
import type { PlanPeer } from './plan-peer.js';
import type { Lane } from './swarm.js';

/** Times in a row that a peer may say BUSY before it is left alone for a while. */
const BUSY_FREE_COUNT = 4;
const BUSY_REST_FIRST_MS = 100;
const BUSY_REST_MAX_MS = 2000;
/** Milliseconds in which a peer that is asked to give back a unit has given an answer, or begun: longer than there and back. */
const TAKE_BACK_MS = 1000;
/** Milliseconds between two looks whether an idle peer can help another. */
const HELP_MS = 100;

export class Supplier {
  readonly lane: Lane;
  /** What the plan knows it as; `undefined` while it is not connected. */
  peer: PlanPeer | undefined;
  /** Units asked for and not answered, with the time they were asked at, oldest first. */
  readonly asked = new Map<number, number>();
  /** Refusals since the last chunk. */
  refusalCount = 0;
  /** Verified bytes and chunks it brought. */
  bytes = 0;
  chunkCount = 0;
  greeting: 'due' | 'greeting' | 'telling' | 'plain' = 'due';
  /** It has nothing to be asked for, as far as is known. */
  isDry = false;
  /** Units asked for that it was asked to give back, with the time of that. */
  readonly #takenBack = new Map<number, number>();
  #busyCount = 0;
  #restUntilMs = Number.NEGATIVE_INFINITY;
  #helpedMs = Number.NEGATIVE_INFINITY;
  #isHelping = false;

  constructor(lane: Lane) {
    this.lane = lane;
  }

  /** Whether it may be asked for chunks at all. */
  isReady(nowMs: number): boolean {
    const isGreeted = this.greeting === 'telling' || this.greeting === 'plain';
    return isGreeted && this.lane.connection !== undefined && nowMs >= this.#restUntilMs;
  }

  /** Whether it may be asked to give a unit back: it knows how, and was not asked yet. */
  mayTakeBack(unit: number): boolean {
    return this.greeting === 'telling' && !this.#takenBack.has(unit);
  }

  /** Whether it was asked to give a unit back, and had the time to answer. */
  isMute(unit: number, nowMs: number): boolean {
    return nowMs - (this.#takenBack.get(unit) ?? nowMs) > TAKE_BACK_MS;
  }

  /** Asks it to give a unit back, if it may be; where it has not begun with that, it answers BUSY. */
  takeBack(unit: number, catalog: Pick<Catalog, 'locate'>, nowMs: number): void {
    if (!this.mayTakeBack(unit)) return;
    this.#takenBack.set(unit, nowMs);
    const { file, chunkIndex } = catalog.locate(unit);
    this.lane.connection?.cancelChunk(file.content, chunkIndex);
  }

  /** It answered the request for a unit. Returns whether it was asked to give that back. */
  answered(unit: number): boolean {
    this.asked.delete(unit);
    return this.#takenBack.delete(unit);
  }

  /** It asks for patience: once in a while is nothing, again and again means that it has no room for us. */
  busy(nowMs: number): void {
    this.#busyCount += 1;
    const over = this.#busyCount - BUSY_FREE_COUNT;
    if (over > 0) this.#restUntilMs = nowMs + Math.min(BUSY_REST_MAX_MS, BUSY_REST_FIRST_MS * 2 ** (over - 1));
  }

  /** Whether there may be something for it by now that there was not before: what it put off, or the work of a slow one. */
  get mayHaveMore(): boolean {
    return this.#busyCount > 0 || this.asked.size === 0;
  }

  /** It brought a verified chunk. */
  brought(bytes: number): void {
    this.bytes += bytes;
    this.chunkCount += 1;
    this.refusalCount = 0;
    this.#busyCount = 0;
  }

  /** Whether it may look for work of others to take over: an idle one, now and then; one that found some, for more of it. */
  mayHelp(nowMs: number): boolean {
    if (this.#isHelping) return true;
    if (this.asked.size > 0 || nowMs < this.#helpedMs + HELP_MS) return false;
    this.#helpedMs = nowMs;
    return true;
  }

  /** It looked, and found some or not. */
  helped(hasFound: boolean): void {
    this.#isHelping = hasFound;
  }

  /** The connection is gone. */
  disconnected(): void {
    this.peer = undefined;
    this.#takenBack.clear();
    this.greeting = this.greeting === 'greeting' || this.greeting === 'plain' ? 'plain' : 'due';
    this.isDry = false;
    this.#busyCount = 0;
  }
}
