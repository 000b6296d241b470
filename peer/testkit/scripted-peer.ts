/**
 * A small real peer on 127.0.0.1 that shares contents and misbehaves as it is told, for tests of the fetching side.
 *
 * Replies of one connection are sent strictly one after the other, through `Outlet`, which is where bytes are lost, delayed and cut.
 * Invariant: every request that was read is in `requests`, in order.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { Bitfield } from '../../common/core/bitfield.js';
import { chunkLength } from '../../common/core/chunks.js';
import { asShoalError, type WireCode } from '../../common/core/errors.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import type { PeerAddress } from '../../common/core/peer-address.js';
import { LineSplitter } from '../../common/wire/line-splitter.js';
import { type ContentRef, formatBodyHeader, type PeerRequest, parsePeerRequest } from '../../common/wire/peer-lines.js';
import { formatErr } from '../../common/wire/tokens.js';
import { chunkOf, type TestContent } from './test-content.js';

/** What a peer does that it should not. Nothing given: it is honest. */
export interface Misbehaviour {
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
  /** Sends only this much of each chunk, then ends the connection. */
  readonly cutBodyBytes?: number;
  /** Goes on sending without end after its first chunk. */
  readonly isEndless?: boolean;
  /** Sends nothing more on a connection after this many bytes. */
  readonly stallAtByte?: number;
  /** Resets a connection at this byte. */
  readonly resetAtByte?: number;
  /** Sends one byte at a time, each after this long. */
  readonly dripMs?: number;
  /** Waits this long before each chunk. */
  readonly chunkDelayMs?: number;
  /** Ends every connection at once. */
  readonly isClosing?: boolean;
  /** Waited for before each reply. */
  readonly gate?: (request: PeerRequest) => Promise<void>;
}

const RESET_DELAY_MS = 20;

export class ScriptedPeer {
  readonly address: PeerAddress;
  readonly requests: PeerRequest[] = [];
  connectionCount = 0;
  /** Connections on which it fell silent or dripped. */
  stalledCount = 0;
  /** May be changed while it runs. */
  misbehaviour: Misbehaviour;
  readonly #server: Server;
  readonly #contents: readonly TestContent[];
  readonly #sockets = new Set<Socket>();
  readonly #listening = new Set<Outlet>();

  static async start(contents: readonly TestContent[], misbehaviour: Misbehaviour = {}): Promise<ScriptedPeer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
    return new ScriptedPeer(server, contents, misbehaviour);
  }

  private constructor(server: Server, contents: readonly TestContent[], misbehaviour: Misbehaviour) {
    const at = server.address();
    this.address = { ip: '127.0.0.1', port: typeof at === 'object' && at !== null ? at.port : 0 };
    this.#server = server;
    this.#contents = contents;
    this.misbehaviour = misbehaviour;
    server.on('connection', (socket) => this.#accept(socket));
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
    return this.#sockets.size;
  }

  /** Sends a line, such as news, on all connections that asked what it has. It comes behind the reply under way. */
  tell(line: string): void {
    for (const outlet of this.#listening) void outlet.send(`${line}\n`);
  }

  /** Cuts all connections, and goes on listening. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    // No reset here: one that meets the other side's end leaves Node waiting for it for ever when the process ends.
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    this.connectionCount += 1;
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    if (this.misbehaviour.isClosing === true) {
      socket.end();
      socket.resume();
      return;
    }
    const outlet = new Outlet(socket, this);
    const lines = new LineSplitter();
    let work = Promise.resolve();
    socket.on('data', (bytes: Buffer) => {
      lines.push(bytes, (event) => {
        if (event.kind === 'line' && event.text !== '') work = work.then(() => this.#answer(event.text, outlet));
      });
    });
  }

  async #answer(line: string, outlet: Outlet): Promise<void> {
    try {
      const request = parsePeerRequest(line);
      this.requests.push(request);
      await this.misbehaviour.gate?.(request);
      if (request.verb === 'GET_CHUNK') await this.#sendChunk(request.content, request.chunkIndex, outlet);
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
    const { refuse, body, header, cutBodyBytes, isEndless, chunkDelayMs } = this.misbehaviour;
    const content = this.#find(ref);
    if (content === undefined || chunkLength(chunkIndex, content.bytes.length) === 0)
      return outlet.send(formatErr('NOT_FOUND', 'Not shared here.'));
    if (chunkDelayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, chunkDelayMs));
    const refusal = refuse?.(chunkIndex);
    if (refusal !== undefined) return outlet.send(refusal.includes('\n') ? refusal : `ERR ${refusal} As told.\n`);
    const chunk = body?.(chunkIndex, content) ?? chunkOf(content.bytes, chunkIndex);
    const honest = formatBodyHeader(chunk.length);
    await outlet.send(header?.(chunkIndex, honest) ?? honest, chunk.subarray(0, cutBodyBytes ?? chunk.length));
    if (cutBodyBytes !== undefined) outlet.end();
    while (isEndless === true && outlet.isOpen) await outlet.send(chunk);
  }

  #find(ref: ContentRef): TestContent | undefined {
    return this.#contents.find((content) => (ref.by === 'root' ? content.root === ref.root : content.name === ref.name));
  }
}

/** The sending side of one connection. */
class Outlet {
  readonly #socket: Socket;
  readonly #peer: ScriptedPeer;
  #sentBytes = 0;
  #isStalled = false;

  constructor(socket: Socket, peer: ScriptedPeer) {
    this.#socket = socket;
    this.#peer = peer;
  }

  get isOpen(): boolean {
    return this.#socket.writable && !this.#isStalled;
  }

  async send(...parts: (Uint8Array | string)[]): Promise<void> {
    const { stallAtByte, resetAtByte, dripMs } = this.#peer.misbehaviour;
    const bytes = Buffer.concat(parts.map((part) => Buffer.from(part as Uint8Array)));
    if (!this.isOpen) return;
    const stop = Math.min(stallAtByte ?? Number.POSITIVE_INFINITY, resetAtByte ?? Number.POSITIVE_INFINITY);
    const part = bytes.subarray(0, Math.max(0, stop - this.#sentBytes));
    if (dripMs === undefined) await this.#write(part);
    else await this.#drip(part, dripMs);
    if (part.length === bytes.length) return;
    this.#isStalled = true;
    // A reset throws away what the other side has not read yet: it gets a moment for that.
    if (stop === resetAtByte) setTimeout(() => this.#socket.resetAndDestroy(), RESET_DELAY_MS);
    else this.#peer.stalledCount += 1;
  }

  end(): void {
    this.#isStalled = true;
    this.#socket.end();
  }

  async #drip(bytes: Buffer, dripMs: number): Promise<void> {
    this.#peer.stalledCount += 1;
    for (let at = 0; at < bytes.length && this.isOpen; at += 1) {
      await this.#write(bytes.subarray(at, at + 1));
      await new Promise((resolve) => setTimeout(resolve, dripMs));
    }
  }

  #write(bytes: Buffer): Promise<void> {
    this.#sentBytes += bytes.length;
    return new Promise((resolve) => {
      if (!this.#socket.writable || bytes.length === 0) return resolve();
      this.#socket.once('close', resolve);
      this.#socket.write(bytes, () => {
        this.#socket.off('close', resolve);
        resolve();
      });
    });
  }
}
