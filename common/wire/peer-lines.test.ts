import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CHUNKS_MAX_COUNT, LINE_MAX_BYTES } from '../core/limits.js';
import { anyFileName, anyJunk, anyRoot } from '../testkit/arbitraries.js';
import { errorCode, isContained } from '../testkit/error-code.js';
import { formatBodyHeader, formatPeerRequest, type PeerRequest, parseBodyHeader, parsePeerRequest } from './peer-lines.js';

const ROOT = 'ab'.repeat(32);

const anyContent = fc.oneof(
  anyRoot.map((root) => ({ by: 'root' as const, root })),
  anyFileName.map((name) => ({ by: 'name' as const, name })),
);

const anyRequest: fc.Arbitrary<PeerRequest> = fc.oneof(
  fc.record({ verb: fc.constant('GET_CHUNK' as const), content: anyContent, chunkIndex: fc.nat(CHUNKS_MAX_COUNT - 1) }),
  fc.record({ verb: fc.constant('GET_MANIFEST' as const), content: anyContent }),
);

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
    [`GET_MANIFEST @${ROOT} later=x`, { verb: 'GET_MANIFEST', content: { by: 'root', root: ROOT } }],
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
    'GET_MANIFEST',
    'GET_MANIFEST a b',
    'GET_MANIFEST @ab',
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
        const lines = [text, `GET_CHUNK ${text}`, `GET_CHUNK a ${text}`, `GET_MANIFEST ${text}`];
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
