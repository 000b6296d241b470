/** What stands in lines, links and commands as one word: names, addresses, roots, links, sizes, times, ranges. Each reader sees each text. */
import {
  decodeFileName,
  decodeToken,
  encodeFileName,
  encodeToken,
  fileNameOf,
  parseFileName,
} from '../../../common/core/file-name.js';
import { fold, parseSearchText } from '../../../common/core/fold.js';
import { formatLink, parseLink } from '../../../common/core/link.js';
import {
  canonicalIp,
  formatHostPort,
  formatPeerAddress,
  parseHostPort,
  parseOwnAddress,
  parsePeerAddress,
} from '../../../common/core/peer-address.js';
import { parseContentRoot } from '../../../common/core/root.js';
import { formatBytes, formatDuration, parseBytes, parseDurationMs } from '../../../common/core/units.js';
import { formatErr, parseErr, printable, splitTokens } from '../../../common/wire/tokens.js';
import { parseByteRange, spanOfRange } from '../../../peer/cat/byte-range.js';
import { AllowList } from '../../../peer/push/allow-list.js';
import { lawfulAddress, lawfulLine, lawfulName, lawfulRoot, lawfulSize, lawfulText } from '../laws.js';
import { law, looseText, same, type Target, verdictOf } from '../target.js';
import { hexDigits, lineOf, oneIn, pick, wordsOf } from '../text-grammar.js';

/** False where it took nothing and refused nothing. */
type Reader = (text: string) => unknown;

const NAMES: Readonly<Record<string, Reader>> = {
  name: (text) => {
    const name = parseFileName(text);
    lawfulName(name);
    same(name, text, 'a name is what it was read from');
    const token = encodeFileName(name);
    law(!/\s/u.test(token), 'a token holds no white space');
    same(decodeFileName(token), name, 'a name that was written is read as it was');
  },
  token: (text) => {
    lawfulName(decodeFileName(text));
    same(
      encodeFileName(decodeFileName(text)),
      encodeFileName(decodeFileName(encodeFileName(decodeFileName(text)))),
      'a token is written in one way',
    );
  },
  local: (text) => lawfulName(fileNameOf(text)),
  any: (text) => {
    const token = encodeToken(text);
    law(!/\s/u.test(token) && !token.startsWith('@'), 'a token is one');
    if (!/\p{Cs}/u.test(text)) same(decodeToken(token), text, 'a text that was written is read as it was');
    same(fold(fold(text)), fold(text), 'folding again changes nothing');
    lawfulText(printable(text));
    lawfulLine(formatErr('IO', text), 4096);
    const error = parseErr(text);
    if (error !== undefined) lawfulText(error.message);
    decodeToken(text);
    return false;
  },
  search: (text) => law(Buffer.byteLength(parseSearchText(text)) <= 1024, 'a search is short'),
  line: (text) => same(splitTokens(text).join(' '), text, 'tokens are separated by one space'),
  root: (text) => lawfulRoot(parseContentRoot(text)),
};

const ADDRESSES: Readonly<Record<string, Reader>> = {
  peer: (text) => {
    const address = parsePeerAddress(text);
    lawfulAddress(address);
    same(parsePeerAddress(formatPeerAddress(address)), address, 'an address that was written is read as it was');
  },
  own: (text) => lawfulAddress(parseOwnAddress(text, '192.0.2.9')),
  ip: (text) => {
    const ip = canonicalIp(text);
    if (ip === undefined) return false;
    same(canonicalIp(ip), ip, 'an address has one canonical form');
    return true;
  },
  host: (text) => {
    const place = parseHostPort(text, 4700);
    law(
      place.port >= 1 &&
        place.port <= 65_535 &&
        place.host !== '' &&
        !/[\s/[\]\u0000-\u001f\u007f-\u009f\u202e]/.test(place.host),
      'a host is a word',
    );
    same(parseHostPort(formatHostPort(place), 1), place, 'a host that was written is read as it was');
  },
};

const LINKS: Readonly<Record<string, Reader>> = {
  link: (text) => {
    const link = parseLink(text);
    lawfulRoot(link.root);
    if (link.name !== undefined) lawfulName(link.name);
    if (link.sizeBytes !== undefined) lawfulSize(link.sizeBytes);
    for (const peer of link.peers) lawfulAddress(peer);
    const written = formatLink(link);
    law(!/[\s'"<>\u0000-\u001f]/.test(written), 'a link is one word of a command');
    same(parseLink(written), link, 'a link that was written is read as it was');
  },
};

const AMOUNTS: Readonly<Record<string, Reader>> = {
  bytes: (text) => {
    const bytes = parseBytes(text);
    lawfulSize(bytes);
    law(/^[0-9.]+ (B|[KMGTP]iB)$/.test(formatBytes(bytes)), 'a size is shown in one way');
  },
  duration: (text) => {
    const ms = parseDurationMs(text);
    lawfulSize(ms);
    law(formatDuration(ms).length < 24, 'a duration is short');
  },
  range: (text) => {
    const range = parseByteRange(text);
    for (const sizeBytes of [0, 1, 100, 2 ** 53 - 1]) {
      if (range.from === 'start' && range.first >= sizeBytes) continue;
      const { offset, lengthBytes } = spanOfRange(range, sizeBytes);
      law(offset >= 0 && lengthBytes >= 0 && offset + lengthBytes <= sizeBytes, 'a range lies within its content');
    }
  },
  allow: (text) => {
    const list = new AllowList([text]);
    for (const ip of ['192.0.2.1', '::1', 'fe80::1', 'x']) list.isAllowed(ip, 'office');
  },
};

/** What each reader says, as a word for each: the ones that took it. */
function judgeBy(readers: Readonly<Record<string, Reader>>): (input: Uint8Array) => string {
  const list = Object.entries(readers);
  return (input) => {
    const text = looseText(input);
    let taken = '';
    for (const [name, read] of list) {
      let isTaken: unknown;
      const verdict = verdictOf(['BAD_REQUEST', 'USAGE'], () => {
        isTaken = read(text);
      });
      if (verdict === 'ok' && isTaken !== false) taken += ` ${name}`;
    }
    return taken.slice(1) || 'none';
  };
}

const LINK_TEMPLATES = [
  'magnet:?xt=urn:shoal:{root}[&dn={text}][&xl={size}][&tr={address}][&tr=tracker.example:{port}][&x.pe={address}]',
  'magnet:?dn={name}&xt=urn:btih:x&xt=urn:shoal:{root}',
] as const;
const ADDRESS_TEMPLATES = [
  '{address}',
  '*:{port}',
  '[{address}]:{port}',
  'host.example:{port}',
  '::{count}',
  '{id}:{port}',
  '{count}.{count}.1.2:{port}',
] as const;
const AMOUNT_TEMPLATES = [
  '{size}',
  '{count}k',
  '{count}.{count} MiB/s',
  '{count}GB',
  '{count}ms',
  '{count}h',
  '{count}-{count}',
  '-{count}',
  '{count}-',
  'group:{label}',
  'lan',
  '10.0.0.0/{count}',
  '::/{load}',
] as const;
const NAME_TEMPLATES = ['{name}', '{ref}', '{text}', '{root}', 'ERR {code} {text}'] as const;

function wordTarget(
  name: string,
  readers: Readonly<Record<string, Reader>>,
  templates: readonly [string, ...string[]],
  inputMaxBytes: number,
): Target {
  return {
    name,
    inputMaxBytes,
    tokens: wordsOf(templates),
    testCount: 6000,
    heldToCount: 200_000,
    generate: (random) => {
      const text = lineOf(pick(random, templates), random);
      // The longest, and what a pattern that goes back and forth would need for ever for.
      return Buffer.from(
        oneIn(random, 60)
          ? pick(random, [text, '1', '%20', 'a/', ' ', '0.', '\u00e9', hexDigits(random, 3)]).repeat(1 + random.below(3000))
          : text,
      );
    },
    open: () => ({ judge: judgeBy(readers) }),
  };
}

export const names = wordTarget('names', NAMES, NAME_TEMPLATES, 20_000);
export const addresses = wordTarget('addresses', ADDRESSES, ADDRESS_TEMPLATES, 20_000);
export const links = wordTarget('links', LINKS, LINK_TEMPLATES, 20_000);
export const amounts = wordTarget('amounts', AMOUNTS, AMOUNT_TEMPLATES, 20_000);
