/**
 * How often a source may be told that something is not shared here: whoever tries names and roots one after the other is made to wait.
 * Pure. What is shared is answered at once, so that nobody waits for what another one behind the same address tries.
 * Invariant: at most SOURCES_KEPT_COUNT sources are counted, those that tried last.
 */
import { sourceOf } from '../../common/core/peer-address.js';

/** Times that a source is told so at once, and each second: a folder's worth of files that are missing, and no dictionary. */
export const PROBES_AT_ONCE_COUNT = 1000;
export const PROBES_PER_SECOND_COUNT = 100;

const SOURCES_KEPT_COUNT = 1024;

interface Budget {
  leftCount: number;
  atMs: number;
}

export class ProbeLimits {
  /** The one that tried last comes last. */
  readonly #budgets = new Map<string, Budget>();

  /** Takes one of what a source may be told; false where it has to wait. */
  take(ip: string, nowMs: number): boolean {
    const source = sourceOf(ip);
    const { leftCount, atMs } = this.#budgets.get(source) ?? { leftCount: PROBES_AT_ONCE_COUNT, atMs: nowMs };
    const nowCount = Math.min(PROBES_AT_ONCE_COUNT, leftCount + ((nowMs - atMs) * PROBES_PER_SECOND_COUNT) / 1000);
    const isAllowed = nowCount >= 1;
    this.#budgets.delete(source);
    this.#budgets.set(source, { leftCount: isAllowed ? nowCount - 1 : nowCount, atMs: nowMs });
    if (this.#budgets.size > SOURCES_KEPT_COUNT) this.#forgetOldest();
    return isAllowed;
  }

  #forgetOldest(): void {
    const [oldest] = this.#budgets.keys();
    if (oldest !== undefined) this.#budgets.delete(oldest);
  }
}
