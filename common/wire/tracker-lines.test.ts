import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CHUNKS_MAX_COUNT, LINE_MAX_BYTES, LOOKUP_ROWS_MAX_COUNT } from '../core/limits.js';
import { formatPeerAddress } from '../core/peer-address.js';
import { anyFileName, anyJunk, anyPeerAddress, anyRoot, anySize } from '../testkit/arbitraries.js';
import { errorCode, isContained } from '../testkit/error-code.js';
import {
  formatLease,
  formatLookupRow,
  formatTrackerRequest,
  type LookupRow,
  parseLease,
  parseLookupRow,
  parseOkCount,
  parseTrackerRequest,
  type TrackerRequest,
} from './tracker-lines.js';

const ROOT = 'ab'.repeat(32);
const load = fc.integer({ min: 0, max: 100 });
const have = fc.nat(CHUNKS_MAX_COUNT);
const address = fc.oneof(
  anyPeerAddress.map(formatPeerAddress),
  fc.integer({ min: 1, max: 65_535 }).map((port) => `*:${port}`),
);

const anyRequest: fc.Arbitrary<TrackerRequest> = fc.oneof(
  fc.record({
    verb: fc.constant('REGISTER' as const),
    name: anyFileName,
    sizeBytes: anySize,
    address,
    attributes: fc.record(
      {
        root: anyRoot,
        haveChunks: have,
        load,
        type: fc.constantFrom('text/plain', 'application/vnd.example+xml'),
        checksum: fc.constant('sha-512:00112233'),
      },
      { requiredKeys: [] },
    ),
  }),
  fc.record(
    {
      verb: fc.constant('LOOKUP' as const),
      content: fc.oneof(
        anyRoot.map((root) => ({ by: 'root' as const, root })),
        anyFileName.map((name) => ({ by: 'name' as const, name })),
      ),
      maxCount: fc.nat(LOOKUP_ROWS_MAX_COUNT),
    },
    { requiredKeys: ['verb', 'content'] },
  ),
  fc.record({ verb: fc.constant('UNREGISTER' as const), address }),
  fc.record({ verb: fc.constant('ALIVE' as const), address, load }, { requiredKeys: ['verb', 'address'] }),
);

const anyRow: fc.Arbitrary<LookupRow> = fc.record(
  { address: anyPeerAddress, sizeBytes: anySize, root: fc.option(anyRoot, { nil: undefined }), haveChunks: have, load },
  { requiredKeys: ['address', 'sizeBytes', 'root'] },
);

describe('tracker requests', () => {
  test('come back as they were, each in one line within its limit', () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        const line = formatTrackerRequest(request);
        expect(line).toMatch(/^[^\n]+\n$/);
        expect(Buffer.byteLength(line)).toBeLessThanOrEqual(LINE_MAX_BYTES);
        expect(parseTrackerRequest(line.slice(0, -1))).toEqual(request);
      }),
      { numRuns: 300 },
    );
  });

  test('TW5: a name with a bare space is refused by REGISTER and by LOOKUP alike', () => {
    expect(errorCode(() => parseTrackerRequest('REGISTER a b.bin 10 1.2.3.4:5'))).toBe('BAD_REQUEST');
    expect(errorCode(() => parseTrackerRequest('LOOKUP a b.bin'))).toBe('BAD_REQUEST');
  });

  test('a bare @ in front is a root for LOOKUP, so REGISTER refuses it as a name', () => {
    expect(parseTrackerRequest(`lookup @${ROOT}`)).toEqual({ verb: 'LOOKUP', content: { by: 'root', root: ROOT } });
    expect(errorCode(() => parseTrackerRequest(`REGISTER @${ROOT} 1 *:5`))).toBe('BAD_REQUEST');
    expect(parseTrackerRequest('REGISTER %40a 1 *:5')).toMatchObject({ name: '@a' });
  });

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'TW13: "%s" is an ordinary name and an unknown key',
    (word) => {
      const request = parseTrackerRequest(`REGISTER ${word} 1 *:5 ${word}=7`);
      expect(request).toEqual({ verb: 'REGISTER', name: word, sizeBytes: 1, address: '*:5', attributes: {} });
    },
  );

  test('unknown keys are ignored, root=- is no root, a large max is cut', () => {
    expect(parseTrackerRequest('REGISTER a 1 *:5 root=- new=1 load=7')).toMatchObject({ attributes: { load: 7 } });
    expect(parseTrackerRequest('LOOKUP a max=100000 new=')).toMatchObject({ maxCount: LOOKUP_ROWS_MAX_COUNT });
    expect(parseTrackerRequest(`LOOKUP a max=${LOOKUP_ROWS_MAX_COUNT}`)).toMatchObject({ maxCount: LOOKUP_ROWS_MAX_COUNT });
  });

  test.each([
    'REGISTER',
    'REGISTER a',
    'REGISTER a 1',
    'REGISTER a 1 *:5 x',
    'REGISTER a -1 *:5',
    'REGISTER a 9007199254740992 *:5',
    'REGISTER ../a 1 *:5',
    'REGISTER a 1 *:5 root=xyz',
    'REGISTER a 1 *:5 load=101',
    'REGISTER a 1 *:5 load=-1',
    `REGISTER a 1 *:5 have=${CHUNKS_MAX_COUNT + 1}`,
    'REGISTER a 1 *:5 type=text',
    `REGISTER a 1 *:5 type=text/${'x'.repeat(128)}`,
    'REGISTER a 1 *:5 checksum=md5',
    'LOOKUP',
    'LOOKUP @ab',
    'LOOKUP a max=x',
    'LOOKUP a max=-1',
    'UNREGISTER',
    'UNREGISTER *:5 x',
    'ALIVE',
    'ALIVE *:5 load=x',
    'ALIVE  *:5',
    'ALIVE *:5 ',
    'ALIVE\t*:5',
  ])('TW4, TW7: %j is a bad request', (line) => {
    expect(errorCode(() => parseTrackerRequest(line))).toBe('BAD_REQUEST');
  });

  test.each(['HELLO', 'GET / HTTP/1.1', 'GET_CHUNK a 0'])('TW19: "%s" is an unknown command', (line) => {
    expect(errorCode(() => parseTrackerRequest(line))).toBe('UNKNOWN_COMMAND');
  });

  test('survive anything, with nothing but a ShoalError', () => {
    fc.assert(
      fc.property(anyJunk, (text) => {
        const lines = [
          text,
          `REGISTER ${text} 1 *:5`,
          `REGISTER a ${text}`,
          `REGISTER a 1 *:5 ${text}`,
          `LOOKUP ${text}`,
          `ALIVE ${text}`,
        ];
        return lines.every((line) => isContained(() => parseTrackerRequest(line)));
      }),
    );
  });
});

describe('tracker replies', () => {
  test('a lease comes back in whole seconds, never longer than it is', () => {
    const ms = fc.integer({ min: 1000, max: 86_400_000 });
    fc.assert(
      fc.property(ms, ms, anyPeerAddress, (intervalMs, ttlMs, at) => {
        const line = formatLease({ intervalMs, ttlMs, address: at });
        expect(line).toMatch(/^OK interval=[1-9][0-9]* ttl=[1-9][0-9]* address=\S+\n$/);
        const whole = (value: number) => Math.floor(value / 1000) * 1000;
        expect(parseLease(line.slice(0, -1))).toEqual({ intervalMs: whole(intervalMs), ttlMs: whole(ttlMs), address: at });
      }),
    );
  });

  test('a lease needs no address and may hold more; without its numbers it is none', () => {
    expect(parseLease('OK interval=5 ttl=15 new=1')).toEqual({ intervalMs: 5000, ttlMs: 15_000, address: undefined });
    for (const line of [
      'OK',
      'OK interval=5',
      'OK interval=0 ttl=5',
      'OK interval=x ttl=5',
      'ok interval=5 ttl=5',
      '',
      'HTTP/1.1 400',
    ]) {
      expect(errorCode(() => parseLease(line))).toBe('PROTOCOL');
    }
    expect(errorCode(() => parseLease('ERR NOT_FOUND gone'))).toBe('NOT_FOUND');
  });

  test('a count is read up to its limit, and an error is thrown as what it is', () => {
    expect(parseOkCount('OK 0', 100)).toBe(0);
    expect(parseOkCount('OK 100', 100)).toBe(100);
    for (const line of ['OK 101', 'OK', 'OK -1', 'OK x', 'nonsense'])
      expect(errorCode(() => parseOkCount(line, 100))).toBe('PROTOCOL');
    expect(errorCode(() => parseOkCount('ERR BUSY later', 100))).toBe('BUSY');
  });

  test('rows come back as they were', () => {
    fc.assert(fc.property(anyRow, (row) => expect(parseLookupRow(formatLookupRow(row).slice(0, -1))).toEqual(row)));
  });

  test('a row with odd attributes is taken without them, one with odd tokens is refused', () => {
    expect(parseLookupRow('1.2.3.4:5 7 - have=x load=900 new=1 word')).toEqual({
      address: { ip: '1.2.3.4', port: 5 },
      sizeBytes: 7,
      root: undefined,
    });
    for (const line of ['', '1.2.3.4:5', '1.2.3.4:5 7', 'host:5 7 -', '1.2.3.4:5 x -', '1.2.3.4:5 7 xyz', '*:5 7 -']) {
      expect(errorCode(() => parseLookupRow(line))).toBe('BAD_REQUEST');
    }
  });

  test('survive anything, with nothing but a ShoalError', () => {
    const parsers = [parseLease, parseLookupRow, (line: string) => parseOkCount(line, 9)];
    fc.assert(
      fc.property(anyJunk, (text) =>
        [text, `OK ${text}`, `OK interval=${text}`, `1.2.3.4:5 ${text}`].every((line) =>
          parsers.every((parse) => isContained(() => parse(line))),
        ),
      ),
    );
  });
});
