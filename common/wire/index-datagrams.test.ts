import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseFileName } from '../core/file-name.js';
import { INDEX_DATAGRAM_MAX_BYTES } from '../core/limits.js';
import { formatPeerAddress } from '../core/peer-address.js';
import { anyFileName, anyJunk, anyLabel, anyPeerAddress, anyRoot, anySize } from '../testkit/arbitraries.js';
import { errorCode, isContained } from '../testkit/error-code.js';
import {
  CHALLENGE_BYTES,
  decodeReply,
  decodeRequest,
  encodeChallenge,
  encodeReply,
  encodeRequest,
  NO_COOKIE,
} from './index-datagrams.js';
import { formatTrackerRequest, parseTrackerRequest, type TrackerRequest } from './tracker-requests.js';

const ID = '0123456789abcdef';
const COOKIE = 'fedcba9876543210';
const hex16 = fc.stringMatching(/^[0-9a-f]{16}$/);
const address = fc.oneof(
  anyPeerAddress.map(formatPeerAddress),
  fc.integer({ min: 1, max: 65_535 }).map((port) => `*:${port}`),
);
const name = anyFileName.filter((text) => Buffer.byteLength(text) < 200);
const page = { maxCount: fc.integer({ min: 1, max: 1000 }), after: fc.constant('a1.b') };

/** One of every type, with names that look like attributes among them. */
const anyRequest: fc.Arbitrary<TrackerRequest> = fc.oneof(
  fc.record({
    verb: fc.constant('REGISTER' as const),
    name: fc.oneof(name, fc.constantFrom('cookie=1', 'seq=7', 'a seq=1').map(parseFileName)),
    sizeBytes: anySize,
    address,
    attributes: fc.record({ root: anyRoot, load: fc.nat(100) }, { requiredKeys: [] }),
  }),
  fc.record({ verb: fc.constant('ALIVE' as const), address, load: fc.nat(100) }, { requiredKeys: ['verb', 'address'] }),
  fc.record({ verb: fc.constant('LOOKUP' as const), content: name.map((one) => ({ by: 'name' as const, name: one })) }),
  fc.record({ verb: fc.constant('LIST' as const), ...page }, { requiredKeys: ['verb'] }),
  fc.record(
    { verb: fc.constant('WITHDRAW' as const), name, address, root: anyRoot },
    { requiredKeys: ['verb', 'name', 'address'] },
  ),
  fc.record({ verb: fc.constant('UNREGISTER' as const), address }),
  fc.record(
    { verb: fc.constant('SEARCH' as const), text: fc.constantFrom('a', 'cookie=1', 'b seq=4'), ...page },
    { requiredKeys: ['verb', 'text'] },
  ),
  fc.record({ verb: fc.constant('PEERS' as const), group: anyLabel, ...page }, { requiredKeys: ['verb'] }),
  fc.record({ verb: fc.constant('JOIN' as const), address, group: anyLabel }, { requiredKeys: ['verb', 'address'] }),
  fc.record({ verb: fc.constantFrom('STATS' as const, 'HELP' as const) }),
);

/** A request as a stranger writes it. */
const datagram = (type: string, text: string): Uint8Array =>
  Buffer.concat([Buffer.from(type), Buffer.from(ID, 'hex'), Buffer.from(text)]);

function lineOf(type: string, text: string): string | undefined {
  const decoded = decodeRequest(datagram(type, text));
  return decoded?.kind === 'request' ? decoded.line : undefined;
}

describe('requests of the UDP index', () => {
  test('come back as they were, with id, cookie and sequence number, whatever their arguments look like', () => {
    fc.assert(
      fc.property(anyRequest, hex16, hex16, fc.option(fc.maxSafeNat(), { nil: undefined }), (request, id, cookie, seq) => {
        const bytes = encodeRequest(id, request, cookie, seq);
        expect(bytes.length).toBeLessThanOrEqual(INDEX_DATAGRAM_MAX_BYTES);
        const decoded = decodeRequest(bytes);
        if (decoded?.kind !== 'request') throw new Error(`not read back: ${Buffer.from(bytes).toString('latin1')}`);
        expect(decoded).toMatchObject({ id, cookie, seq });
        const plain = parseTrackerRequest(formatTrackerRequest(request).slice(0, -1));
        expect(parseTrackerRequest(decoded.line)).toEqual(plain);
      }),
      { numRuns: 500 },
    );
  });

  test('are the lines that their type and number of arguments say', () => {
    expect(lineOf('R', 'a 1 *:5 root=-')).toBe('REGISTER a 1 *:5 root=-');
    expect(lineOf('R', '*:5')).toBe('ALIVE *:5');
    expect(lineOf('R', '*:5 load=3')).toBe('ALIVE *:5 load=3');
    expect(lineOf('S', 'a max=2')).toBe('LOOKUP a max=2');
    expect(lineOf('O', '')).toBe('LIST');
    expect(lineOf('O', 'max=2')).toBe('LIST max=2');
    expect(lineOf('T', '*:5')).toBe('UNREGISTER *:5');
    expect(lineOf('T', 'x=y *:5')).toBe('WITHDRAW x=y *:5');
    expect(lineOf('Q', 'search a')).toBe('search a');
  });

  test('of a key that is there twice the first counts; a sequence number that is none is told apart from none', () => {
    expect(decodeRequest(datagram('S', `a cookie=${COOKIE} cookie=x seq=01`))).toMatchObject({ cookie: COOKIE, seq: Number.NaN });
    expect(decodeRequest(datagram('O', `cookie=${COOKIE}`))).toMatchObject({ cookie: COOKIE, seq: undefined });
    expect(decodeRequest(datagram('S', `cookie=${COOKIE}`))).toMatchObject({ cookie: undefined });
  });

  test('that do not fit in a datagram are TOO_LONG for the asker', () => {
    const ask = (text: string) =>
      encodeRequest(ID, { verb: 'LOOKUP', content: { by: 'name', name: parseFileName(text) } }, NO_COOKIE);
    // The longest name there is fits, as long as its characters stand for themselves.
    expect(ask(Array.from({ length: 6 }, () => '#'.repeat(169)).join('/')).length).toBeLessThanOrEqual(INDEX_DATAGRAM_MAX_BYTES);
    const spaces = 'x'.concat('\u00a0'.repeat(100));
    expect(errorCode(() => ask(`${spaces}/${spaces}`))).toBe('TOO_LONG');
  });

  test('UD1: cut at every place, of no bytes, of one, of 65,507 they are dropped or told, and never thrown', () => {
    const whole = datagram('R', `hello.txt 6 *:40001 cookie=${COOKIE} seq=3`);
    for (let bytes = 0; bytes <= whole.length; bytes += 1) {
      const decoded = decodeRequest(whole.subarray(0, bytes));
      expect(decoded?.kind).toBe(bytes < 9 ? undefined : 'request');
      if (decoded?.kind === 'request') expect(isContained(() => parseTrackerRequest(decoded.line))).toBe(true);
    }
    expect(decodeRequest(Buffer.concat([whole, Buffer.alloc(65_507 - whole.length, 0x41)]))).toMatchObject({
      kind: 'bad',
      id: ID,
      error: { code: 'TOO_LONG' },
    });
    const atLimit = Buffer.concat([whole, Buffer.alloc(INDEX_DATAGRAM_MAX_BYTES - whole.length, 0x41)]);
    expect(decodeRequest(atLimit)?.kind).toBe('request');
    expect(decodeRequest(Buffer.concat([atLimit, Buffer.from('A')]))?.kind).toBe('bad');
  });

  test('UD1: replies, unknown types and lower case are no requests, so that no two trackers answer each other', () => {
    for (const type of 'AErsotqX\u0000 ') expect(decodeRequest(datagram(type, 'OK 0'))).toBeUndefined();
  });

  test('UD6: a NUL, a line feed, padding and bytes that are no UTF-8 have one reading: a bad request', () => {
    for (const text of ['a\u0000', 'a\n', 'a\r\n', 'a ', ' a', 'a  max=1', 'a\u0000\u0000\u0000', '', 'a b']) {
      const line = lineOf('S', text);
      expect(line === undefined ? 'BAD_REQUEST' : errorCode(() => parseTrackerRequest(line))).toBe('BAD_REQUEST');
    }
    const notUtf8 = Buffer.concat([datagram('S', 'a'), Uint8Array.of(0xc3, 0x28)]);
    expect(decodeRequest(notUtf8)).toMatchObject({ kind: 'bad', error: { code: 'BAD_REQUEST' } });
  });

  test('UD1: any bytes are dropped, told or read', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 60 }),
          anyJunk.map((text) => datagram('R', text)),
        ),
        (bytes) => {
          const decoded = decodeRequest(bytes);
          expect(isContained(() => decoded?.kind === 'request' && parseTrackerRequest(decoded.line))).toBe(true);
          expect(isContained(() => decodeReply(bytes))).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('replies of the UDP index', () => {
  test('carry the lines of an answer, or an error', () => {
    expect(decodeReply(encodeReply(ID, 'OK 1\n10.0.0.1:5 6 -\n'))).toEqual({
      kind: 'answer',
      id: ID,
      lines: ['OK 1', '10.0.0.1:5 6 -'],
      staleSeq: undefined,
    });
    expect(decodeReply(encodeReply(ID, 'OK 0 seq=9\n'))).toMatchObject({ staleSeq: 9 });
    expect(decodeReply(encodeReply(ID, 'ERR NOT_FOUND Nobody.\n'))).toMatchObject({
      kind: 'error',
      error: { code: 'NOT_FOUND', message: 'Nobody.' },
      cookie: undefined,
    });
  });

  test('that ask for a cookie carry it', () => {
    const challenge = encodeChallenge(ID, COOKIE);
    expect(challenge.length).toBe(CHALLENGE_BYTES);
    expect(decodeReply(challenge)).toMatchObject({ kind: 'error', id: ID, error: { code: 'DENIED' }, cookie: COOKIE });
    expect(decodeReply(encodeReply(ID, 'ERR DENIED cookie=xyz\n'))).toMatchObject({ cookie: undefined });
  });

  test('that would not fit say so, and what is no reply is none', () => {
    const long = encodeReply(ID, `OK 100\n${'é'.repeat(600)}\n`);
    expect(decodeReply(long)).toMatchObject({ kind: 'error', error: { code: 'LIMIT' } });
    expect(encodeReply(ID, `OK 1\n${'x'.repeat(INDEX_DATAGRAM_MAX_BYTES - 14)}\n`)[0]).toBe(0x41);
    for (const [type, text] of [
      ['A', 'ERR x'],
      ['A', ''],
      ['A', 'OKAY'],
      ['E', 'lower case'],
      ['R', 'OK 0'],
      ['A', 'OK\u00ff'],
    ] as const) {
      const bytes = text === 'OK\u00ff' ? Buffer.concat([datagram(type, 'OK '), Uint8Array.of(0xff)]) : datagram(type, text);
      expect(decodeReply(bytes)).toBeUndefined();
    }
  });
});
