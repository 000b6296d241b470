/**
 * The real clock for tests that must not wait: it runs in real time, and `jump` puts it forward and runs what became due.
 *
 * Invariant: timers run in the order of their due times, and at each of them `nowMs` is not before it.
 */
import type { Clock, Timer } from '../../common/ports/clock.js';

interface Waiting {
  readonly dueMs: number;
  readonly run: () => void;
  readonly handle: NodeJS.Timeout | undefined;
}

export class JumpClock implements Clock {
  readonly #waiting = new Set<Waiting>();
  readonly #isStill: boolean;
  #offsetMs = 0;

  /** `isStill`: time moves only by `jump`. */
  constructor(isStill = false) {
    this.#isStill = isStill;
  }

  nowMs(): number {
    return (this.#isStill ? 0 : performance.now()) + this.#offsetMs;
  }

  get timerCount(): number {
    return this.#waiting.size;
  }

  setTimer(_name: string, delayMs: number, run: () => void): Timer {
    const dueMs = this.nowMs() + delayMs;
    const handle = this.#isStill ? undefined : setTimeout(() => this.#fire(waiting), delayMs);
    const waiting: Waiting = { dueMs, run, handle };
    this.#waiting.add(waiting);
    return { cancel: () => this.#forget(waiting) };
  }

  /** Puts the clock forward and runs, in order, every timer that became due, also those that these set. */
  jump(byMs: number): void {
    const untilMs = this.nowMs() + byMs;
    for (;;) {
      let next: Waiting | undefined;
      for (const one of this.#waiting) if (one.dueMs <= untilMs && (next === undefined || one.dueMs < next.dueMs)) next = one;
      if (next === undefined) break;
      this.#offsetMs += Math.max(0, next.dueMs - this.nowMs());
      this.#fire(next);
    }
    this.#offsetMs += Math.max(0, untilMs - this.nowMs());
  }

  #fire(waiting: Waiting): void {
    if (!this.#waiting.has(waiting)) return;
    this.#forget(waiting);
    waiting.run();
  }

  #forget(waiting: Waiting): void {
    clearTimeout(waiting.handle);
    this.#waiting.delete(waiting);
  }
}
