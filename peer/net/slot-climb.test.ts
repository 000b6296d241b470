import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { UPLOAD_SLOTS_MAX_COUNT, UPLOAD_SLOTS_MIN_COUNT } from '../../common/core/limits.js';
import { SlotClimb } from './slot-climb.js';

const MIB = 1024 * 1024;

/** Slot counts of `tickCount` seconds on a link where `rateOf` says what a number of slots brings a second. */
function climb(startCount: number, tickCount: number, rateOf: (slotCount: number, second: number) => number): number[] {
  const slots = new SlotClimb(startCount);
  return Array.from({ length: tickCount }, (_, second) => {
    slots.tick(rateOf(slots.slotCount, second), true, 1000 * second);
    return slots.slotCount;
  });
}

describe('the number of slots', () => {
  test.each([8, 16, 30, 64])('grows while more bring more, to about the %d that fill the link', (enoughCount) => {
    const counts = climb(8, 300, (slotCount) => MIB * Math.min(slotCount, enoughCount));
    const late = counts.slice(100);
    // A number that falls short of the link by more than a trial's loss is never stayed at; one too many steps up is taken back.
    expect(Math.max(...late)).toBeLessThanOrEqual(Math.min(UPLOAD_SLOTS_MAX_COUNT, Math.ceil(enoughCount * 1.5 * 1.5)));
    const stays = late.filter((count) => count >= 0.9 * enoughCount).length;
    expect(stays / late.length).toBeGreaterThan(0.7);
  });

  test('shrinks to the fewest where more bring nothing', () => {
    const counts = climb(8, 200, () => MIB / 8);
    expect(counts.at(-1)).toBeLessThanOrEqual(6);
    expect(counts.slice(50).filter((count) => count === UPLOAD_SLOTS_MIN_COUNT).length).toBeGreaterThan(90);
  });

  test('stays between its bounds whatever happens', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(100 * MIB), fc.boolean()), { maxLength: 300 }), (seconds) => {
        const slots = new SlotClimb(8);
        for (const [second, [bytes, isContended]] of seconds.entries()) {
          slots.tick(bytes, isContended, 1000 * second);
          expect(slots.slotCount).toBeGreaterThanOrEqual(UPLOAD_SLOTS_MIN_COUNT);
          expect(slots.slotCount).toBeLessThanOrEqual(UPLOAD_SLOTS_MAX_COUNT);
        }
      }),
    );
  });

  test('does not change while nobody waits', () => {
    const slots = new SlotClimb(8);
    for (let second = 0; second < 100; second += 1) slots.tick(second * MIB, false, 1000 * second);
    expect(slots.slotCount).toBe(8);
  });
});
