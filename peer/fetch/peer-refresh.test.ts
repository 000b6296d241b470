import { describe, expect, test } from '@jest/globals';
import { turn } from '../testkit/until.js';
import { PeerRefresh } from './peer-refresh.js';

/** Ticks four times a second for a while, and tells the seconds at which the tracker was asked. */
async function asked(
  seconds: number,
  answer: (question: number) => boolean,
  isNobodyLeft = false,
  chance = 0,
): Promise<number[]> {
  const times: number[] = [];
  let nowMs = 0;
  const refresh = new PeerRefresh(
    async () => {
      times.push(nowMs / 1000);
      return answer(times.length);
    },
    { below: (count) => Math.floor(chance * (count - 1)) },
    0,
    () => undefined,
  );
  for (; nowMs <= 1000 * seconds; nowMs += 250) {
    refresh.tick(nowMs, isNobodyLeft);
    await turn();
  }
  return times;
}

const pauses = (times: readonly number[]) => times.slice(1).map((time, at) => time - (times[at] ?? 0));

describe('a tracker is asked for more peers', () => {
  test('soon at the beginning, then less and less often, and every two seconds while nobody is left', async () => {
    expect(pauses(await asked(60, () => true))).toEqual([0.5, 1, 1.75, 3.25, 6.5, 13, 15.25, 15.25]);
    expect(pauses(await asked(10, () => true, true))).toEqual([2.25, 2.25, 2.25]);
  });

  test('MT5: less and less often while it fails, however few peers are left, and as before when it answers', async () => {
    const failing = pauses(await asked(300, () => false, true, 1));
    expect(failing).toEqual([1.25, 2.25, 4.25, 8.25, 16.25, 32.25, 60.25, 60.25, 60.25]);
    const flapping = await asked(300, (question) => question % 2 === 0, true);
    expect(Math.min(...pauses(flapping))).toBeGreaterThanOrEqual(0.5);
  });

  test('NW8: a part of each pause after a failure is chance', async () => {
    const all = await Promise.all([0, 0.5, 1].map((chance) => asked(20, () => false, true, chance)));
    expect(new Set(all.map((times) => times.join())).size).toBe(3);
  });

  test('one question at a time', async () => {
    let count = 0;
    const refresh = new PeerRefresh(
      () => {
        count += 1;
        return new Promise(() => undefined);
      },
      { below: () => 0 },
      0,
      () => undefined,
    );
    for (let nowMs = 0; nowMs < 60_000; nowMs += 250) refresh.tick(nowMs, true);
    expect([count, refresh.isAsking]).toEqual([1, true]);
  });
});
