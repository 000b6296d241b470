/**
 * A tracker over UDP: each request is sent until its reply is here, a bounded number of times, with growing pauses.
 *
 *     waiting ── room in the window, nothing in its way ──► on the way ── reply, or the last try, or nobody there ──► settled
 *                                                           │        ▲
 *                                                           └ pause, cookie, older than what the tracker has seen: sent again
 *
 * One socket is kept, since the tracker knows an asker by its address: its cookie and its sequence numbers belong to that. Replies are
 * told by the transaction id, 64 bits of chance, and come from the tracker's address alone, as the socket is connected.
 * Invariant: every request settles once; what is on the way is bounded by `SendWindow`.
 */
import { asShoalError, protocolError, ShoalError, systemCode } from '../../common/core/errors.js';
import { INDEX_RETRY_FIRST_MS, INDEX_RETRY_LAST_MS, INDEX_TRIES_MAX_COUNT } from '../../common/core/limits.js';
import { formatHostPort, type HostPort, type PeerAddress } from '../../common/core/peer-address.js';
import type { Clock, Timer } from '../../common/ports/clock.js';
import type { DatagramPort, DatagramSocket } from '../../common/ports/datagram.js';
import type { Random } from '../../common/ports/random.js';
import { type AnswerDatagram, decodeReply, encodeRequest, NO_COOKIE } from '../../common/wire/index-datagrams.js';
import type { TrackerRequest } from '../../common/wire/tracker-requests.js';
import { ChangeOrder, changedBy } from './change-order.js';
import { SendWindow } from './send-window.js';
import type { TrackerChannel } from './tracker-channel.js';

export interface UdpChannelPorts {
  readonly datagrams: DatagramPort;
  readonly clock: Clock;
  readonly random: Random;
}

interface WaitingRequest {
  readonly request: TrackerRequest;
  readonly take: (line: string) => boolean;
  readonly resolve: () => void;
  readonly reject: (error: ShoalError) => void;
}

interface OpenRequest extends WaitingRequest {
  readonly id: string;
  readonly isChange: boolean;
  readonly sinceMs: number;
  /** Times that it was sent because no reply came, and in all. */
  tryCount: number;
  sentCount: number;
  /** The cookie that it was sent with last. */
  cookie: string;
  timer: Timer | undefined;
}

/** Times that a request is sent at the tracker's word, for a cookie or a sequence number, beyond its tries. */
const REPEATS_MAX_COUNT = 8;

export class UdpChannel implements TrackerChannel {
  readonly tracker: HostPort;
  readonly #ports: UdpChannelPorts;
  readonly #waiting: WaitingRequest[] = [];
  readonly #open = new Map<string, OpenRequest>();
  readonly #window = new SendWindow();
  readonly #order = new ChangeOrder();
  #socket: DatagramSocket | undefined;
  #remoteIp: string | undefined;
  #isConnecting = false;
  #cookie = NO_COOKIE;
  #heardMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(ports: UdpChannelPorts, tracker: HostPort) {
    this.#ports = ports;
    this.tracker = tracker;
  }

  get remoteIp(): string | undefined {
    return this.#remoteIp;
  }

  request(request: TrackerRequest, take: (line: string) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(stopped());
      this.#waiting.push({ request, take, resolve, reject });
      this.#sendNext();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#fail(stopped());
  }

  /** Sends what waits, as far as the window and the order of changes let it. */
  #sendNext(): void {
    if (this.#socket === undefined) {
      if (this.#waiting.length > 0) this.#connect();
      return;
    }
    // Until there is a cookie, each request would only be answered with one.
    const roomCount = this.#cookie === NO_COOKIE ? 1 : this.#window.count;
    for (let next = this.#waiting[0]; next !== undefined && this.#open.size < roomCount; next = this.#waiting[0]) {
      const change = changedBy(next.request);
      if (change !== undefined && !this.#order.admit(change)) return;
      this.#waiting.shift();
      const open: OpenRequest = {
        ...next,
        id: this.#newId(),
        isChange: change !== undefined,
        sinceMs: this.#ports.clock.nowMs(),
        ...{ tryCount: 0, sentCount: 0, cookie: NO_COOKIE, timer: undefined },
      };
      this.#open.set(open.id, open);
      this.#try(open);
    }
  }

  #connect(): void {
    if (this.#isConnecting) return;
    this.#isConnecting = true;
    let own: DatagramSocket | undefined;
    const handlers = {
      datagram: (bytes: Uint8Array, from: PeerAddress) => {
        this.#remoteIp = from.ip;
        this.#receive(bytes);
      },
      failed: (error: ShoalError) => {
        // A full buffer is a loss like any other; anything else says that nothing gets through.
        if (own === this.#socket && systemCode(error.cause) !== 'ENOBUFS') void this.#fail(error);
      },
    };
    this.#ports.datagrams.connect(this.tracker, handlers).then(
      (socket) => {
        this.#isConnecting = false;
        if (this.#isClosed) return void socket.close();
        own = this.#socket = socket;
        this.#sendNext();
      },
      (error: unknown) => {
        this.#isConnecting = false;
        void this.#fail(asShoalError(error));
      },
    );
  }

  /** Sends a request once more, and sees to it that it is sent again where no reply comes. */
  #try(open: OpenRequest): void {
    open.tryCount += 1;
    const pauseMs = Math.min(INDEX_RETRY_LAST_MS, INDEX_RETRY_FIRST_MS * 2 ** (open.tryCount - 1));
    // Up to half as long again, so that clients that were cut off together do not come back together.
    const waitMs = pauseMs + this.#ports.random.below(pauseMs / 2);
    open.timer = this.#ports.clock.setTimer('tracker reply', waitMs, () => this.#unanswered(open));
    this.#send(open);
  }

  #send(open: OpenRequest): void {
    open.sentCount += 1;
    open.cookie = this.#cookie;
    try {
      this.#socket?.send(encodeRequest(open.id, open.request, open.cookie, open.isChange ? this.#order.seq : undefined));
    } catch (error) {
      this.#settle(open, asShoalError(error));
    }
  }

  #unanswered(open: OpenRequest): void {
    const { clock } = this.#ports;
    this.#window.lost(clock.nowMs());
    if (open.tryCount < INDEX_TRIES_MAX_COUNT) {
      this.#try(open);
      return;
    }
    const what = `did not answer ${INDEX_TRIES_MAX_COUNT} times over UDP; does it run, and does a firewall let UDP through?`;
    const error = new ShoalError('NETWORK', 'remote', `The tracker at ${formatHostPort(this.tracker)} ${what}`);
    // Where nothing at all was heard, the others need not wait either; and its name may stand for another address by now.
    if (this.#heardMs < open.sinceMs) void this.#fail(error);
    else this.#settle(open, error);
  }

  #receive(bytes: Uint8Array): void {
    const reply = decodeReply(bytes);
    const open = reply && this.#open.get(reply.id);
    if (open === undefined || reply === undefined) return;
    this.#heardMs = this.#ports.clock.nowMs();
    const isRepeatable = open.sentCount < open.tryCount + REPEATS_MAX_COUNT;
    if (reply.kind === 'error') {
      if (reply.cookie === undefined) this.#settle(open, reply.error);
      else if (reply.cookie !== open.cookie && isRepeatable) {
        // Were it the same, the challenge came twice, and its answer is on the way.
        this.#cookie = reply.cookie;
        this.#send(open);
      }
    } else if (reply.staleSeq !== undefined && open.isChange && isRepeatable) {
      this.#order.goBeyond(reply.staleSeq);
      this.#send(open);
    } else {
      this.#window.answered();
      this.#settle(open, this.#takeLines(open, reply));
    }
  }

  /** What is wrong with an answer, or `undefined`. */
  #takeLines({ take }: OpenRequest, { lines }: AnswerDatagram): ShoalError | undefined {
    const nonsense = (what: string): ShoalError =>
      protocolError(`What answers at ${formatHostPort(this.tracker)} does not speak the tracker protocol. ${what}`);
    try {
      for (const line of lines) if (take(line)) return undefined;
      return nonsense('Its reply is not whole.');
    } catch (error) {
      return nonsense(asShoalError(error).message);
    }
  }

  #settle(open: OpenRequest, error: ShoalError | undefined): void {
    if (!this.#open.delete(open.id)) return;
    open.timer?.cancel();
    if (open.isChange) this.#order.settled();
    if (error === undefined) open.resolve();
    else open.reject(error);
    this.#sendNext();
  }

  /** Everything that is asked fails; the next request begins with a new socket, whose address the tracker does not know. */
  async #fail(error: ShoalError): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#cookie = NO_COOKIE;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    for (const open of [...this.#open.values()]) this.#settle(open, error);
    await socket?.close();
  }

  #newId(): string {
    const word = (): string =>
      this.#ports.random
        .below(2 ** 32)
        .toString(16)
        .padStart(8, '0');
    return word() + word();
  }
}

function stopped(): ShoalError {
  return new ShoalError('STOPPED', 'local', 'Stopped.');
}
