import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { anyJunk } from '../testkit/arbitraries.js';
import { errorCode, isContained } from '../testkit/error-code.js';
import { formatBytes, formatDuration, formatRate, parseBytes, parseDurationMs } from './units.js';

describe('units that people type', () => {
  test.each([
    ['0', 0],
    ['1536', 1536],
    ['500k', 512_000],
    ['500K', 512_000],
    ['10MiB', 10_485_760],
    ['10 MiB', 10_485_760],
    ['10MiB/s', 10_485_760],
    ['1M/s', 1_048_576],
    ['10MB', 10_000_000],
    ['1kB', 1000],
    ['1.5G', 1_610_612_736],
    ['2TB', 2e12],
    ['2T', 2_199_023_255_552],
    ['64B', 64],
  ])('"%s" is %d bytes', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  test.each(['', '-1', '+1', '1e9', '0x10', 'k', '1.', '.5', '1 0', '10iB', '1P', '1kk', 'NaN', '9'.repeat(17), '9'.repeat(400)])(
    '"%s" is no size',
    (text) => {
      expect(errorCode(() => parseBytes(text))).toBe('USAGE');
    },
  );

  test.each([
    ['30', 30_000],
    ['30s', 30_000],
    ['250ms', 250],
    ['90m', 5_400_000],
    ['12h', 43_200_000],
    ['1.5d', 129_600_000],
  ])('"%s" is %d ms', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  test.each(['', '-1', '1w', 's', '1e3', '1 m 2', '9'.repeat(400)])('"%s" is no duration', (text) => {
    expect(errorCode(() => parseDurationMs(text))).toBe('USAGE');
  });

  test('any text gives a whole number of bytes or of milliseconds, or a ShoalError', () => {
    fc.assert(fc.property(anyJunk, (text) => isContained(() => parseBytes(text)) && isContained(() => parseDurationMs(text))));
  });
});

describe('units that people read', () => {
  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [2000, '1.9 KiB'],
    [524_288, '512 KiB'],
    [1_572_864, '1.5 MiB'],
    [5_368_709_120, '5 GiB'],
  ])('%d bytes are "%s"', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test('a rate that is not known yet is 0', () => {
    expect([formatRate(1_572_864.4), formatRate(Number.NaN), formatRate(Number.POSITIVE_INFINITY)]).toEqual([
      '1.5 MiB/s',
      '0 B/s',
      '0 B/s',
    ]);
  });

  test.each([
    [0, '0.0 s'],
    [9949, '9.9 s'],
    [9951, '10 s'],
    [59_499, '59 s'],
    [59_500, '1m00s'],
    [185_000, '3m05s'],
    [3_599_600, '1h00m'],
    [7_620_000, '2h07m'],
    [Number.POSITIVE_INFINITY, '?'],
  ])('%d ms are "%s"', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  test('a size that was printed can be typed in again', () => {
    fc.assert(
      fc.property(
        fc.nat().map((bytes) => bytes * 1000),
        (bytes) => {
          expect(Math.abs(parseBytes(formatBytes(bytes)) - bytes)).toBeLessThanOrEqual(bytes / 10 + 1);
        },
      ),
    );
  });
});
