import { describe, expect, test } from '@jest/globals';
import { JumpClock } from '../testkit/jump-clock.js';
import type { FileContent } from './damage-ledger.js';
import { SecondLooks } from './second-looks.js';

const MINUTE_MS = 60_000;

describe('second looks', () => {
  const content = {} as FileContent;
  const clock = new JumpClock(true);

  /** Looks that are told to fail for the chunks in `broken`; in `looked` is what was looked at. */
  function looks(broken: Set<number>): { looks: SecondLooks; looked: number[] } {
    const looked: number[] = [];
    const made = new SecondLooks(clock, async ({ chunkIndex }) => {
      looked.push(chunkIndex);
      return broken.has(chunkIndex);
    });
    return { looks: made, looked };
  }

  async function pass(minutes: number): Promise<void> {
    clock.jump(minutes * MINUTE_MS);
    await new Promise((resolve) => setImmediate(resolve));
  }

  test('come after a minute, then after twice as long each time, and end with the first that reads', async () => {
    const broken = new Set([3]);
    const { looks: made, looked } = looks(broken);
    made.add(content, 3);
    for (const [minutes, count] of [
      [0.99, 0],
      [0.01, 1],
      [1.99, 1],
      [0.01, 2],
      [4, 3],
      [8, 4],
      [16, 5],
      [32, 6],
      [60, 7],
      [60, 8],
    ] as const) {
      await pass(minutes);
      expect([minutes, looked.length]).toEqual([minutes, count]);
    }
    broken.clear();
    await pass(60);
    await pass(1000);
    expect(looked).toHaveLength(9);
    expect(clock.timerCount).toBe(0);
  });

  test('are one for each chunk, bounded in number, and begin anew for one that comes later', async () => {
    const { looks: made, looked } = looks(new Set());
    for (let at = 0; at < 2000; at += 1) made.add(content, at % 1500);
    await pass(1);
    expect(looked).toHaveLength(1000);
    made.add(content, 5);
    await pass(1);
    expect(looked.slice(1000)).toEqual([5]);
  });

  test('are over when they are closed', async () => {
    const { looks: made, looked } = looks(new Set([1, 2]));
    made.add(content, 1);
    made.close();
    made.add(content, 2);
    await pass(1000);
    expect([looked, clock.timerCount]).toEqual([[], 0]);
  });
});
