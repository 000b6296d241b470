/**
 * One direction of a host's line: so many bytes a second, shared by the flows that have something for it.
 *
 * Flows take turns, a packet each. A packet stands for many that a real line would interleave, so a short message of a flow that has
 * nothing else does not wait behind a large one: it passes beside it, and the time it takes is added to the next large packet.
 * Invariant: while a flow is ready a packet is on its way; a flow's packets leave in the order in which they were taken.
 */
import type { Due } from './due-heap.js';
import type { SimClock } from './sim-clock.js';

/** Bytes up to which a message passes beside large packets: what a real line puts between two packets of another flow. */
const SHORT_BYTES = 2048;

/** What crosses a link. `passed` is called when its last byte is through. */
export interface Parcel extends Due {
  readonly lengthBytes: number;
}

/** One stream's share of a link. */
export interface Flow {
  /** Whether `take` gives something. */
  readonly isReady: boolean;
  /** Bytes that wait, of all parcels. */
  readonly waitingBytes: number;
  take(): Parcel;
  /** Kept by the link: the next in turn, whether it waits for its turn, and when its last parcel is through. */
  nextInTurn: Flow | undefined;
  isInTurn: boolean;
  throughMs: number;
}

/** What a link does with a parcel that is through. */
export class SimLink {
  readonly #clock: SimClock;
  readonly #msPerByte: number;
  #first: Flow | undefined;
  #last: Flow | undefined;
  /** Until when the large parcel under way takes, and the short ones beside it. */
  #busyUntilMs = Number.NEGATIVE_INFINITY;
  #shortUntilMs = Number.NEGATIVE_INFINITY;
  /** Time that short parcels took from the large one under way. */
  #debtMs = 0;
  #carriedBytes = 0;
  #isBusy = false;

  /** `bytesPerSecond` may be infinite. */
  constructor(clock: SimClock, bytesPerSecond: number) {
    this.#clock = clock;
    this.#msPerByte = 1000 / bytesPerSecond;
  }

  /** Bytes that it took on in all. */
  get carriedBytes(): number {
    return this.#carriedBytes;
  }

  /** A flow has become ready, or may have. */
  offer(flow: Flow): void {
    if (flow.isInTurn || !flow.isReady) return;
    if (this.#isBusy && flow.waitingBytes <= SHORT_BYTES) {
      this.#sendBeside(flow);
      return;
    }
    this.#putInTurn(flow);
    if (!this.#isBusy) this.#sendNext();
  }

  /** The large parcel that was under way is through. To be called by its `fire`, before what comes of it. */
  passed(parcel: Parcel): void {
    if (parcel === this.#large) this.#sendNext();
  }
  #large: Parcel | undefined;

  #putInTurn(flow: Flow): void {
    flow.isInTurn = true;
    flow.nextInTurn = undefined;
    if (this.#last === undefined) this.#first = flow;
    else this.#last.nextInTurn = flow;
    this.#last = flow;
  }

  #sendNext(): void {
    const nowMs = this.#clock.nowMs();
    for (let flow = this.#first; flow !== undefined; flow = this.#first) {
      this.#first = flow.nextInTurn;
      if (this.#first === undefined) this.#last = undefined;
      flow.nextInTurn = undefined;
      flow.isInTurn = false;
      if (!flow.isReady) continue;
      // While nothing large was under way, what short parcels took has passed.
      if (!this.#isBusy) this.#debtMs = Math.max(0, this.#debtMs - (nowMs - this.#busyUntilMs));
      const parcel = flow.take();
      this.#busyUntilMs = nowMs + this.#debtMs + parcel.lengthBytes * this.#msPerByte;
      this.#debtMs = 0;
      this.#isBusy = true;
      this.#large = parcel;
      this.#carry(flow, parcel, this.#busyUntilMs);
      if (flow.isReady) this.#putInTurn(flow);
      return;
    }
    this.#isBusy = false;
    this.#large = undefined;
  }

  #sendBeside(flow: Flow): void {
    while (flow.isReady) {
      const parcel = flow.take();
      const tookMs = parcel.lengthBytes * this.#msPerByte;
      this.#shortUntilMs = Math.max(this.#shortUntilMs, this.#clock.nowMs()) + tookMs;
      this.#debtMs += tookMs;
      this.#carry(flow, parcel, this.#shortUntilMs);
    }
  }

  #carry(flow: Flow, parcel: Parcel, throughMs: number): void {
    this.#carriedBytes += parcel.lengthBytes;
    flow.throughMs = Math.max(flow.throughMs, throughMs);
    this.#clock.put(parcel, flow.throughMs);
  }
}
