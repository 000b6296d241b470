/** The text half of the peer protocol: requests, and the header before a body. */
import { ShoalError } from '../core/errors.js';
import { decodeFileName, encodeFileName, type FileName } from '../core/file-name.js';
import { CHUNKS_MAX_COUNT } from '../core/limits.js';
import { type ContentRoot, parseContentRoot } from '../core/root.js';
import { parseCount, splitTokens } from './tokens.js';

/** What a request names: a content by its root, or whatever the peer shares under a name. */
export type ContentRef = { readonly by: 'root'; readonly root: ContentRoot } | { readonly by: 'name'; readonly name: FileName };

export type PeerRequest =
  | { readonly verb: 'GET_CHUNK'; readonly content: ContentRef; readonly chunkIndex: number }
  | { readonly verb: 'GET_MANIFEST'; readonly content: ContentRef };

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
  return request.verb === 'GET_CHUNK' ? `GET_CHUNK ${content} ${request.chunkIndex}\n` : `GET_MANIFEST ${content}\n`;
}

/** Reads a line that is not empty. Throws `BAD_REQUEST` or `UNKNOWN_COMMAND`. */
export function parsePeerRequest(line: string): PeerRequest {
  const [verb = '', content = '', index, ...rest] = splitTokens(line);
  const refuse = (usage: string): never => {
    throw new ShoalError('BAD_REQUEST', 'remote', `Usage: ${usage}`);
  };
  switch (verb.toUpperCase()) {
    case 'GET_CHUNK': {
      const chunkIndex = parseCount(index ?? '', CHUNKS_MAX_COUNT - 1);
      if (content === '' || chunkIndex === undefined || !rest.every(isAttribute)) {
        return refuse('GET_CHUNK <filename|@root> <chunk_id>');
      }
      return { verb: 'GET_CHUNK', content: parseContentRef(content), chunkIndex };
    }
    case 'GET_MANIFEST':
      if (content === '' || !(index === undefined || [index, ...rest].every(isAttribute))) {
        return refuse('GET_MANIFEST <filename|@root>');
      }
      return { verb: 'GET_MANIFEST', content: parseContentRef(content) };
    default:
      throw new ShoalError('UNKNOWN_COMMAND', 'remote', 'Known commands: GET_CHUNK, GET_MANIFEST.');
  }
}

/** Attributes may follow, as anywhere; none is known yet. */
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
