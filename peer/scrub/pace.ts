/**
 * How fast a scrub may go, and when an idle one may. Pure: no clock, no disk.
 */
import type { LoadReading } from '../../common/ports/load.js';

/** Of what it may send at once a peer sends this much, in percent, before a scrub waits. */
const UPLOAD_BUSY_PERCENT = 20;
/** The part of all cores that may be busy before a scrub waits. */
const CORES_BUSY_SHARE = 0.5;

/** Keeps an average of bytes a second, without making up for time in which nobody read. */
export class Pace {
  readonly #bytesPerSecond: number | undefined;
  #readyMs = Number.NEGATIVE_INFINITY;

  /** `undefined`: as fast as it goes. */
  constructor(bytesPerSecond: number | undefined) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Bytes are read from `nowMs` on; returns for how many milliseconds nothing more may be. */
  take(bytes: number, nowMs: number): number {
    if (this.#bytesPerSecond === undefined) return 0;
    this.#readyMs = Math.max(this.#readyMs, nowMs) + (bytes * 1000) / this.#bytesPerSecond;
    return this.#readyMs - nowMs;
  }
}

export interface Load {
  /** As the peer tells trackers: 0 to 100. */
  readonly uploadPercent: number;
  /** What it does for commands now: fetches, pushes, scrubs that somebody asked for. */
  readonly isWorking: boolean;
  /** Of the last `spanMs`; `undefined` where the machine does not tell. */
  readonly machine: LoadReading | undefined;
  readonly spanMs: number;
}

/** Whether nobody would feel that the disk is read. */
export function isIdle({ uploadPercent, isWorking, machine, spanMs }: Load): boolean {
  if (isWorking || uploadPercent >= UPLOAD_BUSY_PERCENT) return false;
  return machine === undefined || machine.coresBusyMs < CORES_BUSY_SHARE * machine.coreCount * Math.max(1, spanMs);
}
