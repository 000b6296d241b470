import { expect, test } from '@jest/globals';
import { ShoalError } from '../../common/core/errors.js';
import type { LandingResult } from '../hash/worker-task.js';
import { JumpClock } from '../testkit/jump-clock.js';
import type { UnitPlace } from './catalog.js';
import { StageTimes } from './stage-times.js';
import { type LandingStore, timedPool, timedStore } from './timed-disk.js';
import { explain } from './verdict.js';

/** A store and a pool in which everything takes its time by the clock. */
const LOST = { units: [5], error: new ShoalError('IO', 'environment', 'i/o error') };

function slowDisk(landing: LandingResult | Error) {
  const clock = new JumpClock(true);
  const times = new StageTimes(0, 8);
  times.enter('fetch', 0);
  const told: string[] = [];
  const store: LandingStore = {
    acquire: async (place) => {
      clock.jump(40);
      if (place.fileIndex > 0) throw new Error('no such file');
      return 7;
    },
    release: (fileIndex) => void told.push(`release ${fileIndex}`),
    pathOf: (fileIndex) => `part/${fileIndex}`,
    wrote: (unit) => void told.push(`wrote ${unit}`),
    checkpoint: async () => {
      clock.jump(3000);
      return LOST;
    },
  };
  const pool = {
    land: async () => {
      clock.jump(10);
      if (landing instanceof Error) throw landing;
      return landing;
    },
  };
  return { clock, times, told, store: timedStore(store, clock, times), pool: timedPool(pool, clock, times) };
}

const landing = { slotOffset: 0, lengthBytes: 1, expectation: { by: 'nothing' }, fd: 7, position: 0 } as const;
const landed = { kind: 'landed', hash: new Uint8Array(32), hashMs: 2, writeMs: 5 } as const;

const placeIn = (fileIndex: number) => ({ fileIndex }) as UnitPlace;

test('what passes through is as it was, and timed', async () => {
  const { clock, times, told, store, pool } = slowDisk(landed);
  expect(await store.acquire(placeIn(0))).toBe(7);
  await expect(store.acquire(placeIn(1))).rejects.toThrow('no such file');
  expect(await pool.land(landing, 'blake3')).toBe(landed);
  store.wrote(3);
  store.release(2);
  expect([store.pathOf(4), ...told]).toEqual(['part/4', 'wrote 3', 'release 2']);
  const { work, spentMs } = times.report(clock.nowMs());
  expect(work).toEqual({ landedCount: 1, openMs: 80, hashMs: 2, writeMs: 5, queueMs: 3, syncMs: 0 });
  expect(spentMs).toMatchObject({ landing: 90, 'no-peer': 0 });
});

test('a landing that fails is over too', async () => {
  const { clock, times, pool } = slowDisk(new Error('no worker'));
  await expect(pool.land(landing, 'blake3')).rejects.toThrow('no worker');
  clock.jump(100);
  expect(times.report(clock.nowMs()).spentMs).toMatchObject({ landing: 10, 'no-peer': 100 });
});

test('a disk that takes long to make it last is what limited the fetch', async () => {
  const { clock, times, store } = slowDisk(landed);
  expect(await store.checkpoint()).toBe(LOST);
  expect(explain(times.report(clock.nowMs()), undefined)).toMatchObject({
    limiter: 'disk',
    text: 'limited by the disk written to: 100 % of the time it was making last what was written',
    work: { syncMs: 3000 },
  });
});
