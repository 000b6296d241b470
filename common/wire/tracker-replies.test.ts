import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CHUNKS_MAX_COUNT, LINE_MAX_BYTES } from '../core/limits.js';
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
import {
  type ContentInfo,
  formatContentRow,
  formatLease,
  formatLookupRow,
  formatPageHead,
  formatPeerRow,
  formatStats,
  type LookupRow,
  type PeerInfo,
  parseContentRow,
  parseLease,
  parseLookupRow,
  parseOkCount,
  parsePageHead,
  parsePeerRow,
  parseStats,
  type TrackerStats,
} from './tracker-replies.js';

const load = fc.integer({ min: 0, max: 100 });
const count = fc.maxSafeNat();

const anyRow: fc.Arbitrary<LookupRow> = fc.record(
  {
    address: anyPeerAddress,
    sizeBytes: anySize,
    root: fc.option(anyRoot, { nil: undefined }),
    haveChunks: fc.nat(CHUNKS_MAX_COUNT),
    load,
  },
  { requiredKeys: ['address', 'sizeBytes', 'root'] },
);

const anyContent: fc.Arbitrary<ContentInfo> = fc.record(
  {
    name: anyFileName,
    sizeBytes: anySize,
    root: fc.option(anyRoot, { nil: undefined }),
    completeCount: count,
    partialCount: count,
    type: anyMediaType,
    checksum: anyChecksum,
  },
  { requiredKeys: ['name', 'sizeBytes', 'root', 'completeCount', 'partialCount'] },
);

const anyPeer: fc.Arbitrary<PeerInfo> = fc.record(
  { address: anyPeerAddress, fileCount: count, seenMs: fc.nat(10 ** 9), load, acceptBytes: count, group: anyLabel },
  { requiredKeys: ['address', 'fileCount', 'seenMs'] },
);

const anyStats: fc.Arbitrary<TrackerStats> = fc.record(
  {
    entries: count,
    peers: count,
    names: count,
    sources: count,
    connections: count,
    uptime: count,
    requests: count,
    registers: count,
    lookups: count,
    searches: count,
    udp: count,
    version: fc.constantFrom('0.1.0', '1.2.3-beta.1'),
  },
  { requiredKeys: [] },
);

/** A line within its limit, without its LF. */
function lineOf(text: string): string {
  expect(text).toMatch(/^[^\n]+\n$/);
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(LINE_MAX_BYTES);
  return text.slice(0, -1);
}

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
    fc.assert(fc.property(anyRow, (row) => expect(parseLookupRow(lineOf(formatLookupRow(row)))).toEqual(row)));
    fc.assert(fc.property(anyContent, (row) => expect(parseContentRow(lineOf(formatContentRow(row)))).toEqual(row)));
    fc.assert(
      fc.property(anyPeer, (row) => {
        const seenMs = Math.floor(row.seenMs / 1000) * 1000;
        expect(parsePeerRow(lineOf(formatPeerRow(row)))).toEqual({ ...row, seenMs });
      }),
    );
  });

  test('so do the first line of a page and the figures of a tracker', () => {
    const cursor = fc.option(fc.stringMatching(/^[0-9A-Za-z.-]{1,64}$/), { nil: undefined });
    fc.assert(
      fc.property(fc.nat(1000), cursor, (rowCount, next) => {
        expect(parsePageHead(lineOf(formatPageHead({ rowCount, next })), 1000)).toEqual({ rowCount, next });
      }),
    );
    fc.assert(fc.property(anyStats, (stats) => expect(parseStats(lineOf(formatStats(stats)))).toEqual(stats)));
  });

  test('a page has no more rows than were asked for, and a next that can be asked for', () => {
    expect(parsePageHead('OK 0 new=1 next=b next=c', 10)).toEqual({ rowCount: 0, next: 'b' });
    for (const line of ['OK 11', 'OK', 'OK 1 next=', 'OK 1 next=a_b', `OK 1 next=${'a'.repeat(65)}`, 'HTTP/1.1 200 OK']) {
      expect(errorCode(() => parsePageHead(line, 10))).toBe('PROTOCOL');
    }
    expect(errorCode(() => parsePageHead('ERR UNKNOWN_COMMAND No.', 10))).toBe('UNKNOWN_COMMAND');
  });

  test('figures that make no sense are left out, new ones are ignored', () => {
    expect(parseStats('OK entries=5 peers=x names=-1 later=7 version=a/b word')).toEqual({ entries: 5 });
    expect(errorCode(() => parseStats('ERR BUSY later'))).toBe('BUSY');
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
    expect(parseContentRow('a%20b 7 - holders=x partial=3 type=x checksum=y word')).toEqual({
      name: 'a b',
      sizeBytes: 7,
      root: undefined,
      completeCount: 0,
      partialCount: 3,
    });
    for (const line of ['a', 'a 7', 'a x -', '../a 7 -', '@a 7 -']) {
      expect(errorCode(() => parseContentRow(line))).toBe('BAD_REQUEST');
    }
    expect(parsePeerRow('1.2.3.4:5 files=x seen=2 load=101 accept=7 group=a/b new=1')).toEqual({
      address: { ip: '1.2.3.4', port: 5 },
      fileCount: 0,
      seenMs: 2000,
      acceptBytes: 7,
    });
    for (const line of ['', 'host:5 files=1', '*:5 files=1']) {
      expect(errorCode(() => parsePeerRow(line))).toBe('BAD_REQUEST');
    }
  });

  test('survive anything, with nothing but a ShoalError', () => {
    const heads = [parseLease, parseStats, (line: string) => parseOkCount(line, 9), (line: string) => parsePageHead(line, 9)];
    const parsers = [...heads, parseLookupRow, parseContentRow, parsePeerRow];
    fc.assert(
      fc.property(anyJunk, (text) =>
        [text, `OK ${text}`, `OK interval=${text}`, `1.2.3.4:5 ${text}`, `a 7 - ${text}`].every((line) =>
          parsers.every((parse) => isContained(() => parse(line))),
        ),
      ),
    );
  });
});
