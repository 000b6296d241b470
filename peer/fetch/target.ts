/** Where a fetched content goes, and whether it can go there: found out before the first byte is fetched. */
import { basename, dirname, join, resolve } from 'node:path';
import { ShoalError, systemCode } from '../../common/core/errors.js';
import { NAME_PART_MAX_BYTES } from '../../common/core/limits.js';
import { formatBytes } from '../../common/core/units.js';
import { lookAt } from '../../common/node/disk-work.js';
import type { Disk, FileKind } from '../../common/ports/disk.js';

export interface TargetOptions {
  /** `--out`: a file name, or an existing folder to put it in. */
  readonly out: string | undefined;
  /** `--directory`: the folder for what has no `--out`. */
  readonly directory: string | undefined;
  /** Last part of the content's name. */
  readonly baseName: string;
}

/** The full path of the target. Throws `USAGE` where its folder does not exist, `DENIED` where it cannot be written. */
export async function resolveTarget(
  disk: Pick<Disk, 'lstat' | 'realpath' | 'checkAccess'>,
  { out, directory, baseName }: TargetOptions,
): Promise<string> {
  const target = resolve(await targetPath(disk, out, directory, baseName));
  if (Buffer.byteLength(basename(target)) > NAME_PART_MAX_BYTES) {
    throw new ShoalError(
      'USAGE',
      'local',
      `The name of ${target} is longer than ${NAME_PART_MAX_BYTES} bytes; choose another --out.`,
    );
  }
  const folder = dirname(target);
  const kind = await kindBehind(disk, folder);
  if (kind === undefined)
    throw new ShoalError('USAGE', 'local', `There is no folder ${folder}; make it first, or choose another --out.`);
  if (kind !== 'folder') throw new ShoalError('USAGE', 'local', `${folder} is no folder; choose another --out.`);
  try {
    await disk.checkAccess(folder, 'write-folder');
  } catch (error) {
    const why = systemCode(error) === 'EROFS' ? 'is on a read-only file system' : 'is not writable for you';
    throw new ShoalError('DENIED', 'environment', `The folder ${folder} ${why}; choose another --out.`, error);
  }
  return target;
}

async function targetPath(
  disk: Pick<Disk, 'lstat' | 'realpath'>,
  out: string | undefined,
  directory: string | undefined,
  baseName: string,
): Promise<string> {
  if (out === undefined) return join(directory ?? '.', baseName);
  if (out.endsWith('/')) return join(out, baseName);
  return (await kindBehind(disk, out)) === 'folder' ? join(out, baseName) : out;
}

/** What is at a path that a person named, which may lead there through symlinks; `undefined` where nothing is. */
async function kindBehind(disk: Pick<Disk, 'lstat' | 'realpath'>, path: string): Promise<FileKind | undefined> {
  const real = await disk.realpath(path).catch(() => undefined);
  return real === undefined ? undefined : (await lookAt(disk, real))?.kind;
}

export type TargetState =
  | { readonly kind: 'absent' }
  | { readonly kind: 'file'; readonly sizeBytes: number }
  | { readonly kind: 'folder' }
  /** Never followed. */
  | { readonly kind: 'symlink' }
  /** A FIFO, socket or device: never opened, never replaced. */
  | { readonly kind: 'other' };

export async function inspectTarget(disk: Pick<Disk, 'lstat'>, target: string): Promise<TargetState> {
  const found = await lookAt(disk, target);
  if (found === undefined) return { kind: 'absent' };
  if (found.kind === 'file') return { kind: 'file', sizeBytes: found.sizeBytes };
  if (found.kind === 'folder') return { kind: 'folder' };
  return { kind: found.kind === 'symlink' ? 'symlink' : 'other' };
}

/** Throws `DISK_FULL` where fewer than `neededBytes` are free in `folder`. */
export async function checkFreeSpace(disk: Pick<Disk, 'freeBytes'>, folder: string, neededBytes: number): Promise<void> {
  const freeBytes = await disk.freeBytes(folder);
  if (freeBytes < neededBytes) {
    throw new ShoalError(
      'DISK_FULL',
      'environment',
      `Not enough space in ${folder}: ${formatBytes(neededBytes)} are needed and ${formatBytes(freeBytes)} are free. Free some, or choose another --out.`,
    );
  }
}
