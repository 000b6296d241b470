/**
 * Whether the unfinished files are still the ones that were written: another program may cut, replace or take them away while a fetch
 * runs, and what was verified as it came in says nothing of what lies there now.
 *
 * What is asked is the state of a file, not its bytes: whoever has the right to change those in place can do so after the fetch as well.
 */
import { ShoalError } from '../../common/core/errors.js';
import { lookAt } from '../../common/node/disk-work.js';
import type { Disk, DiskFile } from '../../common/ports/disk.js';
import type { CatalogFile } from '../fetch/catalog.js';

/** Files that are looked at together. */
const LOOKS_AT_ONCE_COUNT = 32;

export interface PartViews {
  /** Whether a file has its final name already. */
  readonly isNamed: (fileIndex: number) => boolean;
  readonly pathOf: (fileIndex: number) => string;
  /** What it was written through, where that is open. */
  readonly handleOf: (fileIndex: number) => Promise<DiskFile> | undefined;
}

/** To be called when all is synced, before anything gets its final name. Throws `CHANGED`, and as `DiskFile.status`. */
export async function confirmParts(
  disk: Pick<Disk, 'lstat'>,
  files: readonly Pick<CatalogFile, 'sizeBytes'>[],
  { isNamed, pathOf, handleOf }: PartViews,
): Promise<void> {
  const left = files.entries();
  const confirmSome = async () => {
    for (const [index, { sizeBytes }] of left) {
      if (!isNamed(index)) await confirm(disk, pathOf(index), sizeBytes, handleOf(index));
    }
  };
  await Promise.all(Array.from({ length: LOOKS_AT_ONCE_COUNT }, confirmSome));
}

/** For the last bytes of a file, which would hide that it was cut. Throws `CHANGED`, and as `DiskFile.status`. */
export async function refuseIfCut(handle: Promise<DiskFile>, path: string, sizeBytes: number): Promise<void> {
  if ((await (await handle).status()).sizeBytes !== sizeBytes) throw changed(path);
}

export function isChanged(error: unknown): boolean {
  return error instanceof ShoalError && error.code === 'CHANGED';
}

async function confirm(
  disk: Pick<Disk, 'lstat'>,
  path: string,
  sizeBytes: number,
  handle: Promise<DiskFile> | undefined,
): Promise<void> {
  const found = await lookAt(disk, path);
  if (found?.kind !== 'file' || found.sizeBytes !== sizeBytes) throw changed(path);
  const written = await (await handle)?.status();
  if (written !== undefined && (written.ino !== found.ino || written.dev !== found.dev)) throw changed(path);
}

function changed(path: string): ShoalError {
  const text = `${path} was cut, replaced or taken away by another program meanwhile. Run the same command again: what is right is kept.`;
  return new ShoalError('CHANGED', 'environment', text);
}
