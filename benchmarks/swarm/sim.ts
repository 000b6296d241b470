/** Simulated swarms of growing size, held against the fluid bound: the figures of `npm run bench:swarm -- --only sim`. */
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { type Figure, figure, median, type Section } from '../report.js';
import { drawRatios, type RatioSeries } from './ratio-chart.js';
import { runSimSwarm, type SwarmOutcome } from './sim-swarm.js';

/** What the ratio is held to, from 10 to 1,000 fetchers. */
const TARGET_RATIO = 1.15;

export interface SimBenchOptions {
  readonly fetcherCounts: readonly number[];
  readonly chunkCount: number;
  /** The first seed; each run of a size takes the next one. */
  readonly seed: number;
  readonly runCount: number;
  /** Told of each run. */
  readonly note: (line: string) => void;
}

interface Crowd {
  readonly title: string;
  readonly note: string;
  readonly arrivalsMs: number;
  readonly leaverShare: number;
  readonly crasherShare: number;
}

const CROWDS: readonly Crowd[] = [
  {
    title: 'all at once',
    note: 'All fetchers begin at the same moment, and go on serving when they are done.',
    arrivalsMs: 0,
    leaverShare: 0,
    crasherShare: 0,
  },
  {
    title: 'coming and going',
    note:
      'Fetchers come by chance over about half a minute; half of them leave as soon as they are done, and one in twenty crashes midway. ' +
      'Each fetch is counted from its own arrival; the bound is that of the same fetchers coming at once and staying.',
    arrivalsMs: 30_000,
    leaverShare: 0.5,
    crasherShare: 0.05,
  },
];

export interface SimBench {
  readonly sections: readonly Section[];
  readonly picture: string;
}

interface SimRun extends SwarmOutcome {
  readonly ratio: number;
  readonly cpuSeconds: number;
}

export async function benchSim(options: SimBenchOptions): Promise<SimBench> {
  const sections: Section[] = [];
  const series: RatioSeries[] = [];
  for (const crowd of CROWDS) {
    const points: { peerCount: number; ratio: number }[] = [];
    const figures: Figure[] = [];
    for (const fetcherCount of options.fetcherCounts) {
      const runs: SimRun[] = [];
      for (let run = 0; run < options.runCount; run += 1) runs.push(await runOnce(crowd, fetcherCount, run, options));
      points.push({ peerCount: fetcherCount, ratio: median(runs.map(({ ratio }) => ratio)) });
      figures.push(...figuresOf(fetcherCount, runs));
    }
    series.push({ title: crowd.title, points });
    sections.push({ title: `Simulated swarm, ${crowd.title}`, note: `${crowd.note} ${commonNote(options)}`, figures });
  }
  const size = Math.round((options.chunkCount * CHUNK_BYTES) / 2 ** 20);
  return { sections, picture: drawRatios(`Simulated swarms, one seed, a file of ${size} MiB`, series, TARGET_RATIO) };
}

async function runOnce(crowd: Crowd, fetcherCount: number, run: number, options: SimBenchOptions): Promise<SimRun> {
  const before = process.cpuUsage();
  const { chunkCount, seed } = options;
  const { arrivalsMs, leaverShare, crasherShare } = crowd;
  const outcome = await runSimSwarm({ fetcherCount, chunkCount, seed: seed + run, arrivalsMs, leaverShare, crasherShare });
  const used = process.cpuUsage(before);
  const ratio = outcome.failedCount > 0 ? Number.NaN : outcome.longestStayMs / outcome.boundMs;
  const cpuSeconds = (used.user + used.system) / 1e6;
  const seconds = (outcome.longestStayMs / 1000).toFixed(1);
  options.note(
    `${crowd.title}, ${fetcherCount} fetchers: ${ratio.toFixed(3)} (${seconds} s; ${cpuSeconds.toFixed(1)} s of processor time)`,
  );
  if (outcome.failedCount > 0) options.note(`  ${outcome.failedCount} fetchers did not get it all`);
  return { ...outcome, ratio, cpuSeconds };
}

function figuresOf(fetcherCount: number, runs: readonly SimRun[]): Figure[] {
  const one = (what: string, unit: string, value: (run: SimRun) => number) =>
    figure(`${fetcherCount} fetchers: ${what}`, unit, runs.map(value));
  return [
    one('longest fetch ÷ fluid bound', 'times', (run) => run.ratio),
    one('longest fetch', 's', (run) => run.longestStayMs / 1000),
    one('received twice', '%', (run) => 100 * run.wastedShare),
    one('sent by the seed again', 'chunks', (run) => run.seedAgainCount),
    one("use of the seed's uplink", '%', (run) => 100 * run.seedUseShare),
    one('to simulate it', 's of processor time', (run) => run.cpuSeconds),
  ];
}

function commonNote({ chunkCount, seed }: SimBenchOptions): string {
  return (
    `One seed of 100 Mbit/s up; fetchers of 10 to 100 Mbit/s up, four times that down, 5 to 50 ms from the middle, drawn from seed ${seed} on; ` +
    `${chunkCount} chunks. Bound: max(F/u_s, F/d_min, N·F/(u_s + Σu_i)), as benchmarks/swarm/fluid-bound.ts says.`
  );
}
