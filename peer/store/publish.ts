/**
 * The last step of a fetch: from a complete part to the final name.
 *
 * Order: attributes, data synced, folders synced, then the name. Without `isOverwrite` the name is made by a hard link, which
 * fails where the target exists; where links are not to be had, by a check and a rename. With it a file is replaced by one rename; in a
 * folder each listed file is, and what is not listed stays untouched.
 */
import { dirname, join } from 'node:path';
import { ShoalError, systemCode } from '../../common/core/errors.js';
import { lookAt, removeIfThere, removeTree } from '../../common/node/disk-work.js';
import type { Disk } from '../../common/ports/disk.js';
import type { Catalog } from '../fetch/catalog.js';
import { diskError } from './disk-error.js';
import type { PartFiles } from './part-files.js';
import type { PartPaths } from './part-paths.js';

/** Files that are finished before the next sync: each may be open while it is. */
const FINISH_AT_ONCE_COUNT = 32;

export interface Publication {
  readonly paths: PartPaths;
  readonly isFolder: boolean;
  readonly isOverwrite: boolean;
  readonly catalog: Catalog;
  readonly files: PartFiles;
  /** What has its final name: targets, which a later try passes over. */
  readonly named: Set<string>;
}

/** Throws `TARGET_EXISTS`, `DENIED`, `DISK_FULL`, `IO`, or `CHANGED` where it is not what was written; the part then stays as it is. */
export async function publish(disk: Disk, publication: Publication): Promise<void> {
  const { paths, files, named } = publication;
  try {
    if (!named.has(paths.target)) await finishAndName(disk, publication);
    named.add(paths.target);
    await files.syncFolder(paths.folder);
  } catch (error) {
    throw diskError(error, paths.target);
  }
}

async function finishAndName(disk: Disk, publication: Publication): Promise<void> {
  const { paths, isFolder, isOverwrite, catalog, files } = publication;
  if (isFolder) await makeFolderIfMissing(disk, paths.part);
  await finishFiles(catalog, files);
  await files.confirm((index) => publication.named.has(join(paths.target, catalog.files[index]?.path ?? '')));
  await files.close();
  for (const folder of files.folders) await files.syncFolder(folder);
  if (isFolder) await nameFolder(disk, publication);
  else await nameFile(disk, paths.part, paths.target, isOverwrite);
}

async function makeFolderIfMissing(disk: Pick<Disk, 'makeFolder'>, folder: string): Promise<void> {
  await disk.makeFolder(folder).catch((error: unknown) => {
    if (systemCode(error) !== 'EEXIST') throw error;
  });
}

/** Files that this run did not write still lack times and permission bits, and empty ones are not there: some at a time, then synced. */
async function finishFiles(catalog: Catalog, files: PartFiles): Promise<void> {
  for (const index of catalog.files.keys()) {
    files.finish(index);
    if (index % FINISH_AT_ONCE_COUNT === FINISH_AT_ONCE_COUNT - 1) await files.sync();
  }
  await files.sync();
}

/** Gives a finished file its final name. Throws `TARGET_EXISTS`, and what the operating system says. */
export async function nameFile(
  disk: Pick<Disk, 'link' | 'rename' | 'remove' | 'lstat'>,
  part: string,
  target: string,
  isOverwrite: boolean,
): Promise<void> {
  if (isOverwrite) {
    await disk.rename(part, target);
    return;
  }
  try {
    await disk.link(part, target);
  } catch (error) {
    if (systemCode(error) === 'EEXIST') throw exists(target);
    await refuseIfThere(disk, target);
    await disk.rename(part, target);
    return;
  }
  // The other name of the same file; one that stays is found by the next run.
  await removeIfThere(disk, part).catch(() => undefined);
}

async function nameFolder(disk: Disk, publication: Publication): Promise<void> {
  const { paths, catalog, files, named } = publication;
  if (named.size === 0 && (await isNamedAtOnce(disk, publication))) return;
  const made = new Set<string>();
  for (const [index, file] of catalog.files.entries()) {
    const target = join(paths.target, file.path ?? '');
    await makeRealFolder(disk, dirname(target), paths.folder, made);
    if (!named.has(target)) await disk.rename(files.pathOf(index), target);
    named.add(target);
  }
  for (const folder of made) await files.syncFolder(folder);
  await removeTree(disk, paths.part);
}

/** Names a folder where nothing is, or an empty folder. False where files are to be put into one. Throws `TARGET_EXISTS`, and as `rename`. */
async function isNamedAtOnce(disk: Pick<Disk, 'rename'>, { paths, isOverwrite }: Publication): Promise<boolean> {
  try {
    await disk.rename(paths.part, paths.target);
    return true;
  } catch (error) {
    const code = systemCode(error);
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOTDIR') throw error;
    if (!isOverwrite) throw exists(paths.target);
    return false;
  }
}

/** Makes a folder and those above it down from `top`; a symlink in its place is refused, not followed. */
export async function makeRealFolder(
  disk: Pick<Disk, 'makeFolder' | 'lstat'>,
  folder: string,
  top: string,
  made: Set<string>,
): Promise<void> {
  if (folder === top || made.has(folder)) return;
  await makeRealFolder(disk, dirname(folder), top, made);
  await makeFolderIfMissing(disk, folder);
  if ((await disk.lstat(folder)).kind !== 'folder')
    throw new ShoalError('TARGET_EXISTS', 'environment', `${folder} is in the way; move it elsewhere.`);
  made.add(folder);
}

/** Throws `TARGET_EXISTS` where anything has the name. */
export async function refuseIfThere(disk: Pick<Disk, 'lstat'>, target: string): Promise<void> {
  if ((await lookAt(disk, target)) !== undefined) throw exists(target);
}

function exists(target: string): ShoalError {
  return new ShoalError(
    'TARGET_EXISTS',
    'environment',
    `${target} exists and is something else; choose another --out, or --overwrite it.`,
  );
}
