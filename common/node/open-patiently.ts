/** Opening a file in a process that may have no file handle left: not an error, as long as one of its own will be given back. */
import { type FileHandle, open } from 'node:fs/promises';
import { systemCode } from '../core/errors.js';
import { breathe } from './clock.js';

/** Times that it tries again where nothing can be waited for: a handle may be on its way to somebody else, and back. */
const TRIES_COUNT = 100;

/**
 * Opens `path`. Where no handle is left, calls `makeRoom` and tries again; throws as `open` does where that has said TRIES_COUNT times that
 * there is nothing to wait for. `mode` is for a file that is made.
 */
export async function openPatiently(
  path: string,
  flags: number,
  makeRoom: () => Promise<boolean>,
  mode?: number,
): Promise<FileHandle> {
  for (let triesLeft = TRIES_COUNT; ; ) {
    try {
      return await open(path, flags, mode);
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
