/**
 * The last step of a fetch: from a complete part to the final name.
 *
 * Order: attributes, data synced, folders synced, then the name. Without `isOverwrite` the name is made by a hard link, which
 * fails where the target exists; where links are not to be had, by a check and a rename. With it a file is replaced by one rename; in a
 * folder each listed file is, and what is not listed stays untouched.
 */
import { link, lstat, mkdir, open, rename, rm, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ShoalError, systemCode } from '../../common/core/errors.js';
import type { Catalog } from '../fetch/catalog.js';
import { diskError } from './disk-error.js';
import type { PartFiles } from './part-files.js';
import type { PartPaths } from './part-paths.js';

export interface Publication {
  readonly paths: PartPaths;
  readonly isFolder: boolean;
  readonly isOverwrite: boolean;
  readonly catalog: Catalog;
  readonly files: PartFiles;
}

/** Throws `TARGET_EXISTS`, `DENIED`, `DISK_FULL` or `IO`; the part then stays as it is. */
export async function publish(publication: Publication): Promise<void> {
  const { paths, isFolder, isOverwrite, catalog, files } = publication;
  try {
    if (isFolder) await makeStaging(paths.part);
    for (const index of catalog.files.keys()) await finishFile(index, catalog, files);
    await files.sync();
    await files.close();
    for (const folder of files.folders) await syncFolder(folder);
    if (isFolder) await nameFolder(publication);
    else await nameFile(paths.part, paths.target, isOverwrite);
    await syncFolder(paths.folder);
  } catch (error) {
    throw diskError(error, paths.target);
  }
}

async function makeStaging(part: string): Promise<void> {
  await mkdir(part).catch((error: unknown) => {
    if (systemCode(error) !== 'EEXIST') throw error;
  });
}

/** Empty files come to be here, since no unit made them; times and permission bits are given before the last sync. */
async function finishFile(fileIndex: number, catalog: Catalog, files: PartFiles): Promise<void> {
  const file = catalog.files[fileIndex];
  const hasAttributes = file?.mtimeMs !== undefined || file?.mode !== undefined;
  if (file === undefined || (file.sizeBytes > 0 && !hasAttributes)) return;
  await files.acquire(fileIndex);
  const path = files.pathOf(fileIndex);
  try {
    if (file.mode !== undefined) await chmodFile(path, file.mode);
    // A time that the file system cannot hold is a hint that is not taken.
    if (file.mtimeMs !== undefined) await utimes(path, file.mtimeMs / 1000, file.mtimeMs / 1000).catch(() => undefined);
  } finally {
    files.release(fileIndex, true);
  }
}

async function chmodFile(path: string, mode: number): Promise<void> {
  const handle = await open(path, 'r+');
  // The owner can always read and write, or the next sync could not open it.
  await handle.chmod(mode | 0o600).finally(() => handle.close());
}

async function nameFile(part: string, target: string, isOverwrite: boolean): Promise<void> {
  if (isOverwrite) {
    await rename(part, target);
    return;
  }
  try {
    await link(part, target);
  } catch (error) {
    if (systemCode(error) === 'EEXIST') throw exists(target);
    await refuseIfThere(target);
    await rename(part, target);
    return;
  }
  // The other name of the same file; one that stays is found by the next run.
  await rm(part, { force: true }).catch(() => undefined);
}

async function nameFolder({ paths, isOverwrite, catalog, files }: Publication): Promise<void> {
  try {
    // Succeeds where nothing is there, or an empty folder.
    await rename(paths.part, paths.target);
    return;
  } catch (error) {
    const code = systemCode(error);
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOTDIR') throw error;
    if (!isOverwrite) throw exists(paths.target);
  }
  const made = new Set<string>();
  for (const [index, file] of catalog.files.entries()) {
    const target = join(paths.target, file.path ?? '');
    await makeRealFolder(dirname(target), paths.folder, made);
    await rename(files.pathOf(index), target);
  }
  for (const folder of made) await syncFolder(folder);
  await rm(paths.part, { recursive: true, force: true });
}

/** Makes a folder and those above it down from `top`; a symlink in its place is refused, not followed. */
async function makeRealFolder(folder: string, top: string, made: Set<string>): Promise<void> {
  if (folder === top || made.has(folder)) return;
  await makeRealFolder(dirname(folder), top, made);
  await mkdir(folder).catch((error: unknown) => {
    if (systemCode(error) !== 'EEXIST') throw error;
  });
  if (!(await lstat(folder)).isDirectory())
    throw new ShoalError('TARGET_EXISTS', 'environment', `${folder} is in the way; move it elsewhere.`);
  made.add(folder);
}

async function refuseIfThere(target: string): Promise<void> {
  const found = await lstat(target).catch(() => undefined);
  if (found !== undefined) throw exists(target);
}

function exists(target: string): ShoalError {
  return new ShoalError(
    'TARGET_EXISTS',
    'environment',
    `${target} exists and is something else; choose another --out, or --overwrite it.`,
  );
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}
