/** What a run that was killed, or whose disk failed, left undone behind a target that it had finished. */
import { dirname } from 'node:path';
import { systemCode } from '../../common/core/errors.js';
import type { Disk } from '../../common/ports/disk.js';
import { diskError } from '../store/disk-error.js';
import { partPaths } from '../store/part-paths.js';
import { PartStore } from '../store/part-store.js';
import type { FetchSession } from './fetch-session.js';
import type { Goal } from './goal.js';

/** Codes of a folder that is not ours to write to: what is in it was not named by us. */
const NOT_OURS_CODES: readonly string[] = ['EROFS', 'EACCES', 'EPERM', 'EINVAL'];

/** The name may have been given and not have been made last. Throws `IO` where that cannot be done. */
export async function makeNamesLast(
  disk: Pick<Disk, 'syncFolder'>,
  { target, folder, catalog }: Pick<Goal, 'target' | 'folder' | 'catalog'>,
): Promise<void> {
  const folders = new Set<string>();
  if (folder !== undefined) {
    folders.add(target);
    for (const { path = '' } of catalog.files) {
      for (let above = dirname(path); above !== '.'; above = dirname(above)) folders.add(`${target}/${above}`);
    }
  }
  for (const path of [...folders, dirname(target)]) {
    await disk.syncFolder(path).catch((error: unknown) => {
      if (!NOT_OURS_CODES.includes(systemCode(error) ?? '')) throw diskError(error, target);
    });
  }
}

/** A crash between the rename and the end leaves a journal and a lock. A folder that may not be written to has none that matter. */
export async function tidyUp({ ports }: FetchSession, { target, root, name, folder }: Goal): Promise<void> {
  const isFolder = folder !== undefined;
  const store = await PartStore.open(ports, { paths: partPaths(target, root ?? '-'), root: root ?? '-', name, isFolder });
  await store.discard().finally(() => store.close());
}
