/**
 * A small peer that shares contents and misbehaves as it is told, for tests of the fetching side: on real sockets of 127.0.0.1, or on
 * whatever network and clock it is given. The kinds of misbehaviour that have a name are listed in hostile/hostile-kinds.ts.
 *
 * Replies of one connection are sent strictly one after the other, through `Outlet`, which is where bytes are lost, delayed and cut.
 * Invariant: every request that was read is in `requests`, in order.
 */
import { Bitfield } from '../../common/core/bitfield.js';
import { chunkLength } from '../../common/core/chunks.js';
import { asShoalError, type WireCode } from '../../common/core/errors.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import type { PeerAddress } from '../../common/core/peer-address.js';
import { realClock } from '../../common/node/clock.js';
import { tcpListener } from '../../common/node/tcp.js';
import type { Clock } from '../../common/ports/clock.js';
import type { Listener, ListenPort, ServedStream, StreamHandlers } from '../../common/ports/net.js';
import { LineSplitter } from '../../common/wire/line-splitter.js';
import { type ContentRef, formatBodyHeader, type PeerRequest, parsePeerRequest } from '../../common/wire/peer-lines.js';
import { formatErr } from '../../common/wire/tokens.js';
import { chunkOf, type TestContent } from './test-content.js';

/** What a peer does that it should not. Nothing given: it is honest. */
export interface Misbehaviour {
  /** What it sends in place of its reply to a request, header and all; `hang-up` ends the connection, `silence` is nothing, ever. */
  readonly reply?: (request: PeerRequest, content: TestContent | undefined) => Uint8Array | string | undefined;
  /** Knows no GET_MANIFEST, as a stranger's peer. */
  readonly isBare?: boolean;
  /** Knows no HAVE. */
  readonly isPlain?: boolean;
  /** Knows GET_RANGE, of whole chunks. */
  readonly isRanged?: boolean;
  /** What it sends for HAVE, header and all, once for each; `hang-up` ends the connection. Honest where that is `undefined`. */
  readonly haveReply?: (content: TestContent) => Uint8Array | string | undefined;
  /** Whether it has a chunk; all of them unless told. */
  readonly holds?: (chunkIndex: number) => boolean;
  /** What it sends as manifest, header and all. */
  readonly manifestReply?: (content: TestContent) => Uint8Array | string;
  /** The bytes sent as a chunk. */
  readonly body?: (chunkIndex: number, content: TestContent) => Buffer;
  /** The header line with its LF; `body` follows. */
  readonly header?: (chunkIndex: number, honest: string) => string;
  /** Chunks that it refuses. */
  readonly refuse?: (chunkIndex: number) => WireCode | string | undefined;
  /** Sends only this much of each chunk, then does as `afterCut` says; of those that are not longer, all. */
  readonly cutBodyBytes?: number | ((lengthBytes: number) => number);
  /** After a chunk that was cut: ends or resets the connection, or goes silent; `end` unless told. */
  readonly afterCut?: 'end' | 'reset' | 'silence';
  /** Goes on sending without end after its first chunk. */
  readonly isEndless?: boolean;
  /** Sends nothing more on a connection after this many bytes. */
  readonly stallAtByte?: number;
  /** Resets a connection at this byte. */
  readonly resetAtByte?: number;
  /** Sends one byte at a time, each after this long. */
  readonly dripMs?: number;
  /** Drips what it sends for these alone; for all unless told. */
  readonly dripVerbs?: readonly PeerRequest['verb'][];
  /** Ends every connection at once. */
  readonly isClosing?: boolean;
  /** Waited for before each reply. */
  readonly gate?: (request: PeerRequest) => Promise<void>;
}

const RESET_DELAY_MS = 20;
const CONNECTIONS_MAX_COUNT = 10_000;

/** Where a peer runs, in place of this machine. */
export interface ScriptedPeerPorts {
  readonly listener: ListenPort;
  readonly clock: Clock;
  readonly host: string;
  /** Default: a free one. */
  readonly port?: number;
}

const THIS_MACHINE: ScriptedPeerPorts = { listener: tcpListener, clock: realClock, host: '127.0.0.1' };

export class ScriptedPeer {
  readonly requests: PeerRequest[] = [];
  connectionCount = 0;
  /** Connections on which it fell silent or dripped. */
  stalledCount = 0;
  /** May be changed while it runs. */
  misbehaviour: Misbehaviour;
  readonly clock: Clock;
  readonly #host: string;
  readonly #contents: readonly TestContent[];
  readonly #outlets = new Set<Outlet>();
  readonly #listening = new Set<Outlet>();
  #listener: Listener | undefined;

  static async start(
    contents: readonly TestContent[],
    misbehaviour: Misbehaviour = {},
    ports: ScriptedPeerPorts = THIS_MACHINE,
  ): Promise<ScriptedPeer> {
    const peer = new ScriptedPeer(ports, contents, misbehaviour);
    const { host, port = 0 } = ports;
    const options = { host, port, connectionsMaxCount: CONNECTIONS_MAX_COUNT };
    peer.#listener = await ports.listener.listen(options, (stream) => peer.#accept(stream));
    return peer;
  }

  private constructor({ clock, host }: ScriptedPeerPorts, contents: readonly TestContent[], misbehaviour: Misbehaviour) {
    this.clock = clock;
    this.#host = host;
    this.#contents = contents;
    this.misbehaviour = misbehaviour;
  }

  get address(): PeerAddress {
    return { ip: this.#host, port: this.#listener?.local.port ?? 0 };
  }

  /** Chunks of a content (the first, unless told) that were asked for, in order. */
  askedChunks(content = this.#contents[0]): number[] {
    const asked: number[] = [];
    for (const request of this.requests) {
      if (request.verb === 'GET_CHUNK' && this.#find(request.content) === content) asked.push(request.chunkIndex);
    }
    return asked;
  }

  /** Connections that are open. */
  get openCount(): number {
    return this.#outlets.size;
  }

  /** Sends a line, such as news, on all connections that asked what it has. It comes behind the reply under way. */
  tell(line: string): void {
    for (const outlet of this.#listening) void outlet.send(`${line}\n`);
  }

  /** Cuts all connections, and goes on listening. */
  cutAll(): void {
    for (const outlet of [...this.#outlets]) outlet.reset();
  }

  async close(): Promise<void> {
    // No reset here: one that meets the other side's end leaves Node waiting for it for ever when the process ends.
    for (const outlet of [...this.#outlets]) outlet.destroy();
    await this.#listener?.close();
  }

  #accept(stream: ServedStream): StreamHandlers {
    this.connectionCount += 1;
    const outlet = new Outlet(stream, this);
    this.#outlets.add(outlet);
    const lines = new LineSplitter();
    let work = Promise.resolve();
    const { isClosing } = this.misbehaviour;
    if (isClosing === true) outlet.end();
    return {
      data: (bytes) => {
        if (isClosing === true) return;
        lines.push(bytes, (event) => {
          if (event.kind === 'line' && event.text !== '') work = work.then(() => this.#answer(event.text, outlet));
        });
      },
      ended: () => outlet.end(),
      closed: () => {
        this.#outlets.delete(outlet);
        this.#listening.delete(outlet);
        outlet.closed();
      },
    };
  }

  async #answer(line: string, outlet: Outlet): Promise<void> {
    try {
      const request = parsePeerRequest(line);
      this.requests.push(request);
      await this.misbehaviour.gate?.(request);
      outlet.begin(request.verb);
      const reply = this.misbehaviour.reply?.(request, 'content' in request ? this.#find(request.content) : undefined);
      if (reply === 'hang-up') outlet.end();
      else if (reply !== undefined) await outlet.send(reply === 'silence' ? '' : reply);
      else if (request.verb === 'GET_CHUNK') await this.#sendChunk(request.content, request.chunkIndex, outlet);
      else if (request.verb === 'HAVE') await this.#sendHave(request.content, outlet);
      else if (request.verb === 'GET_RANGE') await this.#sendRange(request.content, request.offset / CHUNK_BYTES, outlet);
      // What is taken back has its own reply: here lines are read one by one, so it is sent by then.
      else if (request.verb === 'GET_MANIFEST') await this.#sendManifest(request.content, outlet);
    } catch (error) {
      const shoal = asShoalError(error);
      await outlet.send(formatErr(shoal.code as WireCode, shoal.message));
    }
  }

  async #sendHave(ref: ContentRef, outlet: Outlet): Promise<void> {
    const { isBare, isPlain, holds, haveReply } = this.misbehaviour;
    const content = this.#find(ref);
    if (isBare === true || isPlain === true) return outlet.send(formatErr('UNKNOWN_COMMAND', 'Known commands: GET_CHUNK.'));
    if (content === undefined) return outlet.send(formatErr('NOT_FOUND', 'Not shared here.'));
    const reply = haveReply?.(content);
    if (reply === 'hang-up') return outlet.end();
    this.#listening.add(outlet);
    if (reply !== undefined) return outlet.send(reply);
    const chunks = new Bitfield(content.haveCount);
    for (let at = 0; at < chunks.length; at += 1) if (holds?.(at) !== false) chunks.add(at);
    await outlet.send(formatBodyHeader(chunks.bytes.length), chunks.bytes);
  }

  async #sendRange(ref: ContentRef, chunkIndex: number, outlet: Outlet): Promise<void> {
    if (this.misbehaviour.isRanged === true) return this.#sendChunk(ref, chunkIndex, outlet);
    await outlet.send(formatErr('UNKNOWN_COMMAND', 'Known commands: GET_CHUNK.'));
  }

  async #sendManifest(ref: ContentRef, outlet: Outlet): Promise<void> {
    const { isBare, manifestReply } = this.misbehaviour;
    const content = this.#find(ref);
    if (isBare === true) return outlet.send(formatErr('UNKNOWN_COMMAND', 'Known commands: GET_CHUNK.'));
    if (content === undefined) return outlet.send(formatErr('NOT_FOUND', 'Not shared here.'));
    if (manifestReply !== undefined) return outlet.send(manifestReply(content));
    await outlet.send(formatBodyHeader(content.manifest.length), content.manifest);
  }

  async #sendChunk(ref: ContentRef, chunkIndex: number, outlet: Outlet): Promise<void> {
    const { refuse, body, header, cutBodyBytes = Number.POSITIVE_INFINITY, isEndless } = this.misbehaviour;
    const content = this.#find(ref);
    if (content === undefined || chunkLength(chunkIndex, content.bytes.length) === 0)
      return outlet.send(formatErr('NOT_FOUND', 'Not shared here.'));
    const refusal = refuse?.(chunkIndex);
    if (refusal !== undefined) return outlet.send(refusal.includes('\n') ? refusal : `ERR ${refusal} As told.\n`);
    const chunk = body?.(chunkIndex, content) ?? chunkOf(content.bytes, chunkIndex);
    const honest = formatBodyHeader(chunk.length);
    const sentBytes = typeof cutBodyBytes === 'number' ? cutBodyBytes : cutBodyBytes(chunk.length);
    await outlet.send(header?.(chunkIndex, honest) ?? honest, chunk.subarray(0, sentBytes));
    if (sentBytes < chunk.length) outlet.cut(this.misbehaviour.afterCut ?? 'end');
    while (isEndless === true && outlet.isOpen) {
      await outlet.send(chunk);
      // A stream that is gone takes everything at once, and is known to be gone only when others had their turn.
      await this.pause('endless', 1);
    }
  }

  /** Resolves after `waitMs` by its clock. */
  pause(name: string, waitMs: number): Promise<void> {
    return new Promise((resolve) => this.clock.setTimer(name, waitMs, resolve));
  }

  #find(ref: ContentRef): TestContent | undefined {
    return this.#contents.find((content) => (ref.by === 'root' ? content.root === ref.root : content.name === ref.name));
  }
}

/** The sending side of one connection. */
class Outlet {
  readonly #stream: ServedStream;
  readonly #peer: ScriptedPeer;
  #verb: PeerRequest['verb'] | undefined;
  #sentBytes = 0;
  #isStalled = false;
  #isClosed = false;

  constructor(stream: ServedStream, peer: ScriptedPeer) {
    this.#stream = stream;
    this.#peer = peer;
  }

  get isOpen(): boolean {
    return !this.#isClosed && !this.#isStalled;
  }

  /** From now on it answers a request of this kind. */
  begin(verb: PeerRequest['verb']): void {
    this.#verb = verb;
  }

  async send(...parts: (Uint8Array | string)[]): Promise<void> {
    const { stallAtByte, resetAtByte, dripMs, dripVerbs } = this.#peer.misbehaviour;
    const bytes = Buffer.concat(parts.map((part) => Buffer.from(part as Uint8Array)));
    if (!this.isOpen) return;
    const stop = Math.min(stallAtByte ?? Number.POSITIVE_INFINITY, resetAtByte ?? Number.POSITIVE_INFINITY);
    const part = bytes.subarray(0, Math.max(0, stop - this.#sentBytes));
    const isDripping = dripVerbs === undefined || (this.#verb !== undefined && dripVerbs.includes(this.#verb));
    if (dripMs === undefined || !isDripping) await this.#write(part);
    else await this.#drip(part, dripMs);
    if (part.length < bytes.length) this.cut(stop === resetAtByte ? 'reset' : 'silence');
  }

  /** Says nothing more. */
  cut(how: 'end' | 'reset' | 'silence'): void {
    this.#isStalled = true;
    if (how === 'end') this.#stream.end();
    // A reset throws away what the other side has not read yet: it gets a moment for that.
    else if (how === 'reset') this.#peer.clock.setTimer('reset', RESET_DELAY_MS, () => this.reset());
    else this.#peer.stalledCount += 1;
  }

  end(): void {
    this.cut('end');
  }

  reset(): void {
    this.#stream.reset?.();
  }

  destroy(): void {
    this.#isStalled = true;
    this.#stream.destroy();
  }

  /** The stream is gone. */
  closed(): void {
    this.#isClosed = true;
  }

  async #drip(bytes: Buffer, dripMs: number): Promise<void> {
    this.#peer.stalledCount += 1;
    for (let at = 0; at < bytes.length && this.isOpen; at += 1) {
      await this.#write(bytes.subarray(at, at + 1));
      await this.#peer.pause('drip', dripMs);
    }
  }

  #write(bytes: Buffer): Promise<void> {
    this.#sentBytes += bytes.length;
    return new Promise((resolve) => {
      if (bytes.length === 0) resolve();
      else this.#stream.send(resolve, bytes);
    });
  }
}
