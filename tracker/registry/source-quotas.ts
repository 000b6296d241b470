/**
 * How many registrations each source has, by `sourceOf`. Invariant: a quota's count is the number of holdings that were charged to it.
 */
import { ShoalError } from '../../common/core/errors.js';
import { TRACKER_SMALL_SOURCE_ENTRIES_COUNT } from '../../common/core/limits.js';
import { lightHash, SplitMap } from './split-map.js';

export interface SourceQuota {
  readonly source: string;
  count: number;
}

export class SourceQuotas {
  readonly #bySource = new SplitMap<string, SourceQuota>(lightHash);
  readonly #totalMax: number;
  readonly #sourceMax: number;
  #total = 0;

  constructor(totalMaxCount: number, sourceMaxCount: number) {
    this.#totalMax = totalMaxCount;
    this.#sourceMax = sourceMaxCount;
  }

  get total(): number {
    return this.#total;
  }

  get sourceCount(): number {
    return this.#bySource.size;
  }

  /** The quota of a source; a new one is kept only from its first `charge` on. */
  of(source: string): SourceQuota {
    return this.#bySource.get(source) ?? { source, count: 0 };
  }

  /** Throws `LIMIT` where the source, or the tracker, has no room for one more. The last tenth is kept for small sources. */
  check(quota: SourceQuota): void {
    if (quota.count >= this.#sourceMax) {
      throw new ShoalError(
        'LIMIT',
        'remote',
        `Your address has ${quota.count} registrations, the most this tracker keeps for one.`,
      );
    }
    const isSmall = quota.count < TRACKER_SMALL_SOURCE_ENTRIES_COUNT;
    if (this.#total >= (isSmall ? this.#totalMax : Math.floor(this.#totalMax * 0.9))) {
      throw new ShoalError('LIMIT', 'remote', 'The tracker is full; try again later, or use another tracker.');
    }
  }

  charge(quota: SourceQuota): void {
    if (quota.count === 0) this.#bySource.set(quota.source, quota);
    quota.count += 1;
    this.#total += 1;
  }

  release(quota: SourceQuota): void {
    quota.count -= 1;
    this.#total -= 1;
    if (quota.count === 0) this.#bySource.delete(quota.source);
  }
}
