/** What the UDP front end remembers of its askers has a size of its own, whatever they do. */
import { describe, expect, test } from '@jest/globals';
import {
  INDEX_COOKIE_SLOT_MS,
  INDEX_COOKIES_KEPT_COUNT,
  INDEX_RATE_SLOTS_COUNT,
  INDEX_SEQUENCES_KEPT_COUNT,
} from '../../common/core/limits.js';
import { SimRandom } from '../../common/sim/sim-random.js';
import { CookieJar } from './cookie.js';
import { Sequences } from './sequences.js';
import { SourceRates } from './source-rates.js';

describe('UD2, UD7: cookies', () => {
  test('are of 16 hex digits, another for every address, port, slot and tracker, and are compared whole', () => {
    const [jar, other] = [new CookieJar(new SimRandom(1)), new CookieJar(new SimRandom(2))];
    const cookies = [
      jar.cookieFor('10.0.0.1 5', 0),
      jar.cookieFor('10.0.0.1 6', 0),
      jar.cookieFor('10.0.0.2 5', 0),
      other.cookieFor('10.0.0.1 5', 0),
      jar.cookieFor('10.0.0.1 5', INDEX_COOKIE_SLOT_MS),
    ];
    expect(new Set(cookies).size).toBe(cookies.length);
    const [good = ''] = cookies;
    expect(good).toMatch(/^[0-9a-f]{16}$/);
    for (const wrong of ['', good.slice(1), `${good}0`, `${good.slice(0, 15)}g`])
      expect(jar.prove('10.0.0.1 5', wrong, 0)).toBe(false);
    expect([jar.isKnown('10.0.0.1 5', good, 0), jar.prove('10.0.0.1 5', good, 0), jar.isKnown('10.0.0.1 5', good, 0)]).toEqual([
      false,
      true,
      true,
    ]);
  });

  test('are good in their slot and the next, with or without being remembered', () => {
    const jar = new CookieJar(new SimRandom(1));
    const proved = jar.cookieFor('a', 10);
    jar.prove('a', proved, 10);
    const unused = jar.cookieFor('b', 10);
    const lastMs = 2 * INDEX_COOKIE_SLOT_MS - 1;
    expect([jar.isKnown('a', proved, lastMs), jar.prove('b', unused, lastMs)]).toEqual([true, true]);
    expect([
      jar.isKnown('a', proved, lastMs + 1),
      jar.prove('a', proved, lastMs + 1),
      jar.prove('b', unused, lastMs + 1),
    ]).toEqual([false, false, false]);
  });

  test('are remembered up to a number, and are good beyond it', () => {
    const jar = new CookieJar(new SimRandom(1));
    let knownCount = 0;
    for (let at = 0; at < INDEX_COOKIES_KEPT_COUNT + 100; at += 1) {
      const cookie = jar.cookieFor(String(at), 0);
      expect(jar.prove(String(at), cookie, 0)).toBe(true);
      if (jar.isKnown(String(at), cookie, 0)) knownCount += 1;
    }
    expect(knownCount).toBe(INDEX_COOKIES_KEPT_COUNT);
  });
});

describe('UD5, UD7: sequence numbers', () => {
  test('are remembered for their time at least, and for twice as long at most', () => {
    const sequences = new Sequences(1000);
    expect(sequences.staleBy('a', 5, 0)).toBeUndefined();
    expect([sequences.staleBy('a', 4, 900), sequences.staleBy('a', 5, 900)]).toEqual([5, undefined]);
    expect(sequences.staleBy('a', 4, 1900)).toBe(5);
    expect(sequences.staleBy('b', 4, 1900)).toBeUndefined();
    expect(sequences.staleBy('b', 1, 2900)).toBe(4);
    sequences.staleBy('x', 1, 3900);
    expect(sequences.staleBy('a', 4, 4900)).toBeUndefined();
  });

  test('of the oldest addresses are forgotten where there are too many', () => {
    const sequences = new Sequences(1e9);
    const seen = (from: number, count: number) => {
      for (let at = from; at < from + count; at += 1) sequences.staleBy(String(at), 5, 0);
    };
    seen(0, INDEX_SEQUENCES_KEPT_COUNT);
    expect(sequences.staleBy('0', 4, 0)).toBe(5);
    seen(INDEX_SEQUENCES_KEPT_COUNT, 2 * INDEX_SEQUENCES_KEPT_COUNT);
    expect(sequences.staleBy('1', 4, 0)).toBeUndefined();
  });
});

describe('UD7: the rates of sources', () => {
  test('are kept apart for nearly all of a thousand, and come back with time', () => {
    const rates = new SourceRates(new SimRandom(1), 10);
    const sources = Array.from({ length: 1000 }, (_, at) => `10.0.${at % 256}.${at >> 8}`);
    const takenCount = (nowMs: number) =>
      sources.reduce(
        (sum, source) => sum + Array.from({ length: 20 }, () => rates.take(source, nowMs)).filter(Boolean).length,
        0,
      );
    const first = takenCount(0);
    expect(first).toBeLessThanOrEqual(10_000);
    expect(first).toBeGreaterThan(10_000 * (1 - 4 * (1000 / INDEX_RATE_SLOTS_COUNT)));
    expect(takenCount(50)).toBeLessThan(100);
    expect(takenCount(1050)).toBeGreaterThan(9000);
  });
});
