/**
 * The last step of a fetch: from a complete part to the final name.
 *
 * Order: attributes, data synced, folders synced, then the name. Without `isOverwrite` the name is made by a hard link, which
 * fails where the target exists; where links are not to be had, by a check and a rename. With it a file is replaced by one rename; in a
 * folder each listed file is, and what is not listed stays untouched.
 */
import { link, lstat, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ShoalError, systemCode } from '../../common/core/errors.js';
import type { Catalog } from '../fetch/catalog.js';
import { diskError } from './disk-error.js';
import type { PartFiles } from './part-files.js';
import type { PartPaths } from './part-paths.js';
import { syncFolder } from './sync-folder.js';

/** Files that are finished before the next sync: each may be open while it is. */
const FINISH_AT_ONCE_COUNT = 32;

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
    await finishFiles(catalog, files);
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

/** Files that this run did not write still lack times and permission bits, and empty ones are not there: some at a time, then synced. */
async function finishFiles(catalog: Catalog, files: PartFiles): Promise<void> {
  for (const index of catalog.files.keys()) {
    files.finish(index);
    if (index % FINISH_AT_ONCE_COUNT === FINISH_AT_ONCE_COUNT - 1) await files.sync();
  }
  await files.sync();
}

/** Gives a finished file its final name. Throws `TARGET_EXISTS`, and what the operating system says. */
export async function nameFile(part: string, target: string, isOverwrite: boolean): Promise<void> {
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
export async function makeRealFolder(folder: string, top: string, made: Set<string>): Promise<void> {
  if (folder === top || made.has(folder)) return;
  await makeRealFolder(dirname(folder), top, made);
  await mkdir(folder).catch((error: unknown) => {
    if (systemCode(error) !== 'EEXIST') throw error;
  });
  if (!(await lstat(folder)).isDirectory())
    throw new ShoalError('TARGET_EXISTS', 'environment', `${folder} is in the way; move it elsewhere.`);
  made.add(folder);
}

/** Throws `TARGET_EXISTS` where anything has the name. */
export async function refuseIfThere(target: string): Promise<void> {
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
