/**
 * Streams that obey rate limits: a dialer and a listening port around those of the network. A stream that nothing limits is handed on
 * as it is.
 *
 * What arrives is paid for when it is there, because nobody knows before how much that will be; while the limit is used up the stream
 * is not read, which in time stops the sender. It lands in the owner's memory, a piece of which is offered, never in one of ours.
 * Invariant: the stream beneath is paused while its owner or the limit wants it, and at no other time.
 */
import type { PeerAddress } from '../../common/core/peer-address.js';
import type { Clock } from '../../common/ports/clock.js';
import type { ByteStream, Dialer, ListenPort, ServedStream, StreamHandlers } from '../../common/ports/net.js';
import type { Allowance, RateLimits } from './rate-limits.js';
import { type InnerStream, ThrottledOutput } from './throttled-output.js';

/** Streams to peers, within `limits`. */
export function throttledDialer(inner: Dialer, limits: RateLimits): Dialer {
  return {
    async dial(to, timeoutMs, makeHandlers, signal) {
      let throttled: ThrottledStream | undefined;
      const own = (stream: ByteStream) => {
        if (!limits.applyTo(stream.remote.ip)) return makeHandlers(stream);
        throttled = new ThrottledStream(stream, limits);
        return throttled.handlersFor(makeHandlers(throttled));
      };
      const plain = await inner.dial(to, timeoutMs, own, signal);
      return throttled ?? plain;
    },
  };
}

/** Streams from peers, within `limits`. */
export function throttledListener(inner: ListenPort, limits: RateLimits): ListenPort {
  return {
    listen: (options, accept) =>
      inner.listen(options, (stream) => {
        if (!limits.applyTo(stream.remote.ip)) return accept(stream);
        const throttled = new ThrottledStream(stream, limits);
        return throttled.handlersFor(accept(throttled));
      }),
  };
}

class ThrottledStream implements ServedStream {
  readonly #inner: InnerStream;
  readonly #clock: Clock;
  readonly #input: Allowance | undefined;
  readonly #output: ThrottledOutput | undefined;
  #owner: StreamHandlers | undefined;
  #isPausedByOwner = false;
  /** Since when the limit alone keeps it from being read. */
  #heldSinceMs: number | undefined;
  #heldMs = 0;

  constructor(inner: InnerStream, limits: RateLimits) {
    this.#inner = inner;
    this.#clock = limits.clock;
    const { ip } = inner.remote;
    this.#input = limits.down(ip, () => this.#look());
    const output = limits.up(ip, () => this.#output?.pump());
    if (output !== undefined) this.#output = new ThrottledOutput(inner, output, () => this.#owner?.drained?.());
    this.#input?.want(true);
  }

  get remote(): PeerAddress {
    return this.#inner.remote;
  }

  get local(): PeerAddress {
    return this.#inner.local;
  }

  get queuedBytes(): number {
    return this.#inner.queuedBytes + (this.#output?.waitingBytes ?? 0);
  }

  get takenBytes(): number {
    return this.#inner.takenBytes ?? 0;
  }

  get isHeld(): boolean {
    return this.#output?.isHeld === true;
  }

  get heldMs(): number {
    return this.#heldMs + (this.#heldSinceMs === undefined ? 0 : this.#clock.nowMs() - this.#heldSinceMs);
  }

  write(...parts: (Uint8Array | string)[]): boolean {
    return this.#output === undefined ? this.#inner.write(...parts) : this.#output.write(parts);
  }

  send(flushed: () => void, ...parts: (Uint8Array | string)[]): void {
    if (this.#output === undefined) this.#inner.send?.(flushed, ...parts);
    else this.#output.send(flushed, parts);
  }

  pause(): void {
    this.#isPausedByOwner = true;
    this.#input?.want(false);
    this.#release();
    this.#inner.pause();
  }

  resume(): void {
    this.#isPausedByOwner = false;
    this.#input?.want(true);
    if (this.#isOverLimit) this.#hold();
    else this.#inner.resume();
  }

  end(): void {
    if (this.#output === undefined) this.#inner.end();
    else this.#output.end();
  }

  destroy(): void {
    this.#output?.stop();
    this.#inner.destroy();
  }

  /** What the stream beneath is given in place of its owner's handlers. */
  handlersFor(owner: StreamHandlers): StreamHandlers {
    this.#owner = owner;
    this.#look();
    const buffer = owner.buffer?.bind(owner);
    return {
      data: (bytes) => {
        this.#input?.pay(bytes.length);
        this.#look();
        owner.data(bytes);
      },
      ...(buffer === undefined ? {} : { buffer: () => this.#offer(buffer()) }),
      drained: () => (this.#output === undefined ? owner.drained?.() : this.#output.innerDrained()),
      ended: () => owner.ended(),
      closed: (error) => {
        this.#input?.close();
        this.#output?.closed();
        owner.closed(error);
      },
    };
  }

  get #isOverLimit(): boolean {
    return this.#input !== undefined && this.#input.bytes < 1;
  }

  /** Holds the stream or lets it go on, as the limit wants it now. */
  #look(): void {
    if (this.#isPausedByOwner) return;
    const isHeld = this.#heldSinceMs !== undefined;
    if (this.#isOverLimit === isHeld) return;
    if (isHeld) {
      this.#release();
      this.#inner.resume();
    } else {
      this.#hold();
      this.#inner.pause();
    }
  }

  #hold(): void {
    this.#heldSinceMs ??= this.#clock.nowMs();
  }

  #release(): void {
    this.#heldMs = this.heldMs;
    this.#heldSinceMs = undefined;
  }

  /** So much of the owner's memory as one read may fill. */
  #offer(memory: Uint8Array): Uint8Array {
    const mostBytes = this.#input?.readBytes ?? memory.length;
    return memory.length > mostBytes ? memory.subarray(0, mostBytes) : memory;
  }
}
