/** A line that a fetcher sent, as what to do about it. Pure. */
import { type ByteSpan, chunkCount, chunkSpan } from '../../common/core/chunks.js';
import { ShoalError, WIRE_CODES, type WireCode } from '../../common/core/errors.js';
import { CHUNK_BYTES, HAVE_CONTENTS_MAX_COUNT } from '../../common/core/limits.js';
import type { LineEvent } from '../../common/wire/line-splitter.js';
import { formatContentRef, type PeerRequest, parsePeerRequest } from '../../common/wire/peer-lines.js';
import { splitTokens } from '../../common/wire/tokens.js';
import type { SharedContent } from '../share/shared-content.js';
import type { Upload } from './upload-queue.js';

export interface Refusal {
  readonly verb: 'ERR';
  readonly code: WireCode;
  readonly text: string;
  /** Whether it counts towards BAD_LINES_MAX_COUNT. */
  readonly isBadLine: boolean;
}

/** The bytes that are asked for at the head of the queue, once it was brought before the upload queue. */
export interface AskedChunk {
  readonly content: SharedContent;
  readonly upload: Upload;
  readonly span: ByteSpan;
  verdict: 'waiting' | 'granted' | 'busy';
}

/** What is answered with bytes of a content. */
export type UploadRequest = Extract<PeerRequest, { verb: 'GET_CHUNK' | 'GET_RANGE' }>;

export type Cancel = Extract<PeerRequest, { verb: 'CANCEL' }>;

/** What is answered, in order. */
export type Queued = Exclude<PeerRequest, Cancel> | Refusal;

/** The first chunk that a request asks for something of. */
export function firstChunkOf(request: UploadRequest): number {
  return request.verb === 'GET_CHUNK' ? request.chunkIndex : Math.floor(request.offset / CHUNK_BYTES);
}

/** What would be sent; `undefined` where a chunk of it is not here, or it begins behind the end. */
export function uploadOf(content: SharedContent, request: UploadRequest): Pick<AskedChunk, 'upload' | 'span'> | undefined {
  const { sizeBytes } = content.manifest;
  const first = firstChunkOf(request);
  const span = request.verb === 'GET_CHUNK' ? chunkSpan(first, sizeBytes) : clipped(request, sizeBytes);
  const last = Math.ceil((span.offset + span.lengthBytes) / CHUNK_BYTES) - 1;
  if (span.lengthBytes === 0 || !content.holding.has(first) || !content.holding.has(last)) return undefined;
  const isRange = request.verb === 'GET_RANGE';
  const { isWhole } = content.holding;
  const upload = { root: content.root, chunkIndex: first, chunkCount: chunkCount(sizeBytes), isRange, isWhole };
  return { upload: { ...upload, lengthBytes: span.lengthBytes }, span };
}

function clipped({ offset, lengthBytes }: ByteSpan, sizeBytes: number): ByteSpan {
  return { offset, lengthBytes: Math.max(0, Math.min(lengthBytes, sizeBytes - offset)) };
}

/** Where in a queue the last request stands that a CANCEL means; −1 where there is none. */
export function placeOfChunk(queue: readonly Queued[], { content, chunkIndex }: Cancel): number {
  const ref = formatContentRef(content);
  return queue.findLastIndex(
    (queued) => queued.verb === 'GET_CHUNK' && queued.chunkIndex === chunkIndex && formatContentRef(queued.content) === ref,
  );
}

/** What is said of everything that is not shared, whatever the reason: whoever probes names learns nothing. */
export const NOT_SHARED: Refusal = { verb: 'ERR', code: 'NOT_FOUND', text: 'This is not shared here.', isBadLine: false };

export const NO_SUCH_CHUNK: Refusal = { verb: 'ERR', code: 'NOT_FOUND', text: 'This chunk is not here.', isBadLine: false };

/** Only where the asker knows how to come back later: on a connection that sent HAVE. */
export const ASK_FOR_ANOTHER: Refusal = {
  verb: 'ERR',
  code: 'BUSY',
  text: 'Others wait for chunks that fewer have; ask for another one, or ask others.',
  isBadLine: false,
};

/** Only on a connection that sent HAVE, as above. */
export const TAKEN_BACK: Refusal = { verb: 'ERR', code: 'BUSY', text: 'You took this request back.', isBadLine: false };

export const THIS_IS_YOU: Refusal = { verb: 'ERR', code: 'DENIED', text: 'This is you.', isBadLine: false };

/** Of a program that serves contents and does nothing else. */
export const NO_FRONT_DESK: Refusal = {
  verb: 'ERR',
  code: 'UNKNOWN_COMMAND',
  text: 'This peer serves contents, and no more.',
  isBadLine: false,
};

const TOO_MANY_CONTENTS: Refusal = {
  verb: 'ERR',
  code: 'LIMIT',
  text: `A connection has news of ${HAVE_CONTENTS_MAX_COUNT} contents at most; open another one.`,
  isBadLine: false,
};

/** The body that answers HAVE; `undefined` bits where the connection may not hear of one content more. */
export function haveReply(bits: Uint8Array | undefined): readonly Uint8Array[] | Refusal {
  return bits === undefined ? TOO_MANY_CONTENTS : [bits];
}

/** What the splitter found, as what to do about it. */
export function requestOfLine(event: LineEvent): PeerRequest | Refusal {
  switch (event.kind) {
    case 'line':
      return serveRequest(event.text);
    case 'not-utf8':
      return { verb: 'ERR', code: 'BAD_REQUEST', text: 'A line must be UTF-8.', isBadLine: true };
    case 'too-long':
      return { verb: 'ERR', code: 'TOO_LONG', text: 'A line has at most 4096 bytes.', isBadLine: true };
  }
}

/** Never throws. */
function serveRequest(line: string): PeerRequest | Refusal {
  try {
    return parsePeerRequest(line);
  } catch (error) {
    return isNameTheTrouble(line) ? NOT_SHARED : { ...refusalOf(error), isBadLine: true };
  }
}

/** The line for an error that came up while serving: of what is below it, nothing crosses the wire. */
export function refusalOf(error: unknown): Refusal {
  const code = error instanceof ShoalError ? WIRE_CODES.find((known) => known === error.code) : undefined;
  return error instanceof ShoalError && code !== undefined && code !== 'INTERNAL'
    ? { verb: 'ERR', code, text: error.message, isBadLine: false }
    : { verb: 'ERR', code: 'INTERNAL', text: 'This peer could not serve it.', isBadLine: false };
}

/** Whether the line would be good with another name. A name that cannot be shared is answered as one that is not. */
function isNameTheTrouble(line: string): boolean {
  try {
    const [verb = '', , ...rest] = splitTokens(line);
    // The name of an offer is the asker's own.
    return parsePeerRequest([verb, 'name', ...rest].join(' ')).verb !== 'PUSH';
  } catch {
    return false;
  }
}
