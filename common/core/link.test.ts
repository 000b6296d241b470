import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { anyFileName, anyJunk, anyPeerAddress, anyRoot, anySize } from '../testkit/arbitraries.js';
import { errorCode, isContained } from '../testkit/error-code.js';
import { LINK_MAX_CHARS, LINK_PEERS_MAX_COUNT, TRACKERS_MAX_COUNT } from './limits.js';
import { formatLink, type Link, parseLink } from './link.js';

const ROOT = 'ab'.repeat(32);
const BARE = `magnet:?xt=urn:shoal:${ROOT}`;

const anyTracker = fc.oneof(
  fc.tuple(fc.domain(), fc.integer({ min: 1, max: 65_535 })).map(([host, port]) => ({ host, port })),
  anyPeerAddress.map(({ ip, port }) => ({ host: ip, port })),
);

const anyLink: fc.Arbitrary<Link> = fc.record(
  {
    root: anyRoot,
    name: anyFileName,
    sizeBytes: anySize,
    trackers: fc.array(anyTracker, { maxLength: 4 }),
    peers: fc.array(anyPeerAddress, { maxLength: 4 }),
  },
  { requiredKeys: ['root', 'trackers', 'peers'] },
);

describe('a link', () => {
  test('comes back as it was', () => {
    fc.assert(fc.property(anyLink, (link) => expect(parseLink(formatLink(link))).toEqual(link)));
  });

  test('is one line of printable ASCII that single quotes of a shell hold', () => {
    fc.assert(fc.property(anyLink, (link) => expect(formatLink(link)).toMatch(/^[!-&(-~]+$/)));
  });

  test('needs only the root, and ignores keys that it does not know', () => {
    expect(parseLink(BARE)).toEqual({ root: ROOT, trackers: [], peers: [] });
    expect(parseLink(`magnet:?foo=1&xt=urn:btih:x&xt=urn:shoal:${ROOT}&bar`)).toEqual({ root: ROOT, trackers: [], peers: [] });
  });

  test('takes a name that a clipboard decomposed', () => {
    expect(parseLink(`${BARE}&dn=e%CC%81`).name).toBe('\u00e9');
  });

  test.each([
    'http://example.org/',
    'magnet:',
    'magnet:?dn=x',
    'magnet:?xt=urn:btih:0123',
    `magnet:?xt=urn:shoal:${ROOT.slice(1)}`,
    `magnet:?xt=urn:shoal:${ROOT.toUpperCase()}`,
    `${BARE}&dn=..%2Fx`,
    `${BARE}&dn=%0A`,
    `${BARE}&xl=-1`,
    `${BARE}&xl=01`,
    `${BARE}&xl=9007199254740992`,
    `${BARE}&tr=host:0`,
    `${BARE}&x.pe=host:80`,
    `${BARE}&x.pe=1.2.3.4`,
  ])('refuses %s and says why', (text) => {
    expect(errorCode(() => parseLink(text))).toBe('USAGE');
  });

  test('is bounded in length, trackers and peers, at each limit and one past it', () => {
    const trackers = (count: number) => `${BARE}${'&tr=h:1'.repeat(count)}`;
    const peers = (count: number) => `${BARE}${'&x.pe=1.2.3.4:5'.repeat(count)}`;
    expect(parseLink(trackers(TRACKERS_MAX_COUNT)).trackers).toHaveLength(TRACKERS_MAX_COUNT);
    expect(errorCode(() => parseLink(trackers(TRACKERS_MAX_COUNT + 1)))).toBe('USAGE');
    expect(parseLink(peers(LINK_PEERS_MAX_COUNT)).peers).toHaveLength(LINK_PEERS_MAX_COUNT);
    expect(errorCode(() => parseLink(peers(LINK_PEERS_MAX_COUNT + 1)))).toBe('USAGE');
    const long = `${BARE}&x=`.padEnd(LINK_MAX_CHARS, 'y');
    expect(parseLink(long).root).toBe(ROOT);
    expect(errorCode(() => parseLink(`${long}y`))).toBe('USAGE');
  });

  test('survives anything, with nothing but a ShoalError', () => {
    fc.assert(
      fc.property(anyJunk, (text) => isContained(() => parseLink(text)) && isContained(() => parseLink(`${BARE}&${text}`))),
    );
  });
});
