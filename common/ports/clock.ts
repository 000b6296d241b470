/** Time as an input. Monotonic: it never jumps, and its zero means nothing. */
export interface Clock {
  nowMs(): number;
  /** Runs `run` once after `delayMs`. `name` is what traces and the simulator show. */
  setTimer(name: string, delayMs: number, run: () => void): Timer;
}

export interface Timer {
  /** Idempotent; a cancelled timer never runs. */
  cancel(): void;
}
