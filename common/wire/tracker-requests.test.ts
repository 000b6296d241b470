import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CHUNKS_MAX_COUNT, LINE_MAX_BYTES, LOOKUP_ROWS_MAX_COUNT, PAGE_ROWS_MAX_COUNT } from '../core/limits.js';
import { formatPeerAddress } from '../core/peer-address.js';
import {
  anyChecksum,
  anyFileName,
  anyJunk,
  anyLabel,
  anyMediaType,
  anyPeerAddress,
  anyRoot,
  anySize,
} from '../testkit/arbitraries.js';
import { errorCode, isContained } from '../testkit/error-code.js';
import { formatTrackerRequest, parseTrackerRequest, TRACKER_USAGES, type TrackerRequest } from './tracker-requests.js';

const ROOT = 'ab'.repeat(32);
const load = fc.integer({ min: 0, max: 100 });
const have = fc.nat(CHUNKS_MAX_COUNT);
const address = fc.oneof(
  anyPeerAddress.map(formatPeerAddress),
  fc.integer({ min: 1, max: 65_535 }).map((port) => `*:${port}`),
);
const content = fc.oneof(
  anyRoot.map((root) => ({ by: 'root' as const, root })),
  anyFileName.map((name) => ({ by: 'name' as const, name })),
);
const verb = <Verb extends string>(word: Verb) => fc.constant(word);
const pageRows = fc.integer({ min: 1, max: PAGE_ROWS_MAX_COUNT });
const cursor = fc.stringMatching(/^[0-9A-Za-z.-]{1,64}$/);
const searchText = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((text) => !/[\p{Cc}\p{Cs}]/u.test(text));

const anyRequest: fc.Arbitrary<TrackerRequest> = fc.oneof(
  fc.record({
    verb: verb('REGISTER'),
    name: anyFileName,
    sizeBytes: anySize,
    address,
    attributes: fc.record(
      { root: anyRoot, haveChunks: have, load, type: anyMediaType, checksum: anyChecksum },
      { requiredKeys: [] },
    ),
  }),
  fc.record({ verb: verb('LOOKUP'), content, maxCount: fc.nat(LOOKUP_ROWS_MAX_COUNT) }, { requiredKeys: ['verb', 'content'] }),
  fc.record({ verb: verb('INFO'), content, maxCount: fc.nat(PAGE_ROWS_MAX_COUNT) }, { requiredKeys: ['verb', 'content'] }),
  fc.record({ verb: verb('SEARCH'), text: searchText, maxCount: pageRows, after: cursor }, { requiredKeys: ['verb', 'text'] }),
  fc.record({ verb: verb('LIST'), maxCount: pageRows, after: cursor }, { requiredKeys: ['verb'] }),
  fc.record({ verb: verb('WITHDRAW'), name: anyFileName, address, root: anyRoot }, { requiredKeys: ['verb', 'name', 'address'] }),
  fc.record({ verb: verb('UNREGISTER'), address }),
  fc.record(
    { verb: verb('JOIN'), address, load, acceptBytes: fc.maxSafeNat(), group: anyLabel },
    { requiredKeys: ['verb', 'address'] },
  ),
  fc.record({ verb: verb('ALIVE'), address, load, acceptBytes: fc.maxSafeNat() }, { requiredKeys: ['verb', 'address'] }),
  fc.record({ verb: verb('PEERS'), maxCount: pageRows, after: cursor, group: anyLabel }, { requiredKeys: ['verb'] }),
  fc.record({ verb: fc.constantFrom('STATS' as const, 'HELP' as const, 'QUIT' as const) }),
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
      { numRuns: 1000 },
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

  test('unknown keys are ignored, root=- is no root, a large max is cut, the first of a repeated key counts', () => {
    expect(parseTrackerRequest('LIST max=100000 new=1')).toEqual({ verb: 'LIST', maxCount: PAGE_ROWS_MAX_COUNT });
    expect(parseTrackerRequest('info a max=5000')).toMatchObject({ verb: 'INFO', maxCount: PAGE_ROWS_MAX_COUNT });
    expect(parseTrackerRequest('help me=1')).toEqual({ verb: 'HELP' });
    expect(parseTrackerRequest('ALIVE *:5 load=1 load=x accept=0')).toEqual({
      verb: 'ALIVE',
      address: '*:5',
      load: 1,
      acceptBytes: 0,
    });
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
    'ALIVE *:5 accept=-1',
    'INFO',
    'INFO @ab',
    'INFO a max=x',
    'SEARCH',
    'SEARCH %',
    'SEARCH a%0Ab',
    'SEARCH %C2%85',
    `SEARCH ${'a'.repeat(1025)}`,
    'SEARCH a max=0',
    'SEARCH a after=',
    'SEARCH a after=a_b',
    'SEARCH a b',
    'LIST a',
    'LIST max=0',
    `LIST after=${'a'.repeat(65)}`,
    'WITHDRAW a',
    `WITHDRAW @${ROOT} *:5`,
    'WITHDRAW a *:5 root=-',
    'WITHDRAW a *:5 10',
    'JOIN',
    'JOIN *:5 load=101',
    'JOIN *:5 accept=1.5',
    'JOIN *:5 group=a,b',
    `JOIN *:5 group=${'a'.repeat(65)}`,
    'PEERS *:5',
    'PEERS group=',
    'STATS all',
    'HELP LOOKUP',
    'QUIT now',
  ])('TW4, TW7: %j is a bad request, and the answer names its usage', (line) => {
    const verb = line.split(' ')[0] as keyof typeof TRACKER_USAGES;
    const attempt = () => parseTrackerRequest(line);
    expect(errorCode(attempt)).toBe('BAD_REQUEST');
    expect(attempt).toThrow(`Usage: ${TRACKER_USAGES[verb]}`);
  });

  test('a search is for any text of 1,024 bytes, with a bare @ too', () => {
    expect(parseTrackerRequest('SEARCH @a%20%2F\u00dc')).toEqual({ verb: 'SEARCH', text: '@a /\u00dc' });
    expect(parseTrackerRequest(`SEARCH ${'%20'.repeat(1024)}`)).toEqual({ verb: 'SEARCH', text: ' '.repeat(1024) });
  });

  test.each(['ALIVE  *:5', 'ALIVE *:5 ', 'ALIVE\t*:5'])('TW4: %j is no line', (line) => {
    expect(errorCode(() => parseTrackerRequest(line))).toBe('BAD_REQUEST');
  });

  test.each(['HELLO', 'GET / HTTP/1.1', 'GET_CHUNK a 0', 'toString', '__proto__'])('TW19: "%s" is an unknown command', (line) => {
    expect(errorCode(() => parseTrackerRequest(line))).toBe('UNKNOWN_COMMAND');
    expect(() => parseTrackerRequest(line)).toThrow('HELP');
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
          `SEARCH ${text}`,
          `LIST ${text}`,
          `JOIN *:5 group=${text}`,
        ];
        return lines.every((line) => isContained(() => parseTrackerRequest(line)));
      }),
    );
  });
});
