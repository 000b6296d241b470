import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  CHUNKS_MAX_COUNT,
  FETCH_CHUNKS_MAX_COUNT,
  HAVE_NEWS_RANGES_MAX_COUNT,
  LINE_MAX_BYTES,
  PAGE_ROWS_MAX_COUNT,
  RANGE_MAX_BYTES,
} from '../core/limits.js';
import { parseContentRoot } from '../core/root.js';
import { anyFileName, anyJunk, anyRoot, anySize } from '../testkit/arbitraries.js';
import { errorCode, isContained } from '../testkit/error-code.js';
import {
  type ChunkRange,
  formatBodyHeader,
  formatHaveNews,
  formatPeerRequest,
  type PeerRequest,
  parseBodyHeader,
  parseHaveNews,
  parsePeerRequest,
} from './peer-lines.js';

const ROOT = parseContentRoot('ab'.repeat(32));

const anyContent = fc.oneof(
  anyRoot.map((root) => ({ by: 'root' as const, root })),
  anyFileName.map((name) => ({ by: 'name' as const, name })),
);

const anyPort = fc.integer({ min: 1, max: 65_535 });
const anyId = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((id) => id.toString(16).padStart(16, '0'));
const anyPage = fc.record(
  { maxCount: fc.integer({ min: 1, max: PAGE_ROWS_MAX_COUNT }), after: fc.stringMatching(/^[0-9A-Za-z.-]{1,64}$/) },
  { requiredKeys: [] },
);
const anyOffer = fc.record(
  {
    name: anyFileName,
    sizeBytes: anySize,
    root: anyRoot,
    port: anyPort,
    type: fc.constantFrom('text/plain', `${'a'.repeat(127)}/${'b'.repeat(127)}`),
    id: anyId,
    group: fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/),
  },
  { requiredKeys: ['name', 'sizeBytes', 'root', 'port'] },
);

const anyRequest: fc.Arbitrary<PeerRequest> = fc.oneof(
  fc.record({
    verb: fc.constantFrom('GET_CHUNK' as const, 'CANCEL' as const),
    content: anyContent,
    chunkIndex: fc.nat(CHUNKS_MAX_COUNT - 1),
  }),
  fc.record({ verb: fc.constant('GET_MANIFEST' as const), content: anyContent }),
  fc.record(
    {
      verb: fc.constant('HAVE' as const),
      content: anyContent,
      port: anyPort,
      id: anyId,
    },
    { requiredKeys: ['verb', 'content'] },
  ),
  fc.record({
    verb: fc.constant('GET_RANGE' as const),
    content: anyContent,
    offset: fc.maxSafeNat(),
    lengthBytes: fc.integer({ min: 1, max: RANGE_MAX_BYTES }),
  }),
  fc.constant({ verb: 'STATUS' as const }),
  fc.record({ verb: fc.constant('LIST' as const), page: anyPage }),
  fc.record({ verb: fc.constant('PUSH' as const), offer: anyOffer }),
);

/** Ranges that ascend and do not overlap; gaps of 0 make them touch. */
const anyRanges: fc.Arbitrary<ChunkRange[]> = fc
  .array(fc.tuple(fc.nat(5000), fc.integer({ min: 1, max: 5000 })), { minLength: 1, maxLength: HAVE_NEWS_RANGES_MAX_COUNT })
  .map((steps) => {
    let next = 0;
    return steps.map(([gap, count]): ChunkRange => {
      const first = next + gap;
      next = first + count;
      return [first, count];
    });
  });

describe('peer requests', () => {
  test('come back as they were, each in one line within its limit', () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        const line = formatPeerRequest(request);
        expect(line).toMatch(/^[^\n]+\n$/);
        expect(Buffer.byteLength(line)).toBeLessThanOrEqual(LINE_MAX_BYTES);
        expect(parsePeerRequest(line.slice(0, -1))).toEqual(request);
      }),
    );
  });

  test.each([
    ['get_chunk a 0', { verb: 'GET_CHUNK', content: { by: 'name', name: 'a' }, chunkIndex: 0 }],
    ['GET_CHUNK a%20b 7 later=x', { verb: 'GET_CHUNK', content: { by: 'name', name: 'a b' }, chunkIndex: 7 }],
    ['GET_CHUNK %40a 7', { verb: 'GET_CHUNK', content: { by: 'name', name: '@a' }, chunkIndex: 7 }],
    ['cancel a 3 later=x', { verb: 'CANCEL', content: { by: 'name', name: 'a' }, chunkIndex: 3 }],
    [`GET_MANIFEST @${ROOT} later=x`, { verb: 'GET_MANIFEST', content: { by: 'root', root: ROOT } }],
    ['get_range a 0 1 later=x', { verb: 'GET_RANGE', content: { by: 'name', name: 'a' }, offset: 0, lengthBytes: 1 }],
    ['status later=x', { verb: 'STATUS' }],
    ['list', { verb: 'LIST', page: {} }],
    ['LIST after=7 max=5000 later=x', { verb: 'LIST', page: { maxCount: PAGE_ROWS_MAX_COUNT, after: '7' } }],
    [`push a 0 ${ROOT} later=x port=7`, { verb: 'PUSH', offer: { name: 'a', sizeBytes: 0, root: ROOT, port: 7 } }],
    ['have a port=7 later=x port=8', { verb: 'HAVE', content: { by: 'name', name: 'a' }, port: 7 }],
  ])('"%s" is read', (line, request) => {
    expect(parsePeerRequest(line)).toEqual(request);
  });

  test.each(['-1', '1.5', '1e3', '9007199254740992', 'NaN', '00', String(CHUNKS_MAX_COUNT), '', '+1'])(
    'PW2: chunk_id "%s" is refused',
    (chunk) => {
      expect(errorCode(() => parsePeerRequest(`GET_CHUNK a ${chunk}`))).toBe('BAD_REQUEST');
    },
  );

  test.each([
    'GET_CHUNK',
    'GET_CHUNK a',
    'GET_CHUNK a 0 b',
    'GET_CHUNK a 0 =b',
    'CANCEL a',
    'GET_MANIFEST',
    'GET_MANIFEST a b',
    'GET_MANIFEST @ab',
    'HAVE',
    'HAVE a 5',
    'HAVE a port=0',
    'HAVE a port=65536',
    'HAVE a port=',
    'HAVE a id=0123456789abcde',
    'HAVE a id=0123456789ABCDEF',
    'GET_RANGE a',
    'GET_RANGE a 0',
    'GET_RANGE a 0 0',
    'GET_RANGE a -1 1',
    'GET_RANGE a 0 1 1',
    `GET_RANGE a 0 ${RANGE_MAX_BYTES + 1}`,
    'GET_RANGE a 9007199254740992 1',
    'GET_RANGE @ab 0 1',
    'STATUS a',
    'LIST a',
    'LIST max=0',
    'LIST max=-1',
    'LIST after=',
    `LIST after=${'7'.repeat(65)}`,
    'LIST after=a/b',
    'PUSH',
    `PUSH a 1 ${ROOT}`,
    `PUSH a 1 ${ROOT} port=0`,
    `PUSH a 1 @${ROOT} port=7`,
    'PUSH a 1 - port=7',
    `PUSH a -1 ${ROOT} port=7`,
    `PUSH ../a 1 ${ROOT} port=7`,
    `PUSH @${ROOT} 1 ${ROOT} port=7`,
    `PUSH a 1 ${ROOT} port=7 group=a/b`,
    `PUSH a 1 ${ROOT} port=7 type=nonsense`,
    `PUSH a 1 ${ROOT} port=7 id=1`,
  ])('"%s" is a bad request', (line) => {
    expect(errorCode(() => parsePeerRequest(line))).toBe('BAD_REQUEST');
  });

  test.each(['GET / HTTP/1.1', 'GET_PIECE a 0', 'REGISTER a 1 *:1', '\u0016\u0003\u0001'])(
    'TW19: %j is no command here',
    (line) => {
      expect(['UNKNOWN_COMMAND', 'BAD_REQUEST']).toContain(errorCode(() => parsePeerRequest(line)));
    },
  );

  test('survive anything, with nothing but a ShoalError', () => {
    fc.assert(
      fc.property(anyJunk, (text) => {
        const lines = [text, `GET_CHUNK ${text}`, `GET_CHUNK a ${text}`, `GET_MANIFEST ${text}`, `HAVE a port=${text}`];
        lines.push(`STATUS ${text}`, `LIST ${text}`, `LIST after=${text}`, `GET_RANGE a ${text}`, `GET_RANGE a 0 ${text}`);
        lines.push(`PUSH ${text}`, `PUSH a 1 ${text}`, `PUSH a 1 ${ROOT} ${text}`, `PUSH a 1 ${ROOT} port=7 type=${text}`);
        return lines.every((line) => isContained(() => parsePeerRequest(line)));
      }),
    );
  });
});

describe('the header before a body', () => {
  test('is a plain number', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (size) => parseBodyHeader(formatBodyHeader(size).slice(0, -1)) === size));
  });

  test.each(['', '+512', '512abc', '-1', '9'.repeat(20), ' 512', '512 ', '0512', 'ERR NOT_FOUND x', 'OK'])(
    'PW3: "%s" is none',
    (line) => {
      expect(parseBodyHeader(line)).toBeUndefined();
    },
  );
});

describe('news', () => {
  test('come back as they were, each in one line within its limit', () => {
    fc.assert(
      fc.property(anyRoot, anyRanges, (root, ranges) => {
        const line = formatHaveNews(root, ranges);
        expect(Buffer.byteLength(line)).toBeLessThanOrEqual(LINE_MAX_BYTES);
        expect(parseHaveNews(line.slice(0, -1))).toEqual({ root, ranges });
      }),
    );
  });

  test('of as many ranges as a line may have, with the longest numbers, fit in a line', () => {
    const start = FETCH_CHUNKS_MAX_COUNT - 3 * HAVE_NEWS_RANGES_MAX_COUNT;
    const ranges = Array.from({ length: HAVE_NEWS_RANGES_MAX_COUNT }, (_, at): ChunkRange => [start + 3 * at, 2]);
    const line = formatHaveNews(ROOT, ranges);
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(LINE_MAX_BYTES);
    expect(parseHaveNews(line.slice(0, -1)).ranges).toEqual(ranges);
  });

  test('are written as the document says', () => {
    expect(
      formatHaveNews(ROOT, [
        [5, 1],
        [7, 3],
      ]),
    ).toBe(`HAVE @${ROOT} 5,7-9\n`);
    expect(parseHaveNews(`have @${ROOT} 5-5,6 later=x`).ranges).toEqual([
      [5, 1],
      [6, 1],
    ]);
    expect(parseHaveNews(`HAVE @${ROOT} 0-${FETCH_CHUNKS_MAX_COUNT - 1}`).ranges).toEqual([[0, FETCH_CHUNKS_MAX_COUNT]]);
  });

  test.each([
    '7-5',
    '5,5',
    '5-9,7',
    '9,5',
    '',
    ',',
    '5,',
    '-5',
    '5-',
    '5-6-7',
    '05',
    '1e3',
    `${FETCH_CHUNKS_MAX_COUNT}`,
    `0-${FETCH_CHUNKS_MAX_COUNT}`,
    '5 6',
  ])('with the ranges "%s" are refused', (ranges) => {
    expect(errorCode(() => parseHaveNews(`HAVE @${ROOT} ${ranges}`))).toBe('PROTOCOL');
  });

  test.each(['', 'HAVE', `HAVE ${ROOT} 5`, `HAVE @${ROOT}`, 'HAVE @ab 5', 'HAVE name 5', `GET @${ROOT} 5`])(
    '%j are none',
    (line) => {
      expect(errorCode(() => parseHaveNews(line))).toBe('PROTOCOL');
    },
  );

  test('survive anything, with nothing but a ShoalError', () => {
    fc.assert(
      fc.property(anyJunk, (text) =>
        [text, `HAVE ${text}`, `HAVE @${ROOT} ${text}`].every((line) => isContained(() => parseHaveNews(line))),
      ),
    );
  });
});
