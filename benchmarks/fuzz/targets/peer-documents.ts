/** The bodies that answer STATUS, LIST, PUSH and HAVE. The first byte of an input says which reader sees the rest. */
import { Bitfield } from '../../../common/core/bitfield.js';
import type { SimRandom } from '../../../common/sim/sim-random.js';
import {
  formatPeerStatus,
  formatPushState,
  formatSharedPage,
  formatSharedRow,
  parsePeerStatus,
  parsePushState,
  parseSharedPage,
} from '../../../common/wire/peer-documents.js';
import { rangesOf, rangesOfBits } from '../../../peer/net/chunk-ranges.js';
import { lawfulName, lawfulRoot, lawfulSize, lawfulText } from '../laws.js';
import { law, same, type Target, verdictOf } from '../target.js';
import { hexDigits, lineOf, oneIn, pick, wordsOf } from '../text-grammar.js';

const STATUS =
  'load={load} [slots={count}] [used={count}] [waiting={count}] [rate={size}] [files={count}] [accept={size}] [group={label}] [version={text}]';
const ROW = '{name} {size} {root} [have={count}] [type={mime}]';
const PUSH = 'state=fetching have=1 of={count} [code={code}] [text={text}]';
const PUSHED = 'state=failed have=0 of=0 code={code} text={text}';

function status(body: Uint8Array): string {
  return verdictOf(['PROTOCOL'], () => {
    const read = parsePeerStatus(body);
    law(read.load >= 0 && read.load <= 100, 'load is 0 to 100');
    lawfulText(read.version);
    // A version with a space in it cannot be said again, and is only shown.
    const written = formatPeerStatus({ ...read, version: '1' });
    same(parsePeerStatus(Buffer.from(written)), { ...read, version: '1' }, 'a status that was written is read as it was');
  });
}

function list(body: Uint8Array): string {
  return verdictOf(['PROTOCOL'], () => {
    const page = parseSharedPage(body);
    law(page.rows.length <= 1000, 'a page is bounded');
    for (const { name, sizeBytes, root } of page.rows) {
      lawfulName(name);
      lawfulSize(sizeBytes);
      lawfulRoot(root);
    }
    const written = formatSharedPage(page.rows.map(formatSharedRow), page.next);
    same(parseSharedPage(Buffer.from(written)), page, 'a list that was written is read as it was');
  });
}

function push(body: Uint8Array): string {
  return verdictOf(['PROTOCOL'], () => {
    const read = parsePushState(body);
    law(read.haveChunks <= read.chunkCount, 'nobody has more than there is');
    lawfulText(read.text ?? '');
    const again = parsePushState(Buffer.from(formatPushState(read)));
    same({ ...again, text: '' }, { ...read, text: '' }, 'a state that was written is read as it was');
  });
}

/** A bitfield of HAVE, against the same said chunk by chunk. */
function have(body: Uint8Array): string {
  const bits = body.subarray(0, 200);
  const skippedCount = Math.min(8 * bits.length, (body[0] ?? 0) & 15);
  const length = 8 * bits.length - skippedCount;
  const isSet = (index: number) => ((bits[index >> 3] ?? 0) & (0x80 >> (index & 7))) !== 0;
  const numbers = Array.from({ length }, (_, at) => at).filter((at) => isSet(at + skippedCount));
  const set = Bitfield.fromBytes(bits, length, skippedCount);
  same(set.count, numbers.length, 'a set has as many as are in it');
  same(set.runs(), rangesOf(numbers), 'runs of a set are those of its numbers');
  const found: (readonly [number, number])[] = [];
  for (let from: number | undefined = 0; from !== undefined; ) {
    const { ranges, nextIndex }: ReturnType<typeof rangesOfBits> = rangesOfBits(set.bytes, from, 1 + (body.length & 3));
    found.push(...ranges);
    law(nextIndex === undefined || nextIndex > from, 'a walk goes on');
    from = nextIndex;
  }
  same(found, set.runs(), 'a walk over bits finds every run, and each once');
  return set.isFull ? 'all' : set.count === 0 ? 'none' : 'some';
}

const READERS = [status, list, push, have];

function generate(random: SimRandom): Uint8Array {
  const kind = random.below(READERS.length);
  return Buffer.concat([Uint8Array.of(kind), bodyOf(kind, random)]);
}

function bodyOf(kind: number, random: SimRandom): Uint8Array {
  const end = oneIn(random, 6) ? pick(random, ['', '\r\n', '\n\n', '\n\u0000']) : '\n';
  if (kind === 0) return Buffer.from(lineOf(STATUS, random) + end);
  if (kind === 2) return Buffer.from(lineOf(pick(random, [PUSH, PUSHED]), random) + end);
  if (kind === 3) return Buffer.from(hexDigits(random, 2 * random.below(40)), 'hex');
  const rows = Array.from({ length: random.below(5) }, () => `${lineOf(ROW, random)}\n`);
  const claimed = oneIn(random, 8) ? lineOf('{size}', random) : String(rows.length);
  return Buffer.from(`OK ${claimed}${oneIn(random, 3) ? lineOf(' next={cursor}', random) : ''}\n${rows.join('')}`);
}

export const peerDocuments: Target = {
  name: 'peer-documents',
  inputMaxBytes: 70_000,
  tokens: wordsOf([STATUS, ROW, PUSH, PUSHED, 'OK {count} next={cursor}']),
  testCount: 8000,
  heldToCount: 1_000_000,
  generate,
  open: () => ({ judge: (input) => READERS[(input[0] ?? 0) % READERS.length]?.(input.subarray(1)) ?? '' }),
};
