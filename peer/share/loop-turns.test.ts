/** That the event loop goes round while much is hashed or looked through, counted in turns and not in time. */
import { mkdir, mkdtemp, realpath, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { realDisk } from '../../common/node/disk.js';
import { HashPool } from '../hash/hash-pool.js';
import { scanPaths } from './scan.js';

const MIB = 1024 * 1024;

let folder: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'shoal-loop-')));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** How often the loop comes round until `work` is done. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let isOver = false;
  let turnCount = 0;
  const noted = work.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await new Promise(setImmediate);
    turnCount += 1;
  }
  await noted;
  return turnCount;
}

test('OV5: the loop goes round while thousands of files are looked through', async () => {
  const fileCount = 3000;
  await mkdir(join(folder, 'tree'));
  for (let at = 0; at < fileCount; at += 1) await writeFile(join(folder, 'tree', `${at}.txt`), '');
  const turnCount = await turnsDuring(scanPaths(realDisk, [join(folder, 'tree')], () => undefined));
  // Once for each group of files that are looked at together, at least.
  expect(turnCount).toBeGreaterThan(fileCount / 64);
});

test('OV5: the loop goes round while much is hashed', async () => {
  const path = join(folder, 'large.bin');
  await writeFile(path, '');
  await truncate(path, 64 * MIB);
  const pool = new HashPool({ threadCount: 1 });
  try {
    const segments = Array.from({ length: 8 }, (_, at) => ({ path, sizeBytes: 64 * MIB, firstChunk: 16 * at, chunkCount: 16 }));
    const turnCount = await turnsDuring(Promise.all(segments.map((segment) => pool.hash([segment], 'sha256'))));
    // On this thread it would be one turn for each segment at most.
    expect(turnCount).toBeGreaterThan(segments.length * 8);
  } finally {
    await pool.close();
  }
});
