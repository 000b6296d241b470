/** A thread that runs seeds one after the other and sends back what came of them. */
import { parentPort } from 'node:worker_threads';
import { planting } from './canaries.js';
import { runSeed, type SeedOutcome } from './seed-run.js';

export interface SeedJob {
  readonly from: number;
  readonly count: number;
  /** The fault that is planted, where one is. */
  readonly canary: string | undefined;
}

parentPort?.on('message', async ({ from, count, canary }: SeedJob) => {
  const outcomes: SeedOutcome[] = [];
  for (let seed = from; seed < from + count; seed += 1) outcomes.push(await runSeed(seed, planting(canary)));
  parentPort?.postMessage(outcomes);
});
