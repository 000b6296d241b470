/** Datagrams of the UDP index: what a tracker gets, and what its client gets. */
import { INDEX_DATAGRAM_MAX_BYTES, LINE_MAX_BYTES } from '../../../common/core/limits.js';
import type { SimRandom } from '../../../common/sim/sim-random.js';
import {
  CHALLENGE_BYTES,
  decodeReply,
  decodeRequest,
  encodeChallenge,
  encodeReply,
  encodeRequest,
  INDEX_HEADER_BYTES,
  NO_COOKIE,
} from '../../../common/wire/index-datagrams.js';
import { formatTrackerRequest, parseTrackerRequest } from '../../../common/wire/tracker-requests.js';
import { lawfulText } from '../laws.js';
import { law, same, type Target, verdictOf } from '../target.js';
import { hexDigits, lineOf, oneIn, pick, wordsOf } from '../text-grammar.js';
import { judgeTrackerLine, TRACKER_TEMPLATES } from './tracker-lines.js';

/** Type and text of each kind of request. */
export const REQUEST_TEMPLATES = [
  'R{name} {size} {address} [root={root}] [have={count}] [cookie={id}] [seq={count}]',
  'R{address} [load={load}] [cookie={id}]',
  'S{ref} [max={count}] [cookie={id}]',
  'O[max={count}] [after={cursor}] [cookie={id}]',
  'T{address} [cookie={id}] [seq={size}]',
  'T{name} {address} [root={root}] [cookie={id}]',
  'QINFO {ref} [cookie={id}]',
  'QPEERS [group={label}]',
  'QJOIN {address} [cookie={id}] [seq={count}]',
  'Q',
] as const;

const REPLY_TEMPLATES = [
  'AOK interval=30 ttl=60 [address={address}] [seq={size}]',
  'AOK 1\n{address} {size} {root} [have={count}]',
  'AOK {count} [next={cursor}]\n{name} {size} -',
  'E{code} {text}',
  'EDENIED cookie={id}',
] as const;

/** A datagram by a template whose first letter is its type. */
export function datagramOf(templates: readonly [string, ...string[]], random: SimRandom): Uint8Array {
  const line = lineOf(pick(random, templates), random);
  const text = oneIn(random, 20) ? line.padEnd(INDEX_DATAGRAM_MAX_BYTES + random.below(20) - 10, 'x') : line;
  const id = oneIn(random, 8) ? '0'.repeat(16) : hexDigits(random, 16);
  return Buffer.concat([Buffer.from(text.slice(0, 1)), Buffer.from(id, 'hex'), Buffer.from(text.slice(1))]);
}

function judgeRequest(input: Uint8Array): string {
  const request = decodeRequest(input);
  if (request === undefined) return 'none';
  same(Buffer.from(request.id, 'hex'), Buffer.from(input.subarray(1, INDEX_HEADER_BYTES)), 'the id is that of the datagram');
  if (request.kind === 'bad') return request.error.code;
  law(input.length <= INDEX_DATAGRAM_MAX_BYTES, 'a datagram has at most INDEX_DATAGRAM_MAX_BYTES');
  law(request.seq === undefined || Number.isNaN(request.seq) || Number.isSafeInteger(request.seq), 'seq is a number or NaN');
  law(request.line.length < LINE_MAX_BYTES, 'it stands for a line');
  const verdict = request.line === '' ? 'empty' : judgeTrackerLine(request.line);
  if (verdict !== 'ok') return verdict;
  const parsed = parseTrackerRequest(request.line);
  // An address with a `=` in it is the logic's to refuse; until then it may look like an attribute.
  if ('address' in parsed && parsed.address.includes('=')) return 'ok';
  const seq = request.seq === undefined || Number.isNaN(request.seq) ? undefined : request.seq;
  return verdictOf(['TOO_LONG'], () => {
    const again = decodeRequest(encodeRequest(request.id, parsed, request.cookie ?? NO_COOKIE, seq));
    law(again?.kind === 'request', 'a datagram that was written is one');
    same(again.id, request.id, 'the id stays');
    same(again.seq, seq, 'the sequence number stays');
    same(again.cookie, request.cookie ?? NO_COOKIE, 'the cookie stays');
    same(formatTrackerRequest(parseTrackerRequest(again.line)), formatTrackerRequest(parsed), 'the request stays');
  });
}

function judgeReply(input: Uint8Array): string {
  const reply = decodeReply(input);
  if (reply === undefined) return 'none';
  law(input.length <= INDEX_DATAGRAM_MAX_BYTES && input.length >= INDEX_HEADER_BYTES, 'a reply is no longer than a datagram');
  if (reply.kind === 'error') {
    lawfulText(reply.error.message);
    law(reply.cookie === undefined || /^[0-9a-f]{16}$/.test(reply.cookie), 'a cookie is 16 hex digits');
    if (reply.cookie !== undefined)
      same(encodeChallenge(reply.id, reply.cookie).length, CHALLENGE_BYTES, 'a challenge has one length');
    return `error:${reply.error.code}`;
  }
  law(reply.staleSeq === undefined || Number.isSafeInteger(reply.staleSeq), 'seq is a number');
  const written = encodeReply(reply.id, `${reply.lines.join('\n')}\n`);
  same(Buffer.from(written), Buffer.from(input), 'a reply is written in one way');
  return 'answer';
}

export const datagramRequests: Target = {
  name: 'datagram-requests',
  inputMaxBytes: 65_507,
  tokens: [...wordsOf([...REQUEST_TEMPLATES, ...TRACKER_TEMPLATES]), 'R', 'S', 'O', 'T', 'Q', 'A', 'E', ' cookie=', ' seq='],
  testCount: 12_000,
  heldToCount: 1_000_000,
  generate: (random) => datagramOf(REQUEST_TEMPLATES, random),
  open: () => ({ judge: judgeRequest }),
};

export const datagramReplies: Target = {
  name: 'datagram-replies',
  inputMaxBytes: 65_507,
  tokens: [...wordsOf(REPLY_TEMPLATES), 'DENIED cookie=0123456789abcdef', ' seq=', 'OK ', '\n'],
  testCount: 8000,
  heldToCount: 1_000_000,
  generate: (random) => datagramOf(REPLY_TEMPLATES, random),
  open: () => ({ judge: judgeReply }),
};
