/** Whether a fetch of twice the size takes twice the time: the built commands over loopback, several sizes by turns. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fetchOnce } from './fetch.js';
import { startTracker, stopAll } from './processes.js';
import { type Figure, figure, ratio, type Section } from './report.js';
import { createScratch, writeSample } from './scratch.js';

const PEER_COUNT = 4;
const GIB = 2 ** 30;

export interface SizesOptions {
  /** Ascending. */
  readonly sizesBytes: readonly number[];
  readonly runCount: number;
  readonly directory: string | undefined;
}

export async function benchSizes({ sizesBytes, runCount, directory }: SizesOptions): Promise<Section> {
  const scratch = createScratch(2 * Math.max(...sizesBytes) + 2 ** 26, directory);
  const secondsOf = new Map<number, number[]>(sizesBytes.map((sizeBytes) => [sizeBytes, []]));
  try {
    const path = join(scratch.folder, 'sample.bin');
    const { tracker, address } = await startTracker(scratch.folder);
    try {
      for (let run = 0; run < runCount; run += 1) {
        for (const [sizeBytes, seconds] of secondsOf) {
          await writeSample(path, sizeBytes);
          const { mibPerSecond } = await fetchOnce(scratch.folder, path, address, PEER_COUNT, sizeBytes);
          seconds.push(sizeBytes / 2 ** 20 / mibPerSecond);
          rmSync(path);
        }
      }
    } finally {
      await stopAll([tracker]);
    }
  } finally {
    scratch.remove();
  }
  const where = scratch.isInMemory ? 'in memory' : 'on disk';
  const note = `From ${PEER_COUNT} peers on this machine, source and target ${where}; time from the first request to the final name.`;
  return { title: 'Fetches of several sizes', note, figures: figuresOf(secondsOf) };
}

function figuresOf(secondsOf: ReadonlyMap<number, readonly number[]>): Figure[] {
  const figures: Figure[] = [];
  const [first, ...others] = [...secondsOf];
  for (const [sizeBytes, seconds] of secondsOf) figures.push(figure(`${sizeBytes / GIB} GiB`, 's', [...seconds]));
  if (first === undefined) return figures;
  const [firstBytes, firstSeconds] = first;
  for (const [sizeBytes, seconds] of others) {
    const times = sizeBytes / firstBytes;
    const perFirst = seconds.map((one) => one / times);
    figures.push(ratio(`time a GiB, ${sizeBytes / GIB} GiB against ${firstBytes / GIB} GiB`, perFirst, [...firstSeconds]));
  }
  return figures;
}
