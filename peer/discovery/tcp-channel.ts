/**
 * A tracker over TCP: one connection that is opened when needed and kept, with requests pipelined.
 *
 *     closed ── request ──► connecting ──► open ── deadline, end or nonsense ──► closed (what was open fails)
 *
 * Invariant: every request settles once, at the latest when its deadline passes; what is held of a reply is bounded.
 */
import { asShoalError, protocolError, ShoalError } from '../../common/core/errors.js';
import { TRACKER_DIAL_TIMEOUT_MS, TRACKER_REPLY_DEADLINE_MS } from '../../common/core/limits.js';
import { formatHostPort, type HostPort } from '../../common/core/peer-address.js';
import type { Clock, Timer } from '../../common/ports/clock.js';
import type { ByteStream, Dialer, StreamHandlers } from '../../common/ports/net.js';
import { LineSplitter } from '../../common/wire/line-splitter.js';
import { parseErr } from '../../common/wire/tokens.js';
import { formatTrackerRequest, type TrackerRequest } from '../../common/wire/tracker-requests.js';
import type { TrackerChannel } from './tracker-channel.js';

export interface TcpChannelPorts {
  readonly dialer: Dialer;
  readonly clock: Clock;
}

/** A request whose reply is not whole. */
interface OpenRequest {
  /** Takes a line of the reply; returns whether it was the last. Throws what the reply stands for. */
  readonly take: (line: string) => boolean;
  readonly resolve: () => void;
  readonly reject: (error: ShoalError) => void;
}

export class TcpChannel implements TrackerChannel {
  readonly tracker: HostPort;
  readonly #ports: TcpChannelPorts;
  readonly #open: OpenRequest[] = [];
  #stream: ByteStream | undefined;
  #remoteIp: string | undefined;
  #connecting: Promise<void> | undefined;
  /** Requests that wait for the connection. */
  readonly #dialing = new Set<(error: ShoalError) => void>();
  #deadline: Timer | undefined;
  readonly #closing = new AbortController();

  constructor(ports: TcpChannelPorts, tracker: HostPort) {
    this.#ports = ports;
    this.tracker = tracker;
  }

  get remoteIp(): string | undefined {
    return this.#remoteIp;
  }

  async request(request: TrackerRequest, take: (line: string) => boolean): Promise<void> {
    if (this.#closing.signal.aborted) throw new ShoalError('STOPPED', 'local', 'Stopped.');
    await this.#connectOrClose();
    const stream = this.#stream;
    if (stream === undefined) throw this.#lost('closed the connection');
    await new Promise<void>((resolve, reject) => {
      this.#open.push({ take, resolve, reject });
      if (this.#open.length === 1) this.#restartDeadline();
      stream.write(formatTrackerRequest(request));
    });
  }

  /** Ends the connection; open requests fail. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort();
    const reason = new ShoalError('STOPPED', 'local', 'Stopped.');
    this.#fail(reason);
    for (const reject of [...this.#dialing]) reject(reason);
  }

  /** Connects; `close` ends the wait. */
  #connectOrClose(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#dialing.add(reject);
      this.#connect()
        .then(resolve, reject)
        .finally(() => this.#dialing.delete(reject));
    });
  }

  #connect(): Promise<void> {
    if (this.#stream !== undefined) return Promise.resolve();
    this.#connecting ??= this.#dial().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #dial(): Promise<void> {
    const lines = new LineSplitter();
    const own = (opened: ByteStream): StreamHandlers => {
      // Of a connection that is no longer ours nothing counts.
      const ifOurs = (run: () => void) => {
        if (this.#stream === opened) run();
      };
      this.#stream = opened;
      this.#remoteIp = opened.remote.ip;
      return {
        data: (bytes) => ifOurs(() => this.#receive(lines, bytes)),
        ended: () => ifOurs(() => this.#fail(this.#lost('closed the connection'))),
        closed: (error) => ifOurs(() => this.#fail(this.#lost(error === undefined ? 'closed the connection' : error.message))),
      };
    };
    const { signal } = this.#closing;
    const stream = await this.#ports.dialer.dial(this.tracker, TRACKER_DIAL_TIMEOUT_MS, own, signal);
    if (signal.aborted) stream.destroy();
  }

  #receive(lines: LineSplitter, bytes: Uint8Array): void {
    const stream = this.#stream;
    lines.push(bytes, (event) => {
      if (this.#stream !== stream) lines.kill();
      else if (event.kind !== 'line') this.#fail(this.#nonsense('It sent a line that is too long or not UTF-8.'));
      else if (event.text !== '') this.#takeLine(event.text);
    });
  }

  #takeLine(line: string): void {
    const request = this.#open[0];
    if (request === undefined) {
      this.#fail(this.#nonsense('It sent a line that nobody asked for.'));
      return;
    }
    try {
      // The deadline is for the whole reply: a line now and then does not put it off.
      if (!request.take(line)) return;
      this.#open.shift();
      request.resolve();
    } catch (error) {
      if (parseErr(line) === undefined) {
        this.#fail(this.#nonsense(asShoalError(error).message));
        return;
      }
      this.#open.shift();
      request.reject(asShoalError(error));
    }
    this.#restartDeadline();
  }

  #restartDeadline(): void {
    this.#deadline?.cancel();
    this.#deadline = undefined;
    if (this.#open.length === 0) return;
    this.#deadline = this.#ports.clock.setTimer('tracker reply', TRACKER_REPLY_DEADLINE_MS, () => {
      this.#fail(this.#lost(`did not answer within ${TRACKER_REPLY_DEADLINE_MS / 1000} seconds`));
    });
  }

  #fail(error: ShoalError): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#deadline?.cancel();
    this.#deadline = undefined;
    stream?.destroy();
    for (const request of this.#open.splice(0)) request.reject(error);
  }

  #lost(what: string): ShoalError {
    return new ShoalError('NETWORK', 'remote', `The tracker at ${formatHostPort(this.tracker)} ${what}.`);
  }

  #nonsense(what: string): ShoalError {
    return protocolError(`What answers at ${formatHostPort(this.tracker)} does not speak the tracker protocol. ${what}`);
  }
}
