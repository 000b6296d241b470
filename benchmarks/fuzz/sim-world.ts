/** A simulated network for one server or client, and ends of streams that write what an input says and keep what comes. */
import type { ShoalError } from '../../common/core/errors.js';
import type { HostPort } from '../../common/core/peer-address.js';
import type { ByteStream, StreamHandlers } from '../../common/ports/net.js';
import { SimClock } from '../../common/sim/sim-clock.js';
import { type SimHost, SimNetwork } from '../../common/sim/sim-network.js';
import { piecesOf } from './line-feeding.js';

export class SimWorld {
  readonly clock = new SimClock();
  readonly network = new SimNetwork(this.clock);
  readonly #hosts = new Map<string, SimHost>();

  host(ip: string): SimHost {
    const host = this.#hosts.get(ip) ?? this.network.host({ ip, latencyMs: 1 });
    this.#hosts.set(ip, host);
    return host;
  }

  /** Lets time pass. */
  pass(ms: number): Promise<void> {
    return this.clock.run({ untilMs: this.clock.nowMs() + ms });
  }

  /** Lets time pass until a promise has settled; gives its value. Throws what it throws, or where it has not within `mostMs`. */
  async settled<T>(promise: Promise<T>, mostMs: number): Promise<T> {
    let isOver = false;
    const over = (): void => {
      isOver = true;
    };
    promise.then(over, over);
    await this.clock.run({ untilMs: this.clock.nowMs() + mostMs, isOver: () => isOver });
    if (!isOver) throw new Error(`it has not ended within ${mostMs} ms of simulated time`);
    return promise;
  }

  /** A stream to `to` whose end the caller holds. */
  async dial(ip: string, to: HostPort): Promise<End> {
    const end = new End();
    await this.settled(
      this.host(ip).dialer.dial(to, 1000, (stream) => end.own(stream)),
      2000,
    );
    return end;
  }
}

/** One end of a stream. */
export class End implements StreamHandlers {
  readonly #pieces: Buffer[] = [];
  #stream: ByteStream | undefined;
  receivedBytes = 0;
  isEnded = false;
  isClosed = false;
  failure: Error | undefined;

  own(stream: ByteStream): this {
    this.#stream = stream;
    return this;
  }

  get text(): string {
    return this.bytes.toString('utf8');
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  /** Whole, or in the pieces that the bytes themselves say. */
  write(bytes: Uint8Array, isWhole = false): void {
    // A stream keeps what it is given until it is gone.
    const kept = new Uint8Array(bytes);
    for (const piece of isWhole ? [kept] : piecesOf(kept)) this.#stream?.write(piece);
  }

  end(): void {
    this.#stream?.end();
  }

  destroy(): void {
    this.#stream?.destroy();
  }

  data(bytes: Uint8Array): void {
    this.receivedBytes += bytes.length;
    this.#pieces.push(Buffer.from(bytes));
  }

  ended(): void {
    this.isEnded = true;
  }

  closed(error: Error | undefined): void {
    this.isClosed = true;
    this.failure = error;
  }
}

/** What a promise came to, as a word: `ok`, or the code of one of these errors. Everything else is thrown. */
export async function outcomeOf(promise: Promise<unknown>, codes: readonly string[]): Promise<string> {
  try {
    await promise;
    return 'ok';
  } catch (error) {
    const { code } = error as ShoalError;
    if (codes.includes(code)) return code;
    throw error;
  }
}
