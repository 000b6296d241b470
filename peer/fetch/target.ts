/** Where a fetched content goes, and whether it can go there: found out before the first byte is fetched. */
import { constants } from 'node:fs';
import { access, lstat, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ShoalError, systemCode } from '../../common/core/errors.js';
import { NAME_PART_MAX_BYTES } from '../../common/core/limits.js';
import { formatBytes } from '../../common/core/units.js';

export interface TargetOptions {
  /** `--out`: a file name, or an existing folder to put it in. */
  readonly out: string | undefined;
  /** `--directory`: the folder for what has no `--out`. */
  readonly directory: string | undefined;
  /** Last part of the content's name. */
  readonly baseName: string;
}

/** The full path of the target. Throws `USAGE` where its folder does not exist, `DENIED` where it cannot be written. */
export async function resolveTarget({ out, directory, baseName }: TargetOptions): Promise<string> {
  const target = resolve(await targetPath(out, directory, baseName));
  if (Buffer.byteLength(basename(target)) > NAME_PART_MAX_BYTES) {
    throw new ShoalError(
      'USAGE',
      'local',
      `The name of ${target} is longer than ${NAME_PART_MAX_BYTES} bytes; choose another --out.`,
    );
  }
  const folder = dirname(target);
  const stats = await stat(folder).catch(() => undefined);
  if (stats === undefined)
    throw new ShoalError('USAGE', 'local', `There is no folder ${folder}; make it first, or choose another --out.`);
  if (!stats.isDirectory()) throw new ShoalError('USAGE', 'local', `${folder} is no folder; choose another --out.`);
  try {
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    const why = systemCode(error) === 'EROFS' ? 'is on a read-only file system' : 'is not writable for you';
    throw new ShoalError('DENIED', 'environment', `The folder ${folder} ${why}; choose another --out.`, error);
  }
  return target;
}

async function targetPath(out: string | undefined, directory: string | undefined, baseName: string): Promise<string> {
  if (out === undefined) return join(directory ?? '.', baseName);
  if (out.endsWith('/')) return join(out, baseName);
  const stats = await stat(out).catch(() => undefined);
  return stats?.isDirectory() === true ? join(out, baseName) : out;
}

export type TargetState =
  | { readonly kind: 'absent' }
  | { readonly kind: 'file'; readonly sizeBytes: number }
  | { readonly kind: 'folder' }
  /** A symlink, FIFO, socket or device: never opened, never followed. */
  | { readonly kind: 'other'; readonly what: string };

export async function inspectTarget(target: string): Promise<TargetState> {
  const stats = await lstat(target).catch(() => undefined);
  if (stats === undefined) return { kind: 'absent' };
  if (stats.isFile()) return { kind: 'file', sizeBytes: stats.size };
  if (stats.isDirectory()) return { kind: 'folder' };
  return { kind: 'other', what: stats.isSymbolicLink() ? 'a symbolic link' : 'no ordinary file' };
}

/** Throws `DISK_FULL` where fewer than `neededBytes` are free in `folder`. */
export async function checkFreeSpace(folder: string, neededBytes: number): Promise<void> {
  const stats = await statfs(folder);
  const freeBytes = stats.bavail * stats.bsize;
  if (freeBytes < neededBytes) {
    throw new ShoalError(
      'DISK_FULL',
      'environment',
      `Not enough space in ${folder}: ${formatBytes(neededBytes)} are needed and ${formatBytes(freeBytes)} are free. Free some, or choose another --out.`,
    );
  }
}
