/**
 * `npm run sim`: seeds of the simulation, on all cores.
 *
 *     npm run sim -- --seeds 1000 [--from 1]      so many seeds; the last line counts, and each that failed is named with how to replay it
 *     npm run sim -- --seed 17 [--trace]          one seed, with all that happens in it
 *     npm run sim -- --canary all                 with each planted fault in turn: all of them must be found
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { CANARIES, canaryNamed } from './canaries.js';
import { runSeed } from './seed-run.js';
import { SeedThread } from './seed-thread.js';
import { Tally } from './tally.js';
import type { SeedJob } from './worker.js';

/** Seeds within which a planted fault must be found. */
const CANARY_SEEDS_COUNT = 200;
/** Seeds given to a worker at once: a second or two of work. */
const JOB_SEEDS_COUNT = 16;
const FEW_SEEDS_COUNT = 4;

interface Arguments {
  readonly seeds: number;
  readonly from: number;
  readonly seed: number | undefined;
  readonly isTraced: boolean;
  readonly canary: string | undefined;
}

function readArguments(args: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string', default: '300' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      trace: { type: 'boolean', default: false },
      canary: { type: 'string' },
    },
  });
  const { seeds, from, seed, trace, canary } = values;
  return {
    seeds: Number(seeds),
    from: Number(from),
    seed: seed === undefined ? undefined : Number(seed),
    isTraced: trace,
    canary,
  };
}

/** One seed on this thread, as a person looks at it. */
async function runOne(seed: number, isTraced: boolean, canary: string | undefined): Promise<Tally> {
  const trace = (line: string) => process.stdout.write(`${line}\n`);
  const outcome = await runSeed(seed, { ...canaryNamed(canary), ...(isTraced ? { trace } : {}) });
  const tally = new Tally(canary);
  tally.add(outcome);
  process.stdout.write(`seed ${seed}: ${outcome.eventCount} events, hash ${outcome.hash}\n`);
  return tally;
}

/** Many, on a thread for each core. Ends at the first that fails where `isFirstEnough`. */
async function runMany(
  { seeds, from }: Pick<Arguments, 'seeds' | 'from'>,
  canary: string | undefined,
  isFirstEnough = false,
): Promise<Tally> {
  const tally = new Tally(canary);
  let next = from;
  const work = async () => {
    const thread = new SeedThread();
    while (next < from + seeds && !(isFirstEnough && tally.failedCount > 0)) {
      const job: SeedJob = {
        from: next,
        count: Math.min(isFirstEnough ? FEW_SEEDS_COUNT : JOB_SEEDS_COUNT, from + seeds - next),
        canary,
      };
      next += job.count;
      for (const outcome of await thread.run(job)) {
        tally.add(outcome);
        if (outcome.broken.length > 0 && !isFirstEnough) process.stdout.write(tally.report(outcome));
      }
    }
    await thread.close();
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), Math.ceil(seeds / JOB_SEEDS_COUNT)) }, work));
  return tally;
}

async function runCanaries(from: number): Promise<boolean> {
  let areAllFound = true;
  for (const { name } of CANARIES) {
    const tally = await runMany({ seeds: CANARY_SEEDS_COUNT, from }, name, true);
    const isFound = tally.failedCount > 0;
    areAllFound &&= isFound;
    process.stdout.write(`${isFound ? 'found' : 'NOT FOUND'}: ${name} (${tally.firstFailure ?? `${tally.seedCount} seeds`})\n`);
  }
  return areAllFound;
}

async function main(): Promise<boolean> {
  const args = readArguments(process.argv.slice(2));
  if (args.canary === 'all') return runCanaries(args.from);
  const startedMs = performance.now();
  const tally = args.seed === undefined ? await runMany(args, args.canary) : await runOne(args.seed, args.isTraced, args.canary);
  if (args.seed !== undefined) for (const outcome of tally.failures) process.stdout.write(tally.report(outcome));
  process.stdout.write(tally.summary((performance.now() - startedMs) / 1000));
  return tally.failedCount === 0;
}

process.exitCode = (await main()) ? 0 : 1;
