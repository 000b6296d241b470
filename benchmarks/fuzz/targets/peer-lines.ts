/** Requests to a peer, and the two kinds of line that a peer sends before or between bodies. */
import { FETCH_CHUNKS_MAX_COUNT, LINE_MAX_BYTES, RANGE_MAX_BYTES } from '../../../common/core/limits.js';
import {
  formatBodyHeader,
  formatHaveNews,
  formatPeerRequest,
  parseBodyHeader,
  parseHaveNews,
  parsePeerRequest,
} from '../../../common/wire/peer-lines.js';
import { lawfulLine, lawfulName, lawfulRoot, lawfulSize } from '../laws.js';
import { lineVerdicts } from '../line-feeding.js';
import { law, same, type Target, verdictOf } from '../target.js';
import { linesOf, wordsOf } from '../text-grammar.js';

export const PEER_TEMPLATES = [
  'GET_CHUNK {ref} {count}',
  'GET_MANIFEST {ref}',
  'GET_RANGE {ref} {size} {count}',
  'HAVE {ref} [port={port}] [id={id}]',
  'CANCEL {ref} {count}',
  'STATUS',
  'LIST [max={count}] [after={cursor}]',
  'PUSH {name} {size} {root} port={port} [type={mime}] [id={id}] [group={label}]',
] as const;

const SENT_TEMPLATES = [
  'HAVE @{root} {ranges}',
  '{size}',
  '524288',
  'ERR {code} {text}',
  'HAVE @{root} {ranges} [more={text}]',
] as const;

function judgeRequest(line: string): string {
  return verdictOf(['BAD_REQUEST', 'UNKNOWN_COMMAND'], () => {
    const request = parsePeerRequest(line);
    if (request.verb === 'PUSH') {
      lawfulName(request.offer.name);
      lawfulSize(request.offer.sizeBytes);
      lawfulRoot(request.offer.root);
    } else if (request.verb === 'GET_RANGE') {
      lawfulSize(request.offset);
      law(request.lengthBytes >= 1 && request.lengthBytes <= RANGE_MAX_BYTES, 'a range has 1 to RANGE_MAX_BYTES bytes');
    } else if (request.verb === 'GET_CHUNK' || request.verb === 'CANCEL') {
      law(
        Number.isInteger(request.chunkIndex) && request.chunkIndex >= 0 && request.chunkIndex < 2 ** 21,
        'a chunk has a number',
      );
    }
    if ('content' in request && request.content.by === 'name') lawfulName(request.content.name);
    if ('content' in request && request.content.by === 'root') lawfulRoot(request.content.root);
    const written = formatPeerRequest(request);
    lawfulLine(written, LINE_MAX_BYTES);
    const again = parsePeerRequest(written.slice(0, -1));
    // By one in eight: this costs more than all the rest, and what is written shows nearly everything.
    if ((written.length & 7) === 0) same(request, again, 'a request that was written is read as it was');
    same(written, formatPeerRequest(again), 'a request is written in one way');
  });
}

function judgeSent(line: string): string {
  const sizeBytes = parseBodyHeader(line);
  if (sizeBytes !== undefined) {
    lawfulSize(sizeBytes);
    same(formatBodyHeader(sizeBytes), `${line}\n`, 'a size is written in one way');
    return 'ok:size';
  }
  return verdictOf(['PROTOCOL'], () => {
    const { root, ranges } = parseHaveNews(line);
    lawfulRoot(root);
    let next = 0;
    for (const [first, count] of ranges) {
      law(first >= next && count >= 1, 'ranges ascend, and none is empty');
      next = first + count;
    }
    law(ranges.length > 0 && next <= FETCH_CHUNKS_MAX_COUNT, 'there are ranges, of chunks that a content may have');
    const written = formatHaveNews(root, ranges);
    // A line of the other side may be longer than ours would be: two numbers for one.
    lawfulLine(written, LINE_MAX_BYTES + 1);
    same(ranges, parseHaveNews(written.slice(0, -1)).ranges, 'news that were written are read as they were');
  });
}

export const peerRequests: Target = {
  name: 'peer-requests',
  inputMaxBytes: 6000,
  tokens: wordsOf(PEER_TEMPLATES),
  testCount: 6000,
  heldToCount: 1_000_000,
  generate: (random) => linesOf(PEER_TEMPLATES, random),
  open: () => ({ judge: (input) => lineVerdicts(input, judgeRequest) }),
};

export const peerHeaders: Target = {
  name: 'peer-headers',
  inputMaxBytes: 6000,
  tokens: wordsOf(SENT_TEMPLATES),
  testCount: 6000,
  heldToCount: 1_000_000,
  generate: (random) => linesOf(SENT_TEMPLATES, random),
  open: () => ({ judge: (input) => lineVerdicts(input, judgeSent) }),
};
