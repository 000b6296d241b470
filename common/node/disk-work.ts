/** What is put together from the calls of a disk: whole files, folders with those above them, whole trees. */
import { dirname, join } from 'node:path';
import { systemCode } from '../core/errors.js';
import type { Disk, DiskFile, FileStatus, OpenMode } from '../ports/disk.js';

/** Runs `work` on an open file and closes it, whatever happens. Throws as `open` and as `work`. */
export async function withFile<T>(
  disk: Pick<Disk, 'open'>,
  path: string,
  how: OpenMode,
  work: (file: DiskFile) => Promise<T>,
): Promise<T> {
  const file = await disk.open(path, how);
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

/** Fills `into` from `position` on; returns how many bytes there were, fewer only where the file ends. */
export async function readFully(file: Pick<DiskFile, 'read'>, into: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < into.length) {
    const gotBytes = await file.read(done === 0 ? into : into.subarray(done), position + done);
    if (gotBytes === 0) break;
    done += gotBytes;
  }
  return done;
}

/** The bytes of a regular file; `undefined` where it is none, or longer than `maxBytes`. Throws as `open`. */
export function readWholeFile(disk: Pick<Disk, 'open'>, path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  return withFile(disk, path, 'read', async (file) => {
    const { kind, sizeBytes } = await file.status();
    if (kind !== 'file' || sizeBytes > maxBytes) return undefined;
    const bytes = new Uint8Array(sizeBytes);
    return bytes.subarray(0, await readFully(file, bytes, 0));
  });
}

/** What is at a path; `undefined` where nothing is, or nothing that can be looked at. */
export function lookAt(disk: Pick<Disk, 'lstat'>, path: string): Promise<FileStatus | undefined> {
  return disk.lstat(path).catch(() => undefined);
}

/** Takes a name away, if anything but a folder has it. Throws as `remove` for anything but that it is gone. */
export async function removeIfThere(disk: Pick<Disk, 'remove'>, path: string): Promise<void> {
  await disk.remove(path).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw error;
  });
}

/** Makes a folder, and those above it that are missing; returns those that it made. Throws as `makeFolder`; not where it is there. */
export async function makeFolders(
  disk: Pick<Disk, 'makeFolder' | 'realpath' | 'lstat'>,
  folder: string,
  mode?: number,
): Promise<string[]> {
  try {
    await disk.makeFolder(folder, mode);
    return [folder];
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' && dirname(folder) !== folder) {
      const above = await makeFolders(disk, dirname(folder), mode);
      await disk.makeFolder(folder, mode);
      return [...above, folder];
    }
    if (code !== 'EEXIST' || (await disk.lstat(await disk.realpath(folder))).kind !== 'folder') throw error;
    return [];
  }
}

/** Takes away a file, or a folder with all that is in it; follows no symlink. Nothing where nothing is there. */
export async function removeTree(disk: Pick<Disk, 'lstat' | 'list' | 'remove' | 'removeFolder'>, path: string): Promise<void> {
  const found = await lookAt(disk, path);
  if (found === undefined) return;
  if (found.kind !== 'folder') return removeIfThere(disk, path);
  for (const name of await namesIn(disk, path)) await removeTree(disk, join(path, name));
  await disk.removeFolder(path);
}

/** The names in a folder, in any order. Throws as `list`. */
export async function namesIn(disk: Pick<Disk, 'list'>, folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of disk.list(folder)) names.push(name);
  return names;
}
