/** The pool and the store of a download, with a watch: the same interfaces, and what passes through them is timed. */
import type { Clock } from '../../common/ports/clock.js';
import type { HashPool } from '../hash/hash-pool.js';
import type { PartStore } from '../store/part-store.js';
import type { StageTimes } from './stage-times.js';

export type LandingPool = Pick<HashPool, 'land'>;
export type LandingStore = Pick<PartStore, 'acquire' | 'release' | 'pathOf' | 'wrote' | 'checkpoint'>;

export function timedPool(pool: LandingPool, clock: Clock, times: StageTimes): LandingPool {
  return {
    async land(landing, hashName) {
      const sinceMs = clock.nowMs();
      times.landing(sinceMs);
      try {
        const result = await pool.land(landing, hashName);
        if (result.kind === 'landed') times.worked(result.hashMs, result.writeMs);
        return result;
      } finally {
        times.landed(sinceMs, clock.nowMs());
      }
    },
  };
}

export function timedStore(store: LandingStore, clock: Clock, times: StageTimes): LandingStore {
  return {
    acquire(fileIndex) {
      const sinceMs = clock.nowMs();
      times.landing(sinceMs);
      return store.acquire(fileIndex).finally(() => times.fileOpened(sinceMs, clock.nowMs()));
    },
    release: (fileIndex) => store.release(fileIndex),
    pathOf: (fileIndex) => store.pathOf(fileIndex),
    wrote: (unit) => store.wrote(unit),
    checkpoint() {
      const sinceMs = clock.nowMs();
      times.syncing(sinceMs);
      return store.checkpoint().finally(() => times.synced(sinceMs, clock.nowMs()));
    },
  };
}
