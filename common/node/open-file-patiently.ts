/** Opening a file in a process that may have no file handle left: not an error, as long as one of its own will be given back. */
import { systemCode } from '../core/errors.js';
import type { Disk, DiskFile, OpenMode } from '../ports/disk.js';
import { breathe } from './clock.js';

/** Times that it tries again where nothing can be waited for: a handle may be on its way to somebody else, and back. */
const TRIES_COUNT = 100;

/** Opens `path`; throws as `open`, where no handle is left as `whenHandleFree`. */
export function openFilePatiently(
  disk: Pick<Disk, 'open'>,
  path: string,
  how: OpenMode,
  makeRoom: () => Promise<boolean>,
): Promise<DiskFile> {
  return whenHandleFree(() => disk.open(path, how), makeRoom);
}

/**
 * Does `work`, which needs a file handle. Where none is left, calls `makeRoom` and tries again; throws as `work` does where that has said
 * TRIES_COUNT times that there is nothing to wait for.
 */
export async function whenHandleFree<T>(work: () => Promise<T>, makeRoom: () => Promise<boolean>): Promise<T> {
  for (let triesLeft = TRIES_COUNT; ; ) {
    try {
      return await work();
    } catch (error) {
      const code = systemCode(error);
      if (code !== 'EMFILE' && code !== 'ENFILE') throw error;
      if (await makeRoom()) continue;
      triesLeft -= 1;
      if (triesLeft <= 0) throw error;
      await breathe();
    }
  }
}
