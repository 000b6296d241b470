/**
 * Where the time of one connection to a peer goes, seen from the asking side. Pure: time is passed in, and each event costs one step.
 *
 *     idle ── asked ──► waiting ── began ──► receiving ── ended ──► waiting (more are open) or idle
 *                          ▲  └── starved ──► starved ──┐
 *                          └──────── resumed ───────────┘
 *
 * What it tells: requests are open all the time (pipelined), so a peer whose uplink or network is slow has its bytes on the way without
 * a gap, and the time goes into receiving; a peer that is slow to begin (its disk, its queue) leaves gaps before each reply, and the
 * time goes into waiting. Time in which we ourselves had no memory for its bytes, or our own rate limit held them back, is neither.
 * Invariant: each moment belongs to one state, so the times add up to the age of the connection.
 */

type ReplyState = 'idle' | 'waiting' | 'receiving' | 'starved';

const DEBTS: Readonly<Record<ReplyState, Debt>> = { idle: 'none', waiting: 'due', receiving: 'due', starved: 'starved' };

/** Milliseconds and counts, added up. */
export interface ReplyTotals {
  /** Requests were open, and no byte of the oldest reply was here. */
  readonly waitMs: number;
  /** The oldest reply was here in part. */
  readonly receiveMs: number;
  /** All our memory for chunks was taken, and so nothing was read from this peer. */
  readonly starvedMs: number;
  /** Our own rate limit kept us from reading what was due. */
  readonly heldBackMs: number;
  /** Replies whose request was sent while no other was open: each waits for a way there and back. */
  readonly freshCount: number;
  /** Shortest way there and back: to connect, or from such a request to its reply. `null` where it never connected. */
  readonly roundTripMs: number | null;
}

/** What matters to others: whether a reply is due, and if so, whether we ourselves hold it up. */
export type Debt = 'none' | 'due' | 'starved';

/** Hears of one connection. Not of waiting and receiving: two turns for each chunk are too many to tell of. */
export interface ConnectionWatch {
  /** `heldBackMs` of the `beforeMs` that the debt before lasted were taken by our own rate limit. */
  turned(before: Debt, debt: Debt, nowMs: number, beforeMs: number, heldBackMs: number): void;
  /** It has ended; nothing comes after this. */
  closed(totals: ReplyTotals): void;
}

/** Hears of all connections. */
export interface ConnectionsWatch {
  /** A connection is made to the peer of this address. */
  watchConnection(address: string, times: ReplyTimes): ConnectionWatch;
}

export class ReplyTimes {
  readonly #spentMs = { idle: 0, waiting: 0, receiving: 0, starved: 0, heldBack: 0 };
  readonly #limiterMs: () => number;
  readonly #watch: ConnectionWatch | undefined;
  #state: ReplyState = 'idle';
  #sinceMs: number;
  #debt: Debt = 'none';
  #debtSinceMs: number;
  /** What had been held back when the debt began. */
  #debtHeldBackMark = 0;
  /** What the limiter said then. */
  #limiterMark = 0;
  #headSinceMs: number;
  #isFresh = false;
  #freshCount = 0;
  #roundTripMs: number | null = null;
  #waitedMs = 0;

  /** `limiterMs`: milliseconds so far in which a rate limit of ours held the connection back. */
  constructor(address: string, nowMs: number, watch?: ConnectionsWatch, limiterMs = () => 0) {
    this.#sinceMs = nowMs;
    this.#headSinceMs = nowMs;
    this.#debtSinceMs = nowMs;
    this.#limiterMs = limiterMs;
    this.#watch = watch?.watchConnection(address, this);
  }

  /** Whether no byte of the oldest reply was told of. */
  get isWaiting(): boolean {
    return this.#state === 'waiting';
  }

  /** How long the peer, beyond the way there and back, let us wait for the first byte of its last reply when that was the next. */
  get waitedMs(): number {
    return this.#waitedMs;
  }

  /** Since when the oldest reply is here in part; `undefined` where nothing of it is. */
  get receivingSinceMs(): number | undefined {
    return this.#state === 'receiving' ? this.#sinceMs : undefined;
  }

  /** The connection, which was dialed when this was made, is up. */
  connected(nowMs: number): void {
    this.#roundTripMs = nowMs - this.#sinceMs;
  }

  /** A request was sent while no other was open. */
  asked(nowMs: number): void {
    this.#headSinceMs = nowMs;
    this.#isFresh = true;
    this.#turn('waiting', nowMs);
  }

  /** Bytes of the oldest reply are here, and not all. */
  began(nowMs: number): void {
    this.#noteFirst(nowMs);
    this.#turn('receiving', nowMs);
  }

  /** The oldest reply is whole; `isMore` where another request is open. */
  ended(nowMs: number, isMore: boolean): void {
    this.#noteFirst(nowMs);
    this.#headSinceMs = nowMs;
    this.#turn(isMore ? 'waiting' : 'idle', nowMs);
  }

  /** We have no memory for what is due. */
  starved(nowMs: number): void {
    this.#isFresh = false;
    this.#turn('starved', nowMs);
  }

  /** We have memory again. */
  resumed(nowMs: number): void {
    this.#headSinceMs = nowMs;
    this.#turn('waiting', nowMs);
  }

  /** The connection has ended. */
  closed(nowMs: number): void {
    this.#turn('idle', nowMs);
    this.#watch?.closed(this.totals());
  }

  /** What was until the last change of state. */
  totals(): ReplyTotals {
    const { waiting, receiving, starved, heldBack } = this.#spentMs;
    return {
      waitMs: waiting,
      receiveMs: receiving,
      starvedMs: starved,
      heldBackMs: heldBack,
      freshCount: this.#freshCount,
      roundTripMs: this.#roundTripMs,
    };
  }

  #noteFirst(nowMs: number): void {
    if (this.#state !== 'waiting') return;
    const waitMs = nowMs - this.#headSinceMs;
    this.#waitedMs = waitMs;
    if (!this.#isFresh) return;
    this.#isFresh = false;
    this.#freshCount += 1;
    this.#roundTripMs = Math.min(this.#roundTripMs ?? Number.POSITIVE_INFINITY, waitMs);
    this.#waitedMs -= this.#roundTripMs;
  }

  #turn(state: ReplyState, nowMs: number): void {
    const before = this.#state;
    if (state === before) return;
    const spentMs = this.#spentMs;
    const limiterMs = this.#limiterMs();
    let passedMs = nowMs - this.#sinceMs;
    // While nothing is due, or we have no memory for it, the limit holds nobody up.
    if (limiterMs > this.#limiterMark && (before === 'waiting' || before === 'receiving')) {
      const heldBackMs = Math.min(passedMs, limiterMs - this.#limiterMark);
      spentMs.heldBack += heldBackMs;
      passedMs -= heldBackMs;
    }
    this.#limiterMark = limiterMs;
    spentMs[before] += passedMs;
    this.#sinceMs = nowMs;
    this.#state = state;
    const debt = DEBTS[state];
    if (debt !== this.#debt) this.#tell(debt, nowMs);
  }

  #tell(debt: Debt, nowMs: number): void {
    const before = this.#debt;
    const heldBackMs = this.#spentMs.heldBack - this.#debtHeldBackMark;
    const beforeMs = nowMs - this.#debtSinceMs;
    this.#debt = debt;
    this.#debtSinceMs = nowMs;
    this.#debtHeldBackMark = this.#spentMs.heldBack;
    this.#watch?.turned(before, debt, nowMs, beforeMs, heldBackMs);
  }
}

export const NO_TOTALS: ReplyTotals = { waitMs: 0, receiveMs: 0, starvedMs: 0, heldBackMs: 0, freshCount: 0, roundTripMs: null };

/** The totals of two connections to one peer. */
export function addTotals(left: ReplyTotals, right: ReplyTotals): ReplyTotals {
  const roundTripMs = Math.min(left.roundTripMs ?? Number.POSITIVE_INFINITY, right.roundTripMs ?? Number.POSITIVE_INFINITY);
  return {
    waitMs: left.waitMs + right.waitMs,
    receiveMs: left.receiveMs + right.receiveMs,
    starvedMs: left.starvedMs + right.starvedMs,
    heldBackMs: left.heldBackMs + right.heldBackMs,
    freshCount: left.freshCount + right.freshCount,
    roundTripMs: Number.isFinite(roundTripMs) ? roundTripMs : null,
  };
}
