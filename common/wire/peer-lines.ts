/** The text half of the peer protocol: requests, the header before a body, and news of chunks. */
import { protocolError, ShoalError } from '../core/errors.js';
import { decodeFileName, encodeFileName, type FileName } from '../core/file-name.js';
import { CHUNKS_MAX_COUNT, FETCH_CHUNKS_MAX_COUNT } from '../core/limits.js';
import { parsePort } from '../core/peer-address.js';
import { type ContentRoot, isContentRoot, parseContentRoot } from '../core/root.js';
import { parseAttributes, parseCount, splitTokens } from './tokens.js';

/** What a request names: a content by its root, or whatever the peer shares under a name. */
export type ContentRef = { readonly by: 'root'; readonly root: ContentRoot } | { readonly by: 'name'; readonly name: FileName };

export type PeerRequest =
  | { readonly verb: 'GET_CHUNK'; readonly content: ContentRef; readonly chunkIndex: number }
  | { readonly verb: 'GET_MANIFEST'; readonly content: ContentRef }
  /** Has no reply of its own. */
  | { readonly verb: 'CANCEL'; readonly content: ContentRef; readonly chunkIndex: number }
  | {
      readonly verb: 'HAVE';
      readonly content: ContentRef;
      /** Where the asker serves this content itself, at the IP address that it is seen from. */
      readonly port?: number;
      /** The asking process: 16 lower-case hex digits, drawn by chance. */
      readonly id?: string;
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
  const content = formatContentRef(request.content);
  switch (request.verb) {
    case 'GET_CHUNK':
    case 'CANCEL':
      return `${request.verb} ${content} ${request.chunkIndex}\n`;
    case 'GET_MANIFEST':
      return `GET_MANIFEST ${content}\n`;
    case 'HAVE': {
      const port = request.port === undefined ? '' : ` port=${request.port}`;
      const id = request.id === undefined ? '' : ` id=${request.id}`;
      return `HAVE ${content}${port}${id}\n`;
    }
  }
}

/** Reads a line that is not empty. Throws `BAD_REQUEST` or `UNKNOWN_COMMAND`. */
export function parsePeerRequest(line: string): PeerRequest {
  const [verb = '', content = '', index, ...rest] = splitTokens(line);
  const refuse = (usage: string): never => {
    throw new ShoalError('BAD_REQUEST', 'remote', `Usage: ${usage}`);
  };
  const known = verb.toUpperCase();
  switch (known) {
    case 'GET_CHUNK':
    case 'CANCEL': {
      const chunkIndex = parseCount(index ?? '', CHUNKS_MAX_COUNT - 1);
      if (content === '' || chunkIndex === undefined || !rest.every(isAttribute)) {
        return refuse(`${known} <filename|@root> <chunk_id>`);
      }
      return { verb: known, content: parseContentRef(content), chunkIndex };
    }
    case 'GET_MANIFEST':
      if (content === '' || !(index === undefined || [index, ...rest].every(isAttribute))) {
        return refuse('GET_MANIFEST <filename|@root>');
      }
      return { verb: 'GET_MANIFEST', content: parseContentRef(content) };
    case 'HAVE': {
      const attributes = index === undefined ? [] : [index, ...rest];
      if (content === '' || !attributes.every(isAttribute))
        return refuse('HAVE <filename|@root> [port=<port>] [id=<16 hex digits>]');
      return { verb: 'HAVE', content: parseContentRef(content), ...haveAttributes(parseAttributes(attributes)) };
    }
    default:
      throw new ShoalError('UNKNOWN_COMMAND', 'remote', 'Known commands: GET_CHUNK, GET_MANIFEST, HAVE, CANCEL.');
  }
}

function haveAttributes(attributes: ReadonlyMap<string, string>): { port?: number; id?: string } {
  const [portText, id] = [attributes.get('port'), attributes.get('id')];
  const port = portText === undefined ? undefined : parsePort(portText);
  if (portText !== undefined && port === undefined) {
    throw new ShoalError('BAD_REQUEST', 'remote', 'port is a number from 1 to 65535.');
  }
  if (id !== undefined && !/^[0-9a-f]{16}$/.test(id)) {
    throw new ShoalError('BAD_REQUEST', 'remote', 'id is 16 lower-case hex digits.');
  }
  return { ...(port === undefined ? {} : { port }), ...(id === undefined ? {} : { id }) };
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
