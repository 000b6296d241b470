/** How evenly several equal holders are used: the figures of `npm run bench:swarm -- --only spread`. */
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { type Figure, figure, type Section } from '../report.js';
import { runSimSpread, type SpreadOutcome } from './sim-spread.js';

const HOLDERS_COUNT = 4;
const FETCHERS_COUNT = 20;
/** Files of 8, 32 and 128 MiB. */
const CHUNK_COUNTS = [16, 64, 256];

export interface SpreadBenchOptions {
  /** The first seed; each run takes the next one. */
  readonly seed: number;
  readonly runCount: number;
  /** Told of each run. */
  readonly note: (line: string) => void;
}

export async function benchSpread({ seed, runCount, note }: SpreadBenchOptions): Promise<Section> {
  const figures: Figure[] = [];
  for (const chunkCount of CHUNK_COUNTS) {
    const runs: SpreadOutcome[] = [];
    for (let run = 0; run < runCount; run += 1) {
      const scenario = { holderCount: HOLDERS_COUNT, fetcherCount: FETCHERS_COUNT, chunkCount, seed: seed + run };
      const outcome = await runSimSpread(scenario);
      const percent = (100 * outcome.spread).toFixed(1);
      note(`${chunkCount} chunks: ${outcome.sentCounts.join(', ')} sent, ${percent} % from even; ${outcome.doneCount} got it`);
      runs.push(outcome);
    }
    const size = `${(chunkCount * CHUNK_BYTES) / 2 ** 20} MiB`;
    const one = (what: string, unit: string, value: (run: SpreadOutcome) => number) =>
      figures.push(figure(`${size}: ${what}`, unit, runs.map(value)));
    one('holder that is farthest from an even share', '% of it', (run) => 100 * run.spread);
    one('sent by the holders', 'chunks', (run) => run.sentCounts.reduce((sum, count) => sum + count, 0));
    one('last one done', 's', (run) => run.lastDoneMs / 1000);
  }
  const about =
    `${FETCHERS_COUNT} fetchers begin at one moment; ${HOLDERS_COUNT} holders of 100 Mbit/s up have all of it. A real tracker hands out who has what, ` +
    `over simulated lines; fetchers have 10 to 100 Mbit/s up and four times that down, 5 to 50 ms from the middle, drawn from seed ${seed} on.`;
  return { title: 'Simulated swarm, equal holders', note: about, figures };
}
