/**
 * Is a peer there, and how busy is it? Believed only as far as it looks like a reply of a peer.
 *
 *     dial ──► STATUS ──► size line ──► its body: `load=`, `files=`      alive, with its load and how many names it serves
 *                             │   └──► too large, or none of STATUS   alive, and says neither (a program of somebody else)
 *                             ├──► ERR …                              alive, and knows no STATUS
 *                             └──► anything else, or nothing in time  silent
 */
import { LINE_MAX_BYTES, TRACKER_PROBE_DEADLINE_MS } from '../../common/core/limits.js';
import type { PeerAddress } from '../../common/core/peer-address.js';
import { parsePeerStatus, STATUS_MAX_BYTES } from '../../common/wire/peer-documents.js';
import { formatPeerRequest, parseBodyHeader } from '../../common/wire/peer-lines.js';
import { parseErr } from '../../common/wire/tokens.js';
import { ask, type Question, type QuestionPorts } from './question.js';

/** What came of it; `load` and `fileCount` are `undefined` where the peer does not tell. */
export type ProbeAnswer =
  | { readonly isAlive: true; readonly load?: number; readonly fileCount?: number }
  | { readonly isAlive: false };

export const SILENT: ProbeAnswer = { isAlive: false };
const TELLS_NOTHING: ProbeAnswer = { isAlive: true };
const LF = 0x0a;

export function askStatus(ports: QuestionPorts, address: PeerAddress): Question<ProbeAnswer> {
  let held = Buffer.alloc(0);
  let answer = SILENT;
  return ask(ports, address, TRACKER_PROBE_DEADLINE_MS, {
    opening: formatPeerRequest({ verb: 'STATUS' }),
    get answer() {
      return answer;
    },
    take: (bytes) => {
      held = Buffer.concat([held, bytes]);
      const read = readReply(held);
      answer = read.answer;
      return read.isOver ? undefined : '';
    },
  });
}

/** What the bytes that came so far say, and whether more of them could say more. */
export function readReply(bytes: Uint8Array): { readonly answer: ProbeAnswer; readonly isOver: boolean } {
  const at = bytes.indexOf(LF);
  if (at < 0) return { answer: SILENT, isOver: bytes.length >= LINE_MAX_BYTES };
  const line = Buffer.from(bytes.subarray(0, at)).toString('utf8').replace(/\r$/, '');
  if (parseErr(line) !== undefined) return { answer: TELLS_NOTHING, isOver: true };
  const sizeBytes = parseBodyHeader(line);
  if (sizeBytes === undefined) return { answer: SILENT, isOver: true };
  if (sizeBytes > STATUS_MAX_BYTES) return { answer: TELLS_NOTHING, isOver: true };
  const body = bytes.subarray(at + 1, at + 1 + sizeBytes);
  if (body.length < sizeBytes) return { answer: TELLS_NOTHING, isOver: false };
  return { answer: answerOf(body), isOver: true };
}

function answerOf(body: Uint8Array): ProbeAnswer {
  try {
    const { load, fileCount } = parsePeerStatus(body);
    return { isAlive: true, load, fileCount };
  } catch {
    return TELLS_NOTHING;
  }
}
