/**
 * One connection to one peer, as a client: requests out, replies in order, all of them pipelined.
 *
 * It owns the socket and the slots that replies land in until they are handed out. It never judges speed: it says since when the
 * oldest reply is due and how much of it is there (`head`), and the download decides.
 * Invariant: requests that were not answered when the connection ends all fail, once.
 */
import { asShoalError, protocolError, ShoalError } from '../../common/core/errors.js';
import { PAGE_MAX_BYTES } from '../../common/core/limits.js';
import { formatPeerAddress, type PeerAddress } from '../../common/core/peer-address.js';
import type { Clock } from '../../common/ports/clock.js';
import type { ByteStream, Dialer, StreamHandlers } from '../../common/ports/net.js';
import {
  type Page,
  type PeerStatus,
  type PushState,
  parsePeerStatus,
  parsePushState,
  parseSharedPage,
  type SharedRow,
  STATUS_MAX_BYTES,
} from '../../common/wire/peer-documents.js';
import {
  type ContentRef,
  formatPeerRequest,
  type HaveNews,
  type PageRequest,
  type PeerRequest,
  type PushOffer,
  parseHaveNews,
} from '../../common/wire/peer-lines.js';
import type { Slot, SlotMemory } from '../hash/slot-memory.js';
import type { Introduction } from './introduction.js';
import { ReplyParser } from './reply-parser.js';
import { type ConnectionsWatch, ReplyTimes } from './reply-times.js';

export interface PeerConnectionPorts {
  readonly dialer: Dialer;
  readonly clock: Clock;
  readonly slots: Pick<SlotMemory, 'take' | 'release' | 'whenFree' | 'wakeNext'>;
  /** Hears where the time of each connection goes. */
  readonly watch?: ConnectionsWatch;
}

interface OpenRequest {
  readonly resolve: (value: Slot | Uint8Array) => void;
  readonly reject: (error: ShoalError) => void;
}

/** The oldest open request. */
export interface ReplyHead {
  /** When it became the oldest, by the clock; later by as long as a rate limit of ours held the stream since. */
  readonly sinceMs: number;
  readonly gotBytes: number;
  /** When its first bytes were here; `undefined` while there are none. */
  readonly beganMs: number | undefined;
}

export class PeerConnection {
  readonly address: PeerAddress;
  readonly #ports: PeerConnectionPorts;
  readonly #parser: ReplyParser;
  readonly #times: ReplyTimes;
  readonly #open: OpenRequest[] = [];
  /** Request lines that this turn of the event loop has still to send. */
  readonly #unsent: string[] = [];
  #stream: ByteStream | undefined;
  #headSinceMs = 0;
  /** What the stream's `heldMs` was then. */
  #headHeldMs = 0;
  /** What arrived and could not be taken while no slot was free. */
  #surplus: Uint8Array | undefined;
  #isWaitingForSlot = false;
  #onNews: (news: HaveNews) => void = () => undefined;
  #failure: ShoalError | undefined;

  /** Connects, unless `signal` gives it up. Throws `NETWORK`. */
  static async connect(
    ports: PeerConnectionPorts,
    address: PeerAddress,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<PeerConnection> {
    const connection = new PeerConnection(ports, address);
    try {
      const to = { host: address.ip, port: address.port };
      connection.#stream = await ports.dialer.dial(to, timeoutMs, () => connection.#handlers(), signal);
      connection.#times.connected(ports.clock.nowMs());
      return connection;
    } catch (error) {
      connection.close(asShoalError(error));
      throw error;
    }
  }

  private constructor(ports: PeerConnectionPorts, address: PeerAddress) {
    this.#ports = ports;
    this.address = address;
    this.#times = new ReplyTimes(formatPeerAddress(address), ports.clock.nowMs(), ports.watch, () => this.#heldMs);
    this.#parser = new ReplyParser({
      takeSlot: () => ports.slots.take(),
      releaseSlot: (slot) => ports.slots.release(slot),
      chunk: (slot) => this.#settle((request) => request.resolve(slot)),
      document: (bytes) => this.#settle((request) => request.resolve(bytes)),
      refused: (error) => this.#settle((request) => request.reject(error)),
      news: (line) => this.#onNews(parseHaveNews(line)),
    });
  }

  /** Why the connection ended; `undefined` while it is up. */
  get failure(): ShoalError | undefined {
    return this.#failure;
  }

  /** The oldest open request, or `undefined` where none is open or we ourselves hold it up. */
  get head(): ReplyHead | undefined {
    if (this.#open.length === 0 || this.#parser.isStarved) return undefined;
    const sinceMs = this.#headSinceMs + this.#heldMs - this.#headHeldMs;
    return { sinceMs, gotBytes: this.#parser.replyBytes, beganMs: this.#times.receivingSinceMs };
  }

  /** How long the peer, beyond the round trip, let us wait for the first byte of its last reply after it had nothing else to send. */
  get waitedMs(): number {
    return this.#times.waitedMs;
  }

  /**
   * Asks for a chunk of a known size. Resolves with the slot it lies in, which is then the caller's to release.
   * Throws the peer's ERR (code as sent), `PROTOCOL` or `NETWORK`.
   */
  getChunk(content: ContentRef, chunkIndex: number, sizeBytes: number): Promise<Slot> {
    return this.#chunk({ verb: 'GET_CHUNK', content, chunkIndex }, sizeBytes);
  }

  /** Asks for at most a chunk of bytes, which must lie within the content. Resolves and throws as `getChunk`. */
  getRange(content: ContentRef, offset: number, lengthBytes: number): Promise<Slot> {
    return this.#chunk({ verb: 'GET_RANGE', content, offset, lengthBytes }, lengthBytes);
  }

  /** Takes the request for a chunk back, if the peer has not begun with it: then it is answered `BUSY`. For peers that answered HAVE. */
  cancelChunk(content: ContentRef, chunkIndex: number): void {
    if (this.#failure === undefined) this.#send(formatPeerRequest({ verb: 'CANCEL', content, chunkIndex }));
  }

  /** Asks for a manifest of at most `maxBytes`. Throws as `getChunk`. */
  getManifest(content: ContentRef, maxBytes: number): Promise<Uint8Array> {
    return this.#document({ verb: 'GET_MANIFEST', content }, maxBytes);
  }

  /** Asks how the peer is. Throws as `getChunk`. */
  async getStatus(): Promise<PeerStatus> {
    return parsePeerStatus(await this.#document({ verb: 'STATUS' }, STATUS_MAX_BYTES));
  }

  /** Asks for a page of what the peer shares. Throws as `getChunk`. */
  async getList(page: PageRequest): Promise<Page<SharedRow>> {
    return parseSharedPage(await this.#document({ verb: 'LIST', page }, PAGE_MAX_BYTES));
  }

  /** Offers a content, or asks what became of it. Throws as `getChunk`: `DENIED`, `LIMIT` and `BUSY` where it is not taken. */
  async push(offer: PushOffer): Promise<PushState> {
    return parsePushState(await this.#document({ verb: 'PUSH', offer }, STATUS_MAX_BYTES));
  }

  /**
   * Asks which chunks of a content the peer has: a bitfield of at most `maxBytes`. From the answer on `onNews` is told what it has got
   * since. Throws as `getChunk`, `UNKNOWN_COMMAND` where the peer knows no HAVE.
   */
  getHave(
    content: ContentRef,
    introduction: Introduction,
    maxBytes: number,
    onNews: (news: HaveNews) => void,
  ): Promise<Uint8Array> {
    this.#onNews = onNews;
    this.#parser.listen();
    return this.#document({ verb: 'HAVE', content, ...introduction }, maxBytes);
  }

  /** Ends the connection; open requests fail with `reason`. Idempotent. */
  close(reason: ShoalError): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason;
    this.#times.closed(this.#ports.clock.nowMs());
    this.#parser.close();
    this.#stream?.destroy();
    for (const request of this.#open.splice(0)) request.reject(reason);
  }

  #chunk(request: PeerRequest, sizeBytes: number): Promise<Slot> {
    return this.#request(formatPeerRequest(request), { kind: 'chunk', sizeBytes }) as Promise<Slot>;
  }

  #document(request: PeerRequest, maxBytes: number): Promise<Uint8Array> {
    return this.#request(formatPeerRequest(request), { kind: 'document', maxBytes }) as Promise<Uint8Array>;
  }

  #request(line: string, expected: Parameters<ReplyParser['expect']>[0]): Promise<Slot | Uint8Array> {
    const failure = this.#failure;
    if (failure !== undefined) return Promise.reject(failure);
    return new Promise((resolve, reject) => {
      if (this.#open.length === 0) {
        this.#beginHead();
        this.#times.asked(this.#headSinceMs);
      }
      this.#open.push({ resolve, reject });
      this.#parser.expect(expected);
      if (this.#parser.isStarved) this.#waitForSlot();
      this.#send(line);
    });
  }

  /** Lines that come up together leave together: each write wakes the other side. */
  #send(line: string): void {
    if (this.#unsent.push(line) === 1) process.nextTick(() => this.#stream?.write(this.#unsent.splice(0).join('')));
  }

  /** Another request is the oldest, or what kept it is over. */
  #beginHead(): void {
    this.#headSinceMs = this.#ports.clock.nowMs();
    this.#headHeldMs = this.#heldMs;
  }

  get #heldMs(): number {
    return this.#stream?.heldMs ?? 0;
  }

  #settle(answer: (request: OpenRequest) => void): void {
    const request = this.#open.shift();
    this.#beginHead();
    this.#times.ended(this.#headSinceMs, this.#open.length > 0);
    if (request !== undefined) answer(request);
  }

  #handlers(): StreamHandlers {
    return {
      buffer: () => this.#parser.buffer(),
      data: (bytes) => this.#receive(bytes),
      ended: () => this.close(this.#networkError('closed the connection')),
      closed: (error) =>
        this.close(this.#networkError(error === undefined ? 'closed the connection' : `was lost: ${error.message}`)),
    };
  }

  #receive(bytes: Uint8Array): void {
    if (this.#failure !== undefined) return;
    try {
      this.#surplus = this.#parser.receive(bytes);
      if (this.#times.isWaiting && this.#parser.replyBytes > 0) this.#times.began(this.#ports.clock.nowMs());
    } catch (error) {
      const { code, message } = asShoalError(error);
      // A mistake of ours is no fault of the peer.
      if (code === 'PROTOCOL' || code === 'BAD_REQUEST')
        this.close(protocolError(`Peer ${formatPeerAddress(this.address)} broke the protocol. ${message}`));
      else this.close(asShoalError(error));
      return;
    }
    // All slots are taken: stop reading until one is free, which in turn stops the sender.
    if (this.#parser.isStarved) this.#waitForSlot();
  }

  #waitForSlot(): void {
    // In the queue once: a second wake-up would be of no use here, and missing elsewhere.
    if (this.#isWaitingForSlot) return;
    this.#isWaitingForSlot = true;
    this.#times.starved(this.#ports.clock.nowMs());
    this.#stream?.pause();
    this.#ports.slots.whenFree(() => {
      this.#isWaitingForSlot = false;
      if (this.#failure !== undefined) {
        this.#ports.slots.wakeNext();
        return;
      }
      if (!this.#parser.retrySlot()) return this.#waitForSlot();
      this.#beginHead();
      this.#times.resumed(this.#headSinceMs);
      const surplus = this.#surplus;
      this.#surplus = undefined;
      if (surplus !== undefined) this.#receive(surplus);
      if (!this.#parser.isStarved) this.#stream?.resume();
    });
  }

  #networkError(what: string): ShoalError {
    return new ShoalError('NETWORK', 'remote', `Peer ${formatPeerAddress(this.address)} ${what}.`);
  }
}
