/**
 * Listens to what a peer says to those who fetch from it: every chunk and every manifest that leaves it is held against the truth, and
 * what it says that it has is told on.
 *
 * Requests are read as they come in and replies as they go out, so it knows what each body is the answer to. Nothing is changed.
 */

import { manifestFromRaw } from '../../common/core/manifest.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { ListenPort, ServedStream, StreamHandlers } from '../../common/ports/net.js';
import { LineSplitter } from '../../common/wire/line-splitter.js';
import { unpackMsgpack } from '../../common/wire/msgpack.js';
import { type PeerRequest, parseBodyHeader, parseHaveNews, parsePeerRequest } from '../../common/wire/peer-lines.js';
import type { Truth } from './truth.js';

/** Bytes that wait in one stream at most: what the server allows itself there, and the same again. */
const QUEUED_MAX_BYTES = 4 * 1024 * 1024;

export interface TapEvents {
  /** A chunk was served that is what it should be. */
  served(): void;
  /** It says that it has these chunks. */
  told(root: ContentRoot, chunks: readonly number[]): void;
  broken(what: string): void;
}

export function tappedListener(inner: ListenPort, truth: Truth, events: TapEvents): ListenPort {
  return {
    listen: (options, accept) =>
      inner.listen(options, (stream) => {
        const tapped = new TappedStream(stream, new ReplyWatch(truth, events));
        return tapped.listening(accept(tapped));
      }),
  };
}

class TappedStream implements ServedStream {
  readonly #inner: ServedStream;
  readonly #watch: ReplyWatch;

  constructor(inner: ServedStream, watch: ReplyWatch) {
    this.#inner = inner;
    this.#watch = watch;
  }

  listening(owner: StreamHandlers): StreamHandlers {
    return {
      data: (bytes) => {
        this.#watch.asked(bytes);
        owner.data(bytes);
      },
      drained: () => owner.drained?.(),
      ended: () => owner.ended(),
      closed: (error) => owner.closed(error),
    };
  }

  get remote() {
    return this.#inner.remote;
  }

  get local() {
    return this.#inner.local;
  }

  get queuedBytes(): number {
    return this.#inner.queuedBytes;
  }

  get takenBytes(): number {
    return this.#inner.takenBytes;
  }

  write(...parts: (Uint8Array | string)[]): boolean {
    this.#watch.said(parts);
    const isRoom = this.#inner.write(...parts);
    this.#watch.queued(this.#inner.queuedBytes);
    return isRoom;
  }

  send(flushed: () => void, ...parts: (Uint8Array | string)[]): void {
    this.#watch.said(parts);
    this.#inner.send(flushed, ...parts);
    this.#watch.queued(this.#inner.queuedBytes);
  }

  pause(): void {
    this.#inner.pause();
  }

  resume(): void {
    this.#inner.resume();
  }

  end(): void {
    this.#inner.end();
  }

  destroy(): void {
    this.#inner.destroy();
  }
}

/** The replies of one stream, and what they answer. */
class ReplyWatch {
  readonly #truth: Truth;
  readonly #events: TapEvents;
  readonly #splitter = new LineSplitter();
  readonly #requests: (PeerRequest | undefined)[] = [];
  #line = '';
  #body: { readonly request: PeerRequest | undefined; readonly bytes: Uint8Array; doneBytes: number } | undefined;

  constructor(truth: Truth, events: TapEvents) {
    this.#truth = truth;
    this.#events = events;
  }

  asked(bytes: Uint8Array): void {
    this.#splitter.push(bytes, (event) => {
      if (event.kind === 'line' && event.text !== '') this.#ask(event.text);
      else if (event.kind !== 'line') this.#requests.push(undefined);
    });
  }

  #ask(text: string): void {
    try {
      const request = parsePeerRequest(text);
      if (request.verb !== 'CANCEL') this.#requests.push(request);
    } catch {
      this.#requests.push(undefined);
    }
  }

  said(parts: readonly (Uint8Array | string)[]): void {
    for (const part of parts) {
      const bytes = typeof part === 'string' ? Buffer.from(part) : part;
      for (let at = 0; at < bytes.length; )
        at += this.#body === undefined ? this.#takeLine(bytes, at) : this.#takeBody(bytes, at);
    }
  }

  queued(bytes: number): void {
    if (bytes > QUEUED_MAX_BYTES) this.#events.broken(`${bytes} bytes wait in one stream`);
  }

  /** Returns how many bytes it took. */
  #takeLine(bytes: Uint8Array, at: number): number {
    const end = bytes.indexOf(0x0a, at);
    this.#line += Buffer.from(bytes.subarray(at, end < 0 ? undefined : end)).toString();
    if (end < 0) return bytes.length - at;
    const line = this.#line;
    this.#line = '';
    if (line.startsWith('HAVE ')) {
      const { root, ranges } = parseHaveNews(line);
      this.#events.told(
        root,
        ranges.flatMap(([first, count]) => Array.from({ length: count }, (_, nth) => first + nth)),
      );
      return end + 1 - at;
    }
    const request = this.#requests.shift();
    const lengthBytes = parseBodyHeader(line);
    if (lengthBytes !== undefined) {
      this.#body = { request, bytes: new Uint8Array(lengthBytes), doneBytes: 0 };
      if (lengthBytes === 0) this.#end();
    } else if (!line.startsWith('ERR ')) this.#events.broken(`a peer answered "${line.slice(0, 80)}"`);
    return end + 1 - at;
  }

  #takeBody(bytes: Uint8Array, at: number): number {
    const body = this.#body;
    if (body === undefined) return 0;
    const count = Math.min(bytes.length - at, body.bytes.length - body.doneBytes);
    body.bytes.set(bytes.subarray(at, at + count), body.doneBytes);
    body.doneBytes += count;
    if (body.doneBytes === body.bytes.length) this.#end();
    return count;
  }

  #end(): void {
    const { request, bytes } = this.#body ?? {};
    this.#body = undefined;
    if (request === undefined || bytes === undefined) return;
    if (request.verb === 'HAVE' && request.content.by === 'root') this.#events.told(request.content.root, indexesIn(bytes));
    if (request.verb === 'GET_CHUNK') {
      const { content, chunkIndex } = request;
      if (this.#truth.isChunk(content, chunkIndex, bytes)) this.#events.served();
      else this.#events.broken(`chunk ${chunkIndex} of ${nameOf(content)} was served with wrong bytes`);
    }
    if (request.verb === 'GET_MANIFEST' && !this.#truth.isManifest(request.content, manifestFromRaw(unpackMsgpack(bytes)))) {
      this.#events.broken(`a wrong manifest of ${nameOf(request.content)} was served`);
    }
  }
}

/** The numbers of the bits that are set, of which bit 7 of byte 0 is the first. */
function indexesIn(bits: Uint8Array): number[] {
  return [...Array(8 * bits.length).keys()].filter((index) => (((bits[index >> 3] ?? 0) << (index & 7)) & 0x80) !== 0);
}

function nameOf(
  content: { readonly by: 'root'; readonly root: string } | { readonly by: 'name'; readonly name: string },
): string {
  return content.by === 'root' ? `@${content.root.slice(0, 8)}` : content.name;
}
