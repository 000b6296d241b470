/**
 * The UDP front end: datagrams in, one datagram out for each, over the same logic as TCP. It keeps nothing of an asker but what
 * `CookieJar`, `SourceRates` and `Sequences` do, all of bounded size.
 *
 * A source address of a datagram can be forged, so until a cookie proves it, nothing is changed for it, and no reply is more than
 * INDEX_UNPROVEN_REPLY_RATIO times as long as its request: nobody can be made to flood somebody else, or to speak in his name. Forged
 * requests use up an allowance of their own, so they shut out nobody who is proven.
 */
import { ShoalError } from '../../common/core/errors.js';
import {
  INDEX_DATAGRAM_MAX_BYTES,
  INDEX_PAGE_REQUESTS_COUNT,
  INDEX_SEARCH_REQUESTS_COUNT,
  INDEX_SOURCE_REQUESTS_COUNT,
  INDEX_UNPROVEN_REPLY_RATIO,
  INDEX_UNPROVEN_REQUESTS_COUNT,
} from '../../common/core/limits.js';
import { isLoopback, type PeerAddress, sourceOf } from '../../common/core/peer-address.js';
import type { Log } from '../../common/node/log.js';
import type { Clock } from '../../common/ports/clock.js';
import type { DatagramAddress, DatagramHandlers, DatagramPort, DatagramSocket } from '../../common/ports/datagram.js';
import type { Random } from '../../common/ports/random.js';
import {
  CHALLENGE_BYTES,
  decodeRequest,
  encodeChallenge,
  encodeReply,
  INDEX_HEADER_BYTES,
  type RequestDatagram,
} from '../../common/wire/index-datagrams.js';
import { formatLease } from '../../common/wire/tracker-replies.js';
import { parseTrackerRequest, type TrackerVerb } from '../../common/wire/tracker-requests.js';
import type { Source, TrackerLogic } from '../logic.js';
import { CookieJar } from './cookie.js';
import { LogGate } from './log-gate.js';
import { Sequences } from './sequences.js';
import { SourceRates } from './source-rates.js';

export interface UdpFrontendOptions {
  readonly host: string;
  readonly port: number;
  readonly intervalMs: number;
  readonly ttlMs: number;
}

export interface UdpFrontendParts {
  readonly datagrams: DatagramPort;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly logic: TrackerLogic;
}

/** Requests that change something, and whether they put something there or take it away. */
const CHANGES: Readonly<Record<string, 'puts' | 'takes'>> = {
  REGISTER: 'puts',
  ALIVE: 'puts',
  JOIN: 'puts',
  WITHDRAW: 'takes',
  UNREGISTER: 'takes',
};

/** Requests that take more work than a forged one shall cause, and how many of the others each counts as. */
const WEIGHTS: Partial<Record<TrackerVerb, number>> = {
  INFO: INDEX_PAGE_REQUESTS_COUNT,
  SEARCH: INDEX_SEARCH_REQUESTS_COUNT,
  LIST: INDEX_PAGE_REQUESTS_COUNT,
  PEERS: INDEX_PAGE_REQUESTS_COUNT,
};

/** A reply without its header and its last LF. */
const ROOM = { maxBytes: INDEX_DATAGRAM_MAX_BYTES - INDEX_HEADER_BYTES };

/** The local address is needed for few replies, and costs a look at the network's interfaces. */
class DatagramSource implements Source {
  readonly ip: string;
  readonly #socket: DatagramSocket;

  constructor(ip: string, socket: DatagramSocket) {
    this.ip = ip;
    this.#socket = socket;
  }

  get localIp(): string {
    return this.#socket.localIpFor(this.ip);
  }
}

export class UdpFrontend implements DatagramHandlers {
  readonly #parts: UdpFrontendParts;
  readonly #options: UdpFrontendOptions;
  readonly #cookies: CookieJar;
  readonly #provenRates: SourceRates;
  readonly #unprovenRates: SourceRates;
  readonly #sequences: Sequences;
  readonly #failureGate = new LogGate();
  readonly #rateGate = new LogGate();
  #socket: DatagramSocket | undefined;
  #requestCount = 0;

  private constructor(parts: UdpFrontendParts, options: UdpFrontendOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#cookies = new CookieJar(parts.random);
    this.#provenRates = new SourceRates(parts.random, INDEX_SOURCE_REQUESTS_COUNT);
    this.#unprovenRates = new SourceRates(parts.random, INDEX_UNPROVEN_REQUESTS_COUNT);
    // A datagram that is older than what it would register needs no answer any more.
    this.#sequences = new Sequences(2 * options.ttlMs);
  }

  /** Throws what `DatagramPort.bind` throws. */
  static async listen(parts: UdpFrontendParts, options: UdpFrontendOptions): Promise<UdpFrontend> {
    const frontend = new UdpFrontend(parts, options);
    frontend.#socket = await parts.datagrams.bind({ host: options.host, port: options.port }, frontend);
    return frontend;
  }

  get local(): PeerAddress {
    return this.#socket?.local ?? { ip: '0.0.0.0', port: 0 };
  }

  /** Requests that were looked at: those beyond a source's rate are not among them. */
  get requestCount(): number {
    return this.#requestCount;
  }

  async close(): Promise<void> {
    await this.#socket?.close();
  }

  datagram(bytes: Uint8Array, from: DatagramAddress): void {
    const socket = this.#socket;
    const request = decodeRequest(bytes);
    if (socket === undefined || request === undefined) return;
    const nowMs = this.#parts.clock.nowMs();
    const asker = `${from.ip} ${from.port}`;
    const cookie = request.kind === 'request' ? request.cookie : undefined;
    const isKnown = cookie !== undefined && this.#cookies.isKnown(asker, cookie, nowMs);
    if (!this.#mayAsk(from.ip, isKnown, nowMs)) return;
    this.#requestCount += 1;
    const isProven = isKnown || (cookie !== undefined && this.#cookies.prove(asker, cookie, nowMs));
    const reply =
      request.kind === 'bad'
        ? encodeReply(request.id, this.#parts.logic.refusal(request.error))
        : this.#answer(request, { asker, isProven, source: new DatagramSource(from.ip, socket), nowMs });
    if (isProven || (reply !== undefined && reply.length <= INDEX_UNPROVEN_REPLY_RATIO * bytes.length)) {
      if (reply !== undefined) socket.send(reply, from);
    } else if (CHALLENGE_BYTES <= INDEX_UNPROVEN_REPLY_RATIO * bytes.length) {
      socket.send(encodeChallenge(request.id, this.#cookies.cookieFor(asker, nowMs)), from);
    }
  }

  failed(error: ShoalError): void {
    const suppressedCount = this.#failureGate.pass(this.#parts.clock.nowMs());
    if (suppressedCount !== undefined) this.#parts.log.warn({ why: error.message, suppressedCount }, 'datagram failed');
  }

  /** The reply, or `undefined` where the asker must prove its address before this is looked at. */
  #answer(request: RequestDatagram, asked: Asked): Uint8Array | undefined {
    const { logic } = this.#parts;
    try {
      const parsed = parseTrackerRequest(request.line);
      const change = CHANGES[parsed.verb];
      if (!asked.isProven && (change !== undefined || WEIGHTS[parsed.verb] !== undefined)) return undefined;
      const weight = WEIGHTS[parsed.verb];
      if (weight !== undefined) this.#countHeavy(weight, asked);
      const stale = change && this.#staleReply(request, change, asked);
      return encodeReply(request.id, stale ?? logic.handle(parsed, asked.source, asked.nowMs, ROOM));
    } catch (error) {
      return encodeReply(request.id, logic.refusal(error));
    }
  }

  /** What is said to a change that came later than the next one; `undefined` to any other. Throws `BAD_REQUEST`. */
  #staleReply({ seq }: RequestDatagram, change: 'puts' | 'takes', { asker, nowMs }: Asked): string | undefined {
    if (seq === undefined) return undefined;
    if (Number.isNaN(seq)) throw new ShoalError('BAD_REQUEST', 'remote', 'seq is a number from 0 to 2^53 - 1.');
    const seen = this.#sequences.staleBy(asker, seq, nowMs);
    if (seen === undefined) return undefined;
    const { intervalMs, ttlMs } = this.#options;
    const done = change === 'puts' ? formatLease({ intervalMs, ttlMs, address: undefined }).slice(0, -1) : 'OK 0';
    return `${done} seq=${seen}\n`;
  }

  /** Throws `BUSY` where the asker has asked too often for what takes so much work. */
  #countHeavy(weight: number, { source: { ip }, nowMs }: Asked): void {
    if (isLoopback(ip) || this.#provenRates.take(sourceOf(ip), nowMs, weight - 1)) return;
    throw new ShoalError('BUSY', 'remote', 'Your address searches and lists too often over UDP; wait a second.');
  }

  #mayAsk(ip: string, isKnown: boolean, nowMs: number): boolean {
    // Nobody elsewhere can send from a loopback address.
    if (isLoopback(ip)) return true;
    if ((isKnown ? this.#provenRates : this.#unprovenRates).take(sourceOf(ip), nowMs)) return true;
    const suppressedCount = this.#rateGate.pass(nowMs);
    if (suppressedCount !== undefined) this.#parts.log.warn({ ip, suppressedCount }, 'datagrams beyond the rate of a source');
    return false;
  }
}

/** A request's circumstances. */
interface Asked {
  /** Address and port, in one text. */
  readonly asker: string;
  readonly isProven: boolean;
  readonly source: Source;
  readonly nowMs: number;
}
