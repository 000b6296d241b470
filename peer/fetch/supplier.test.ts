import { beforeEach, describe, expect, test } from '@jest/globals';
import type { PeerConnection } from '../net/peer-connection.js';
import { PeerScore } from './peer-score.js';
import { Supplier } from './supplier.js';

let supplier: Supplier;

beforeEach(() => {
  supplier = new Supplier({
    key: '192.0.2.7:1',
    address: { ip: '192.0.2.7', port: 1 },
    score: new PeerScore(),
    // Only looked at for being there.
    connection: {} as PeerConnection,
    isDialing: false,
    isLiar: false,
    isSelf: false,
    namedBy: 'link',
    turn: 0,
    isBudgeted: false,
  });
  supplier.greeting = 'telling';
});

/** Milliseconds from `nowMs` on that it is left alone. */
function restMs(nowMs: number): number {
  let ms = 0;
  while (!supplier.isReady(nowMs + ms)) ms += 1;
  return ms;
}

describe('a peer that says BUSY', () => {
  test('a few times in a row costs it no rest, then each rest is twice the one before, and none is longer than two seconds', () => {
    const rests = Array.from({ length: 12 }, (_, at) => {
      supplier.busy(10_000 * at);
      return restMs(10_000 * at);
    });
    expect(rests).toEqual([0, 0, 0, 0, 100, 200, 400, 800, 1600, 2000, 2000, 2000]);
  });

  test('begins anew when it brought a chunk, or was connected anew', () => {
    for (const begin of [() => supplier.brought(5), () => supplier.disconnected()]) {
      for (let count = 0; count < 5; count += 1) supplier.busy(0);
      expect(supplier.mayHaveMore).toBe(true);
      begin();
      supplier.greeting = 'telling';
      supplier.busy(1000);
      expect(restMs(1000)).toBe(0);
    }
  });
});

describe('a greeting', () => {
  test.each([
    ['due', 'due'],
    ['greeting', 'plain'],
    ['telling', 'due'],
    ['plain', 'plain'],
  ] as const)('that is %s when the connection goes is %s at the next one', (before, after) => {
    supplier.greeting = before;
    supplier.disconnected();
    expect(supplier.greeting).toBe(after);
  });

  test('must be over before anything is asked, and the connection be there', () => {
    const states = ['due', 'greeting', 'telling', 'plain'] as const;
    const ready = states.map((greeting) => {
      supplier.greeting = greeting;
      return supplier.isReady(0);
    });
    expect(ready).toEqual([false, false, true, true]);
    supplier.lane.connection = undefined;
    expect(supplier.isReady(0)).toBe(false);
  });
});

test('an idle peer looks for work of others now and then, a busy one does not', () => {
  expect([0, 50, 99, 100, 150, 200].filter((nowMs) => supplier.mayHelp(nowMs))).toEqual([0, 100, 200]);
  supplier.asked.set(1, 0);
  expect(supplier.mayHelp(1000)).toBe(false);
});

test('what it brought is added up, and ends the count of refusals', () => {
  supplier.refusalCount = 7;
  supplier.brought(5);
  supplier.brought(6);
  expect(supplier).toMatchObject({ bytes: 11, chunkCount: 2, refusalCount: 0 });
});
