/**
 * One fetcher's stream: its requests in, replies out in their order. A failure is one ERR line, and the stream goes on.
 *
 *     line ──► queue ──► reply being read (at most SERVE_REPLY_MAX_BYTES) ──► sent in order ──► memory free again ──► next
 *
 * While the queue is long the stream is not read, so the other side waits. Whoever takes no byte of a reply for WRITE_STALL_MS, needs
 * more than LINE_DEADLINE_MS for a line, or asks for nothing for STREAM_IDLE_MS is cut off; `check` is called now and then for that.
 * Invariants: replies leave in the order of requests; a buffer goes back to the pool once, after the network has taken it; no error
 * leaves this file.
 */
import { chunkCount, chunkLength } from '../../common/core/chunks.js';
import {
  BAD_LINES_MAX_COUNT,
  LINE_DEADLINE_MS,
  SERVE_QUEUE_MAX_COUNT,
  SERVE_REPLIES_MAX_COUNT,
  SERVE_REPLY_MAX_BYTES,
  STREAM_IDLE_MS,
  WRITE_STALL_MS,
} from '../../common/core/limits.js';
import type { Clock } from '../../common/ports/clock.js';
import type { ServedStream, StreamHandlers } from '../../common/ports/net.js';
import { type LineEvent, LineSplitter } from '../../common/wire/line-splitter.js';
import { formatBodyHeader, type PeerRequest } from '../../common/wire/peer-lines.js';
import { formatErr } from '../../common/wire/tokens.js';
import type { BufferPool } from '../share/buffer-pool.js';
import type { ChunkReader } from '../share/chunk-reader.js';
import { manifestParts, sliceOf } from '../share/manifest-parts.js';
import type { ShareIndex } from '../share/share-index.js';
import type { SharedContent } from '../share/shared-content.js';
import { NO_SUCH_CHUNK, NOT_SHARED, type Refusal, refusalOf, requestOfLine } from './serve-request.js';

export interface SessionPorts {
  readonly index: Pick<ShareIndex, 'find'>;
  readonly reader: Pick<ChunkReader, 'read'>;
  readonly buffers: BufferPool;
  readonly clock: Clock;
  /** Bytes of content that the network took. */
  readonly served: (content: SharedContent, bytes: number) => void;
  /** The stream is gone. */
  readonly closed: (session: ServeSession) => void;
}

/** A reply on its way. */
type Reply =
  | { kind: 'line'; text: string }
  /** A chunk that is being read into `buffer`, or lies there. */
  | { kind: 'chunk'; content: SharedContent; buffer: Uint8Array; isReady: boolean; lengthBytes: number }
  /** Long memory that is sent slice by slice: `offset` bytes are sent. */
  | { kind: 'parts'; head: string; parts: readonly Uint8Array[]; offset: number };

export class ServeSession implements StreamHandlers {
  readonly #stream: ServedStream;
  readonly #ports: SessionPorts;
  readonly #splitter = new LineSplitter();
  readonly #queue: (PeerRequest | Refusal)[] = [];
  /** In the order of requests: the ones that are not handed to the network. */
  readonly #replies: Reply[] = [];
  /** Replies in memory, handed to the network or not, and the bytes that are reserved for them. */
  #heldCount = 0;
  #heldBytes = 0;
  #isSlicing = false;
  #isPaused = false;
  #isClosed = false;
  /** No further request is taken; the stream ends after the last reply. */
  #isEnding = false;
  #isEnded = false;
  #badLineCount = 0;
  #lineSinceMs: number | undefined;
  #progressMs: number;
  #sendMark = 0;

  constructor(stream: ServedStream, ports: SessionPorts) {
    this.#stream = stream;
    this.#ports = ports;
    this.#progressMs = ports.clock.nowMs();
  }

  get remoteIp(): string {
    return this.#stream.remote.ip;
  }

  data(bytes: Uint8Array): void {
    this.#guard(() => {
      let isLineWhole = false;
      this.#splitter.push(bytes, (event) => {
        isLineWhole = true;
        this.#takeLine(event);
      });
      if (!this.#splitter.isMidLine) this.#lineSinceMs = undefined;
      else if (isLineWhole || this.#lineSinceMs === undefined) this.#lineSinceMs = this.#ports.clock.nowMs();
      this.#pump();
    });
  }

  ended(): void {
    this.#guard(() => {
      this.#isEnding = true;
      this.#pump();
    });
  }

  closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#queue.length = 0;
    // What is being read or sent gives its memory back when that is over.
    for (const reply of this.#replies.splice(0)) if (reply.kind === 'chunk' && reply.isReady) this.#release(reply);
    this.#ports.closed(this);
  }

  /** Refuses the stream: one line, then the end. */
  refuse(refusal: Refusal): void {
    this.#splitter.kill();
    this.#queue.push(refusal);
    this.#isEnding = true;
    this.#guard(() => this.#pump());
  }

  /** Cuts off whoever holds the stream without using it. */
  check(nowMs: number): void {
    if (this.#stream.sendMark !== this.#sendMark) {
      this.#sendMark = this.#stream.sendMark;
      this.#progressMs = nowMs;
    }
    const isBusy = this.#heldCount > 0 || this.#stream.queuedBytes > 0 || this.#isEnded;
    const silentMs = nowMs - this.#progressMs;
    const isLineLate = !this.#isPaused && this.#lineSinceMs !== undefined && nowMs - this.#lineSinceMs > LINE_DEADLINE_MS;
    if (isLineLate || silentMs > (isBusy ? WRITE_STALL_MS : STREAM_IDLE_MS)) this.destroy();
  }

  destroy(): void {
    this.#stream.destroy();
  }

  /** A mistake of ours costs this stream and no other. */
  #guard(run: () => void): void {
    if (this.#isClosed) return;
    try {
      run();
    } catch {
      this.destroy();
    }
  }

  #takeLine(event: LineEvent): void {
    if (this.#isEnding || (event.kind === 'line' && event.text === '')) return;
    this.#progressMs = this.#ports.clock.nowMs();
    const request = requestOfLine(event);
    if (request.verb === 'ERR' && request.isBadLine) this.#badLineCount += 1;
    this.#queue.push(request);
    if (event.kind === 'too-long' || this.#badLineCount >= BAD_LINES_MAX_COUNT) {
      this.#isEnding = true;
      this.#splitter.kill();
    }
  }

  /** Begins what may begin, sends what is ready, and reads on or not. */
  #pump(): void {
    if (this.#isClosed) return;
    while (this.#queue.length > 0 && this.#begin(this.#queue[0] as PeerRequest | Refusal)) this.#queue.shift();
    this.#send();
    const isFull = this.#queue.length >= SERVE_QUEUE_MAX_COUNT;
    if (isFull && !this.#isPaused) this.#stream.pause();
    if (!isFull && this.#isPaused) {
      this.#stream.resume();
      // A line that began before the pause gets its whole time again.
      if (this.#lineSinceMs !== undefined) this.#lineSinceMs = this.#ports.clock.nowMs();
    }
    this.#isPaused = isFull;
    if (this.#isEnding && !this.#isEnded && this.#queue.length === 0 && this.#heldCount === 0) {
      this.#isEnded = true;
      this.#progressMs = this.#ports.clock.nowMs();
      this.#stream.end();
    }
  }

  /** Begins the reply to a request; false where it has to wait for memory. */
  #begin(request: PeerRequest | Refusal): boolean {
    if (this.#heldCount >= SERVE_REPLIES_MAX_COUNT) return false;
    if (request.verb === 'ERR') return this.#hold({ kind: 'line', text: formatErr(request.code, request.text) }, 0);
    const content = this.#ports.index.find(request.content);
    if (content === undefined) return this.#begin(NOT_SHARED);
    if (request.verb === 'GET_MANIFEST') return this.#beginParts(manifestParts(content.manifest));
    if (request.verb === 'HAVE') return this.#beginParts([content.holding.bits()]);
    const { chunkIndex } = request;
    const isThere = chunkIndex < chunkCount(content.manifest.sizeBytes) && content.holding.has(chunkIndex);
    return isThere ? this.#beginChunk(content, chunkIndex) : this.#begin(NO_SUCH_CHUNK);
  }

  #beginParts(parts: readonly Uint8Array[]): boolean {
    const totalBytes = parts.reduce((sum, part) => sum + part.length, 0);
    return this.#hold({ kind: 'parts', head: formatBodyHeader(totalBytes), parts, offset: 0 }, 0);
  }

  #beginChunk(content: SharedContent, chunkIndex: number): boolean {
    const lengthBytes = chunkLength(chunkIndex, content.manifest.sizeBytes);
    if (this.#heldBytes + lengthBytes > SERVE_REPLY_MAX_BYTES) return false;
    const buffer = this.#ports.buffers.take(lengthBytes, this.#heldCount > 0);
    if (buffer === undefined) return false;
    const reply = { kind: 'chunk' as const, content, buffer, isReady: false, lengthBytes };
    this.#hold(reply, lengthBytes);
    this.#ports.reader.read(content, chunkIndex, buffer).then(
      () => {
        reply.isReady = true;
        if (this.#isClosed) this.#release(reply);
        else this.#guard(() => this.#pump());
      },
      (error: unknown) => {
        this.#release(reply);
        const at = this.#replies.indexOf(reply);
        // The memory is free; the line that takes its place is still held, until it is sent.
        if (at < 0) return;
        this.#heldCount += 1;
        const { code, text } = refusalOf(error);
        this.#replies[at] = { kind: 'line', text: formatErr(code, text) };
        this.#guard(() => this.#pump());
      },
    );
    return true;
  }

  #hold(reply: Reply, bytes: number): true {
    this.#heldCount += 1;
    this.#heldBytes += bytes;
    this.#replies.push(reply);
    return true;
  }

  #release(reply: { buffer: Uint8Array; lengthBytes: number }): void {
    this.#heldCount -= 1;
    this.#heldBytes -= reply.lengthBytes;
    this.#ports.buffers.release(reply.buffer);
  }

  /** Hands to the network what is ready, in order. */
  #send(): void {
    for (let reply = this.#replies[0]; reply !== undefined && !this.#isSlicing; reply = this.#replies[0]) {
      if (reply.kind === 'chunk' && !reply.isReady) return;
      if (reply.kind === 'parts') {
        this.#sendSlice(reply);
        continue;
      }
      this.#replies.shift();
      if (reply.kind === 'line') this.#sendLine(reply.text);
      else this.#sendChunk(reply);
    }
  }

  #sendLine(text: string): void {
    this.#stream.send(() => {
      this.#heldCount -= 1;
      this.#goOn();
    }, text);
  }

  #sendChunk(reply: Extract<Reply, { kind: 'chunk' }>): void {
    const { buffer, content, lengthBytes } = reply;
    const flushed = () => {
      this.#release(reply);
      if (!this.#isClosed) this.#ports.served(content, lengthBytes);
      this.#goOn();
    };
    this.#stream.send(flushed, formatBodyHeader(lengthBytes), buffer.subarray(0, lengthBytes));
  }

  /** The network took something. */
  #goOn(): void {
    this.#progressMs = this.#ports.clock.nowMs();
    this.#guard(() => this.#pump());
  }

  /** Sends the next slice; when it is taken, the one after it. */
  #sendSlice(reply: Extract<Reply, { kind: 'parts' }>): void {
    this.#isSlicing = true;
    const slice = sliceOf(reply.parts, reply.offset);
    const flushed = () => {
      this.#isSlicing = false;
      if (this.#isClosed) return;
      if (slice.isLast) {
        this.#replies.shift();
        this.#heldCount -= 1;
      }
      this.#goOn();
    };
    const isFirst = reply.offset === 0;
    reply.offset += slice.bytes.length;
    if (isFirst) this.#stream.send(flushed, reply.head, slice.bytes);
    else this.#stream.send(flushed, slice.bytes);
  }
}
