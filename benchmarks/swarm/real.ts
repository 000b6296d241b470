/** A swarm of real processes with a capped seed, held against the fluid bound: the figures of `npm run bench:swarm -- --only real`. */
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { basename, join } from 'node:path';
import { missingAdvice } from '../compare/program.js';
import { hashPieces, torrentOf } from '../compare/torrent.js';
import { type Figure, figure, type ProgramUsed, type Section } from '../report.js';
import { createScratch, writeSample } from '../scratch.js';
import { fluidBoundMs } from './fluid-bound.js';
import { realLibtorrent } from './real-libtorrent.js';
import { fetcherFolder, type SwarmProgram, type SwarmRun, type SwarmSetup, targetPath } from './real-program.js';
import { realShoal } from './real-shoal.js';

const PROGRAMS: readonly SwarmProgram[] = [realShoal, realLibtorrent];
const MIB = 2 ** 20;
const FETCHER_COUNT = 8;
/** So low that two processor cores are mostly idle, with nine processes on them. */
const SEED_BYTES_PER_SECOND = 8 * MIB;
/** A run that takes longer than this many times the bound, after a time to start, is given up. */
const LIMIT_FACTOR = 5;
const START_LIMIT_MS = 60_000;
/** Lines of fetchers that have no cap. */
const UNLIMITED = { upBytesPerSecond: Number.POSITIVE_INFINITY, downBytesPerSecond: Number.POSITIVE_INFINITY };

export interface RealBenchOptions {
  readonly sizeBytes: number;
  readonly runCount: number;
  readonly directory: string | undefined;
  /** Told of each run. */
  readonly note: (line: string) => void;
}

export interface RealBench {
  readonly sections: readonly Section[];
  readonly programs: readonly ProgramUsed[];
}

/** A program, with what its runs gave so far. */
interface Entrant {
  readonly program: SwarmProgram;
  readonly runs: SwarmRun[];
}

export async function benchReal(options: RealBenchOptions): Promise<RealBench> {
  const { sizeBytes, runCount, directory, note } = options;
  const installed = PROGRAMS.filter((program) => program.version() !== undefined);
  const advice = missingAdvice(PROGRAMS.filter((program) => !installed.includes(program)));
  if (advice !== undefined) note(advice);
  const boundMs = fluidBoundMs(
    sizeBytes,
    SEED_BYTES_PER_SECOND,
    Array.from({ length: FETCHER_COUNT }, () => UNLIMITED),
  );
  const scratch = createScratch((FETCHER_COUNT + 1) * sizeBytes + 64 * MIB, directory);
  try {
    const setup: SwarmSetup = {
      folder: scratch.folder,
      samplePath: join(scratch.folder, 'sample.bin'),
      torrentPath: join(scratch.folder, 'sample.torrent'),
      fetcherCount: FETCHER_COUNT,
      seedBytesPerSecond: SEED_BYTES_PER_SECOND,
      limitMs: START_LIMIT_MS + LIMIT_FACTOR * boundMs,
    };
    await writeSample(setup.samplePath, sizeBytes);
    const { pieces, sha256 } = await hashPieces(setup.samplePath);
    writeFileSync(setup.torrentPath, torrentOf(basename(setup.samplePath), sizeBytes, pieces));
    const entrants: Entrant[] = installed.map((program) => ({ program, runs: [] }));
    for (let round = 0; round < runCount; round += 1) {
      // Another one begins each time, as in bench:compare.
      const start = round % entrants.length;
      for (const { program, runs } of [...entrants.slice(start), ...entrants.slice(0, start)]) {
        const load = loadavg()[0]?.toFixed(1);
        const run = await runChecked(program, setup, sizeBytes, round === 0 ? sha256 : undefined);
        runs.push(run);
        const ratio = lastDoneMs(run) / boundMs;
        note(
          `run ${round + 1}: ${program.name} ${ratio.toFixed(3)} (${(lastDoneMs(run) / 1000).toFixed(1)} s; load of the machine before: ${load})`,
        );
      }
    }
    const place = scratch.isInMemory ? 'in memory' : 'on disk';
    return {
      sections: entrants.map((entrant) => sectionOf(entrant, sizeBytes, boundMs, place, advice)),
      programs: installed.map((program) => ({
        name: program.name,
        version: program.version() ?? '',
        commands: program.commands(setup),
      })),
    };
  } finally {
    scratch.remove();
  }
}

/** Runs it in empty folders, and looks whether everybody has the sample: by its size, and by `sha256` where that is given. */
async function runChecked(
  program: SwarmProgram,
  setup: SwarmSetup,
  sizeBytes: number,
  sha256: string | undefined,
): Promise<SwarmRun> {
  const fetcherIndexes = Array.from({ length: setup.fetcherCount }, (_, at) => at);
  for (const at of fetcherIndexes) mkdirSync(fetcherFolder(setup, at));
  try {
    const run = await program.runOnce(setup);
    for (const at of fetcherIndexes) {
      const path = targetPath(setup, at);
      const isRight = statSync(path).size === sizeBytes && (sha256 === undefined || (await hashPieces(path)).sha256 === sha256);
      if (!isRight) throw new Error(`What ${program.name} fetched is not the sample.`);
    }
    return run;
  } finally {
    for (const at of fetcherIndexes) rmSync(fetcherFolder(setup, at), { recursive: true, force: true });
  }
}

function sectionOf(
  { program, runs }: Entrant,
  sizeBytes: number,
  boundMs: number,
  place: string,
  advice: string | undefined,
): Section {
  const note =
    `${sizeBytes / MIB} MiB from 1 seed, whose uplink is capped at ${SEED_BYTES_PER_SECOND / MIB} MiB/s, to ${FETCHER_COUNT} fetchers that start together and ` +
    `go on serving when they are done; all over loopback, files ${place}. Time from the start of the fetching processes, their loading included, until the last one has ` +
    'everything verified. The fetchers have no cap and count as infinitely fast, so that of max(F/u_s, F/d_min, N·F/(u_s + Σu_i)) the first is left: ' +
    `${(boundMs / 1000).toFixed(1)} s. Chunks and pieces of 512 KiB.` +
    (advice === undefined ? '' : ` ${advice}.`);
  return { title: `Real swarm, ${program.name}`, note, figures: figuresOf(runs, sizeBytes, boundMs) };
}

function figuresOf(runs: readonly SwarmRun[], sizeBytes: number, boundMs: number): Figure[] {
  const one = (what: string, unit: string, value: (run: SwarmRun) => number) => figure(what, unit, runs.map(value));
  const firstDoneMs = ({ fetchers }: SwarmRun) => Math.min(...fetchers.map(({ doneMs }) => doneMs));
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return [
    one('last done ÷ fluid bound', 'times', (run) => lastDoneMs(run) / boundMs),
    one('last done', 's', (run) => lastDoneMs(run) / 1000),
    one('from the first done to the last', 's', (run) => (lastDoneMs(run) - firstDoneMs(run)) / 1000),
    one(
      'until the first fetching process is loaded',
      's',
      ({ fetchers }) => Math.min(...fetchers.map(({ beganMs }) => beganMs)) / 1000,
    ),
    one(
      'until the last fetching process is loaded',
      's',
      ({ fetchers }) => Math.max(...fetchers.map(({ beganMs }) => beganMs)) / 1000,
    ),
    one(
      'received twice or wrong',
      '%',
      ({ fetchers }) => (100 * mean(fetchers.map(({ wastedBytes }) => wastedBytes))) / sizeBytes,
    ),
    one('sent by the seed ÷ file', 'times', ({ seedSentBytes }) => seedSentBytes / sizeBytes),
    one('processor time of a fetcher, mean', 's', ({ fetchers }) => mean(fetchers.map(({ cpuMs }) => cpuMs)) / 1000),
    one('processor time of the seed', 's', ({ seedCpuMs }) => seedCpuMs / 1000),
    one(
      'peak memory of a fetcher, largest',
      'MiB',
      ({ fetchers }) => Math.max(...fetchers.map(({ peakMemoryBytes }) => peakMemoryBytes)) / MIB,
    ),
  ];
}

function lastDoneMs({ fetchers }: SwarmRun): number {
  return Math.max(...fetchers.map(({ doneMs }) => doneMs));
}
