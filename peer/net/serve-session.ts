/**
 * One fetcher's stream: its requests in, replies out in their order. A failure is one ERR line, and the stream goes on.
 *
 *     line ──► queue ──► grant of the upload queue (chunks, ranges) ──► reply: read, and sent in order by the ReplySender
 *                   └──► document (DocumentReplies) ──────────────────────────────────────────────▲
 *
 * While the queue is long the stream is not read, so the other side waits. Whoever takes no byte of a reply for WRITE_STALL_MS, needs
 * more than LINE_DEADLINE_MS for a line, or asks for nothing for STREAM_IDLE_MS is cut off; `check` is called now and then for that.
 * Invariants: requests are begun in their order, at most SERVE_REPLY_MAX_BYTES of replies are held in memory; a grant is given back
 * once; no error leaves this file.
 */
import type { ByteSpan } from '../../common/core/chunks.js';
import { invariant } from '../../common/core/errors.js';
import {
  BAD_LINES_MAX_COUNT,
  LINE_DEADLINE_MS,
  SERVE_QUEUE_MAX_COUNT,
  SERVE_REPLIES_MAX_COUNT,
  SERVE_REPLY_MAX_BYTES,
  STREAM_IDLE_MS,
  WRITE_STALL_MS,
} from '../../common/core/limits.js';
import type { ServedStream, StreamHandlers } from '../../common/ports/net.js';
import { type LineEvent, LineSplitter } from '../../common/wire/line-splitter.js';
import { DocumentReplies } from './document-replies.js';
import { HaveFeed } from './have-feed.js';
import { type ChunkReply, ReplySender } from './reply-sender.js';
import type { Guest } from './serve-doors.js';
import {
  ASK_FOR_ANOTHER,
  type AskedChunk,
  type Cancel,
  firstChunkOf,
  NO_SUCH_CHUNK,
  NOT_SHARED,
  placeOfChunk,
  type Queued,
  type Refusal,
  refusalOf,
  requestOfLine,
  TAKEN_BACK,
  type UploadRequest,
  uploadOf,
} from './serve-request.js';
import type { SessionPorts } from './session-ports.js';
import type { UploadSeat } from './upload-queue.js';

/** Milliseconds that the other side has to close a stream on which everything was said. */
export const LINGER_MS = 2000;

export class ServeSession implements StreamHandlers {
  readonly #stream: ServedStream;
  readonly #ports: SessionPorts;
  readonly #splitter = new LineSplitter();
  readonly #queue: Queued[] = [];
  readonly #sender: ReplySender;
  readonly #feed: HaveFeed;
  readonly #documents: DocumentReplies;
  readonly #seat: UploadSeat;
  #asked: AskedChunk | undefined;
  #isPaused = false;
  #isClosed = false;
  /** No further request is taken; the stream ends after the last reply. */
  #isEnding = false;
  #isEnded = false;
  #badLineCount = 0;
  #lineSinceMs: number | undefined;
  #progressMs: number;
  #takenBytes = 0;

  constructor(stream: ServedStream, ports: SessionPorts) {
    this.#stream = stream;
    this.#ports = ports;
    this.#progressMs = ports.clock.nowMs();
    this.#seat = ports.uploads.join(stream.remote.ip, (verdict) => this.#answered(verdict));
    this.#feed = new HaveFeed(ports.clock, () => this.#guard(() => this.#pump()));
    this.#sender = new ReplySender(stream, {
      buffers: ports.buffers,
      feed: this.#feed,
      served: ports.served,
      released: (upload, isSent) => ports.uploads.giveBack(this.#seat, upload, isSent),
      progress: () => this.#goOn(),
    });
    const missed = () => this.#refuse(NOT_SHARED);
    this.#documents = new DocumentReplies({ ...ports, sender: this.#sender, feed: this.#feed, remoteIp: this.remoteIp, missed });
  }

  get remoteIp(): string {
    return this.#stream.remote.ip;
  }

  /** What would be lost with it, as the doors see it. */
  get use(): Guest['use'] {
    if (this.#isEnding) return 'gone';
    return this.#queue.length > 0 || this.#sender.heldCount > 0 ? 'busy' : 'idle';
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
      // It may wait for its replies, as a program does that has no more to ask; or be gone, which nothing tells while we send nothing.
      this.#ports.uploads.retire(this.#seat);
      this.#pump();
    });
  }

  closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#queue.length = 0;
    this.#feed.close();
    this.#ports.uploads.leave(this.#seat);
    this.#sender.close();
    this.#ports.closed(this);
  }

  /** Refuses the stream: one line, then the end. */
  refuse(refusal: Refusal): void {
    this.#splitter.kill();
    this.#queue.push(refusal);
    this.#isEnding = true;
    this.#guard(() => this.#pump());
  }

  /** To be called once a second: cuts off whoever holds the stream without using it. Returns the bytes that the network took since. */
  check(nowMs: number): number {
    const tookBytes = this.#stream.takenBytes - this.#takenBytes;
    this.#takenBytes += tookBytes;
    const isBusy = this.#sender.heldCount > 0 || this.#stream.queuedBytes > 0 || this.#isEnded;
    // Whoever waits for its turn, or for our rate limit, waits for us.
    const isOurs = this.#stream.isHeld === true || (!isBusy && this.#asked !== undefined);
    if (tookBytes > 0 || isOurs) this.#progressMs = nowMs;
    const silentMs = nowMs - this.#progressMs;
    const isLineLate = !this.#isPaused && this.#lineSinceMs !== undefined && nowMs - this.#lineSinceMs > LINE_DEADLINE_MS;
    if (isLineLate || silentMs > this.#patienceMs(isBusy)) this.destroy();
    // What a rate limit of ours holds up says nothing of the other side.
    if (this.#stream.isHeld !== true) this.#ports.uploads.took(this.#seat, tookBytes);
    this.#guard(() => this.#pump());
    return tookBytes;
  }

  destroy(): void {
    this.#stream.destroy();
  }

  #patienceMs(isBusy: boolean): number {
    // Nothing is on its way any more: who was told all does not need the stream.
    if (this.#isEnded && this.#stream.queuedBytes === 0) return LINGER_MS;
    return isBusy ? WRITE_STALL_MS : STREAM_IDLE_MS;
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
    if (request.verb === 'CANCEL') {
      this.#takeBack(request);
      return;
    }
    if (request.verb === 'ERR' && request.isBadLine) this.#badLineCount += 1;
    this.#queue.push(request);
    if (event.kind === 'too-long' || this.#badLineCount >= BAD_LINES_MAX_COUNT) {
      this.#isEnding = true;
      this.#splitter.kill();
    }
  }

  /** Refuses such a request that waits, if there is one. */
  #takeBack(request: Cancel): void {
    const at = this.#seat.isSwarm ? placeOfChunk(this.#queue, request) : -1;
    if (at < 0 || (at === 0 && this.#asked !== undefined && this.#asked.verdict !== 'waiting')) return;
    this.#queue[at] = TAKEN_BACK;
    if (at > 0 || this.#asked === undefined) return;
    this.#asked = undefined;
    this.#ports.uploads.takeBack(this.#seat);
  }

  /** Begins what may begin, sends what is ready, and reads on or not. */
  #pump(): void {
    if (this.#isClosed) return;
    while (this.#queue.length > 0 && this.#begin(this.#queue[0] as Queued)) this.#queue.shift();
    this.#sender.send();
    if (this.#feed.isDue) this.#sender.sendNews();
    const isFull = this.#queue.length >= SERVE_QUEUE_MAX_COUNT;
    if (isFull && !this.#isPaused) this.#stream.pause();
    if (!isFull && this.#isPaused) {
      this.#stream.resume();
      // A line that began before the pause gets its whole time again.
      if (this.#lineSinceMs !== undefined) this.#lineSinceMs = this.#ports.clock.nowMs();
    }
    this.#isPaused = isFull;
    if (this.#isEnding && !this.#isEnded && this.#queue.length === 0 && this.#sender.heldCount === 0) {
      this.#isEnded = true;
      this.#progressMs = this.#ports.clock.nowMs();
      this.#feed.close();
      this.#stream.end();
    }
  }

  /** Begins the reply to a request; false where it has to wait for memory or for its turn. */
  #begin(request: Queued): boolean {
    if (this.#sender.heldCount >= SERVE_REPLIES_MAX_COUNT) return false;
    if (this.#asked !== undefined) return this.#beginAsked(this.#asked);
    switch (request.verb) {
      case 'ERR':
        return this.#refuse(request);
      case 'GET_CHUNK':
      case 'GET_RANGE':
        return this.#beginUpload(request);
      default:
        if (request.verb === 'HAVE') this.#seat.isSwarm = true;
        return this.#documents.answer(request);
    }
  }

  /** False where whoever tries one name after the other has to wait for this answer. */
  #refuse(refusal: Refusal): boolean {
    if (refusal === NOT_SHARED && !this.#ports.probes.take(this.remoteIp, this.#ports.clock.nowMs())) return false;
    this.#sender.refuse(refusal);
    return true;
  }

  /** Asks for a grant as soon as there is memory for the reply. */
  #beginUpload(request: UploadRequest): boolean {
    const content = this.#ports.index.find(request.content, firstChunkOf(request));
    if (content === undefined) return this.#refuse(NOT_SHARED);
    const wanted = uploadOf(content, request);
    if (wanted === undefined) return this.#refuse(NO_SUCH_CHUNK);
    if (this.#sender.heldBytes + wanted.span.lengthBytes > SERVE_REPLY_MAX_BYTES) return false;
    const verdict = this.#ports.uploads.ask(this.#seat, wanted.upload);
    this.#asked = { content, ...wanted, verdict };
    return this.#beginAsked(this.#asked);
  }

  #beginAsked({ content, upload, span, verdict }: AskedChunk): boolean {
    if (verdict === 'waiting') return false;
    this.#asked = undefined;
    if (verdict === 'busy') return this.#refuse(ASK_FOR_ANOTHER);
    const buffer = this.#ports.buffers.take(upload.lengthBytes, this.#sender.heldCount > 0);
    if (buffer === undefined) {
      // Too much is read ahead elsewhere; the reply under way on this stream brings the next try.
      this.#ports.uploads.giveBack(this.#seat, upload, false);
      return false;
    }
    void this.#read(this.#sender.chunk(content, upload, buffer), span);
    return true;
  }

  async #read(reply: ChunkReply, span: ByteSpan): Promise<void> {
    try {
      await this.#ports.reader.read(reply.content, span, reply.buffer);
      this.#sender.ready(reply);
    } catch (error) {
      this.#sender.failed(reply, refusalOf(error));
    }
    this.#guard(() => this.#pump());
  }

  /** The chunk that waited has its answer. */
  #answered(verdict: 'granted' | 'busy'): void {
    invariant(this.#asked !== undefined, 'whoever is answered has asked');
    this.#asked = { ...this.#asked, verdict };
    this.#guard(() => this.#pump());
  }

  /** The network took something. */
  #goOn(): void {
    this.#progressMs = this.#ports.clock.nowMs();
    this.#guard(() => this.#pump());
  }
}
