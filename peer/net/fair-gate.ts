/**
 * One token bucket and all who pass through it, fairly. Pure: the time comes in, and `tick` is called when `waitMs` is over.
 *
 *     free: everybody passes ── bucket empty ──► rationed: at each tick the tokens are shared out ── nobody waits ──► free
 *
 * A share is equal for all sources (`sourceOf`) whose seats used up their last one, and within a source for all such seats; whoever did not
 * may pass as much, but nothing is put aside for it, so an idle seat takes nothing from a busy one. (Whether a seat that was stopped before
 * its turn is idle nobody knows. It gets a share of its own, and where it leaves that untouched, none for some ticks.) Where shares would
 * be smaller than a piece, a piece goes to each in turn, and the others wait. Who passes more than its share (a read may bring more than
 * was free) has that much less of the next ones. Who comes between two ticks gets a piece at once if its source had none for so
 * long that it is its turn, and has its turn after the others otherwise: coming again and again brings nobody more than staying does.
 * Invariants: as soon as the bucket is empty nobody may pass, whatever is left of its share; whose share is used up is hungry.
 */
import { sourceOf } from '../../common/core/peer-address.js';
import { TokenBucket } from './token-bucket.js';

/** Milliseconds between two ticks at least: shorter ones only cost, and this is no wait that anybody sees. */
const TICK_MIN_MS = 20;
/** Ticks for which a seat that left its share untouched is not taken to want one of its own. */
const IDLE_TICKS_COUNT = 10;
/** One read brings at most what flows in this many milliseconds, shared by all who read. */
const READ_MS = 50;

/** Sources that are remembered; beyond that, those are forgotten of which nobody wants to pass. */
const SOURCES_KEPT_COUNT = 1024;

/** Whose seats share what is its part. */
interface Source {
  readonly wanting: Set<Seat>;
  /** The last tick in which somebody came and got a piece at once; and its place in the order of turns. */
  cameTick: number;
  turn: number;
}

/** One who passes through a gate. Only the gate changes it. */
export interface Seat {
  readonly source: Source;
  /** Its allowance has changed: it may pass again, or has to stop. Called from `tick` and `pay`. */
  readonly turned: () => void;
  /** While rationed: bytes that it may pass before the next tick. */
  creditBytes: number;
  /** It could have passed more than it was let, as far as anybody knows. */
  isHungry: boolean;
  /** It passed something since it was given its share. */
  hasPassed: boolean;
  idleUntilTick: number;
  /** The last tick that it has a share of. */
  tickCount: number;
}

export class FairGate {
  readonly #bucket: TokenBucket;
  /** Those who want to pass, the one that waits longest for its turn first. */
  readonly #wanting = new Set<Seat>();
  readonly #sources = new Map<string, Source>();
  #isRationed = false;
  #tickCount = 0;
  #turnCount = 0;

  constructor(bytesPerSecond: number, nowMs: number) {
    this.#bucket = new TokenBucket(bytesPerSecond, nowMs);
  }

  /** A seat for somebody at an IP address. */
  seat(ip: string, turned: () => void): Seat {
    const source = this.#sourceOf(ip);
    return {
      turned,
      source,
      creditBytes: 0,
      isHungry: false,
      hasPassed: false,
      idleUntilTick: 0,
      tickCount: Number.NEGATIVE_INFINITY,
    };
  }

  /** Whether somebody may have to wait, so that `tick` has to be called. */
  get isTicking(): boolean {
    return this.#isRationed && this.#wanting.size > 0;
  }

  /** Whether nothing of the past has to be remembered. */
  isFull(nowMs: number): boolean {
    return this.#bucket.tokens(nowMs) >= this.#bucket.burstBytes;
  }

  /** Says whether the seat wants to pass anything. To be told before it passes, and when it leaves. */
  want(seat: Seat, isWanting: boolean, nowMs: number): void {
    if (!isWanting) {
      this.#wanting.delete(seat);
      seat.source.wanting.delete(seat);
      return;
    }
    if (this.#wanting.has(seat)) return;
    if (this.#wanting.size === 0) this.#isRationed = false;
    if (this.#isEmpty(nowMs)) this.#isRationed = true;
    this.#wanting.add(seat);
    seat.source.wanting.add(seat);
    if (seat.tickCount === this.#tickCount) return;
    const isItsTurn = !this.#isRationed || this.#isTurnOf(seat);
    if (isItsTurn) seat.source.cameTick = this.#tickCount;
    this.#give(seat, isItsTurn ? this.#bucket.pieceBytes : 0);
  }

  /** Bytes that the seat may pass now. */
  allowedBytes(seat: Seat, nowMs: number): number {
    const tokens = this.#bucket.tokens(nowMs);
    const allowed = this.#isRationed ? Math.min(tokens, seat.creditBytes) : tokens;
    return allowed < this.#bucket.worthBytes ? 0 : Math.floor(allowed);
  }

  /** The most that one read should bring. */
  get readBytes(): number {
    const { bytesPerSecond, pieceBytes } = this.#bucket;
    return Math.floor(Math.max(pieceBytes, (bytesPerSecond * READ_MS) / 1000 / Math.max(1, this.#wanting.size)));
  }

  /** The seat passed so many bytes, whether it was allowed them or not. */
  pay(seat: Seat, bytes: number, nowMs: number): void {
    this.#bucket.pay(bytes, nowMs);
    seat.hasPassed = true;
    if (this.#isRationed) {
      seat.creditBytes -= bytes;
      if (seat.creditBytes < this.#bucket.worthBytes) seat.isHungry = true;
    }
    if (this.#isEmpty(nowMs)) this.#stopAll();
  }

  /** Milliseconds after which `tick` is due. */
  waitMs(nowMs: number): number {
    return Math.max(TICK_MIN_MS, this.#bucket.msUntilPiece(nowMs));
  }

  /** Shares out what is in the bucket, if that is worth it by now. */
  tick(nowMs: number): void {
    const tokens = this.#bucket.tokens(nowMs);
    if (!this.#isRationed || tokens < this.#bucket.pieceBytes) return;
    this.#tickCount += 1;
    const seats = [...this.#wanting];
    const hungry = seats.filter((seat) => seat.isHungry);
    const modest = seats.filter((seat) => !seat.isHungry);
    if (hungry.length === 0) this.#isRationed = false;
    const shares = this.#share(hungry, tokens);
    const mostBytes = Math.max(0, ...shares.values()) || tokens;
    for (const seat of modest) {
      if (!seat.hasPassed) seat.idleUntilTick = this.#tickCount + IDLE_TICKS_COUNT;
      this.#give(seat, mostBytes);
    }
    for (const [seat, shareBytes] of shares) {
      // Of a share that another one's overdraft took away, one is made good for.
      this.#give(seat, shareBytes + Math.max(0, Math.min(seat.creditBytes, shareBytes)));
      // To the end of the queue.
      this.#wanting.delete(seat);
      this.#wanting.add(seat);
    }
    this.#forgive(hungry, mostBytes);
    // Who takes little goes first: it is soon done.
    for (const seat of [...modest, ...hungry]) seat.turned();
  }

  /** What each gets whose turn it is. Where not all have theirs, turns are equal, and what is left is for the next. */
  #share(hungry: readonly Seat[], tokens: number): Map<Seat, number> {
    const bySource = new Map<Source, Seat[]>();
    for (const seat of hungry) {
      const seats = bySource.get(seat.source);
      if (seats === undefined) bySource.set(seat.source, [seat]);
      else seats.push(seat);
    }
    const inTurn = [...bySource].sort(([one], [other]) => one.turn - other.turn);
    const shares = new Map<Seat, number>();
    const [served, sourceBytes] = this.#divide(inTurn, tokens);
    for (const [source, seats] of served) {
      this.#turnCount += 1;
      source.turn = this.#turnCount;
      const [servedSeats, seatBytes] = this.#divide(seats, sourceBytes);
      for (const seat of servedSeats) shares.set(seat, seatBytes);
    }
    return shares;
  }

  /** The first of `all` that get a piece or more of `bytes`, and how much each. */
  #divide<T>(all: readonly T[], bytes: number): [T[], number] {
    const { pieceBytes } = this.#bucket;
    const served = all.slice(0, Math.floor(bytes / pieceBytes));
    return [served, served.length < all.length ? pieceBytes : bytes / Math.max(1, all.length)];
  }

  /** Whether one who comes has waited so long, its source too, that all others may have had a turn meanwhile. */
  #isTurnOf({ source, tickCount }: Seat): boolean {
    const sinceTicks = this.#tickCount - Math.max(tickCount, source.cameTick);
    return sinceTicks >= source.wanting.size && sinceTicks >= this.#wanting.size / source.wanting.size;
  }

  #sourceOf(ip: string): Source {
    const key = sourceOf(ip);
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    if (this.#sources.size >= SOURCES_KEPT_COUNT) {
      for (const [other, { wanting }] of this.#sources) if (wanting.size === 0) this.#sources.delete(other);
    }
    const made: Source = { wanting: new Set(), cameTick: Number.NEGATIVE_INFINITY, turn: 0 };
    this.#sources.set(key, made);
    return made;
  }

  #give(seat: Seat, bytes: number): void {
    seat.creditBytes = Math.min(seat.creditBytes, 0) + bytes;
    seat.isHungry = seat.creditBytes < this.#bucket.worthBytes;
    seat.hasPassed = false;
    seat.tickCount = this.#tickCount;
  }

  #stopAll(): void {
    const wasRationed = this.#isRationed;
    this.#isRationed = true;
    for (const seat of [...this.#wanting]) {
      if (wasRationed && seat.creditBytes < this.#bucket.worthBytes) continue;
      // In free times nobody counted, so nobody owes.
      if (!wasRationed) seat.creditBytes = 0;
      seat.isHungry ||= seat.hasPassed || seat.idleUntilTick <= this.#tickCount;
      seat.turned();
    }
  }

  /** Where nobody could pass because all owe, they are let off the same: debts are there to be fair, and the bucket keeps the cap. */
  #forgive(seats: readonly Seat[], shareBytes: number): void {
    const mostBytes = Math.max(...seats.map((seat) => seat.creditBytes));
    if (mostBytes >= this.#bucket.worthBytes) return;
    for (const seat of seats) {
      seat.creditBytes += shareBytes - mostBytes;
      seat.isHungry = seat.creditBytes < this.#bucket.worthBytes;
    }
  }

  #isEmpty(nowMs: number): boolean {
    return this.#bucket.tokens(nowMs) < this.#bucket.worthBytes;
  }
}
