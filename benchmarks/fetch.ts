/** How fast the built commands fetch a file over loopback, and what their processes need for it. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ProbeReading } from './process-probe.js';
import { CommandProcess, startSharer, startTracker, stopAll } from './processes.js';
import { type Figure, figure, ratio, type Section } from './report.js';
import { createScratch, writeSample } from './scratch.js';

/** Milliseconds for a GiB before a fetch is given up: 10 MiB/s. */
const FETCH_LIMIT_MS_PER_GIB = 100_000;

export interface FetchOptions {
  readonly sizeBytes: number;
  readonly runCount: number;
  /** How many peers share: each count is measured, by turns. */
  readonly peerCounts: readonly number[];
  readonly directory: string | undefined;
}

interface FetchRun {
  readonly mibPerSecond: number;
  readonly fetcher: ProbeReading | undefined;
  readonly sharers: readonly ProbeReading[];
}

/** Fetches by turns from 1 and from several peers on this machine, with fresh processes each time. */
export async function benchFetch(options: FetchOptions): Promise<Section> {
  // The sharing peers read one and the same file.
  const scratch = createScratch(2 * options.sizeBytes + 2 ** 26, options.directory);
  const runs = new Map<number, FetchRun[]>(options.peerCounts.map((count) => [count, []]));
  let trackerReading: ProbeReading | undefined;
  try {
    const path = join(scratch.folder, 'sample.bin');
    await writeSample(path, options.sizeBytes);
    const { tracker, address } = await startTracker(scratch.folder);
    try {
      for (let run = 0; run < options.runCount; run += 1) {
        for (const [count, list] of runs) list.push(await fetchOnce(scratch.folder, path, address, count, options.sizeBytes));
      }
    } finally {
      await tracker.stop();
      trackerReading = tracker.reading();
    }
  } finally {
    scratch.remove();
  }
  const size = Math.round(options.sizeBytes / 2 ** 20);
  const where = scratch.isInMemory ? 'in memory' : 'on disk';
  const note =
    `Fetching ${size} MiB from processes on this machine, source and target ${where}: looked up, received, verified, written and synced. ` +
    'Rate as the fetching program counts it, from its first request to the final name. Event loop: delay of a 5 ms timer.';
  return { title: `Fetch of ${size} MiB`, note, figures: [...figuresOf(runs), ...memoryOf('tracker', [trackerReading])] };
}

function figuresOf(runs: ReadonlyMap<number, readonly FetchRun[]>): Figure[] {
  const figures: Figure[] = [];
  const rates = [...runs].map(([count, list]) => ({ count, rates: list.map((run) => run.mibPerSecond) }));
  for (const { count, rates: list } of rates) figures.push(figure(`from ${peers(count)}`, 'MiB/s', list));
  const [first, last] = [rates[0], rates.at(-1)];
  if (first !== undefined && last !== undefined && first !== last)
    figures.push(ratio(`from ${peers(last.count)} against ${peers(first.count)}`, last.rates, first.rates));
  for (const [count, list] of runs) {
    const readings = list.map((run) => run.fetcher).filter((one) => one !== undefined);
    figures.push(
      ...memoryOf(`fetching process, ${peers(count)}`, readings),
      ...memoryOf(
        `largest sharing process, ${peers(count)}`,
        list.map((run) => run.sharers.toSorted((a, b) => b.peakMemoryBytes - a.peakMemoryBytes)[0]),
      ),
    );
    const delays = (key: 'loopDelayP99Ms' | 'loopDelayMaxMs') => readings.map((reading) => reading[key]);
    figures.push(figure(`event loop of the fetching process, ${peers(count)}: 99 % below`, 'ms', delays('loopDelayP99Ms')));
    figures.push(figure(`event loop of the fetching process, ${peers(count)}: longest`, 'ms', delays('loopDelayMaxMs')));
    const served = list.map((run) => Math.max(...run.sharers.map((sharer) => sharer.loopDelayMaxMs)));
    figures.push(figure(`event loop of the sharing processes, ${peers(count)}: longest`, 'ms', served));
  }
  return figures;
}

function memoryOf(who: string, readings: readonly (ProbeReading | undefined)[]): Figure[] {
  const known = readings.filter((reading) => reading !== undefined);
  if (known.length === 0) return [];
  return [
    figure(
      `peak memory, ${who}`,
      'MiB',
      known.map((reading) => reading.peakMemoryBytes / 2 ** 20),
    ),
  ];
}

function peers(count: number): string {
  return `${count} peer${count === 1 ? '' : 's'}`;
}

/** One fetch from `peerCount` peers with fresh processes. The target is removed. */
export async function fetchOnce(
  folder: string,
  path: string,
  tracker: string,
  peerCount: number,
  sizeBytes: number,
): Promise<FetchRun> {
  const target = join(folder, 'fetched.bin');
  const sharers: CommandProcess[] = [];
  try {
    // The first one hashes the file, the others find its hashes in the cache.
    for (let count = 0; count < peerCount; count += 1) sharers.push(await startSharer(folder, path, tracker));
    const args = ['fetch', 'sample.bin', '--tracker', tracker, '--out', target, '--json'];
    const fetcher = new CommandProcess('peer', args, folder);
    const lines = await fetcher.end(30_000 + (FETCH_LIMIT_MS_PER_GIB * sizeBytes) / 2 ** 30);
    const done = JSON.parse(lines.at(-1) ?? '{}') as { fetchedBytes?: number; durationMs?: number };
    await stopAll(sharers);
    return {
      mibPerSecond: (done.fetchedBytes ?? 0) / 2 ** 20 / ((done.durationMs ?? Number.NaN) / 1000),
      fetcher: fetcher.reading(),
      sharers: sharers.map((sharer) => sharer.reading()).filter((reading) => reading !== undefined),
    };
  } finally {
    await stopAll(sharers);
    rmSync(target, { force: true });
  }
}
