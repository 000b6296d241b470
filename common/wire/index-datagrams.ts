/**
 * The UDP index: a type byte, a transaction id, and the same tokens as the lines of the tracker.
 *
 *     byte 0: R S O T Q (requests), A E (replies) | bytes 1..8: transaction id | from byte 9: UTF-8 text without a line feed
 *
 * Pure. A request becomes the line that it stands for, so there is one grammar and one parser (`parseTrackerRequest`).
 */
import { protocolError, ShoalError } from '../core/errors.js';
import { INDEX_DATAGRAM_MAX_BYTES } from '../core/limits.js';
import { decodeUtf8 } from './text.js';
import { parseCount, parseErr } from './tokens.js';
import { formatTrackerRequest, type TrackerRequest } from './tracker-requests.js';

/** Bytes before the text. */
export const INDEX_HEADER_BYTES = 9;

/** Where a text does not fit in a datagram. */
const HOW_LONG = `A datagram has at most ${INDEX_DATAGRAM_MAX_BYTES} bytes; ask over TCP.`;

/** What a client sends who has no cookie yet: a request so long that the tracker may answer it with one. */
export const NO_COOKIE = '0'.repeat(16);

export interface RequestDatagram {
  readonly kind: 'request';
  readonly id: string;
  /** The line of the tracker's protocol that it stands for, without LF. */
  readonly line: string;
  readonly cookie: string | undefined;
  /** `undefined` where the asker does not count; `NaN` where what it sent is no number. */
  readonly seq: number | undefined;
}

/** A request that cannot be one, from somebody who can be told so. */
export interface BadDatagram {
  readonly kind: 'bad';
  readonly id: string;
  readonly error: ShoalError;
}

export interface AnswerDatagram {
  readonly kind: 'answer';
  readonly id: string;
  /** The lines of the reply, without LF; the first begins with `OK`. */
  readonly lines: readonly string[];
  /** The number that the tracker had seen where the request was too old to be applied. */
  readonly staleSeq: number | undefined;
}

export interface ErrorDatagram {
  readonly kind: 'error';
  readonly id: string;
  readonly error: ShoalError;
  /** Where it only says that the request needs this cookie. */
  readonly cookie: string | undefined;
}

/** Reads a request. `undefined` for what is none, and must not be answered: an answer to an answer would go to and fro for ever. */
export function decodeRequest(bytes: Uint8Array): RequestDatagram | BadDatagram | undefined {
  const typeByte = bytes[0] ?? 0;
  if (bytes.length < INDEX_HEADER_BYTES || !isRequestType(typeByte)) return undefined;
  const buffer = bufferOf(bytes);
  const id = idOf(buffer);
  const bad = (code: 'TOO_LONG' | 'BAD_REQUEST', why: string): BadDatagram => ({
    kind: 'bad',
    id,
    error: protocolError(why, code),
  });
  if (bytes.length > INDEX_DATAGRAM_MAX_BYTES) return bad('TOO_LONG', HOW_LONG);
  const text = decodeUtf8(buffer.subarray(INDEX_HEADER_BYTES));
  if (text === undefined) return bad('BAD_REQUEST', 'A datagram is UTF-8 after its first 9 bytes.');
  const verb = verbOf(typeByte, text);
  const line = verb === '' ? text : text === '' ? verb : `${verb} ${text}`;
  const from = attributesAt(line);
  const seq = attributeOf(line, ' seq=', from);
  return {
    kind: 'request',
    id,
    line,
    cookie: attributeOf(line, ' cookie=', from),
    seq: seq === undefined ? undefined : (parseCount(seq, Number.MAX_SAFE_INTEGER) ?? Number.NaN),
  };
}

/** Reads a reply. `undefined` for what is none. */
export function decodeReply(bytes: Uint8Array): AnswerDatagram | ErrorDatagram | undefined {
  const type = bytes[0];
  if (bytes.length < INDEX_HEADER_BYTES || bytes.length > INDEX_DATAGRAM_MAX_BYTES || (type !== A && type !== E))
    return undefined;
  const buffer = bufferOf(bytes);
  const id = idOf(buffer);
  const text = decodeUtf8(buffer.subarray(INDEX_HEADER_BYTES));
  if (text === undefined) return undefined;
  if (type === E) {
    const error = parseErr(`ERR ${text}`);
    return error && { kind: 'error', id, error, cookie: /^DENIED cookie=([0-9a-f]{16})(?: |$)/.exec(text)?.[1] };
  }
  const lines = text.split('\n');
  if (!/^OK(?: |$)/.test(lines[0] ?? '')) return undefined;
  const seq = / seq=([0-9]+)(?: |$)/.exec(lines[0] ?? '')?.[1];
  return { kind: 'answer', id, lines, staleSeq: seq === undefined ? undefined : parseCount(seq, Number.MAX_SAFE_INTEGER) };
}

/** A request as a datagram. Throws `TOO_LONG` where it does not fit in one. */
export function encodeRequest(id: string, request: TrackerRequest, cookie: string, seq?: number): Uint8Array {
  const line = formatTrackerRequest(request).slice(0, -1);
  const type = TYPE_OF_VERB[request.verb] ?? Q;
  const text = type === Q ? line : line.slice(request.verb.length + 1);
  const proof = `${text === '' ? '' : ' '}cookie=${cookie}${seq === undefined ? '' : ` seq=${seq}`}`;
  const bytes = pack(type, id, text + proof);
  if (bytes.length > INDEX_DATAGRAM_MAX_BYTES) throw new ShoalError('TOO_LONG', 'local', HOW_LONG);
  return bytes;
}

/** A reply as the tracker's logic gives it, lines with their LF, as a datagram; one that is too long says so. */
export function encodeReply(id: string, reply: string): Uint8Array {
  const bytes = reply.startsWith('ERR ') ? pack(E, id, reply.slice(4, -1)) : pack(A, id, reply.slice(0, -1));
  return bytes.length <= INDEX_DATAGRAM_MAX_BYTES ? bytes : pack(E, id, `LIMIT ${HOW_LONG}`);
}

/** The reply that asks for a cookie. */
export function encodeChallenge(id: string, cookie: string): Uint8Array {
  return pack(E, id, `DENIED cookie=${cookie}`);
}

/** Bytes of every challenge. */
export const CHALLENGE_BYTES = INDEX_HEADER_BYTES + `DENIED cookie=${NO_COOKIE}`.length;

const [R, S, O, T, Q, A, E] = Buffer.from('RSOTQAE') as unknown as [number, number, number, number, number, number, number];

const TYPE_OF_VERB: Readonly<Record<string, number>> = {
  REGISTER: R,
  ALIVE: R,
  LOOKUP: S,
  LIST: O,
  WITHDRAW: T,
  UNREGISTER: T,
};

function isRequestType(byte: number): boolean {
  return byte === R || byte === S || byte === O || byte === T || byte === Q;
}

/** The verb that a type stands for; empty where the text begins with it. */
function verbOf(type: number, text: string): string {
  if (type === R) return hasSecondArgument(text) ? 'REGISTER' : 'ALIVE';
  if (type === T) return hasSecondArgument(text) ? 'WITHDRAW' : 'UNREGISTER';
  if (type === S) return 'LOOKUP';
  return type === O ? 'LIST' : '';
}

/** Whether a second token is there and is no attribute: neither a size nor an address has a `=`. */
function hasSecondArgument(text: string): boolean {
  const start = text.indexOf(' ') + 1;
  if (start === 0) return false;
  const end = text.indexOf(' ', start);
  return !text.slice(start, end < 0 ? undefined : end).includes('=');
}

/**
 * From where a `key=value` in a line is an attribute: behind the first argument, which may hold anything, where there is one. Of the
 * others none has a `=`, so what looks like an attribute is one, or the parser refuses the line.
 */
function attributesAt(line: string): number {
  const first = line.indexOf(' ');
  if (first < 0) return line.length;
  if (/^(?:LIST|PEERS|STATS|HELP|QUIT) /i.test(line)) return first;
  const second = line.indexOf(' ', first + 1);
  return second < 0 ? line.length : second;
}

function attributeOf(line: string, key: string, from: number): string | undefined {
  const at = line.indexOf(key, from);
  if (at < 0) return undefined;
  const start = at + key.length;
  const end = line.indexOf(' ', start);
  return end < 0 ? line.slice(start) : line.slice(start, end);
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function idOf(bytes: Buffer): string {
  return bytes.toString('hex', 1, INDEX_HEADER_BYTES);
}

function pack(type: number, id: string, text: string): Uint8Array {
  const bytes = Buffer.allocUnsafe(INDEX_HEADER_BYTES + Buffer.byteLength(text));
  bytes[0] = type;
  bytes.write(id, 1, 'hex');
  bytes.write(text, INDEX_HEADER_BYTES);
  return bytes;
}
