/** The pool and the store of a download, with a watch: the same interfaces, and what passes through them is timed. */
import type { Clock } from '../../common/ports/clock.js';
import type { Hasher } from '../hash/hasher.js';
import type { PartStore } from '../store/part-store.js';
import type { StageTimes } from './stage-times.js';

export type LandingPool = Pick<Hasher, 'land'>;
export type LandingStore = Pick<PartStore, 'acquire' | 'release' | 'pathOf' | 'wrote' | 'checkpoint'>;

export function timedPool(pool: LandingPool, clock: Clock, times: StageTimes): LandingPool {
  return {
    land(landing, hashName) {
      const sinceMs = clock.nowMs();
      times.landing(sinceMs);
      return pool.land(landing, hashName).then(
        (result) => {
          const isLanded = result.kind === 'landed';
          times.landed(sinceMs, clock.nowMs(), isLanded ? result.hashMs : 0, isLanded ? result.writeMs : 0);
          return result;
        },
        (error: unknown) => {
          times.landed(sinceMs, clock.nowMs(), 0, 0);
          throw error;
        },
      );
    },
  };
}

/** Opening is timed where a file is not the one that was written to last: a large file is opened once, and written to for long. */
export function timedStore(store: LandingStore, clock: Clock, times: StageTimes): LandingStore {
  let lastFileIndex: number | undefined;
  return {
    acquire(place) {
      if (place.fileIndex === lastFileIndex) return store.acquire(place);
      lastFileIndex = place.fileIndex;
      const sinceMs = clock.nowMs();
      times.landing(sinceMs);
      return store.acquire(place).finally(() => times.fileOpened(sinceMs, clock.nowMs()));
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
