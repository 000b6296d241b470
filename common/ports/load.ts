/** How busy the program and its machine are, as numbers that pure code can judge. */

export interface LoadReading {
  /** Milliseconds in which the event loop of the main thread was not waiting for something to happen. */
  readonly loopBusyMs: number;
  /** How much later than due the event loop came round: 99 % of the time at most this, and the longest. */
  readonly loopDelayP99Ms: number;
  readonly loopDelayMaxMs: number;
  readonly coreCount: number;
  /**
   * Milliseconds that all cores together were busy, added up, with whatever program. Where the system does not tell, what this program
   * used.
   */
  readonly coresBusyMs: number;
  /** The part of that which this program used itself. */
  readonly ownBusyMs: number;
}

/** Watches from the moment it was made. */
export interface LoadWatch {
  /** What there was since the watch began. */
  read(): LoadReading;
  /** Ends the watch. Idempotent. */
  close(): void;
}

export interface LoadPort {
  watch(): LoadWatch;
}
