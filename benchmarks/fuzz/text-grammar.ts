/**
 * Lines by grammar: a template with places for values becomes a line whose values are right, and now and then nearly right.
 *
 *     REGISTER {name} {size} {address} [root={root}]     a part in brackets is there or not
 */
import type { SimRandom } from '../../common/sim/sim-random.js';

/** One of a list. */
export function pick<T>(random: SimRandom, list: readonly [T, ...T[]]): T {
  return list[random.below(list.length)] ?? list[0];
}

/** Whether something that happens once in so many times does. */
export function oneIn(random: SimRandom, count: number): boolean {
  return random.below(count) === 0;
}

export function hexDigits(random: SimRandom, count: number): string {
  let text = '';
  while (text.length < count)
    text += random
      .below(2 ** 32)
      .toString(16)
      .padStart(8, '0');
  return text.slice(0, count);
}

type Values = readonly [string, ...string[]];

const NAME_PARTS: Values = [
  'a',
  'file.bin',
  'film.mkv',
  'été',
  'あ',
  '🐟',
  'ß',
  'x'.repeat(255),
  '__proto__',
  'constructor',
  'a%20b',
  '%40x',
  'K',
  '~',
];
const BAD_NAMES: Values = [
  ...([
    '',
    '.',
    '..',
    '../../etc/passwd',
    '/etc/passwd',
    '%2e%2e',
    'a//b',
    'a/',
    'a/./b',
    'a\\b',
    '%5c',
    '%00',
    '%0a',
    '%0d%0aOK',
    '%1b[2J',
  ] as const),
  ...([
    '%7f',
    '%c2%85',
    '%e2%80%ae',
    '%ed%a0%80',
    '%c0%ae',
    '%ff',
    '%',
    '%4',
    '%zz',
    '@x',
    'e%cc%81',
    'x'.repeat(256),
    'y/'.repeat(600),
  ] as const),
];
const GOOD_ADDRESSES: Values = [
  '192.0.2.7:5000',
  '10.0.0.1:1',
  '*:65535',
  '[2001:db8::1]:80',
  '[::ffff:10.1.2.3]:9',
  '127.0.0.1:22',
  '[fe80::1]:7',
  '*:5000',
];
const BAD_ADDRESSES: Values = [
  ...([
    '0.0.0.0:1',
    '[::1]:99999',
    'host:0',
    'host:80',
    '224.0.0.1:5',
    'a:b:c',
    '1.2.3.4',
    '1.2.3.4:05',
    '[::]:5',
    '::1:5',
    '1.2.3:4',
  ] as const),
  ...([
    '[fe80::1%eth0]:7',
    '999.1.1.1:1',
    `${'9'.repeat(300)}:1`,
    '*',
    '*:',
    '*:0',
    '*:65536',
    ':5',
    '01.2.3.4:5',
    '[1.2.3.4]:5',
    '255.255.255.255:1',
  ] as const),
];
const SIZES: Values = ['0', '1', '524287', '524288', '524289', '1572864', '9007199254740991', '1099511627776'];
const BAD_SIZES: Values = [
  '-1',
  '1e9',
  '0x10',
  'NaN',
  '9007199254740992',
  '9007199254740993',
  '9'.repeat(400),
  '00',
  '01',
  '+5',
  '1.5',
  '',
  '１',
];

type Slot = (random: SimRandom) => string;

function root(random: SimRandom): string {
  return hexDigits(random, 64);
}

function badRoot(random: SimRandom): string {
  return pick(random, [
    root(random).toUpperCase(),
    root(random).slice(1),
    `${root(random)}0`,
    '-',
    '@',
    `@${root(random)}`,
    'g'.repeat(64),
    '',
  ]);
}

function name(random: SimRandom): string {
  const parts = [pick(random, NAME_PARTS)];
  while (oneIn(random, 3) && parts.length < 6) parts.push(pick(random, NAME_PARTS));
  return parts.join('/');
}

function count(random: SimRandom): string {
  return String(random.below(oneIn(random, 2) ? 8 : 2 ** 24));
}

function ranges(random: SimRandom): string {
  let at = random.below(5);
  const list: string[] = [];
  do {
    const last = at + random.below(4);
    list.push(last === at && oneIn(random, 2) ? `${at}` : `${at}-${last}`);
    at = last + 1 + random.below(4);
  } while (!oneIn(random, 4) && list.length < 300);
  return list.join(',');
}

/** What stands in a place, and what is wrong there. */
const SLOTS: Readonly<Record<string, readonly [good: Slot, bad: Slot]>> = {
  name: [name, (random) => pick(random, BAD_NAMES)],
  ref: [
    (random) => (oneIn(random, 2) ? `@${root(random)}` : name(random)),
    (random) => (oneIn(random, 2) ? `@${badRoot(random)}` : pick(random, BAD_NAMES)),
  ],
  root: [root, badRoot],
  size: [(random) => pick(random, SIZES), (random) => pick(random, BAD_SIZES)],
  address: [(random) => pick(random, GOOD_ADDRESSES), (random) => pick(random, BAD_ADDRESSES)],
  count: [count, (random) => pick(random, BAD_SIZES)],
  load: [(random) => String(random.below(101)), (random) => pick(random, ['101', '-1', '', '1e1', '050'])],
  port: [(random) => String(1 + random.below(65_535)), (random) => pick(random, ['0', '65536', '080', ''])],
  id: [(random) => hexDigits(random, 16), (random) => pick(random, ['', 'AB', hexDigits(random, 17)])],
  label: [
    (random) => pick(random, ['office', 'a.b-c_d', 'x'.repeat(64)]),
    (random) => pick(random, ['', 'x'.repeat(65), 'ä', 'a/b']),
  ],
  cursor: [(random) => pick(random, ['0', '1.2-z', 'zz9', '10']), (random) => pick(random, ['', '?', 'x'.repeat(65)])],
  mime: [
    (random) => pick(random, ['text/plain', 'application/x-shoal-folder']),
    (random) => pick(random, ['text', 'a/b/c', '/', '']),
  ],
  checksum: [(random) => `sha-256:${hexDigits(random, 64)}`, (random) => pick(random, ['sha-256:', 'md5', `x:${'G'.repeat(8)}`])],
  text: [
    (random) => pick(random, ['film', 'Σ', 'a', '%40', 'a%20b']),
    (random) => pick(random, ['', '%00', '%ff', 'x'.repeat(2000)]),
  ],
  ranges: [ranges, (random) => pick(random, ['', '5-3', '3,3', '3,2', '1-', '-1', '1,,2', '8388608', '0-8388607', '1-2-3'])],
  code: [
    (random) => pick(random, ['NOT_FOUND', 'DENIED', 'BUSY', 'IO', 'LIMIT']),
    (random) => pick(random, ['', 'not_found', 'X'.repeat(40), 'WHAT']),
  ],
};

/** How a whole line goes wrong. */
const SLIPS: readonly [(line: string) => string, ...((line: string) => string)[]] = [
  (line) => line.replace(' ', '  '),
  (line) => line.replace(' ', '\t'),
  (line) => `${line} `,
  (line) => ` ${line}`,
  (line) => line.toLowerCase(),
  (line) => `${line}\r`,
  (line) => `${line}\r\r`,
  (line) => line.slice(0, Math.max(0, line.lastIndexOf(' '))),
  (line) => `${line} ${line}`,
  (line) => `${line} unknown=1 load=1 load=2 =x`,
  (line) => `${line}\u0000`,
  (line) => line.replace('=', ' '),
  (line) => `${line} ${'x'.repeat(4096)}`,
  (line) => `${line}\u202e`,
];

/** A line without its end. One value in eight is wrong, and one line in eight. */
export function lineOf(template: string, random: SimRandom): string {
  const parts = template.replace(/ ?\[[^\]]*\]/g, (part) => (oneIn(random, 2) ? part.replace(/[[\]]/g, '') : ''));
  const line = parts.replace(/\{(\w+)\}/g, (_all, slot: string) => {
    const [good, bad] = SLOTS[slot] ?? [() => slot, () => slot];
    return oneIn(random, 8) ? bad(random) : good(random);
  });
  return oneIn(random, 8) ? pick(random, SLIPS)(line) : line;
}

/** A few lines by their templates, as bytes; the end of one in ten is missing or another. */
export function linesOf(templates: Values, random: SimRandom, maxCount = 4): Uint8Array {
  let text = '';
  for (let left = 1 + random.below(maxCount); left > 0; left -= 1) {
    text +=
      lineOf(pick(random, templates), random) + (oneIn(random, 10) ? pick(random, ['', '\r\n', '\n\n', '\r', '\r\r\n']) : '\n');
  }
  return Buffer.from(text);
}

/** Every name that stands before a `{` or between spaces in the templates, and what separates them. */
export function wordsOf(templates: readonly string[]): string[] {
  const words = templates.flatMap((template) => template.split(/\{\w+\}|[[\] ]/)).filter((word) => word !== '');
  return [...new Set([...words, ...BAD_NAMES, ...BAD_ADDRESSES, ...BAD_SIZES, '\n', '\r\n', ' ', '=', '@', '-', '0'.repeat(64)])];
}
