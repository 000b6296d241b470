/** Requests to a tracker, as lines of a connection. */
import { LINE_MAX_BYTES } from '../../../common/core/limits.js';
import { formatTrackerRequest, parseTrackerRequest, TRACKER_USAGES } from '../../../common/wire/tracker-requests.js';
import { lawfulLine, lawfulName, lawfulRoot, lawfulSize } from '../laws.js';
import { lineVerdicts } from '../line-feeding.js';
import { law, same, type Target, verdictOf } from '../target.js';
import { linesOf, wordsOf } from '../text-grammar.js';

export const TRACKER_TEMPLATES = [
  'REGISTER {name} {size} {address} [root={root}] [have={count}] [load={load}] [type={mime}] [checksum={checksum}]',
  'LOOKUP {ref} [max={count}]',
  'INFO {ref} [max={count}]',
  'SEARCH {text} [max={count}] [after={cursor}]',
  'LIST [max={count}] [after={cursor}]',
  'WITHDRAW {name} {address} [root={root}]',
  'UNREGISTER {address}',
  'JOIN {address} [load={load}] [accept={size}] [group={label}]',
  'ALIVE {address} [load={load}] [accept={size}] [files={count}]',
  'PEERS [max={count}] [after={cursor}] [group={label}]',
  'STATS',
  'HELP',
  'QUIT',
  'GET / HTTP/1.1',
] as const;

/** Judges one line. */
export function judgeTrackerLine(line: string): string {
  return verdictOf(['BAD_REQUEST', 'UNKNOWN_COMMAND'], () => {
    const request = parseTrackerRequest(line);
    law(Object.hasOwn(TRACKER_USAGES, request.verb), 'a verb is known');
    if (request.verb === 'REGISTER') {
      lawfulName(request.name);
      lawfulSize(request.sizeBytes);
      if (request.attributes.root !== undefined) lawfulRoot(request.attributes.root);
    }
    if (request.verb === 'WITHDRAW') lawfulName(request.name);
    if (request.verb === 'LOOKUP' || request.verb === 'INFO')
      if (request.content.by === 'name') lawfulName(request.content.name);
      else lawfulRoot(request.content.root);
    const written = formatTrackerRequest(request);
    lawfulLine(written, LINE_MAX_BYTES);
    const again = parseTrackerRequest(written.slice(0, -1));
    // By one in eight: this costs more than all the rest, and what is written shows nearly everything.
    if ((written.length & 7) === 0) same(request, again, 'a request that was written is read as it was');
    same(written, formatTrackerRequest(again), 'a request is written in one way');
  });
}

export const trackerLines: Target = {
  name: 'tracker-lines',
  inputMaxBytes: 6000,
  tokens: wordsOf(TRACKER_TEMPLATES),
  testCount: 8000,
  heldToCount: 1_000_000,
  generate: (random) => linesOf(TRACKER_TEMPLATES, random),
  open: () => ({ judge: (input) => lineVerdicts(input, judgeTrackerLine) }),
};
