/**
 * The replies of one stream on their way out: what is ready leaves in the order of the requests, with news between.
 *
 *     begun ── read ──► ready ── its turn ──► handed to the network ── taken ──► memory and grant are free again
 *
 * Invariants: replies leave in the order in which they were begun, each whole; a buffer goes back to the pool and a grant to the queue
 * once, when the network has taken the chunk or it is clear that it never will; one line of news at a time is on its way.
 */
import type { ServedStream } from '../../common/ports/net.js';
import { formatBodyHeader } from '../../common/wire/peer-lines.js';
import { formatErr } from '../../common/wire/tokens.js';
import type { BufferPool } from '../share/buffer-pool.js';
import { sliceOf } from '../share/manifest-parts.js';
import type { SharedContent } from '../share/shared-content.js';
import type { HaveFeed } from './have-feed.js';
import type { Refusal } from './serve-request.js';
import type { Upload } from './upload-queue.js';

export interface ReplySenderPorts {
  readonly buffers: BufferPool;
  readonly feed: Pick<HaveFeed, 'takeLine'>;
  /** Bytes of content that the network took. */
  readonly served: (content: SharedContent, bytes: number) => void;
  /** A chunk needs its grant no longer; `isSent` where the network took it. */
  readonly released: (upload: Upload, isSent: boolean) => void;
  /** The network took something. */
  readonly progress: () => void;
}

/** A chunk, or a range of bytes, that is being read into `buffer`, or lies there. */
export interface ChunkReply {
  readonly kind: 'chunk';
  readonly content: SharedContent;
  readonly upload: Upload;
  readonly buffer: Uint8Array;
  isReady: boolean;
}

/** Long memory that is sent slice by slice. It is made when its turn comes, so that what waits costs nothing. */
interface BodyReply {
  readonly kind: 'body';
  readonly open: () => readonly Uint8Array[] | Refusal;
  parts: readonly Uint8Array[] | undefined;
  sentBytes: number;
}

/** Text that is sent as it is; missing while it is still being found out. */
interface LineReply {
  readonly kind: 'line';
  text: string | undefined;
}

type Reply = LineReply | ChunkReply | BodyReply;

export class ReplySender {
  readonly #stream: ServedStream;
  readonly #ports: ReplySenderPorts;
  /** The ones that are not handed to the network. */
  readonly #replies: Reply[] = [];
  #heldCount = 0;
  #heldBytes = 0;
  #isSlicing = false;
  #isNewsOut = false;
  #isClosed = false;

  constructor(stream: ServedStream, ports: ReplySenderPorts) {
    this.#stream = stream;
    this.#ports = ports;
  }

  /** Replies in memory, handed to the network or not. */
  get heldCount(): number {
    return this.#heldCount;
  }

  /** Bytes that are reserved for them. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  refuse({ code, text }: Pick<Refusal, 'code' | 'text'>): void {
    this.#hold({ kind: 'line', text: formatErr(code, text) });
  }

  /** A body whose parts `open` gives when its turn comes; or a refusal in its place. */
  body(open: BodyReply['open']): void {
    this.#hold({ kind: 'body', open, parts: undefined, sentBytes: 0 });
  }

  /** Keeps the place of a body of text, or of a refusal, that `find` will have in a moment; it must not reject. */
  later(find: () => Promise<string | Refusal>): void {
    const reply: LineReply = { kind: 'line', text: undefined };
    this.#hold(reply);
    void find().then((found) => {
      reply.text =
        typeof found === 'string' ? `${formatBodyHeader(Buffer.byteLength(found))}${found}` : formatErr(found.code, found.text);
      if (!this.#isClosed) this.#ports.progress();
    });
  }

  /** Keeps the place of a chunk while it is read. Its buffer and its grant are this object's from now on. */
  chunk(content: SharedContent, upload: Upload, buffer: Uint8Array): ChunkReply {
    const reply: ChunkReply = { kind: 'chunk', content, upload, buffer, isReady: false };
    this.#heldBytes += upload.lengthBytes;
    this.#hold(reply);
    return reply;
  }

  /** The chunk is read. */
  ready(reply: ChunkReply): void {
    reply.isReady = true;
    if (this.#isClosed) this.#release(reply, false);
  }

  /** The chunk cannot be read; `why` takes its place. */
  failed(reply: ChunkReply, why: Refusal): void {
    const at = this.#replies.indexOf(reply);
    if (at >= 0) {
      // The memory is free; the line that takes its place is still held, until it is sent.
      this.#heldCount += 1;
      this.#replies[at] = { kind: 'line', text: formatErr(why.code, why.text) };
    }
    this.#release(reply, false);
  }

  /** Hands to the network what is ready, in order. */
  send(): void {
    for (let reply = this.#replies[0]; reply !== undefined && !this.#isSlicing; reply = this.#replies[0]) {
      if (reply.kind === 'chunk' ? !reply.isReady : reply.kind === 'line' && reply.text === undefined) return;
      this.sendNews();
      if (reply.kind === 'body') this.#sendBody(reply);
      else {
        this.#replies.shift();
        if (reply.kind === 'line') this.#sendLine(reply.text ?? '');
        else this.#sendChunk(reply);
      }
    }
  }

  /** Hands a line of news to the network, if there are any and the stream is between two replies. */
  sendNews(): void {
    if (this.#isNewsOut || this.#isSlicing || this.#isClosed) return;
    const line = this.#ports.feed.takeLine();
    if (line === undefined) return;
    this.#isNewsOut = true;
    const flushed = () => {
      this.#isNewsOut = false;
      this.#ports.progress();
    };
    this.#stream.send(flushed, line);
  }

  /** The stream is gone. What is being read or sent gives its memory back when that is over. */
  close(): void {
    this.#isClosed = true;
    for (const reply of this.#replies.splice(0)) if (reply.kind === 'chunk' && reply.isReady) this.#release(reply, false);
  }

  #hold(reply: Reply): void {
    this.#heldCount += 1;
    this.#replies.push(reply);
  }

  #release({ buffer, upload }: ChunkReply, isSent: boolean): void {
    this.#heldCount -= 1;
    this.#heldBytes -= upload.lengthBytes;
    this.#ports.buffers.release(buffer);
    this.#ports.released(upload, isSent);
  }

  #sendLine(text: string): void {
    this.#stream.send(() => {
      this.#heldCount -= 1;
      this.#ports.progress();
    }, text);
  }

  #sendChunk(reply: ChunkReply): void {
    const { buffer, content, upload } = reply;
    const flushed = () => {
      const isSent = !this.#isClosed;
      this.#release(reply, isSent);
      if (isSent) this.#ports.served(content, upload.lengthBytes);
      this.#ports.progress();
    };
    this.#stream.send(flushed, formatBodyHeader(upload.lengthBytes), buffer.subarray(0, upload.lengthBytes));
  }

  /** Sends the next slice of the first reply; when it is taken, the one after it. */
  #sendBody(reply: BodyReply): void {
    const parts = reply.parts ?? reply.open();
    if ('verb' in parts) {
      this.#replies.shift();
      this.#sendLine(formatErr(parts.code, parts.text));
      return;
    }
    reply.parts = parts;
    this.#isSlicing = true;
    const slice = sliceOf(parts, reply.sentBytes);
    const flushed = () => {
      this.#isSlicing = false;
      if (this.#isClosed) return;
      if (slice.isLast) {
        this.#replies.shift();
        this.#heldCount -= 1;
      }
      this.#ports.progress();
    };
    const totalBytes = parts.reduce((sum, part) => sum + part.length, 0);
    const header = reply.sentBytes === 0 ? [formatBodyHeader(totalBytes)] : [];
    reply.sentBytes += slice.bytes.length;
    this.#stream.send(flushed, ...header, slice.bytes);
  }
}
