/**
 * Simulated time: it stands still while code runs, and jumps to the next instant at which something is due.
 *
 *     instant: all that is due now, in order ──► everybody's promises, until none is left ──► more due now? again : next instant
 *
 * So a day passes in the time that its events take, and a run is the same each time: order is by time and then by who asked first.
 * Invariant: `nowMs` never goes back, and moves only between instants.
 */
import { invariant } from '../core/errors.js';
import type { Clock, Timer } from '../ports/clock.js';
import { type Due, DueHeap } from './due-heap.js';

/** Rounds at one instant after which time is taken to be stuck: a timer that sets itself again without delay. */
const ROUNDS_MAX_COUNT = 100_000;

export interface SimClockOptions {
  /** Time goes on by itself whenever something is due, as on the real clock; default false: only `run` moves it. */
  readonly isAutomatic?: boolean;
  /** Told of each event as it happens: what a trace is made of. */
  readonly observe?: (nowMs: number, name: string) => void;
}

export interface RunLimits {
  /** The run ends at this time, which `nowMs` then shows, or before it where `isOver` says so; default: when nothing is due any more. */
  readonly untilMs?: number;
  /** Looked at between instants. */
  readonly isOver?: () => boolean;
}

/** Gives all promises, and all that wait for them, their turn: Node empties the queues of microtasks before the next immediate. */
function afterMicrotasks(then: () => void): void {
  setImmediate(then);
}

class SimTimer implements Due, Timer {
  readonly name: string;
  dueMs = 0;
  sequence = 0;
  #run: (() => void) | undefined;

  constructor(name: string, run: () => void) {
    this.name = name;
    this.#run = run;
  }

  cancel(): void {
    this.#run = undefined;
  }

  get isCancelled(): boolean {
    return this.#run === undefined;
  }

  fire(): void {
    const run = this.#run;
    this.#run = undefined;
    run?.();
  }
}

export class SimClock implements Clock {
  readonly #heap = new DueHeap();
  readonly #options: SimClockOptions;
  #nowMs = 0;
  #sequence = 0;
  #roundCount = 0;
  #isTurning = false;
  #isWatched = false;

  constructor(options: SimClockOptions = {}) {
    this.#options = options;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  /** Events that happened. */
  get eventCount(): number {
    return this.#eventCount;
  }
  #eventCount = 0;

  setTimer(name: string, delayMs: number, run: () => void): Timer {
    const timer = new SimTimer(name, run);
    this.put(timer, this.#nowMs + Math.max(0, delayMs));
    return timer;
  }

  /** Makes `due` happen at `atMs`, which is not in the past. For the simulator's own parts; programs set timers. */
  put(due: Due, atMs: number): void {
    invariant(atMs >= this.#nowMs && atMs < Number.POSITIVE_INFINITY, `"${due.name}" is due at ${atMs}, now is ${this.#nowMs}`);
    due.dueMs = atMs;
    due.sequence = this.#sequence;
    this.#sequence += 1;
    this.#heap.push(due);
    if (this.#options.isAutomatic === true && !this.#isTurning) this.#turnByItself();
  }

  /**
   * The simulator's own parts say that they called a program: then its promises have their turn before time goes on. Timers say so by
   * themselves. What only moved packets has no promises, and costs no turn of the event loop.
   */
  noteCall(): void {
    this.#isWatched = true;
  }

  /** Lets time pass; resolves at the end of the run. Throws what an event threw. */
  run(limits: RunLimits = {}): Promise<void> {
    invariant(!this.#isTurning, 'time passes once at a time');
    this.#isTurning = true;
    return new Promise((resolve, reject) => {
      const turn = () => {
        try {
          if (this.#advance(limits)) return afterMicrotasks(turn);
          this.#isTurning = false;
          resolve();
        } catch (error) {
          this.#isTurning = false;
          reject(error);
        }
      };
      afterMicrotasks(turn);
    });
  }

  #turnByItself(): void {
    this.#isTurning = true;
    const turn = () => {
      this.#isTurning = this.#advance({});
      if (this.#isTurning) afterMicrotasks(turn);
    };
    afterMicrotasks(turn);
  }

  /** Goes from instant to instant until a program was called; false where the run is over. */
  #advance({ untilMs, isOver }: RunLimits): boolean {
    this.#isWatched = false;
    while (!this.#isWatched) {
      if (isOver?.() === true) return false;
      const next = this.#heap.first();
      if (next === undefined || (untilMs !== undefined && next.dueMs > untilMs)) {
        if (untilMs !== undefined) this.#nowMs = Math.max(this.#nowMs, untilMs);
        return false;
      }
      this.#roundCount = next.dueMs === this.#nowMs ? this.#roundCount + 1 : 0;
      invariant(this.#roundCount < ROUNDS_MAX_COUNT, `time moves on; "${next.name}" is due again and again`);
      this.#nowMs = next.dueMs;
      this.#fireInstant();
    }
    return true;
  }

  /** Everything that is due at this instant when it begins, in order; what is added to it meanwhile comes in the next round. */
  #fireInstant(): void {
    const endSequence = this.#sequence;
    for (let next = this.#heap.first(); next !== undefined; next = this.#heap.first()) {
      if (next.dueMs > this.#nowMs || next.sequence >= endSequence) return;
      this.#heap.pop();
      if (next instanceof SimTimer) {
        if (next.isCancelled) continue;
        this.#isWatched = true;
      }
      this.#eventCount += 1;
      this.#options.observe?.(this.#nowMs, next.name);
      next.fire();
    }
  }
}
