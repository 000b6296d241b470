import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CHUNKS_MAX_COUNT, LINE_MAX_BYTES, PAGE_ROWS_MAX_COUNT } from '../core/limits.js';
import { anyFileName, anyJunk, anyRoot, anySize } from '../testkit/arbitraries.js';
import { errorCode, isContained } from '../testkit/error-code.js';
import {
  formatPeerStatus,
  formatPushState,
  formatSharedPage,
  formatSharedRow,
  type PeerStatus,
  type PushState,
  parsePeerStatus,
  parsePushState,
  parseSharedPage,
  type SharedRow,
} from './peer-documents.js';

const bytes = (text: string) => Buffer.from(text);
const anyLabel = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/);
const anyCursor = fc.stringMatching(/^[0-9A-Za-z.-]{1,64}$/);

const anyStatus: fc.Arbitrary<PeerStatus> = fc.record(
  {
    load: fc.nat(100),
    slotCount: fc.nat(64),
    usedSlotCount: fc.nat(64),
    waitingCount: fc.nat(10_000),
    rateBytes: fc.maxSafeNat(),
    fileCount: fc.nat(),
    acceptBytes: fc.maxSafeNat(),
    group: anyLabel,
    version: fc.constant('1.2.3-beta+4'),
  },
  { requiredKeys: ['load', 'slotCount', 'usedSlotCount', 'waitingCount', 'rateBytes', 'fileCount', 'version'] },
);

const anyRow: fc.Arbitrary<SharedRow> = fc.record(
  {
    name: anyFileName,
    sizeBytes: anySize,
    root: anyRoot,
    haveChunks: fc.nat(CHUNKS_MAX_COUNT),
    type: fc.constantFrom('text/plain', 'application/x.shoal-folder'),
  },
  { requiredKeys: ['name', 'sizeBytes', 'root'] },
);

describe('what answers STATUS', () => {
  test('comes back as it was, in one line within its limit', () => {
    fc.assert(
      fc.property(anyStatus, (status) => {
        const line = formatPeerStatus(status);
        expect(line).toMatch(/^[^\n]+\n$/);
        expect(parsePeerStatus(bytes(line))).toEqual(status);
      }),
    );
  });

  test('of a stranger may say little, and more than is known', () => {
    const none = { slotCount: 0, usedSlotCount: 0, waitingCount: 0, rateBytes: 0, fileCount: 0, version: '' };
    expect(parsePeerStatus(bytes('load=7'))).toEqual({ load: 7, ...none });
    expect(parsePeerStatus(bytes('later=x OK load=7 load=9\r\n'))).toEqual({ load: 7, ...none });
  });

  test.each(['', '\n', 'slots=8', 'load=101', 'load=-1', 'load=', 'load=1 used=x', 'load=1\nload=2', 'load=1 group=a/b'])(
    '%j is none',
    (text) => {
      expect(errorCode(() => parsePeerStatus(bytes(text)))).toBe('PROTOCOL');
    },
  );
});

describe('what answers LIST', () => {
  test('comes back as it was', () => {
    fc.assert(
      fc.property(fc.array(anyRow, { maxLength: 20 }), fc.option(anyCursor, { nil: undefined }), (rows, next) => {
        const body = formatSharedPage(rows.map(formatSharedRow), next);
        expect(parseSharedPage(bytes(body))).toEqual(next === undefined ? { rows } : { rows, next });
      }),
    );
  });

  test('leaves out a type that would break the line, and ignores one', () => {
    const row = { name: 'a' as never, sizeBytes: 1, root: 'ab'.repeat(32) as never };
    const line = formatSharedRow({ ...row, type: 'text plain\nx 1' });
    expect(line).toBe(`a 1 ${row.root}\n`);
    expect(parseSharedPage(bytes(`OK 1 later=x\na 1 ${row.root} type=nonsense have=-1 later=y\n`)).rows).toEqual([row]);
  });

  test.each([
    '',
    'OK 0',
    'OK 1\n',
    'OK 0\na 1 b\n',
    `OK ${PAGE_ROWS_MAX_COUNT + 1}\n${'x\n'.repeat(PAGE_ROWS_MAX_COUNT + 1)}`,
    'OK 1\na 1 -\n',
    `OK 1\n../x 1 ${'a'.repeat(64)}\n`,
    `OK 1\na\u001b[2J 1 ${'a'.repeat(64)}\n`,
    'OK 0 next=a/b\n',
    'ERR NOT_FOUND x\n',
  ])('%j is none', (text) => {
    expect(errorCode(() => parseSharedPage(bytes(text)))).toBe('PROTOCOL');
  });
});

describe('what answers PUSH', () => {
  test('comes back as it was, with any text, in one line within its limit', () => {
    const anyState: fc.Arbitrary<PushState> = fc.nat(1000).chain((chunkCount) =>
      fc.record(
        {
          state: fc.constantFrom('waiting' as const, 'fetching' as const, 'done' as const, 'failed' as const),
          haveChunks: fc.nat(chunkCount),
          chunkCount: fc.constant(chunkCount),
          code: fc.constantFrom('DISK_FULL' as const, 'NETWORK' as const),
        },
        { requiredKeys: ['state', 'haveChunks', 'chunkCount'] },
      ),
    );
    fc.assert(
      fc.property(anyState, fc.string({ unit: 'binary', maxLength: 500 }), (state, text) => {
        const line = formatPushState({ ...state, text });
        expect(line).toMatch(/^[\x20-\x7e]+\n$/);
        expect(Buffer.byteLength(line)).toBeLessThanOrEqual(LINE_MAX_BYTES);
        const { text: shown = '', ...rest } = parsePushState(bytes(line));
        expect(rest).toEqual(state);
        expect(shown).toMatch(/^[^\u0000-\u001f\u007f-\u009f]*$/);
        if (/^[\x20-\x7e]{1,200}$/.test(text)) expect(shown).toBe(text);
      }),
    );
  });

  test('tells a code that is not known as INTERNAL', () => {
    expect(parsePushState(bytes('state=failed have=0 of=1 code=EXPLODED text=%zz'))).toEqual({
      state: 'failed',
      haveChunks: 0,
      chunkCount: 1,
      code: 'INTERNAL',
      text: '%zz',
    });
  });

  test.each(['', 'state=waiting', 'state=lost have=0 of=1', 'state=done have=2 of=1', 'state=done have=x of=1'])(
    '%j is none',
    (text) => {
      expect(errorCode(() => parsePushState(bytes(text)))).toBe('PROTOCOL');
    },
  );
});

test('readers of all three survive anything, with nothing but a ShoalError', () => {
  const readers = [parsePeerStatus, parseSharedPage, parsePushState];
  const junk = fc.oneof(anyJunk.map(bytes), fc.uint8Array({ maxLength: 200 }));
  const starts = ['', 'load=1 ', 'OK 1\n', 'OK 1 next=', `OK 1\na 1 ${'a'.repeat(64)} `, 'state=done have=1 of=1 text='];
  fc.assert(
    fc.property(junk, (tail) =>
      starts.every((start) => readers.every((read) => isContained(() => read(Buffer.concat([bytes(start), tail]))))),
    ),
  );
});
