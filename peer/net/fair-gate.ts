/**
 * One token bucket and all who pass through it, fairly. Pure: the time comes in, and `tick` is called when `waitMs` is over.
 *
 *     free: everybody passes ── bucket empty ──► rationed: at each tick the tokens are shared out ── nobody waits ──► free
 *
 * A share is equal for all who used up their last one; whoever did not may pass as much, but nothing is put aside for it, so an idle
 * seat takes nothing from a busy one. (Whether a seat that was stopped before its turn is idle nobody knows. It gets a share of its own, and
 * where it leaves that untouched, none for some ticks.) Where shares would be smaller than a piece, a piece goes to each in turn, and the others wait.
 * Who passes more than its share (a read may bring more than was free) has that much less of the next ones.
 * Invariants: as soon as the bucket is empty nobody may pass, whatever is left of its share; whose share is used up is hungry.
 */
import { TokenBucket } from './token-bucket.js';

/** Milliseconds between two ticks at least: shorter ones only cost, and this is no wait that anybody sees. */
const TICK_MIN_MS = 20;
/** Ticks for which a seat that left its share untouched is not taken to want one of its own. */
const IDLE_TICKS_COUNT = 10;
/** One read brings at most what flows in this many milliseconds, shared by all who read. */
const READ_MS = 50;

/** One who passes through a gate. Only the gate changes it. */
export interface Seat {
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
  #isRationed = false;
  #tickCount = 0;

  constructor(bytesPerSecond: number, nowMs: number) {
    this.#bucket = new TokenBucket(bytesPerSecond, nowMs);
  }

  seat(turned: () => void): Seat {
    return { turned, creditBytes: 0, isHungry: false, hasPassed: false, idleUntilTick: 0, tickCount: -1 };
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
      return;
    }
    if (this.#wanting.has(seat)) return;
    if (this.#wanting.size === 0) this.#isRationed = false;
    if (this.#isEmpty(nowMs)) this.#isRationed = true;
    this.#wanting.add(seat);
    if (seat.tickCount === this.#tickCount) return;
    // Who comes between two ticks need not wait for the next one, but gets no second share by going and coming again.
    this.#give(seat, this.#bucket.pieceBytes);
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
    const { pieceBytes } = this.#bucket;
    const served = hungry.slice(0, Math.floor(tokens / pieceBytes));
    // Where not all have their turn, turns are equal, and what is left is for the next.
    const shareBytes = served.length < hungry.length ? pieceBytes : tokens / Math.max(1, hungry.length);
    for (const seat of modest) {
      if (!seat.hasPassed) seat.idleUntilTick = this.#tickCount + IDLE_TICKS_COUNT;
      this.#give(seat, shareBytes);
    }
    for (const seat of served) {
      // Of a share that another one's overdraft took away, one is made good for.
      this.#give(seat, shareBytes + Math.max(0, Math.min(seat.creditBytes, shareBytes)));
      // To the end of the queue.
      this.#wanting.delete(seat);
      this.#wanting.add(seat);
    }
    this.#forgive(hungry, shareBytes);
    // Who takes little goes first: it is soon done.
    for (const seat of [...modest, ...hungry]) seat.turned();
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
