/**
 * What a peer says of itself, of what it shares, and of what was pushed to it: the bodies that answer STATUS, LIST and PUSH, both ways.
 *
 * Each is text of whole lines. A reader takes them as it takes any line from elsewhere: bounded, and nothing in it is trusted.
 */
import { type ErrorCode, isErrorCode, protocolError, ShoalError } from '../core/errors.js';
import { decodeFileName, encodeFileName, type FileName } from '../core/file-name.js';
import { FETCH_CHUNKS_MAX_COUNT, LINE_MAX_BYTES, PAGE_ROWS_MAX_COUNT } from '../core/limits.js';
import { type ContentRoot, parseContentRoot } from '../core/root.js';
import {
  ANY_COUNT,
  attribute,
  attributeMaybe,
  CURSOR,
  countUpTo,
  formatAttributes,
  LABEL,
  LOAD,
  MEDIA_TYPE,
} from './attributes.js';
import { parseCount, parseFileSize, printable, splitTokens } from './tokens.js';

/** How busy a peer is, and what it is there for. */
export interface PeerStatus {
  /** 0 (idle) to 100 (wants no more). */
  readonly load: number;
  /** Chunks that it sends at once, those that it is sending, and requests that wait. */
  readonly slotCount: number;
  readonly usedSlotCount: number;
  readonly waitingCount: number;
  /** What it sends, in bytes a second. */
  readonly rateBytes: number;
  /** Names that it serves. */
  readonly fileCount: number;
  /** Bytes that it still takes in pushes; absent or 0 where it takes none. */
  readonly acceptBytes?: number | undefined;
  readonly group?: string | undefined;
  readonly version: string;
}

/** One content that a peer shares. */
export interface SharedRow {
  readonly name: FileName;
  readonly sizeBytes: number;
  readonly root: ContentRoot;
  /** Chunks that are there; absent where all are. */
  readonly haveChunks?: number | undefined;
  readonly type?: string | undefined;
}

/** A part of a list; the last one exactly where `next` is absent. It may be empty, also where more follows. */
export interface Page<Row> {
  readonly rows: readonly Row[];
  readonly next?: string | undefined;
}

/** What became of a content that was offered. */
export interface PushState {
  /** `done`: checked, and on disk under its final name. */
  readonly state: 'waiting' | 'fetching' | 'done' | 'failed';
  readonly haveChunks: number;
  readonly chunkCount: number;
  /** Why it failed. */
  readonly code?: ErrorCode | undefined;
  readonly text?: string | undefined;
}

/** Characters of a text in a line; percent-encoded it has at most nine times as many bytes. */
const TEXT_MAX_CHARS = 200;
/** Of a folder, the chunks of its index and its files. */
const CHUNKS = countUpTo(FETCH_CHUNKS_MAX_COUNT);
const PUSH_STATES = ['waiting', 'fetching', 'done', 'failed'] as const;

/** Bytes of a body that is one line. */
export const STATUS_MAX_BYTES = LINE_MAX_BYTES;

/** The body that answers STATUS. */
export function formatPeerStatus(status: PeerStatus): string {
  const { load, slotCount, usedSlotCount, waitingCount, rateBytes, fileCount, acceptBytes, group, version } = status;
  const busy = { load, slots: slotCount, used: usedSlotCount, waiting: waitingCount, rate: rateBytes, files: fileCount };
  return `${formatAttributes({ ...busy, accept: acceptBytes, group, version }).slice(1)}\n`;
}

/** Reads the body that answers STATUS: what is missing is 0, and only `load` must be there. Throws `PROTOCOL`. */
export function parsePeerStatus(body: Uint8Array): PeerStatus {
  return asProtocol('STATUS', () => {
    const pairs = pairsOf(oneLine(body).split(' '));
    const count = (key: string) => attribute(pairs, key, ANY_COUNT);
    const load = attribute(pairs, 'load', LOAD);
    if (load === undefined) throw protocolError('it does not say load=.');
    return {
      load,
      slotCount: count('slots') ?? 0,
      usedSlotCount: count('used') ?? 0,
      waitingCount: count('waiting') ?? 0,
      rateBytes: count('rate') ?? 0,
      fileCount: count('files') ?? 0,
      acceptBytes: count('accept'),
      group: attribute(pairs, 'group', LABEL),
      version: printable(pairs.get('version') ?? ''),
    };
  });
}

/** One row of the body that answers LIST, with its LF. What a manifest calls a type is left out where a line could not hold it. */
export function formatSharedRow({ name, sizeBytes, root, haveChunks, type }: SharedRow): string {
  const shown = type === undefined ? undefined : MEDIA_TYPE.read(type);
  return `${encodeFileName(name)} ${sizeBytes} ${root}${formatAttributes({ have: haveChunks, type: shown })}\n`;
}

/** The body that answers LIST, of rows that are formatted. */
export function formatSharedPage(rows: readonly string[], next: string | undefined): string {
  return `OK ${rows.length}${formatAttributes({ next })}\n${rows.join('')}`;
}

/** Reads the body that answers LIST. Throws `PROTOCOL`. */
export function parseSharedPage(body: Uint8Array): Page<SharedRow> {
  return asProtocol('LIST', () => {
    const lines = textOf(body).split('\n');
    if (lines.pop() !== '') throw protocolError('its last line has no end.');
    const [ok, countText = '', ...rest] = (lines.shift() ?? '').split(' ');
    const count = parseCount(countText, PAGE_ROWS_MAX_COUNT);
    if (ok !== 'OK' || count !== lines.length) throw protocolError('its rows are not as many as it says.');
    return { rows: lines.map(parseSharedRow), next: attribute(pairsOf(rest), 'next', CURSOR) };
  });
}

/** Attributes that make no sense are ignored, as those that are not known. */
function parseSharedRow(line: string): SharedRow {
  const [name = '', size = '', root = '', ...rest] = splitTokens(line);
  const pairs = pairsOf(rest);
  return {
    name: decodeFileName(name),
    sizeBytes: parseFileSize(size),
    root: parseContentRoot(root),
    haveChunks: attributeMaybe(pairs, 'have', CHUNKS),
    type: attributeMaybe(pairs, 'type', MEDIA_TYPE),
  };
}

/** The body that answers PUSH. */
export function formatPushState({ state, haveChunks, chunkCount, code, text }: PushState): string {
  const shown = text === undefined || text === '' ? undefined : encodeText(text);
  return `${formatAttributes({ state, have: haveChunks, of: chunkCount, code, text: shown }).slice(1)}\n`;
}

/** Reads the body that answers PUSH. A code that is not known is `INTERNAL`. Throws `PROTOCOL`. */
export function parsePushState(body: Uint8Array): PushState {
  return asProtocol('PUSH', () => {
    const pairs = pairsOf(oneLine(body).split(' '));
    const state = PUSH_STATES.find((known) => known === pairs.get('state'));
    const haveChunks = attribute(pairs, 'have', CHUNKS);
    const chunkCount = attribute(pairs, 'of', CHUNKS);
    if (state === undefined || haveChunks === undefined || chunkCount === undefined || haveChunks > chunkCount)
      throw protocolError('it does not say state=, have= and of=.');
    const [code, text] = [pairs.get('code'), pairs.get('text')];
    return {
      state,
      haveChunks,
      chunkCount,
      ...(code === undefined ? {} : { code: isErrorCode(code) ? code : 'INTERNAL' }),
      ...(text === undefined ? {} : { text: printable(decodeText(text)) }),
    };
  });
}

/** Any text as one token, bounded. */
function encodeText(text: string): string {
  return encodeURIComponent(text.slice(0, TEXT_MAX_CHARS).replace(/\p{Cs}/gu, '?'));
}

function decodeText(token: string): string {
  try {
    return decodeURIComponent(token);
  } catch {
    return token;
  }
}

/** What is no pair is ignored: later versions may say more. The first of a repeated key counts. */
function pairsOf(tokens: readonly string[]): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const token of tokens) {
    const at = token.indexOf('=');
    if (at > 0 && !pairs.has(token.slice(0, at))) pairs.set(token.slice(0, at), token.slice(at + 1));
  }
  return pairs;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(body: Uint8Array): string {
  try {
    return decoder.decode(body);
  } catch {
    throw protocolError('it is not UTF-8.');
  }
}

/** The only line of a body, which may have its end or not. */
function oneLine(body: Uint8Array): string {
  const line = textOf(body).replace(/\r?\n$/, '');
  if (/[\u0000-\u001f\u007f]/.test(line)) throw protocolError('it is not one line.');
  return line;
}

/** Whatever is wrong with what a peer answered is a breach of the protocol. */
function asProtocol<Value>(verb: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ShoalError)) throw error;
    throw protocolError(`The answer to ${verb} makes no sense: ${error.message}`);
  }
}
