import { mkdtemp, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { realDisk } from '../node/disk.js';
import { makeFolders } from '../node/disk-work.js';
import { DiskCalls, diskStep } from '../testkit/disk-calls.js';
import { SimClock } from './sim-clock.js';
import { SimDisk } from './sim-disk.js';
import { SimRandom } from './sim-random.js';

let base: string;
beforeAll(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'shoal-model-')));
});
afterAll(() => rm(base, { recursive: true }));

test('any calls in any order end the same on the simulated disk and on the real one', async () => {
  let runCount = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(diskStep, { minLength: 10, maxLength: 50 }), async (steps) => {
      runCount += 1;
      const folder = join(base, String(runCount), 'in');
      await makeFolders(realDisk, folder);
      const simulated = new SimDisk(new SimClock({ isAutomatic: true }), new SimRandom(runCount), {
        uid: process.getuid?.() ?? 0,
      });
      simulated.plantFolder(folder);
      const real = new DiskCalls(realDisk, folder, (target, path) => symlink(target, path));
      const ours = new DiskCalls(simulated.mount(), folder, async (target, path) => simulated.plantSymlink(target, path));
      try {
        for (const step of steps) expect([step, await ours.run(step)]).toEqual([step, await real.run(step)]);
        expect(await ours.tree()).toEqual(await real.tree());
      } finally {
        await real.end();
      }
    }),
    { numRuns: 200 },
  );
});
