/**
 * Lets a few log lines of a kind through in each span of time, and counts the rest: a flood of errors does not fill a disk.
 * Pure: time is given.
 */
import { LOG_GATE_LINES_COUNT, LOG_GATE_MS } from '../../common/core/limits.js';

export class LogGate {
  #sinceMs = Number.NEGATIVE_INFINITY;
  #lineCount = 0;
  #suppressedCount = 0;

  /** How many lines were left out since the last one that passed, where this one may pass; `undefined` where it may not. */
  pass(nowMs: number): number | undefined {
    if (nowMs - this.#sinceMs >= LOG_GATE_MS) {
      this.#sinceMs = nowMs;
      this.#lineCount = 0;
    }
    if (this.#lineCount >= LOG_GATE_LINES_COUNT) {
      this.#suppressedCount += 1;
      return undefined;
    }
    this.#lineCount += 1;
    const suppressedCount = this.#suppressedCount;
    this.#suppressedCount = 0;
    return suppressedCount;
  }
}
