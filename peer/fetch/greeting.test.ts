import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Bitfield } from '../../common/core/bitfield.js';
import { errorCode } from '../../common/testkit/error-code.js';
import { NewsReader } from './greeting.js';
import { Plan } from './plan.js';

const random = { below: () => 0 };

/** A reader that tells a plan of one peer, of which it is known that it has `known`. */
function readerOf(skippedCount: number, unitCount: number, known: readonly number[] = []) {
  const plan = new Plan(new Bitfield(unitCount), random);
  const peer = plan.join();
  const units = new Bitfield(unitCount);
  for (const unit of known) units.add(unit);
  plan.knows(peer, units);
  const reader = new NewsReader(skippedCount, unitCount, (first, count) => plan.gainedRun(peer, first, count));
  const has = () => Array.from({ length: unitCount }, (_, unit) => unit).filter((unit) => peer.has(unit));
  return { reader, has };
}

describe('news', () => {
  test('become units as bit by bit, the chunks of an index left out, early ones kept until the bitfield is known', () => {
    const range = fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 20 }));
    const sizes = fc.record({ skippedCount: fc.nat(12), unitCount: fc.integer({ min: 1, max: 40 }) });
    fc.assert(
      fc.property(
        sizes,
        fc.array(range, { maxLength: 10 }),
        fc.nat(10),
        fc.array(fc.nat(39)),
        ({ skippedCount, unitCount }, all, lateFrom, someUnits) => {
          const ranges = all.filter(([first, count]) => first + count <= skippedCount + unitCount);
          const known = someUnits.filter((unit) => unit < unitCount);
          const { reader, has } = readerOf(skippedCount, unitCount, known);
          const model = new Set(known);
          for (const [at, [first, count]] of ranges.entries()) {
            if (at === lateFrom) reader.begin();
            reader.take([[first, count]]);
            for (let chunk = first; chunk < first + count; chunk += 1) if (chunk >= skippedCount) model.add(chunk - skippedCount);
          }
          if (lateFrom >= ranges.length) {
            expect(has()).toEqual([...new Set(known)].sort((left, right) => left - right));
            reader.begin();
          }
          expect(has()).toEqual([...model].sort((left, right) => left - right));
        },
      ),
    );
  });

  test('of the last chunk are taken, of the one behind it not', () => {
    const { reader, has } = readerOf(3, 10);
    reader.begin();
    reader.take([[12, 1]]);
    expect(has()).toEqual([9]);
    expect(errorCode(() => reader.take([[12, 2]]))).toBe('PROTOCOL');
    expect(errorCode(() => reader.take([[13, 1]]))).toBe('PROTOCOL');
  });

  test.each([true, false])('that repeat themselves without end break the protocol (bitfield known: %s)', (isKnown) => {
    const { reader } = readerOf(0, 1000);
    if (isKnown) reader.begin();
    let count = 0;
    const repeat = () => {
      for (; count < 1000; count += 1) reader.take([[0, 999]]);
    };
    expect(errorCode(repeat)).toBe('PROTOCOL');
    expect(count).toBeLessThan(100);
  });

  test('of an honest peer may repeat all of it after each few hundred new chunks, however many there are', () => {
    const unitCount = 50_000;
    const { reader, has } = readerOf(0, unitCount);
    reader.begin();
    for (let end = 251; end < unitCount; end += 251) reader.take([[0, end]]);
    reader.take([[0, unitCount]]);
    expect(has()).toHaveLength(unitCount);
  });
});
