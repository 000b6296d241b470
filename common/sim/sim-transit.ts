/**
 * The way of what one end of a stream sends, between its line and the line of the other host: open, cut for a while, or dead for good.
 *
 * What does not get through is sent again, later each time, as TCP does it, and arrives in its order once the way is open. After a
 * quarter of an hour the sender is told that the other side does not answer. Nothing is lost of a stream that goes on.
 * Invariant: while something waits, whatever comes after it waits behind it.
 */
import type { SimClock } from './sim-clock.js';
import type { Packet } from './sim-packet.js';
import type { SimStream } from './sim-stream.js';

/** Milliseconds until a packet is sent again, doubled each time, and the longest of them. */
const AGAIN_FIRST_MS = 250;
const AGAIN_LAST_MS = 60_000;
/** Milliseconds without an answer after which a connection is given up: what Linux takes by default. */
const GIVE_UP_MS = 924_600;

/** What becomes of a stream after so many bytes, counted in both directions together. */
export type StreamFate =
  /** Both ends are told that there is no such connection. */
  | { readonly kind: 'reset'; readonly afterBytes: number }
  /** Nothing that these ends send arrives any more, and nobody is told. */
  | { readonly kind: 'silent'; readonly afterBytes: number; readonly side: StreamSide | 'both' };

export type StreamSide = 'dialer' | 'listener';

/** How far a stream is on the way to its fate; both directions share one. */
export class StreamFortune {
  readonly #fate: StreamFate | undefined;
  #leftBytes: number;

  constructor(fate: StreamFate | undefined) {
    this.#fate = fate;
    this.#leftBytes = fate?.afterBytes ?? Number.POSITIVE_INFINITY;
  }

  isSilent(side: StreamSide): boolean {
    return this.#leftBytes <= 0 && this.#fate?.kind === 'silent' && (this.#fate.side === side || this.#fate.side === 'both');
  }

  /** Counts bytes that get through; returns how many of them do before a reset, `undefined` where all do. */
  carry(lengthBytes: number): number | undefined {
    const left = this.#leftBytes;
    this.#leftBytes -= lengthBytes;
    return this.#fate?.kind === 'reset' && left <= lengthBytes && left >= 0 ? left : undefined;
  }
}

export interface TransitOptions {
  readonly clock: SimClock;
  /** Whether the other host hears from this one now. */
  readonly isHeard: () => boolean;
  readonly fortune: StreamFortune;
  readonly side: StreamSide;
}

export class SimTransit {
  readonly #options: TransitOptions;
  /** The end that sends. */
  #from: SimStream | undefined;
  #waiting: Packet[] = [];
  #unacknowledgedBytes = 0;
  #againMs = 0;
  #silentSinceMs = 0;
  #isWaiting = false;
  #isStopped = false;

  constructor(options: TransitOptions) {
    this.#options = options;
  }

  /** To be called once, before anything is sent. */
  begin(from: SimStream): void {
    this.#from = from;
  }

  /** Whether what is sent now arrives. */
  get isOpen(): boolean {
    const { isHeard, fortune, side } = this.#options;
    return isHeard() && !fortune.isSilent(side);
  }

  /** A packet that the line took. */
  carry(packet: Packet): void {
    this.#waiting.push(packet);
    if (!this.#isWaiting) this.#goOn();
  }

  /** The sending end has read so much of what the other one sent. */
  acknowledge(bytes: number): void {
    this.#unacknowledgedBytes += bytes;
    if (!this.#isWaiting) this.#goOn();
  }

  /** The sending end is lost: what did not get through yet never does. */
  stop(): void {
    this.#isStopped = true;
    this.#waiting = [];
    this.#unacknowledgedBytes = 0;
  }

  #goOn(): void {
    while (this.#unacknowledgedBytes > 0 || this.#waiting.length > 0) {
      if (this.isOpen) {
        this.#letThrough();
      } else if (this.#isStopped) {
        this.stop();
      } else {
        this.#wait();
        return;
      }
    }
  }

  #letThrough(): void {
    const bytes = this.#unacknowledgedBytes;
    this.#unacknowledgedBytes = 0;
    this.#againMs = 0;
    if (bytes > 0) this.#from?.far.opened(bytes);
    const packet = this.#waiting.shift();
    if (packet === undefined) return;
    const cutBytes = this.#options.fortune.carry(packet.lengthBytes);
    if (cutBytes !== undefined) packet.cutOff(cutBytes);
    packet.arrive();
  }

  #wait(): void {
    const { clock } = this.#options;
    if (this.#againMs === 0) this.#silentSinceMs = clock.nowMs();
    this.#againMs = Math.min(AGAIN_LAST_MS, Math.max(AGAIN_FIRST_MS, 2 * this.#againMs));
    this.#isWaiting = true;
    clock.setTimer('sent again', this.#againMs, () => {
      this.#isWaiting = false;
      if (clock.nowMs() - this.#silentSinceMs < GIVE_UP_MS) return this.#goOn();
      // Without an acknowledgement the other side gives up as well.
      if (this.#unacknowledgedBytes > 0) this.#from?.far.lose(unanswered());
      if (this.#waiting.length > 0) this.#from?.lose(unanswered());
      this.#waiting = [];
    });
  }
}

function unanswered(): Error {
  return Object.assign(new Error('The other side does not answer any more.'), { code: 'ETIMEDOUT' });
}
