/**
 * One end of a simulated stream, as its owner sees it, and the packets between two ends.
 *
 *     write ──► send queue ──uplink──► in flight (latency) ──downlink──► unread ──► data
 *                   ▲                                                     │
 *                   └───────────────── window opens again ◄───────────────┘
 *
 * At most a window of bytes is between the queue and the other side's program, so one who does not read holds up its own stream and
 * nobody else's. Acknowledgements take no time. Invariant: `closed` is called once, last, and never from within a call of the owner.
 */
import { invariant } from '../core/errors.js';
import type { PeerAddress } from '../core/peer-address.js';
import type { ServedStream, StreamHandlers } from '../ports/net.js';
import { type Load, SendQueue, type SendQueueOptions } from './send-queue.js';
import type { SimClock } from './sim-clock.js';
import type { SimLink } from './sim-link.js';
import { Arrivals, Packet } from './sim-packet.js';
import type { SimTransit } from './sim-transit.js';

/** Bytes queued at which a writer is told to wait: as Node's streams. */
const WRITE_HIGH_BYTES = 16 * 1024;

/** Where bytes land when nobody offers a place: read and consumed in one call, so that one is enough for all. */
const scratch = new Uint8Array(64 * 1024);

/** What lies between two ends, seen from one of them. */
export interface Route {
  readonly clock: SimClock;
  readonly uplink: SimLink;
  readonly downlink: SimLink;
  /** One way. */
  readonly latencyMs: number;
  /** What becomes of what this end sends. */
  readonly transit: SimTransit;
  readonly local: PeerAddress;
  readonly remote: PeerAddress;
  readonly queue: SendQueueOptions;
  /** The stream is not open any more. */
  readonly gone: (stream: SimStream) => void;
}

export class SimStream implements ServedStream {
  readonly route: Route;
  readonly #queue: SendQueue;
  readonly #arrivals = new Arrivals();
  readonly #unread: Load[] = [];
  /** Bytes of the first unread packet that were given away. */
  #readBytes = 0;
  #handlers: StreamHandlers | undefined;
  #far: SimStream | undefined;
  /** Provided by the owner for the next read. */
  #memory: Uint8Array | undefined;
  #isPaused = false;
  #isEnded = false;
  #isLastSent = false;
  #isLastRead = false;
  #isGone = false;
  #isResetSent = false;
  #mustTellDrained = false;

  constructor(route: Route) {
    this.route = route;
    route.transit.begin(this);
    this.#queue = new SendQueue(route.queue, (load) => new Packet(this, load));
  }

  /** Joins two ends. */
  static join(one: SimStream, other: SimStream): void {
    one.#far = other;
    other.#far = one;
  }

  /** Gives the stream its owner. */
  attach(handlers: StreamHandlers): void {
    this.#handlers = handlers;
  }

  get far(): SimStream {
    invariant(this.#far !== undefined, 'a stream has two ends');
    return this.#far;
  }

  get remote(): PeerAddress {
    return this.route.remote;
  }

  get local(): PeerAddress {
    return this.route.local;
  }

  get queuedBytes(): number {
    return this.#queue.waitingBytes;
  }

  get takenBytes(): number {
    return this.#queue.takenBytes;
  }

  write(...parts: (Uint8Array | string)[]): boolean {
    if (this.#isEnded || this.#isGone) return true;
    for (const part of parts) this.#queue.add(part);
    this.route.uplink.offer(this.#queue);
    const isRoom = this.queuedBytes < WRITE_HIGH_BYTES;
    this.#mustTellDrained ||= !isRoom;
    return isRoom;
  }

  send(flushed: () => void, ...parts: (Uint8Array | string)[]): void {
    const last = parts.pop();
    if (last === undefined || this.#isEnded || this.#isGone) {
      queueMicrotask(flushed);
      return;
    }
    for (const part of parts) this.#queue.add(part);
    this.#queue.add(last, flushed);
    this.route.uplink.offer(this.#queue);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#unread.length > 0) this.route.clock.setTimer('resumed', 0, () => this.#read());
  }

  end(): void {
    if (this.#isEnded || this.#isGone) return;
    this.#isEnded = true;
    this.#queue.end();
    this.route.uplink.offer(this.#queue);
  }

  destroy(): void {
    if (this.#isGone) return;
    // Whoever closes with bytes unread tells the other side so, as the kernel does.
    if (this.#unread.length > 0) this.#resetFar();
    this.#close(undefined);
    this.#queue.end();
    this.route.uplink.offer(this.#queue);
  }

  reset(): void {
    if (this.#isGone) return;
    this.#resetFar();
    this.#close(undefined);
  }

  /** The stream is lost at once, and nothing more is said to the other side. */
  lose(error: Error): void {
    this.route.transit.stop();
    if (!this.#isGone) this.#close(error);
  }

  /** This end is lost, and what its system says of that arrives at the other one, unless nothing does. */
  tellLost(error: Error): void {
    const { transit, clock, latencyMs } = this.route;
    if (transit.isOpen) clock.setTimer('reset', latencyMs, () => this.far.lose(error));
  }

  /** Somebody between the two ends told both that there is no such connection. */
  resetBoth(): void {
    this.lose(connectionReset('The connection was reset.'));
    this.far.lose(connectionReset('The connection was reset.'));
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** The uplink took a packet. */
  sent(load: Load): void {
    const { flushes, isLast } = load;
    const isDrained = this.#mustTellDrained && this.queuedBytes === 0;
    if (flushes.length > 0 || isDrained) this.route.clock.noteCall();
    for (const flushed of flushes) flushed();
    if (isDrained && !this.#isGone) {
      this.#mustTellDrained = false;
      this.#handlers?.drained?.();
    }
    if (isLast) this.#isLastSent = true;
    this.#closeMaybe();
  }

  /** A packet is at the downlink. */
  arrived(packet: Packet): void {
    this.#arrivals.add(packet);
    this.route.downlink.offer(this.#arrivals);
  }

  /** A packet is through. */
  receive(load: Load): void {
    if (this.#isGone) {
      if (load.cargo.lengthBytes > 0) this.#resetFar();
      return;
    }
    this.#unread.push(load);
    this.#read();
  }

  #resetFar(): void {
    if (this.#isResetSent || !this.route.transit.isOpen) return;
    this.#isResetSent = true;
    this.tellLost(connectionReset('The other side has closed the connection.'));
  }

  /** Gives the owner what is unread, until it pauses. */
  #read(): void {
    for (let load = this.#unread[0]; load !== undefined; load = this.#unread[0]) {
      const { lengthBytes } = load.cargo;
      while (this.#readBytes < lengthBytes && !this.#isPaused && !this.#isGone) this.#readOnce(load);
      if (this.#isPaused || this.#isGone) return;
      this.#unread.shift();
      this.#readBytes = 0;
      this.route.transit.acknowledge(lengthBytes);
      if (!load.isLast) continue;
      this.route.clock.noteCall();
      this.#isLastRead = true;
      this.#handlers?.ended();
      this.#closeMaybe();
    }
  }

  #readOnce({ cargo }: Load): void {
    const handlers = this.#handlers;
    const from = this.#readBytes;
    const isOwnPlace = handlers?.buffer !== undefined;
    this.route.clock.noteCall();
    if (!isOwnPlace && from === 0 && cargo.whole !== undefined) {
      this.#readBytes = cargo.lengthBytes;
      handlers?.data(cargo.whole);
      return;
    }
    const memory = this.#memory ?? scratch;
    const count = Math.min(memory.length, cargo.lengthBytes - from);
    cargo.copy(from, count, memory);
    this.#readBytes += count;
    handlers?.data(memory.subarray(0, count));
    // Asked as soon as a read is done, as the sockets do: the next one lands there, whatever happens in between.
    if (isOwnPlace && !this.#isGone) this.#memory = handlers?.buffer?.();
  }

  /** The other side has read so much. */
  opened(bytes: number): void {
    this.#queue.acknowledge(bytes);
    this.route.uplink.offer(this.#queue);
  }

  #closeMaybe(): void {
    if (this.#isLastSent && this.#isLastRead && !this.#isGone) this.#close(undefined);
  }

  #close(error: Error | undefined): void {
    this.#isGone = true;
    this.#unread.length = 0;
    const flushes = this.#queue.drop();
    this.route.gone(this);
    this.route.clock.setTimer('closed', 0, () => {
      for (const flushed of flushes) flushed();
      this.#handlers?.closed(error);
    });
  }
}

/** What a program sees of a connection that the other side's system, or one between, knows nothing of. */
export function connectionReset(message: string): Error {
  return Object.assign(new Error(message), { code: 'ECONNRESET' });
}
