/**
 * A client of one tracker: request lines out, parsed replies in, over one connection that is opened when needed and kept.
 *
 *     closed ── request ──► connecting ──► open ── deadline, end or nonsense ──► closed (what was open fails)
 *
 * It does not retry: whoever asks decides what a failure means.
 * Invariant: every request settles once, at the latest when its deadline passes; what is held of a reply is bounded.
 */
import { asShoalError, protocolError, ShoalError } from '../../common/core/errors.js';
import {
  LOOKUP_ROWS_MAX_COUNT,
  TRACKER_DIAL_TIMEOUT_MS,
  TRACKER_PIPELINE_MAX_COUNT,
  TRACKER_REPLY_DEADLINE_MS,
} from '../../common/core/limits.js';
import { formatHostPort, formatPeerAddress, type HostPort } from '../../common/core/peer-address.js';
import type { Clock, Timer } from '../../common/ports/clock.js';
import type { ByteStream, Dialer } from '../../common/ports/net.js';
import { LineSplitter } from '../../common/wire/line-splitter.js';
import type { ContentRef } from '../../common/wire/peer-lines.js';
import { parseErr } from '../../common/wire/tokens.js';
import { type Lease, type LookupRow, parseLease, parseLookupRow, parseOkCount } from '../../common/wire/tracker-replies.js';
import { formatTrackerRequest, type TrackerRequest } from '../../common/wire/tracker-requests.js';

export interface TrackerClientPorts {
  readonly dialer: Dialer;
  readonly clock: Clock;
}

export interface TrackerClientOptions {
  readonly tracker: HostPort;
}

export type RegisterRequest = Extract<TrackerRequest, { verb: 'REGISTER' }>;

/** A request whose reply is not whole. */
interface OpenRequest {
  /** Takes a line of the reply; returns whether it was the last. Throws what the reply stands for. */
  readonly take: (line: string) => boolean;
  readonly resolve: () => void;
  readonly reject: (error: ShoalError) => void;
}

export class TrackerClient {
  readonly tracker: HostPort;
  readonly #ports: TrackerClientPorts;
  readonly #open: OpenRequest[] = [];
  #stream: ByteStream | undefined;
  #connecting: Promise<void> | undefined;
  /** Requests that wait for the connection. */
  readonly #dialing = new Set<(error: ShoalError) => void>();
  #deadline: Timer | undefined;
  #isClosed = false;

  constructor(ports: TrackerClientPorts, options: TrackerClientOptions) {
    this.#ports = ports;
    this.tracker = options.tracker;
  }

  /** Who has a content; at most LOOKUP_ROWS_MAX_COUNT rows, none twice, malformed ones left out. Throws `NETWORK`, `PROTOCOL` or the tracker's ERR. */
  async lookup(content: ContentRef, maxCount?: number): Promise<LookupRow[]> {
    const rows = new Map<string, LookupRow>();
    let leftCount: number | undefined;
    await this.#request({ verb: 'LOOKUP', content, ...(maxCount === undefined ? {} : { maxCount }) }, (line) => {
      if (leftCount === undefined) leftCount = parseOkCount(line, LOOKUP_ROWS_MAX_COUNT);
      else {
        leftCount -= 1;
        const row = rowOf(line);
        if (row !== undefined) rows.set(`${formatPeerAddress(row.address)} ${row.sizeBytes} ${row.root ?? '-'}`, row);
      }
      return leftCount === 0;
    });
    return [...rows.values()];
  }

  /** Registers many contents, pipelined; one result each, in order. Throws `NETWORK` where the tracker is gone. */
  async register(requests: readonly RegisterRequest[]): Promise<(Lease | ShoalError)[]> {
    const results: (Lease | ShoalError)[] = new Array(requests.length);
    let next = 0;
    let isOver = false;
    const registerSome = async () => {
      while (next < requests.length && !isOver) {
        const at = next;
        next += 1;
        const request = requests[at];
        if (request !== undefined) results[at] = await this.#lease(request).catch(refusalOrThrow);
      }
    };
    const lanes = Array.from({ length: Math.min(TRACKER_PIPELINE_MAX_COUNT, requests.length) }, registerSome);
    await Promise.all(lanes).finally(() => {
      // Where one failed, the others stop too, and do not dial anew behind the caller's back.
      isOver = true;
    });
    return results;
  }

  /** Tells that this peer lives. Throws `NOT_FOUND` where the tracker does not know it (any more). */
  alive(address: string, load?: number): Promise<Lease> {
    return this.#lease({ verb: 'ALIVE', address, ...(load === undefined ? {} : { load }) });
  }

  /** Takes back every registration of an address; returns how many there were. */
  async unregister(address: string): Promise<number> {
    let count = 0;
    await this.#request({ verb: 'UNREGISTER', address }, (line) => {
      count = parseOkCount(line, Number.MAX_SAFE_INTEGER);
      return true;
    });
    return count;
  }

  /** Ends the connection; open requests fail. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const reason = new ShoalError('STOPPED', 'local', 'Stopped.');
    this.#fail(reason);
    for (const reject of [...this.#dialing]) reject(reason);
  }

  async #lease(request: TrackerRequest): Promise<Lease> {
    let lease: Lease | undefined;
    await this.#request(request, (line) => {
      lease = parseLease(line);
      return true;
    });
    return lease ?? Promise.reject(protocolError('The tracker gave no lease.'));
  }

  async #request(request: TrackerRequest, take: (line: string) => boolean): Promise<void> {
    if (this.#isClosed) throw new ShoalError('STOPPED', 'local', 'Stopped.');
    await this.#connectOrClose();
    const stream = this.#stream;
    if (stream === undefined) throw this.#lost('closed the connection');
    await new Promise<void>((resolve, reject) => {
      this.#open.push({ take, resolve, reject });
      if (this.#open.length === 1) this.#restartDeadline();
      stream.write(formatTrackerRequest(request));
    });
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
    const stream = await this.#ports.dialer.dial(this.tracker, TRACKER_DIAL_TIMEOUT_MS, (opened) => {
      // Of a connection that is no longer ours nothing counts.
      const ifOurs = (run: () => void) => {
        if (this.#stream === opened) run();
      };
      this.#stream = opened;
      return {
        data: (bytes) => ifOurs(() => this.#receive(lines, bytes)),
        ended: () => ifOurs(() => this.#fail(this.#lost('closed the connection'))),
        closed: (error) => ifOurs(() => this.#fail(this.#lost(error === undefined ? 'closed the connection' : error.message))),
      };
    });
    if (this.#isClosed) stream.destroy();
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

/** A row that cannot be read is left out: one bad peer must not hide the others. */
function rowOf(line: string): LookupRow | undefined {
  try {
    return parseLookupRow(line);
  } catch {
    return undefined;
  }
}

/** What the tracker refused is a result; what broke the connection ends the whole. */
function refusalOrThrow(error: unknown): ShoalError {
  const shoal = asShoalError(error);
  if (shoal.code === 'NETWORK' || shoal.code === 'PROTOCOL' || shoal.code === 'STOPPED') throw shoal;
  return shoal;
}
