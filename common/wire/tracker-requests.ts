/** Requests to a tracker, both ways, as lines. What comes back is in `tracker-replies.ts`. */
import { ShoalError } from '../core/errors.js';
import { decodeFileName, decodeToken, encodeFileName, encodeToken, type FileName } from '../core/file-name.js';
import { parseSearchText } from '../core/fold.js';
import { LOOKUP_ROWS_MAX_COUNT, PAGE_ROWS_MAX_COUNT } from '../core/limits.js';
import type { ContentRoot } from '../core/root.js';
import {
  ANY_COUNT,
  attribute,
  CHECKSUM,
  CHUNK_COUNT,
  CURSOR,
  countUpTo,
  formatAttributes,
  LABEL,
  LOAD,
  MEDIA_TYPE,
  ROOT,
} from './attributes.js';
import { type ContentRef, formatContentRef, type PageRequest, parseContentRef } from './peer-lines.js';
import { type Attributes, parseAttributes, parseFileSize, splitTokens } from './tokens.js';

/** What a REGISTER may say beyond its fixed tokens. */
export interface RegisterAttributes {
  readonly root?: ContentRoot | undefined;
  /** Chunks held; absent means all. */
  readonly haveChunks?: number | undefined;
  /** 0 (idle) to 100. */
  readonly load?: number | undefined;
  readonly type?: string | undefined;
  readonly checksum?: string | undefined;
}

/** What a peer says of itself now and then. */
export interface PeerState {
  /** 0 (idle) to 100. */
  readonly load?: number | undefined;
  /** Bytes that it still takes in pushes; absent or 0: none. */
  readonly acceptBytes?: number | undefined;
}

/** Addresses in requests stay text: only the tracker knows what `*` stands for. */
export type TrackerRequest =
  | {
      readonly verb: 'REGISTER';
      readonly name: FileName;
      readonly sizeBytes: number;
      readonly address: string;
      readonly attributes: RegisterAttributes;
    }
  | { readonly verb: 'LOOKUP'; readonly content: ContentRef; readonly maxCount?: number | undefined }
  | { readonly verb: 'INFO'; readonly content: ContentRef; readonly maxCount?: number | undefined }
  | ({ readonly verb: 'SEARCH'; readonly text: string } & PageRequest)
  | ({ readonly verb: 'LIST' } & PageRequest)
  | { readonly verb: 'WITHDRAW'; readonly name: FileName; readonly address: string; readonly root?: ContentRoot | undefined }
  | { readonly verb: 'UNREGISTER'; readonly address: string }
  | ({ readonly verb: 'JOIN'; readonly address: string; readonly group?: string | undefined } & PeerState)
  | ({ readonly verb: 'ALIVE'; readonly address: string; readonly fileCount?: number | undefined } & PeerState)
  | ({ readonly verb: 'PEERS'; readonly group?: string | undefined } & PageRequest)
  | { readonly verb: 'STATS' | 'HELP' | 'QUIT' };

export type TrackerVerb = TrackerRequest['verb'];

/** How each request is written; the reply to HELP. */
export const TRACKER_USAGES: Readonly<Record<TrackerVerb, string>> = {
  REGISTER:
    'REGISTER <filename> <filesize> <peer_address> [root=<root>] [have=<chunks>] [load=<0-100>] [type=<mime>] [checksum=<alg>:<hex>]',
  LOOKUP: 'LOOKUP <filename|@root> [max=<n>]',
  INFO: 'INFO <filename|@root> [max=<n>]',
  SEARCH: 'SEARCH <substring> [max=<n>] [after=<cursor>]',
  LIST: 'LIST [max=<n>] [after=<cursor>]',
  WITHDRAW: 'WITHDRAW <filename> <peer_address> [root=<root>]',
  UNREGISTER: 'UNREGISTER <peer_address>',
  JOIN: 'JOIN <peer_address> [load=<0-100>] [accept=<bytes>] [group=<label>]',
  ALIVE: 'ALIVE <peer_address> [load=<0-100>] [accept=<bytes>] [files=<n>]',
  PEERS: 'PEERS [max=<n>] [after=<cursor>] [group=<label>]',
  STATS: 'STATS',
  HELP: 'HELP',
  QUIT: 'QUIT',
};

/** The request as a line with its LF. */
export function formatTrackerRequest(request: TrackerRequest): string {
  switch (request.verb) {
    case 'REGISTER': {
      const { root, haveChunks, load, type, checksum } = request.attributes;
      const tail = formatAttributes({ root, have: haveChunks, load, type, checksum });
      return `REGISTER ${encodeFileName(request.name)} ${request.sizeBytes} ${request.address}${tail}\n`;
    }
    case 'LOOKUP':
    case 'INFO':
      return `${request.verb} ${formatContentRef(request.content)}${formatAttributes({ max: request.maxCount })}\n`;
    case 'SEARCH':
      return `SEARCH ${encodeToken(request.text)}${formatPage(request)}\n`;
    case 'LIST':
      return `LIST${formatPage(request)}\n`;
    case 'WITHDRAW':
      return `WITHDRAW ${encodeFileName(request.name)} ${request.address}${formatAttributes({ root: request.root })}\n`;
    case 'UNREGISTER':
      return `UNREGISTER ${request.address}\n`;
    case 'JOIN':
      return `JOIN ${request.address}${formatState(request)}${formatAttributes({ group: request.group })}\n`;
    case 'ALIVE':
      return `ALIVE ${request.address}${formatState(request)}${formatAttributes({ files: request.fileCount })}\n`;
    case 'PEERS':
      return `PEERS${formatPage(request)}${formatAttributes({ group: request.group })}\n`;
    case 'STATS':
    case 'HELP':
    case 'QUIT':
      return `${request.verb}\n`;
  }
}

function formatPage({ maxCount, after }: PageRequest): string {
  return formatAttributes({ max: maxCount, after });
}

function formatState({ load, acceptBytes }: PeerState): string {
  return formatAttributes({ load, accept: acceptBytes });
}

/** Reads a line that is not empty. Throws `BAD_REQUEST` with the usage of the verb, or `UNKNOWN_COMMAND`. */
export function parseTrackerRequest(line: string): TrackerRequest {
  const tokens = splitTokens(line);
  const verb = trackerVerb(tokens[0] ?? '');
  try {
    return parseArguments(verb, tokens);
  } catch (error) {
    throw withUsage(error, verb);
  }
}

/** An error of a request, with the usage of its verb where the request was written wrongly. */
export function withUsage(error: unknown, verb: TrackerVerb): unknown {
  if (!(error instanceof ShoalError) || error.code !== 'BAD_REQUEST') return error;
  return new ShoalError('BAD_REQUEST', error.fault, `${error.message} Usage: ${TRACKER_USAGES[verb]}`, error);
}

const VERBS = new Map(Object.keys(TRACKER_USAGES).map((verb) => [verb, verb as TrackerVerb]));

function trackerVerb(token: string): TrackerVerb {
  const verb = VERBS.get(token) ?? VERBS.get(token.toUpperCase());
  if (verb !== undefined) return verb;
  throw new ShoalError('UNKNOWN_COMMAND', 'remote', 'This tracker does not know this command; HELP lists those that it knows.');
}

function parseArguments(verb: TrackerVerb, tokens: readonly string[]): TrackerRequest {
  const [, first = '', second = '', third = ''] = tokens;
  switch (verb) {
    case 'REGISTER': {
      need(tokens, 3);
      // In the order of the line: a name with a bare space is then told by its size, which is where a person looks.
      const name = decodeFileName(first);
      const sizeBytes = parseFileSize(second);
      return { verb, name, sizeBytes, address: third, attributes: registerAttributes(attributesAfter(tokens, 3)) };
    }
    case 'LOOKUP':
    case 'INFO': {
      const maxCount = attribute(attributesAfter(tokens, 1), 'max', ANY_COUNT);
      const limit = verb === 'LOOKUP' ? LOOKUP_ROWS_MAX_COUNT : PAGE_ROWS_MAX_COUNT;
      return { verb, content: parseContentRef(first), maxCount: maxCount && Math.min(maxCount, limit) };
    }
    case 'SEARCH':
      return { verb, ...pageOf(attributesAfter(tokens, 1)), text: parseSearchText(decodeToken(first)) };
    case 'LIST':
      return { verb, ...pageOf(attributesAfter(tokens, 0)) };
    case 'WITHDRAW': {
      const root = attribute(attributesAfter(tokens, 2), 'root', ROOT);
      return { verb, name: decodeFileName(first), address: second, root };
    }
    case 'UNREGISTER':
      attributesAfter(tokens, 1);
      return { verb, address: first };
    case 'JOIN': {
      const attributes = attributesAfter(tokens, 1);
      return { verb, address: first, ...stateOf(attributes), group: attribute(attributes, 'group', LABEL) };
    }
    case 'ALIVE': {
      const attributes = attributesAfter(tokens, 1);
      return { verb, address: first, ...stateOf(attributes), fileCount: attribute(attributes, 'files', ANY_COUNT) };
    }
    case 'PEERS': {
      const attributes = attributesAfter(tokens, 0);
      return { verb, ...pageOf(attributes), group: attribute(attributes, 'group', LABEL) };
    }
    case 'STATS':
    case 'HELP':
    case 'QUIT':
      attributesAfter(tokens, 0);
      return { verb };
  }
}

function need(tokens: readonly string[], count: number): void {
  if (tokens.length > count) return;
  throw new ShoalError('BAD_REQUEST', 'remote', count === 1 ? 'An argument is missing.' : `It has ${count} arguments.`);
}

/** The attributes behind `count` arguments, which there must be. */
function attributesAfter(tokens: readonly string[], count: number): Attributes {
  need(tokens, count);
  return parseAttributes(tokens, count + 1);
}

function registerAttributes(attributes: Attributes): RegisterAttributes {
  return {
    root: attributes.get('root') === '-' ? undefined : attribute(attributes, 'root', ROOT),
    haveChunks: attribute(attributes, 'have', CHUNK_COUNT),
    load: attribute(attributes, 'load', LOAD),
    type: attribute(attributes, 'type', MEDIA_TYPE),
    checksum: attribute(attributes, 'checksum', CHECKSUM),
  };
}

function stateOf(attributes: Attributes): PeerState {
  return { load: attribute(attributes, 'load', LOAD), acceptBytes: attribute(attributes, 'accept', ANY_COUNT) };
}

/** One row at least: a page of none would never come to an end. */
const PAGE_ROWS = countUpTo(Number.MAX_SAFE_INTEGER, 1);

function pageOf(attributes: Attributes): PageRequest {
  const maxCount = attribute(attributes, 'max', PAGE_ROWS);
  return { maxCount: maxCount && Math.min(maxCount, PAGE_ROWS_MAX_COUNT), after: attribute(attributes, 'after', CURSOR) };
}
