/** `npm run sim`: seeds of the simulation, on all cores. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { numberOf, runProgram } from '../options.js';
import { CANARIES, planting, unfound } from './canaries.js';
import { runSeed } from './seed-run.js';
import { SeedThread } from './seed-thread.js';
import { Tally } from './tally.js';
import type { SeedJob } from './worker.js';

/** Seeds within which a planted fault must be found. */
const CANARY_SEEDS_COUNT = 200;
/** Seeds given to a worker at once: a second or two of work. */
const JOB_SEEDS_COUNT = 16;
const FEW_SEEDS_COUNT = 4;

/** Seeds after which a long run says how far it is. */
const PROGRESS_SEEDS_COUNT = 1000;
const SEED_MAX = 2 ** 32 - 1;

const USAGE = `Usage: npm run sim -- [options]

  --seeds COUNT   so many seeds; each that fails is named, with the command that replays it (default 300)
  --from NUMBER   the first of them (default 1)
  --seed NUMBER   one seed alone
  --trace         with --seed: all that happens in it
  --canary NAME   with a planted fault; "all": each in turn, and all must be found

Planted faults: ${CANARIES.map(({ name }) => name).join(', ')}
`;

interface Arguments {
  readonly seeds: number;
  readonly from: number;
  readonly seed: number | undefined;
  readonly isTraced: boolean;
  readonly canary: string | undefined;
}

/** `undefined` where help is asked for. */
function readArguments(args: readonly string[]): Arguments | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string', default: '300' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      trace: { type: 'boolean', default: false },
      canary: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return undefined;
  return {
    seeds: numberOf('--seeds', values.seeds, 1, 1e9),
    from: numberOf('--from', values.from, 0, SEED_MAX),
    seed: values.seed === undefined ? undefined : numberOf('--seed', values.seed, 0, SEED_MAX),
    isTraced: values.trace,
    canary: values.canary,
  };
}

/** One seed on this thread, as a person looks at it. */
async function runOne(seed: number, isTraced: boolean, canary: string | undefined): Promise<Tally> {
  const trace = (line: string) => process.stdout.write(`${line}\n`);
  const outcome = await runSeed(seed, { ...planting(canary), ...(isTraced ? { trace } : {}) });
  const tally = new Tally(canary);
  tally.add(outcome);
  process.stdout.write(`seed ${seed}: ${outcome.eventCount} events, hash ${outcome.hash}\n`);
  return tally;
}

/** Many, on a thread for each core. Where `isEnough` is given, it says when to end, and what fails is not told. */
async function runMany(
  { seeds, from }: Pick<Arguments, 'seeds' | 'from'>,
  canary: string | undefined,
  isEnough?: (tally: Tally) => boolean,
): Promise<Tally> {
  const tally = new Tally(canary);
  let next = from;
  const work = async () => {
    const thread = new SeedThread();
    while (next < from + seeds && isEnough?.(tally) !== true) {
      const atOnceCount = isEnough === undefined ? JOB_SEEDS_COUNT : FEW_SEEDS_COUNT;
      const job: SeedJob = { from: next, count: Math.min(atOnceCount, from + seeds - next), canary };
      next += job.count;
      for (const outcome of await thread.run(job)) {
        tally.add(outcome);
        if (tally.seedCount % PROGRESS_SEEDS_COUNT === 0) process.stderr.write(`${tally.seedCount} of ${seeds} seeds\n`);
        if (outcome.broken.length > 0 && isEnough === undefined) process.stdout.write(tally.report(outcome));
      }
    }
    await thread.close();
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), Math.ceil(seeds / JOB_SEEDS_COUNT)) }, work));
  return tally;
}

async function runCanaries(from: number): Promise<boolean> {
  let areAllFound = true;
  for (const canary of CANARIES) {
    const left = (tally: Tally) => unfound(canary, tally.failures);
    const tally = await runMany({ seeds: CANARY_SEEDS_COUNT, from }, canary.name, (soFar) => left(soFar).length === 0);
    const isFound = left(tally).length === 0;
    areAllFound &&= isFound;
    const how = isFound ? (tally.firstFailure ?? '') : `${tally.seedCount} seeds without ${left(tally).join(', ')}`;
    process.stdout.write(`${isFound ? 'found' : 'NOT FOUND'}: ${canary.name} (${how})\n`);
  }
  return areAllFound;
}

runProgram('sim', async (given) => {
  const args = readArguments(given);
  if (args === undefined) return void process.stdout.write(USAGE);
  if (args.canary === 'all') {
    if (!(await runCanaries(args.from))) process.exitCode = 1;
    return;
  }
  // A name that is none ends it here, and not in each worker.
  planting(args.canary);
  const startedMs = performance.now();
  const tally = args.seed === undefined ? await runMany(args, args.canary) : await runOne(args.seed, args.isTraced, args.canary);
  if (args.seed !== undefined) for (const outcome of tally.failures) process.stdout.write(tally.report(outcome));
  process.stdout.write(tally.summary((performance.now() - startedMs) / 1000));
  if (tally.failedCount > 0) process.exitCode = 1;
});
