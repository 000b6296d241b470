import { expect, test } from '@jest/globals';
import { breathe } from './clock.js';
import { realLoad } from './load.js';

test('a main thread that is kept busy shows in all numbers', async () => {
  const watch = realLoad.watch();
  // The first look at the loop has to be over before it is held up.
  for (const sinceMs = performance.now(); performance.now() - sinceMs < 120; ) await breathe();
  // On a machine that is busy with other things those milliseconds may be one turn of the loop, and the look is in the next.
  for (let turns = 0; turns < 2; turns += 1) await breathe();
  const before = watch.read();
  for (const sinceMs = performance.now(); performance.now() - sinceMs < 200; );
  await breathe();
  for (const sinceMs = performance.now(); performance.now() - sinceMs < 120; ) await breathe();
  const after = watch.read();
  watch.close();
  watch.close();
  expect(after.loopBusyMs - before.loopBusyMs).toBeGreaterThan(190);
  expect(after.loopDelayMaxMs).toBeGreaterThan(80);
  expect(after.coresBusyMs).toBeGreaterThan(before.coresBusyMs);
  expect(after.coreCount).toBeGreaterThanOrEqual(1);
});
