/** Byte streams as the rest of the program sees them. */
import type { HostPort, PeerAddress } from '../core/peer-address.js';

export interface ByteStream {
  readonly remote: PeerAddress;
  readonly local: PeerAddress;
  /** Bytes accepted by `write` and not yet taken by the network. */
  readonly queuedBytes: number;
  /** Milliseconds so far in which a rate limit of ours kept it from being read; absent where there is none. */
  readonly heldMs?: number;
  /** Queues all parts in order. Returns false when the writer should wait for `drained`. After the end it does nothing. */
  write(...parts: (Uint8Array | string)[]): boolean;
  /** Stops `data`, and with it the other side, as soon as the network's buffers are full. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then a FIN. */
  end(): void;
  /** Closes at once; what is queued is lost. */
  destroy(): void;
}

/** A stream that was accepted: besides, it tells when memory that was given to it is free again. */
export interface ServedStream extends ByteStream {
  /** As `write`, and calls `flushed` once, when the memory of the parts is free: the network took them, or the stream is gone. */
  send(flushed: () => void, ...parts: (Uint8Array | string)[]): void;
  /** Bytes that the network took so far, also of a part that is not all gone: what a write deadline watches. */
  readonly takenBytes: number;
  /** Whether what is queued waits for a rate limit of this process, and not for the other side. */
  readonly isHeld?: boolean;
  /** As `destroy`, and the other side is told that the stream failed: it may lose what it has not read yet. For tests of that. */
  reset?(): void;
}

/** What the owner of a stream gives to it. No handler may throw. */
export interface StreamHandlers {
  /** Bytes that arrived, in order. They are valid during the call only, unless `buffer` provided their memory. */
  data(bytes: Uint8Array): void;
  /**
   * Where the next bytes should land; asked once for each read, as soon as the read before it is done. Only streams that were dialed
   * ask. Two reads may land elsewhere: the very first, which can begin before there is an owner, lands in memory of the stream's own,
   * and the first after a `resume` in what was given before the pause. So compare `bytes.buffer`, do not assume it.
   */
  buffer?(): Uint8Array;
  drained?(): void;
  /** The other side sent FIN; what was queued can still be written. */
  ended(): void;
  /** Called once, last; `error` is why, where it was not a plain end. */
  closed(error: Error | undefined): void;
}

/** Opens streams. */
export interface Dialer {
  /**
   * Resolves when connected. Throws `NETWORK` with the address and what to do. `signal` gives up a try that nobody waits for any more:
   * until its end it would keep the process alive.
   */
  dial(
    to: HostPort,
    timeoutMs: number,
    handlers: (stream: ByteStream) => StreamHandlers,
    signal?: AbortSignal,
  ): Promise<ByteStream>;
}

/** A listening socket. */
export interface Listener {
  readonly local: PeerAddress;
  /** Stops accepting; streams that are open stay. Idempotent. */
  close(): Promise<void>;
}

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  /** Streams that may be open at once; further ones are closed as they come. */
  readonly connectionsMaxCount: number;
}

/** Accepts streams. */
export interface ListenPort {
  /** Throws `NETWORK`, or `DENIED` where the port is not ours to take. */
  listen(options: ListenOptions, accept: (stream: ServedStream) => StreamHandlers): Promise<Listener>;
}
