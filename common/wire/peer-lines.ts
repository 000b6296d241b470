/** The text half of the peer protocol: requests, the header before a body, and news of chunks. */
import { protocolError, ShoalError } from '../core/errors.js';
import { decodeFileName, encodeFileName, type FileName } from '../core/file-name.js';
import { CHUNKS_MAX_COUNT, FETCH_CHUNKS_MAX_COUNT, PAGE_ROWS_MAX_COUNT, RANGE_MAX_BYTES } from '../core/limits.js';
import { type ContentRoot, isContentRoot, parseContentRoot } from '../core/root.js';
import { attribute, CURSOR, countUpTo, formatAttributes, LABEL, MEDIA_TYPE, PORT, PROCESS_ID } from './attributes.js';
import { type Attributes, parseAttributes, parseCount, parseFileSize, splitTokens } from './tokens.js';

/** What a request names: a content by its root, or whatever the peer shares under a name. */
export type ContentRef = { readonly by: 'root'; readonly root: ContentRoot } | { readonly by: 'name'; readonly name: FileName };

/** A content that somebody offers: it serves it at the address that it is seen from, and `port`. */
export interface PushOffer {
  readonly name: FileName;
  readonly sizeBytes: number;
  readonly root: ContentRoot;
  readonly port: number;
  readonly type?: string | undefined;
  /** The offering process: 16 lower-case hex digits, drawn by chance. */
  readonly id?: string | undefined;
  /** Of peers that keep files for each other. */
  readonly group?: string | undefined;
}

/** Which part of a list is asked for. */
export interface PageRequest {
  /** Rows at most, 1 to PAGE_ROWS_MAX_COUNT; the other side may give fewer. Absent: PAGE_ROWS_DEFAULT_COUNT. */
  readonly maxCount?: number | undefined;
  /** What the page before gave as `next`; absent for the first one. */
  readonly after?: string | undefined;
}

export type PeerRequest =
  | { readonly verb: 'GET_CHUNK'; readonly content: ContentRef; readonly chunkIndex: number }
  | { readonly verb: 'GET_MANIFEST'; readonly content: ContentRef }
  /** Bytes that lie anywhere in the content. */
  | { readonly verb: 'GET_RANGE'; readonly content: ContentRef; readonly offset: number; readonly lengthBytes: number }
  | { readonly verb: 'STATUS' }
  | { readonly verb: 'LIST'; readonly page: PageRequest }
  | { readonly verb: 'PUSH'; readonly offer: PushOffer }
  /** Has no reply of its own. */
  | { readonly verb: 'CANCEL'; readonly content: ContentRef; readonly chunkIndex: number }
  | {
      readonly verb: 'HAVE';
      readonly content: ContentRef;
      /** Where the asker serves this content itself, at the IP address that it is seen from. */
      readonly port?: number | undefined;
      /** The asking process: 16 lower-case hex digits, drawn by chance. */
      readonly id?: string | undefined;
    };

/** News: chunks that a peer has got since it said which it has. */
export interface HaveNews {
  readonly root: ContentRoot;
  /** Ascending, none empty, none overlapping. */
  readonly ranges: readonly ChunkRange[];
}

/** Chunks that follow each other. */
export type ChunkRange = readonly [first: number, count: number];

export function formatContentRef(content: ContentRef): string {
  return content.by === 'root' ? `@${content.root}` : encodeFileName(content.name);
}

/** `<filename|@root>` as a token. Throws `BAD_REQUEST`. */
export function parseContentRef(token: string): ContentRef {
  return token.startsWith('@')
    ? { by: 'root', root: parseContentRoot(token.slice(1)) }
    : { by: 'name', name: decodeFileName(token) };
}

/** The request as a line with its LF. */
export function formatPeerRequest(request: PeerRequest): string {
  switch (request.verb) {
    case 'GET_CHUNK':
    case 'CANCEL':
      return `${request.verb} ${formatContentRef(request.content)} ${request.chunkIndex}\n`;
    case 'GET_MANIFEST':
      return `GET_MANIFEST ${formatContentRef(request.content)}\n`;
    case 'GET_RANGE':
      return `GET_RANGE ${formatContentRef(request.content)} ${request.offset} ${request.lengthBytes}\n`;
    case 'HAVE':
      return `HAVE ${formatContentRef(request.content)}${formatAttributes({ port: request.port, id: request.id })}\n`;
    case 'STATUS':
      return 'STATUS\n';
    case 'LIST':
      return `LIST${formatAttributes({ max: request.page.maxCount, after: request.page.after })}\n`;
    case 'PUSH': {
      const { name, sizeBytes, root, port, type, id, group } = request.offer;
      return `PUSH ${encodeFileName(name)} ${sizeBytes} ${root}${formatAttributes({ port, type, id, group })}\n`;
    }
  }
}

/** How each request is written, and how many tokens follow its verb in any case. */
const USAGES: Readonly<Record<PeerRequest['verb'], readonly [fixedCount: number, usage: string]>> = {
  GET_CHUNK: [2, 'GET_CHUNK <filename|@root> <chunk_id>'],
  GET_MANIFEST: [1, 'GET_MANIFEST <filename|@root>'],
  GET_RANGE: [3, 'GET_RANGE <filename|@root> <offset> <length>'],
  HAVE: [1, 'HAVE <filename|@root> [port=<port>] [id=<16 hex digits>]'],
  CANCEL: [2, 'CANCEL <filename|@root> <chunk_id>'],
  STATUS: [0, 'STATUS'],
  LIST: [0, 'LIST [max=<n>] [after=<cursor>]'],
  PUSH: [3, 'PUSH <filename> <filesize> <root> port=<port> [type=<mime>] [id=<16 hex digits>] [group=<label>]'],
};
const VERBS = Object.keys(USAGES).join(', ');

/** Reads a line that is not empty. Throws `BAD_REQUEST` or `UNKNOWN_COMMAND`. */
export function parsePeerRequest(line: string): PeerRequest {
  const [word = '', ...args] = splitTokens(line);
  const verb = word.toUpperCase();
  if (!isVerb(verb)) throw new ShoalError('UNKNOWN_COMMAND', 'remote', `Known commands: ${VERBS}.`);
  const [fixedCount, usage] = USAGES[verb];
  const [first = '', second = '', third = ''] = args;
  const attributes = args.slice(fixedCount);
  const refuse = (): never => {
    throw new ShoalError('BAD_REQUEST', 'remote', `Usage: ${usage}`);
  };
  if (args.length < fixedCount || !attributes.every(isAttribute)) return refuse();
  const pairs = parseAttributes(attributes);
  switch (verb) {
    case 'GET_CHUNK':
    case 'CANCEL':
      return { verb, chunkIndex: parseCount(second, CHUNKS_MAX_COUNT - 1) ?? refuse(), content: parseContentRef(first) };
    case 'GET_MANIFEST':
      return { verb, content: parseContentRef(first) };
    case 'GET_RANGE': {
      const offset = parseCount(second, Number.MAX_SAFE_INTEGER) ?? refuse();
      const lengthBytes = parseCount(third, RANGE_MAX_BYTES) || refuse();
      return { verb, offset, lengthBytes, content: parseContentRef(first) };
    }
    case 'HAVE':
      return {
        verb,
        content: parseContentRef(first),
        port: attribute(pairs, 'port', PORT),
        id: attribute(pairs, 'id', PROCESS_ID),
      };
    case 'STATUS':
      return { verb };
    case 'LIST':
      return { verb, page: parsePage(pairs) };
    case 'PUSH': {
      const fixed = { name: decodeFileName(first), sizeBytes: parseFileSize(second), root: parseContentRoot(third) };
      const port = attribute(pairs, 'port', PORT) ?? refuse();
      const type = attribute(pairs, 'type', MEDIA_TYPE);
      const [id, group] = [attribute(pairs, 'id', PROCESS_ID), attribute(pairs, 'group', LABEL)];
      return { verb, offer: { ...fixed, port, type, id, group } };
    }
  }
}

function isVerb(text: string): text is PeerRequest['verb'] {
  return Object.hasOwn(USAGES, text);
}

/** More rows than there ever are on a page is no mistake: it asks for as many as there may be. */
function parsePage(pairs: Attributes): PageRequest {
  const maxCount = attribute(pairs, 'max', countUpTo(Number.MAX_SAFE_INTEGER, 1));
  const after = attribute(pairs, 'after', CURSOR);
  return { maxCount: maxCount === undefined ? undefined : Math.min(maxCount, PAGE_ROWS_MAX_COUNT), after };
}

/** Attributes may follow, as anywhere. */
function isAttribute(token: string): boolean {
  return token.indexOf('=') > 0;
}

/** The line before a body. */
export function formatBodyHeader(bodyBytes: number): string {
  return `${bodyBytes}\n`;
}

/** The body size that a header line (without its LF) gives; `undefined` where it is none. */
export function parseBodyHeader(line: string): number | undefined {
  return parseCount(line, Number.MAX_SAFE_INTEGER);
}

/** News as a line with its LF. At most HAVE_NEWS_RANGES_MAX_COUNT ranges always fit; they must be as `HaveNews` says. */
export function formatHaveNews(root: ContentRoot, ranges: readonly ChunkRange[]): string {
  const list = ranges.map(([first, count]) => (count === 1 ? `${first}` : `${first}-${first + count - 1}`));
  return `HAVE @${root} ${list.join(',')}\n`;
}

/**
 * Reads news, without its LF; any chunk below FETCH_CHUNKS_MAX_COUNT is taken, since what the content has is not known here.
 * Throws `PROTOCOL` for a line that is none, and for ranges that are empty, descend, overlap or go beyond that.
 */
export function parseHaveNews(line: string): HaveNews {
  const [verb, ref = '', list = '', ...rest] = line.split(' ');
  const root = ref.slice(1);
  if (verb?.toUpperCase() !== 'HAVE' || !ref.startsWith('@') || !isContentRoot(root) || !rest.every(isAttribute)) {
    throw protocolError('News is not "HAVE @<root> <ranges>".');
  }
  const ranges: ChunkRange[] = [];
  let next = 0;
  for (const text of list.split(',')) {
    const dash = text.indexOf('-');
    const first = parseCount(dash < 0 ? text : text.slice(0, dash), FETCH_CHUNKS_MAX_COUNT - 1);
    const last = dash < 0 ? first : parseCount(text.slice(dash + 1), FETCH_CHUNKS_MAX_COUNT - 1);
    if (first === undefined || last === undefined || first < next || last < first) {
      throw protocolError('The ranges of news are chunk numbers and pairs of them, ascending.');
    }
    ranges.push([first, last - first + 1]);
    next = last + 1;
  }
  return { root, ranges };
}
