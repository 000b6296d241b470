/** Packets between the two ends of a stream, and those that arrived and wait for their turn on the receiver's downlink. */
import { invariant } from '../core/errors.js';
import type { Load } from './send-queue.js';
import type { Flow, Parcel } from './sim-link.js';
import type { SimStream } from './sim-stream.js';

/** It is due three times: when the uplink has sent it, when it is at the other host, and when the downlink has brought it in. */
export class Packet implements Parcel {
  dueMs = 0;
  sequence = 0;
  load: Load;
  readonly #from: SimStream;
  #stage: 'up' | 'flight' | 'down' = 'up';
  #isCutOff = false;

  constructor(from: SimStream, load: Load) {
    this.#from = from;
    this.load = load;
  }

  get name(): string {
    return `packet ${this.#stage}`;
  }

  get lengthBytes(): number {
    return this.load.cargo.lengthBytes;
  }

  fire(): void {
    const from = this.#from;
    const { clock, uplink, latencyMs, transit } = from.route;
    if (this.#stage === 'up') {
      this.#stage = 'flight';
      clock.put(this, clock.nowMs() + latencyMs);
      uplink.passed(this);
      from.sent(this.load);
    } else if (this.#stage === 'flight') {
      transit.carry(this);
    } else {
      from.far.route.downlink.passed(this);
      from.far.receive(this.load);
      if (this.#isCutOff) from.resetBoth();
    }
  }

  /** It is at the other host. */
  arrive(): void {
    this.#stage = 'down';
    this.#from.far.arrived(this);
  }

  /** Only so many of its bytes arrive, and then a reset in place of whatever would follow. */
  cutOff(lengthBytes: number): void {
    this.load = { cargo: this.load.cargo.first(lengthBytes), isLast: false, flushes: [] };
    this.#isCutOff = true;
  }
}

/** What arrived for one end and waits for its turn on the downlink. */
export class Arrivals implements Flow {
  nextInTurn: Flow | undefined;
  isInTurn = false;
  throughMs = 0;
  waitingBytes = 0;
  readonly #packets: Packet[] = [];

  get isReady(): boolean {
    return this.#packets.length > 0;
  }

  add(packet: Packet): void {
    this.#packets.push(packet);
    this.waitingBytes += packet.lengthBytes;
  }

  take(): Packet {
    const packet = this.#packets.shift();
    invariant(packet !== undefined, 'a packet arrived');
    this.waitingBytes -= packet.lengthBytes;
    return packet;
  }
}
