/** Scrubs that a peer begins by itself: when, how slowly, and where they go on. */
import { beforeEach, expect, test } from '@jest/globals';
import { ShoalError } from '../../common/core/errors.js';
import { JumpClock } from '../testkit/jump-clock.js';
import { turn as nextTurn } from '../testkit/until.js';
import { IdleScrub, type IdleScrubProgress, wordsOf } from './idle-scrub.js';
import type { ScrubOptions, ScrubReport } from './scrubber.js';

const DAY_MS = 86_400_000;
const NOTHING: ScrubReport = { fileCount: 0, readBytes: 0, damagedCount: 0, mendedCount: 0, changedCount: 0, failedCount: 0 };
const OPTIONS = { everyMs: 30 * DAY_MS, bytesPerSecond: 1000, isRepair: false };

let clock: JumpClock;
let runs: ScrubOptions[];
let ends: ((report: ScrubReport | ShoalError) => void)[];
let notes: string[];
let load: { uploadPercent: number; isWorking: boolean };
let changeCount: number;

beforeEach(() => {
  clock = new JumpClock(true);
  [runs, ends, notes, changeCount] = [[], [], [], 0];
  load = { uploadPercent: 0, isWorking: false };
});

function idleScrub(progress: IdleScrubProgress = { startedMs: 0, at: null }, options: typeof OPTIONS | undefined = OPTIONS) {
  const ports = {
    clock,
    epochNowMs: () => clock.nowMs(),
    scrub: (how: ScrubOptions) => {
      runs.push(how);
      return new Promise<ScrubReport>((resolve, reject) => {
        ends.push((end) => (end instanceof ShoalError ? reject(end) : resolve(end)));
        how.signal.addEventListener('abort', () => reject(how.signal.reason));
      });
    },
    uploadPercent: () => load.uploadPercent,
    isWorking: () => load.isWorking,
    changed: () => {
      changeCount += 1;
    },
    note: (text: string) => notes.push(text),
  };
  return new IdleScrub(ports, options, progress, 0);
}

/** Time goes on, a minute at a step, and all that hangs on it happens. */
async function pass(ms: number): Promise<void> {
  for (let leftMs = ms; leftMs > 0; leftMs -= 60_000) {
    clock.jump(Math.min(60_000, leftMs));
    await nextTurn();
  }
}

/** It is time, and it has begun. */
async function due(): Promise<void> {
  clock.jump(31 * DAY_MS);
  await nextTurn();
  await pass(60_000);
}

test('the first begins when its time has come, the next as long after its beginning', async () => {
  const idle = idleScrub();
  clock.jump(30 * DAY_MS - 120_000);
  await pass(60_000);
  expect(runs).toEqual([]);
  await pass(120_000);
  expect(runs).toMatchObject([{ isRepair: false, bytesPerSecond: 1000, from: { name: '', chunkIndex: 0 } }]);
  await pass(600_000);
  ends[0]?.({ ...NOTHING, fileCount: 2, readBytes: 2048, damagedCount: 1 });
  await pass(DAY_MS / 24);
  expect([runs.length, idle.progress.at]).toEqual([1, null]);
  expect(notes).toEqual(['2 files (2 KiB) read again: 1 chunk damaged.']);
  clock.jump(30 * DAY_MS);
  await pass(120_000);
  expect(runs).toHaveLength(2);
  await idle.close();
});

test('it waits while somebody works or is served, and goes on when nobody is', async () => {
  const idle = idleScrub();
  await due();
  let turnCount = 0;
  const goOn = () => runs[0]?.turn?.().then(() => (turnCount += 1));
  load = { uploadPercent: 50, isWorking: false };
  void goOn();
  await pass(120_000);
  expect(turnCount).toBe(0);
  load = { uploadPercent: 0, isWorking: true };
  await pass(120_000);
  expect(turnCount).toBe(0);
  load.isWorking = false;
  await pass(60_000);
  await pass(60_000);
  expect(turnCount).toBe(1);
  await idle.close();
});

test('a restart goes on where it was, and one that is switched off does nothing', async () => {
  const idle = idleScrub();
  await due();
  runs[0]?.watcher.progress?.(100, { name: 'b', chunkIndex: 16 });
  expect(changeCount).toBe(1);
  await idle.close();
  expect(notes).toEqual([]);
  const { progress } = idle;
  const again = idleScrub(progress);
  await pass(60_000);
  expect(runs[1]?.from).toEqual({ name: 'b', chunkIndex: 16 });
  await again.close();
  const leftCount = clock.timerCount;
  const off = new IdleScrub({ ...silentPorts(), clock }, undefined, progress, 0);
  clock.jump(365 * DAY_MS);
  expect([clock.timerCount, off.progress, runs.length]).toEqual([leftCount, progress, 2]);
  await off.close();
});

test('what stands against it is told once, and it tries again', async () => {
  const idle = idleScrub();
  await due();
  for (const round of [0, 1, 2]) {
    ends[round]?.(new ShoalError('INTERNAL', 'local', 'No worker.'));
    await nextTurn();
    await pass(60_000);
  }
  expect(runs).toHaveLength(4);
  expect(notes).toEqual(['What is shared cannot be checked for now: No worker.']);
  await idle.close();
});

test('the report in words', () => {
  const words = (report: Partial<ScrubReport>) => wordsOf({ ...NOTHING, fileCount: 1, readBytes: 1024, ...report });
  expect(words({})).toBe('1 file (1 KiB) read again: nothing is damaged.');
  expect(words({ damagedCount: 3, mendedCount: 1, changedCount: 2, failedCount: 1 })).toBe(
    '1 file (1 KiB) read again: 1 chunk mended, 2 chunks damaged, 2 changed or gone, 1 not readable.',
  );
});

function silentPorts() {
  return {
    epochNowMs: () => 0,
    scrub: () => Promise.reject(new Error('never')),
    uploadPercent: () => 0,
    isWorking: () => false,
    changed: () => undefined,
    note: () => undefined,
  };
}
