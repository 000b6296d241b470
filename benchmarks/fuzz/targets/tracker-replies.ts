/** Replies of a tracker, which a hostile one may write: every reader of a line sees every line. */
import { LINE_MAX_BYTES } from '../../../common/core/limits.js';
import {
  formatContentRow,
  formatLease,
  formatLookupRow,
  formatPageHead,
  formatPeerRow,
  formatStats,
  parseContentRow,
  parseLease,
  parseLookupRow,
  parseOkCount,
  parsePageHead,
  parsePeerRow,
  parseStats,
} from '../../../common/wire/tracker-replies.js';
import { lawfulAddress, lawfulLine, lawfulName, lawfulRoot, lawfulSize } from '../laws.js';
import { lineVerdicts } from '../line-feeding.js';
import { law, same, type Target, verdictOf } from '../target.js';
import { linesOf, wordsOf } from '../text-grammar.js';

const TEMPLATES = [
  'OK interval={count} ttl={count} [address={address}]',
  'OK {count} [next={cursor}]',
  '{address} {size} {root} [have={count}] [load={load}]',
  '{address} {size} -',
  '{name} {size} {root} [holders={count}] [partial={count}] [type={mime}] [checksum={checksum}]',
  '{address} [files={count}] [seen={count}] [load={load}] [accept={size}] [group={label}]',
  'OK entries={count} peers={count} names={count} uptime={count} requests={size} [version={label}]',
  'ERR {code} {text}',
] as const;

/** Every code that may cross the wire can come out of an ERR line, and what is none is `INTERNAL`. */
const ERR_CODES = ['UNKNOWN_COMMAND', 'TOO_LONG', 'NOT_FOUND', 'DENIED', 'BUSY', 'LIMIT', 'IO', 'INTERNAL'] as const;
const CODES = ['PROTOCOL', 'BAD_REQUEST', ...ERR_CODES] as const;

/** `read`, and what it read written and read again. */
function judge<Value>(
  line: string,
  read: (line: string) => Value,
  write: (value: Value) => string,
  check: (value: Value) => void,
): string {
  return verdictOf(CODES, () => {
    const value = read(line);
    check(value);
    const written = write(value);
    lawfulLine(written, LINE_MAX_BYTES);
    same(written, write(read(written.slice(0, -1))), 'a reply is written in one way');
  });
}

function checkPlace({ sizeBytes, root }: { readonly sizeBytes: number; readonly root: string | undefined }): void {
  lawfulSize(sizeBytes);
  if (root !== undefined) lawfulRoot(root);
}

function judgeLine(line: string): string {
  const verdicts = [
    judge(line, parseLease, formatLease, ({ intervalMs, ttlMs, address }) => {
      law(intervalMs >= 1000 && ttlMs >= 1000 && intervalMs <= 86_400_000 && ttlMs <= 86_400_000, 'a lease is a second to a day');
      if (address !== undefined) lawfulAddress(address);
    }),
    judge(
      line,
      (text) => parsePageHead(text, 1000),
      formatPageHead,
      ({ rowCount }) => law(rowCount <= 1000, 'a page is bounded'),
    ),
    judge(
      line,
      (text) => parseOkCount(text, 100),
      (count) => `OK ${count}\n`,
      (count) => law(count <= 100, 'rows are bounded'),
    ),
    judge(line, parseLookupRow, formatLookupRow, (row) => {
      lawfulAddress(row.address);
      checkPlace(row);
    }),
    judge(line, parseContentRow, formatContentRow, (row) => {
      lawfulName(row.name);
      checkPlace(row);
    }),
    judge(line, parsePeerRow, formatPeerRow, ({ address, seenMs }) => {
      lawfulAddress(address);
      law(Number.isSafeInteger(seenMs) && seenMs >= 0, 'a time is a number');
    }),
    judge(line, parseStats, formatStats, () => undefined),
  ];
  return (
    verdicts.map((verdict, at) => (verdict === 'ok' ? `ok:${KINDS[at]}` : verdict)).find((verdict) => verdict.startsWith('ok')) ??
    verdicts[0] ??
    ''
  );
}

const KINDS = ['lease', 'page', 'count', 'holder', 'content', 'peer', 'stats'];

export const trackerReplies: Target = {
  name: 'tracker-replies',
  inputMaxBytes: 6000,
  tokens: wordsOf(TEMPLATES),
  testCount: 6000,
  heldToCount: 1_000_000,
  generate: (random) => linesOf(TEMPLATES, random),
  open: () => ({ judge: (input) => lineVerdicts(input, judgeLine) }),
};
