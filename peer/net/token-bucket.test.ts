import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { TokenBucket } from './token-bucket.js';

const anyRate = fc.integer({ min: 10, max: 31 }).map((power) => 2 ** power);

describe('token bucket', () => {
  test('lets a burst pass at once, then as much as the rate brings', () => {
    const bucket = new TokenBucket(1000, 5);
    expect([bucket.tokens(5), bucket.burstBytes, bucket.pieceBytes]).toEqual([250, 250, 50]);
    bucket.pay(250, 5);
    expect([bucket.tokens(5), bucket.msUntilPiece(5), bucket.tokens(105), bucket.msUntilPiece(105)]).toEqual([0, 50, 100, 0]);
  });

  test('rests full, and a clock that stands still or steps back brings nothing', () => {
    const bucket = new TokenBucket(1000, 0);
    expect(bucket.tokens(1e9)).toBe(250);
    bucket.pay(100, 1e9);
    expect([bucket.tokens(1e9), bucket.tokens(0)]).toEqual([150, 150]);
  });

  test('one overdraft is a debt that is paid back first', () => {
    const bucket = new TokenBucket(1000, 0);
    bucket.pay(1250, 0);
    expect([bucket.tokens(0), bucket.tokens(1000), bucket.msUntilPiece(1000)]).toEqual([-1000, 0, 50]);
  });

  test('never needs a token of which there is no whole one', () => {
    const bucket = new TokenBucket(1, 0);
    expect([bucket.pieceBytes, bucket.burstBytes]).toEqual([1, 2]);
  });

  test('lets no more pass in 10 s, wherever they begin, than the cap and 5 %', () => {
    const anyTry = fc.record({ pauseMs: fc.integer({ min: 0, max: 3000 }), bytes: fc.integer({ min: 1, max: 1000 }) });
    fc.assert(
      fc.property(anyRate, fc.array(anyTry, { maxLength: 200 }), (rate, tries) => {
        const bucket = new TokenBucket(rate, 0);
        const passed: { atMs: number; bytes: number }[] = [];
        let nowMs = 0;
        for (const { pauseMs, bytes } of tries) {
          nowMs += pauseMs;
          // Up to a piece more than there is, as a read may bring.
          const wanted = (bytes / 1000) * (bucket.burstBytes + bucket.pieceBytes);
          if (bucket.tokens(nowMs) < 1) continue;
          const taken = Math.min(wanted, bucket.tokens(nowMs) + bucket.pieceBytes);
          bucket.pay(taken, nowMs);
          passed.push({ atMs: nowMs, bytes: taken });
        }
        for (const { atMs } of passed) {
          const within = passed.filter((one) => one.atMs >= atMs && one.atMs <= atMs + 10_000);
          expect(within.reduce((sum, one) => sum + one.bytes, 0)).toBeLessThanOrEqual(rate * 10 * 1.05);
        }
      }),
    );
  });
});
