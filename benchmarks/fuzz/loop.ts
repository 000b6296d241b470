/**
 * The loop: inputs by grammar, by mutation, and what is kept, judged one after the other. The same seed gives the same inputs.
 *
 *     corpus, as it is ──► cut at every offset ──► by turns: made by the grammar, or mutated from what was kept ──► judge
 *
 * A find is made smaller and kept; the loop goes on. What an input cost is processor time, measured again where it seemed slow: on a
 * machine with other work the clock alone says nothing.
 */
import { SimRandom } from '../../common/sim/sim-random.js';
import { Mutator } from './mutator.js';
import { shrink } from './shrink.js';
import type { Judge, Target } from './target.js';

/** Inputs between two looks at the clock, and at whoever is honest. */
const BATCH_COUNT = 200;

/** One input of so many is made by the grammar: to mutate one costs a tenth. */
const GRAMMAR_EVERY_COUNT = 6;

/** Made inputs that are mutated later: the last ones. */
const RECENT_COUNT = 256;

/** Offsets at which an entry of the corpus is cut. */
const CUTS_MAX_COUNT = 512;

/** Milliseconds by the clock beyond which the processor time of an input is looked at. */
const SUSPECT_MS = 5;

/** Milliseconds of processor time that no input may take. */
const HANG_MS = 1000;

/** Finds of one target after which the rest would say nothing new. */
const FINDS_MAX_COUNT = 10;

export interface LoopOptions {
  readonly seed: number;
  /** Inputs in all, besides the corpus and its cuts. */
  readonly inputCount: number;
  /** Milliseconds after which the loop ends in any case. */
  readonly untilMs?: number;
  readonly corpus: readonly Uint8Array[];
  /** Milliseconds of processor time that no input may take; default HANG_MS. */
  readonly hangMs?: number;
  /** Told of each input before it is judged, and of the first one that settles something new. */
  readonly watch?: (input: Uint8Array) => void;
  /** Called between batches: a look at memory. */
  readonly pause?: (doneCount: number) => void;
}

export interface Find {
  readonly input: Uint8Array;
  readonly why: string;
}

export interface LoopResult {
  readonly inputCount: number;
  readonly elapsedMs: number;
  readonly slowestMs: number;
  readonly slowest: Uint8Array;
  readonly finds: readonly Find[];
  /** How often each verdict was given; of parts, the first. */
  readonly verdicts: ReadonlyMap<string, number>;
}

export async function fuzz(target: Target, options: LoopOptions): Promise<LoopResult> {
  const stackLimit = Error.stackTraceLimit;
  // What a refusal costs is mostly its stack, which nobody reads here.
  Error.stackTraceLimit = 0;
  const loop = new Loop(target, await target.open(), options);
  try {
    return await loop.run();
  } finally {
    Error.stackTraceLimit = stackLimit;
    await loop.close();
  }
}

class Loop {
  readonly #target: Target;
  readonly #options: LoopOptions;
  readonly #random: SimRandom;
  readonly #mutator: Mutator;
  readonly #recent: Uint8Array[] = [];
  readonly #finds: Find[] = [];
  readonly #verdicts = new Map<string, number>();
  #judge: Judge;
  #count = 0;
  #slowestMs = 0;
  #slowest: Uint8Array = new Uint8Array(0);

  constructor(target: Target, judge: Judge, options: LoopOptions) {
    this.#target = target;
    this.#judge = judge;
    this.#options = options;
    this.#random = new SimRandom(options.seed);
    this.#mutator = new Mutator(this.#random.fork(), target.tokens, target.inputMaxBytes);
  }

  async run(): Promise<LoopResult> {
    const sinceMs = performance.now();
    const { corpus, inputCount } = this.#options;
    for (const input of corpus) await this.#take(input);
    if (inputCount >= 10_000) await this.#takeCuts();
    for (let left = inputCount; left > 0 && !this.#isOver(sinceMs); left -= BATCH_COUNT) {
      for (let at = Math.min(left, BATCH_COUNT); at > 0; at -= 1) {
        const taken = this.#take(this.#next());
        if (taken !== undefined) await taken;
      }
      await this.#settle();
    }
    const result = {
      inputCount: this.#count,
      elapsedMs: performance.now() - sinceMs,
      finds: this.#finds,
      verdicts: this.#verdicts,
    };
    return { ...result, slowestMs: this.#slowestMs, slowest: this.#slowest };
  }

  async close(): Promise<void> {
    await this.#judge.close?.();
  }

  #isOver(sinceMs: number): boolean {
    this.#options.pause?.(this.#count);
    const { untilMs } = this.#options;
    return this.#finds.length >= FINDS_MAX_COUNT || (untilMs !== undefined && performance.now() - sinceMs > untilMs);
  }

  async #takeCuts(): Promise<void> {
    for (const input of this.#options.corpus) {
      const step = Math.max(1, Math.ceil(input.length / CUTS_MAX_COUNT));
      for (let at = 0; at < input.length; at += step) await this.#take(input.subarray(0, at));
    }
  }

  #next(): Uint8Array {
    if (this.#recent.length < 16 || this.#random.below(GRAMMAR_EVERY_COUNT) === 0) {
      const { buffer, byteOffset, length } = this.#target.generate(this.#random);
      // No Buffer: `slice` of one is no copy, and judges take what sockets give.
      const made = new Uint8Array(buffer, byteOffset, Math.min(length, this.#target.inputMaxBytes));
      if (this.#recent.length < RECENT_COUNT) this.#recent.push(made);
      else this.#recent[this.#random.below(RECENT_COUNT)] = made;
      return made;
    }
    return this.#mutator.mutate(this.#kept(), this.#kept());
  }

  #kept(): Uint8Array {
    const { corpus } = this.#options;
    const at = this.#random.below(corpus.length + this.#recent.length);
    return corpus[at] ?? this.#recent[at - corpus.length] ?? new Uint8Array(0);
  }

  /** Judges one input; a promise only where the judge gives one. */
  #take(input: Uint8Array): undefined | Promise<void> {
    this.#options.watch?.(input);
    this.#count += 1;
    const sinceMs = performance.now();
    try {
      const verdict = this.#judge.judge(input);
      if (typeof verdict !== 'string') return this.#takeLater(verdict, input.slice(), sinceMs);
      this.#note(verdict);
    } catch (error) {
      return this.#found(input.slice(), error);
    }
    const tookMs = performance.now() - sinceMs;
    return tookMs > this.#slowestMs && tookMs > SUSPECT_MS ? this.#measure(input.slice()) : this.#noteTime(tookMs, input);
  }

  async #takeLater(verdict: Promise<string>, input: Uint8Array, sinceMs: number): Promise<void> {
    try {
      this.#note(await verdict);
    } catch (error) {
      return this.#found(input, error);
    }
    const tookMs = performance.now() - sinceMs;
    if (tookMs > this.#slowestMs && tookMs > SUSPECT_MS) await this.#measure(input);
    else this.#noteTime(tookMs, input);
  }

  #note(verdict: string): void {
    const space = verdict.indexOf(' ');
    const first = space < 0 ? verdict : verdict.slice(0, space);
    this.#verdicts.set(first, (this.#verdicts.get(first) ?? 0) + 1);
  }

  #noteTime(tookMs: number, input: Uint8Array): undefined {
    if (tookMs <= this.#slowestMs || tookMs > SUSPECT_MS) return;
    this.#slowestMs = tookMs;
    this.#slowest = input.slice();
  }

  /** The processor time of an input that seemed slow: the less of two, since the first may have paid for a collection of garbage. */
  async #measure(input: Uint8Array): Promise<void> {
    let leastMs = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < 2 && leastMs > this.#slowestMs; tries += 1) {
      const before = process.cpuUsage();
      await this.#judge.judge(input);
      const { user, system } = process.cpuUsage(before);
      leastMs = Math.min(leastMs, (user + system) / 1000);
    }
    if (leastMs <= this.#slowestMs) return;
    this.#slowestMs = leastMs;
    this.#slowest = input;
    if (leastMs > (this.#options.hangMs ?? HANG_MS))
      this.#finds.push({ input, why: `It took ${Math.round(leastMs)} ms of processor time.` });
  }

  async #settle(): Promise<void> {
    try {
      await this.#judge.settle?.();
    } catch (error) {
      this.#finds.push({
        input: new Uint8Array(0),
        why: `After input ${this.#count} whoever is honest is not served: ${textOf(error)}`,
      });
      await this.#reopen();
    }
  }

  /** Makes a find small, with judges of its own: what it broke may stay broken. */
  async #found(input: Uint8Array, error: unknown): Promise<void> {
    const why = textOf(error);
    if (this.#finds.some((find) => find.why.slice(0, 60) === why.slice(0, 60))) return;
    const fails = async (candidate: Uint8Array): Promise<boolean> => {
      const judge = await this.#target.open();
      try {
        await judge.judge(candidate);
        return false;
      } catch (other) {
        return textOf(other).slice(0, 30) === why.slice(0, 30);
      } finally {
        await judge.close?.();
      }
    };
    this.#finds.push({ input: await shrink(input, fails), why });
    await this.#reopen();
  }

  async #reopen(): Promise<void> {
    await this.#judge.close?.();
    this.#judge = await this.#target.open();
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
