/**
 * Finds inputs for the corpus: those that reach a part of the program that nothing kept reaches, made as small as they still do. What is
 * found is mutated in its turn, so that the next ones get further.
 */
import { createHash } from 'node:crypto';
import { SimRandom } from '../../common/sim/sim-random.js';
import type { Entry } from './corpus.js';
import { Coverage, type Reached } from './coverage.js';
import { Mutator } from './mutator.js';
import { shrink } from './shrink.js';
import type { Target } from './target.js';

/** Inputs of which one is made by the grammar. */
const GRAMMAR_EVERY_COUNT = 4;

export interface GrowOptions {
  readonly seed: number;
  readonly inputCount: number;
  readonly corpus: readonly Entry[];
}

/** New entries, named for the function that they get into. An input that breaks a law is passed over: the loop finds it again. */
export async function grow(target: Target, { seed, inputCount, corpus }: GrowOptions): Promise<Entry[]> {
  const random = new SimRandom(seed);
  const mutator = new Mutator(random.fork(), target.tokens, target.inputMaxBytes);
  const coverage = await Coverage.start();
  const known = new Set<string>();
  for (const { bytes } of corpus) for (const block of (await reachedBy(target, coverage, bytes)).keys()) known.add(block);
  const pool = corpus.map(({ bytes }) => bytes);
  const found: Entry[] = [];
  const kept = (): Uint8Array => pool[random.below(Math.max(1, pool.length))] ?? new Uint8Array(0);
  for (let left = inputCount; left > 0; left -= 1) {
    const made = random.below(GRAMMAR_EVERY_COUNT) === 0 ? target.generate(random) : mutator.mutate(kept(), kept());
    const input = new Uint8Array(made.subarray(0, target.inputMaxBytes));
    const fresh = [...(await reachedBy(target, coverage, input))].filter(([block]) => !known.has(block));
    if (fresh[0] === undefined) continue;
    const bytes = await shrink(input, async (smaller) => {
      const reached = await reachedBy(target, coverage, smaller);
      return fresh.every(([block]) => reached.has(block));
    });
    for (const [block] of fresh) known.add(block);
    pool.push(bytes);
    const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 6);
    found.push({ name: `reaches-${fresh[0][1].replace(/[^A-Za-z0-9]/g, '') || 'more'}-${digest}`, bytes });
  }
  coverage.stop();
  return found;
}

/** What a judge of its own reaches with an input; its beginning and its end are not counted. */
async function reachedBy(target: Target, coverage: Coverage, input: Uint8Array): Promise<Reached> {
  const judge = await target.open();
  try {
    await coverage.take();
    await judge.judge(input);
    return await coverage.take();
  } catch {
    return new Map();
  } finally {
    await judge.close?.();
  }
}
