import { describe, expect, test } from '@jest/globals';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { SLOT_HEAD_BYTES, SlotMemory } from './slot-memory.js';

describe('slot memory', () => {
  test('gives each slot to one owner, and none when all are owned', () => {
    const memory = new SlotMemory(3);
    const slots = [memory.take(), memory.take(), memory.take()];
    expect(memory.take()).toBeUndefined();
    expect(new Set(slots.map((slot) => slot?.chunkOffset)).size).toBe(3);
    for (const slot of slots) {
      expect(slot?.bytes.length).toBe(SLOT_HEAD_BYTES + CHUNK_BYTES);
      expect((slot?.chunkOffset ?? 1) % 64).toBe(0);
    }
  });

  test('the slot that was released last is taken first', () => {
    const memory = new SlotMemory(3);
    const [first, second] = [memory.take(), memory.take()];
    if (first === undefined || second === undefined) throw new Error('no slot is free');
    memory.release(second);
    memory.release(first);
    expect(memory.take()).toBe(first);
  });

  test('a slot is released once', () => {
    const memory = new SlotMemory(1);
    const slot = memory.take();
    if (slot === undefined) throw new Error('no slot is free');
    memory.release(slot);
    expect(() => memory.release(slot)).toThrow('released once');
  });

  test('those who wait are woken one for each release, in order, and each once', () => {
    const memory = new SlotMemory(2);
    const slots = [memory.take(), memory.take()];
    const woken: string[] = [];
    memory.whenFree(() => {
      woken.push('first');
      memory.take();
    });
    memory.whenFree(() => {
      woken.push('second, which needs none');
      memory.wakeNext();
    });
    memory.whenFree(() => woken.push('third'));
    for (const slot of slots) if (slot !== undefined) memory.release(slot);
    expect(woken).toEqual(['first', 'second, which needs none', 'third']);
  });
});
