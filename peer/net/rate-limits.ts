/**
 * What limits a stream: the cap of the process, the cap of the other side's IP address, or both; or none where it is near and near ones
 * are exempt. Gates of a process live as long as it does; those of an address as long as somebody there is connected or owes.
 *
 * It sets the timers and passes the time in; how tokens are shared out is the gates' business.
 */
import { isLan } from '../../common/core/peer-address.js';
import type { Clock, Timer } from '../../common/ports/clock.js';
import { FairGate, type Seat } from './fair-gate.js';

/** Bytes a second; what is not given is not limited. */
export interface RateLimitOptions {
  /** What all peers together may send to this process, and what it may send to all of them. */
  readonly downBytesPerSecond?: number;
  readonly upBytesPerSecond?: number;
  /** The same for each IP address. */
  readonly downPeerBytesPerSecond?: number;
  readonly upPeerBytesPerSecond?: number;
  /** Whether local networks and this machine itself are limited as well. */
  readonly isLanLimited: boolean;
}

/** A gate that ticks by itself. */
class TimedGate {
  readonly #gate: FairGate;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #seatCount = 0;

  constructor(bytesPerSecond: number, clock: Clock) {
    this.#gate = new FairGate(bytesPerSecond, clock.nowMs());
    this.#clock = clock;
  }

  /** Whether nobody passes here and no new gate would let more pass. */
  get isNeedless(): boolean {
    return this.#seatCount === 0 && this.#gate.isFull(this.#clock.nowMs());
  }

  get readBytes(): number {
    return this.#gate.readBytes;
  }

  enter(ip: string, turned: () => void): Seat {
    this.#seatCount += 1;
    return this.#gate.seat(ip, turned);
  }

  leave(seat: Seat): void {
    this.want(seat, false);
    this.#seatCount -= 1;
  }

  allowedBytes(seat: Seat): number {
    return this.#gate.allowedBytes(seat, this.#clock.nowMs());
  }

  want(seat: Seat, isWanting: boolean): void {
    this.#gate.want(seat, isWanting, this.#clock.nowMs());
    this.#keepTicking();
  }

  pay(seat: Seat, bytes: number): void {
    this.#gate.pay(seat, bytes, this.#clock.nowMs());
    this.#keepTicking();
  }

  /** A timer runs while somebody may have to wait, and at no other time: it would keep the process alive. */
  #keepTicking(): void {
    if (!this.#gate.isTicking) {
      this.#timer?.cancel();
      this.#timer = undefined;
      return;
    }
    this.#timer ??= this.#clock.setTimer('share out a rate', this.#gate.waitMs(this.#clock.nowMs()), () => {
      this.#timer = undefined;
      this.#gate.tick(this.#clock.nowMs());
      this.#keepTicking();
    });
  }
}

/** What one stream may pass in one direction: it sits at one gate or two, and has to pass both. */
export class Allowance {
  readonly #places: readonly { readonly gate: TimedGate; readonly seat: Seat }[];
  #isWanting = false;
  #isClosed = false;

  /** For a stream from or to `ip`. `turned` is called whenever `bytes` may have changed from 0 or to 0. */
  constructor(gates: readonly TimedGate[], ip: string, turned: () => void) {
    this.#places = gates.map((gate) => ({ gate, seat: gate.enter(ip, turned) }));
  }

  /** Bytes that may pass now. */
  get bytes(): number {
    return Math.min(...this.#places.map(({ gate, seat }) => gate.allowedBytes(seat)));
  }

  /** The most that one read should bring. */
  get readBytes(): number {
    return Math.min(...this.#places.map(({ gate }) => gate.readBytes));
  }

  /** Says whether there is anything to pass, or to be read. Idempotent. */
  want(isWanting: boolean): void {
    if (isWanting === this.#isWanting || this.#isClosed) return;
    this.#isWanting = isWanting;
    for (const { gate, seat } of this.#places) gate.want(seat, isWanting);
  }

  /** So many bytes passed. */
  pay(bytes: number): void {
    for (const { gate, seat } of this.#places) gate.pay(seat, bytes);
  }

  /** The stream is gone; it wants nothing any more. To be called once. */
  close(): void {
    this.#isClosed = true;
    for (const { gate, seat } of this.#places) gate.leave(seat);
  }
}

/** One direction of all streams. */
class Direction {
  readonly #clock: Clock;
  readonly #ofProcess: TimedGate | undefined;
  readonly #peerBytesPerSecond: number | undefined;
  readonly #ofPeer = new Map<string, TimedGate>();

  constructor(clock: Clock, bytesPerSecond: number | undefined, peerBytesPerSecond: number | undefined) {
    this.#clock = clock;
    this.#ofProcess = bytesPerSecond === undefined ? undefined : new TimedGate(bytesPerSecond, clock);
    this.#peerBytesPerSecond = peerBytesPerSecond;
  }

  allowance(ip: string, turned: () => void): Allowance | undefined {
    const gates = [this.#ofProcess, this.#gateOfPeer(ip)].filter((gate) => gate !== undefined);
    return gates.length === 0 ? undefined : new Allowance(gates, ip, turned);
  }

  /** Streams from one address share a gate, also one after the other: who comes back has no new burst. */
  #gateOfPeer(ip: string): TimedGate | undefined {
    if (this.#peerBytesPerSecond === undefined) return undefined;
    const known = this.#ofPeer.get(ip);
    if (known !== undefined) return known;
    for (const [other, gate] of this.#ofPeer) if (gate.isNeedless) this.#ofPeer.delete(other);
    const made = new TimedGate(this.#peerBytesPerSecond, this.#clock);
    this.#ofPeer.set(ip, made);
    return made;
  }
}

/** The limits of a process. */
export class RateLimits {
  readonly clock: Clock;
  readonly #isLanLimited: boolean;
  readonly #down: Direction;
  readonly #up: Direction;

  constructor(clock: Clock, options: RateLimitOptions) {
    this.clock = clock;
    this.#isLanLimited = options.isLanLimited;
    this.#down = new Direction(clock, options.downBytesPerSecond, options.downPeerBytesPerSecond);
    this.#up = new Direction(clock, options.upBytesPerSecond, options.upPeerBytesPerSecond);
  }

  /** Whether streams from and to this IP address are limited. */
  applyTo(ip: string): boolean {
    return this.#isLanLimited || !isLan(ip);
  }

  /** What a stream from `ip` may bring, or `undefined` where only the other direction is limited. `turned` as for `Allowance`. */
  down(ip: string, turned: () => void): Allowance | undefined {
    return this.#down.allowance(ip, turned);
  }

  /** What may be sent to `ip`, likewise. */
  up(ip: string, turned: () => void): Allowance | undefined {
    return this.#up.allowance(ip, turned);
  }
}
