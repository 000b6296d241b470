/** How fast a file is hashed: by the pool on all cores, and by one thread that does nothing else. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { HashName } from '../common/core/hash.js';
import { CHUNK_BYTES } from '../common/core/limits.js';
import { hashFunction } from '../common/node/hash.js';
import { hashWholeFile } from '../peer/hash/file-root.js';
import { HashPool } from '../peer/hash/hash-pool.js';
import { type Figure, figure, ratio, type Section } from './report.js';
import { createScratch, writeSample } from './scratch.js';

export interface HashOptions {
  readonly sizeBytes: number;
  readonly runCount: number;
  readonly directory: string | undefined;
}

/** Hashes the same file by turns with the pool and with one thread, so that a noisy machine disturbs both alike. */
export async function benchHash(options: HashOptions): Promise<Section> {
  const scratch = createScratch(options.sizeBytes, options.directory);
  const path = join(scratch.folder, 'sample.bin');
  const figures: Figure[] = [];
  const pool = new HashPool();
  try {
    await writeSample(path, options.sizeBytes);
    for (const hashName of ['blake3', 'sha256'] as const) {
      await hashWholeFile(pool, path, options.sizeBytes, hashName);
      const byPool: number[] = [];
      const byOne: number[] = [];
      for (let run = 0; run < options.runCount; run += 1) {
        byPool.push(await gibPerSecond(options.sizeBytes, () => hashWholeFile(pool, path, options.sizeBytes, hashName)));
        byOne.push(await gibPerSecond(options.sizeBytes, async () => hashInOneThread(path, hashName)));
      }
      figures.push(figure(`${hashName}, pool of ${pool.threadCount} threads`, 'GiB/s', byPool));
      figures.push(figure(`${hashName}, one thread`, 'GiB/s', byOne));
      figures.push(ratio(`${hashName}, pool against one thread`, byPool, byOne));
    }
  } finally {
    await pool.close();
    scratch.remove();
  }
  const where = scratch.isInMemory ? 'in memory' : 'on disk, in the page cache if it fits';
  const size = Math.round(options.sizeBytes / 2 ** 20);
  return { title: 'Hash', note: `Reading and hashing a file of ${size} MiB ${where}, chunk by chunk.`, figures };
}

async function gibPerSecond(bytes: number, work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return bytes / 2 ** 30 / ((performance.now() - startedMs) / 1000);
}

function hashInOneThread(path: string, hashName: HashName): void {
  const hash = hashFunction(hashName);
  const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  const sizeBytes = statSync(path).size;
  const file = openSync(path, 'r');
  try {
    for (let position = 0; position < sizeBytes; position += CHUNK_BYTES) {
      const got = readSync(file, chunk, 0, CHUNK_BYTES, position);
      hash(chunk.subarray(0, got));
    }
  } finally {
    closeSync(file);
  }
}
