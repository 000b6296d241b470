/** What a program is to the swarm of real processes, and what is seen of its processes while they run. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cpuMs, type Program } from '../compare/program.js';
import type { LocalProcess } from '../processes.js';

/** Where things are, and how large and fast. */
export interface SwarmSetup {
  /** Holds everything, and is emptied when all is done. */
  readonly folder: string;
  readonly samplePath: string;
  readonly torrentPath: string;
  readonly fetcherCount: number;
  /** The cap of the seed's uplink. Nothing else has one. */
  readonly seedBytesPerSecond: number;
  /** When a run is given up. */
  readonly limitMs: number;
}

export interface FetcherRun {
  /** From the start of all fetchers to the moment at which this one has loaded and begins. */
  readonly beganMs: number;
  /** From the start of all fetchers to the moment at which it says that it has everything, verified. */
  readonly doneMs: number;
  /** Bytes that came twice or wrong. */
  readonly wastedBytes: number;
  /** Processor time, and most memory held, until the last fetcher was done; NaN on systems that have no `/proc`. */
  readonly cpuMs: number;
  readonly peakMemoryBytes: number;
}

export interface SwarmRun {
  readonly fetchers: readonly FetcherRun[];
  /** What left the seed until the last fetcher was done; NaN on systems that have no `/proc`. */
  readonly seedSentBytes: number;
  readonly seedCpuMs: number;
}

export interface SwarmProgram extends Pick<Program, 'name' | 'packages' | 'version'> {
  /** What `runOnce` starts, for the report. */
  commands(setup: SwarmSetup): readonly string[];
  /** A fresh seed and fresh fetchers, which put what they fetch into `targetPath`. Nothing runs any more when it returns or throws. */
  runOnce(setup: SwarmSetup): Promise<SwarmRun>;
}

/** The lines that a fetching process prints. */
interface FetcherLines {
  readonly began: string;
  readonly done: string;
  wastedBytesOf(doneLine: string): number;
}

/** A folder of one fetcher's own. */
export function fetcherFolder({ folder }: SwarmSetup, fetcherIndex: number): string {
  return join(folder, `fetcher-${fetcherIndex + 1}`);
}

export function targetPath(setup: SwarmSetup, fetcherIndex: number): string {
  return join(fetcherFolder(setup, fetcherIndex), 'sample.bin');
}

/** Starts all fetchers and waits until each has everything. What was started is in `started`, also when it throws. */
export async function watchFetchers(
  { fetcherCount, limitMs }: SwarmSetup,
  lines: FetcherLines,
  start: (fetcherIndex: number) => LocalProcess,
  started: LocalProcess[],
): Promise<FetcherRun[]> {
  const startedMs = performance.now();
  const fetchers = Array.from({ length: fetcherCount }, (_, fetcherIndex) => start(fetcherIndex));
  started.push(...fetchers);
  const ends = await Promise.all(
    fetchers.map(async (fetcher) => {
      await fetcher.line(lines.began, limitMs);
      const beganMs = performance.now() - startedMs;
      const doneLine = await fetcher.line(lines.done, limitMs);
      return { beganMs, doneMs: performance.now() - startedMs, wastedBytes: lines.wastedBytesOf(doneLine) };
    }),
  );
  return ends.map((end, fetcherIndex) => ({ ...end, ...costOf(fetchers[fetcherIndex]) }));
}

function costOf(process: LocalProcess | undefined): Pick<FetcherRun, 'cpuMs' | 'peakMemoryBytes'> {
  const processId = process?.processId ?? 'none';
  return { cpuMs: cpuMs(processId, 'own'), peakMemoryBytes: 1024 * accountOf(processId, 'status', /^VmHWM:\s*(\d+) kB$/m) };
}

/** What a process handed to `write`, to sockets for the most part. */
export function writtenBytes({ processId }: LocalProcess): number {
  return accountOf(processId ?? 'none', 'io', /^wchar: (\d+)$/m);
}

function accountOf(processId: number | 'none', file: string, pattern: RegExp): number {
  try {
    return Number(pattern.exec(readFileSync(`/proc/${processId}/${file}`, 'utf8'))?.[1] ?? Number.NaN);
  } catch {
    return Number.NaN;
  }
}
