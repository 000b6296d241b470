/** What a compared program is to the comparison, and how one fetch of it is measured: from start to end of its process. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { LocalProcess } from '../processes.js';

/** How many processes share the file, where a program fetches from several. */
export const SHARER_COUNT = 4;
/** Servers are often installed where only the superuser's path leads. */
export const TOOL_ENV: NodeJS.ProcessEnv = { ...process.env, PATH: `${process.env['PATH']}:/usr/local/sbin:/usr/sbin:/sbin` };
/** Milliseconds to say a version. */
const VERSION_MS = 10_000;
/** Linux counts the processor time of a process in hundredths of a second, on every machine. */
const TICK_MS = 10;

/** Where things are for one comparison. */
export interface Setup {
  /** Emptied when all is done. */
  readonly folder: string;
  readonly samplePath: string;
  readonly torrentPath: string;
  /** Where every program puts what it fetched; the folder exists and is empty. */
  readonly targetPath: string;
  /** When a fetch is given up. */
  readonly limitMs: number;
  /** Called when all is done or something has failed, the last one first. */
  atEnd(close: () => Promise<void>): void;
}

export interface FetchCost {
  /** From the start of the fetching process to its end. */
  readonly wallMs: number;
  /** Processor time of the fetching process; NaN on systems that have no `/proc`. */
  readonly fetchingCpuMs: number;
  /** Processor time of what served it, meanwhile. */
  readonly servingCpuMs: number;
}

/** A program that is ready: what serves is running. */
export interface Contender {
  /** What was started, for the report. */
  readonly commands: readonly string[];
  /** Fetches the sample into the target. Throws when that fails or takes too long. */
  fetchOnce(): Promise<FetchCost>;
}

export interface Program {
  readonly name: string;
  /** The Debian packages that it needs. */
  readonly packages: readonly string[];
  /** `undefined` if it is not installed. */
  version(): string | undefined;
  /** Starts what serves. Whatever it starts, it registers with `atEnd` at once, so that a failure leaves nothing running. */
  prepare(setup: Setup): Promise<Contender>;
}

/** What to install where programs are missing; `undefined` when none is. */
export function missingAdvice(missing: readonly Pick<Program, 'name' | 'packages'>[]): string | undefined {
  if (missing.length === 0) return undefined;
  const names = missing.map(({ name }) => name).join(', ');
  return `Left out, because it is not installed: ${names}. On Debian: apt-get install ${missing.flatMap(({ packages }) => packages).join(' ')}`;
}

/** What a program prints, on both channels; `undefined` if it cannot be run. */
export function printedBy(file: string, args: readonly string[]): string | undefined {
  try {
    const command = [file, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    return execFileSync('sh', ['-c', `${command} 2>&1`], { encoding: 'utf8', env: TOOL_ENV, timeout: VERSION_MS }).trim();
  } catch {
    return undefined;
  }
}

/** Starts a fetch and waits for its end. Nothing else that the benchmark started may end meanwhile. */
export async function measureFetch(
  start: () => LocalProcess,
  servers: readonly LocalProcess[],
  limitMs: number,
): Promise<FetchCost> {
  const servingCpuMs = () => servers.reduce((sum, { processId }) => sum + cpuMs(processId ?? 'none', 'own'), 0);
  const servedBeforeMs = servingCpuMs();
  // The fetching process is gone when its time can be asked for; the benchmark's own account then holds it.
  const fetchedBeforeMs = cpuMs('self', 'ended children');
  const startedMs = performance.now();
  await start().end(limitMs);
  return {
    wallMs: performance.now() - startedMs,
    fetchingCpuMs: cpuMs('self', 'ended children') - fetchedBeforeMs,
    servingCpuMs: servingCpuMs() - servedBeforeMs,
  };
}

/** User and system time; NaN where there is no such process, or no `/proc`. */
export function cpuMs(process: number | 'self' | 'none', whose: 'own' | 'ended children'): number {
  try {
    return cpuMsOfStat(readFileSync(`/proc/${process}/stat`, 'utf8'), whose);
  } catch {
    return Number.NaN;
  }
}

/** User and system time from `/proc/<pid>/stat`: the fields 14 to 17 of proc(5), counted behind the name, which may hold anything. */
export function cpuMsOfStat(stat: string, whose: 'own' | 'ended children'): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const first = whose === 'own' ? 11 : 13;
  return (Number(fields[first]) + Number(fields[first + 1])) * TICK_MS;
}

/** A command as it could be typed, with the temporary folder as `DIR`. */
export function shownCommand(folder: string, file: string, args: readonly string[]): string {
  return [file, ...args].join(' ').replaceAll(folder, 'DIR');
}
