/**
 * The files of a folder's index as a few long values, for their way from a worker to the main thread: an object a file would take the
 * main thread as long to receive as to decode.
 *
 * Invariant: all columns have one entry a file, in order; `NaN` and −1 stand for what an entry does not have.
 */
import type { FileName } from '../../common/core/file-name.js';
import type { FolderFile } from '../../common/core/folder-index.js';
import type { ContentRoot } from '../../common/core/root.js';
import { breathe } from '../../common/node/clock.js';

/** Characters of a root. */
const ROOT_CHARS = 64;
/** Files made between two breaths of the event loop: a few milliseconds. */
const SLICE_COUNT = 4096;

export interface FolderColumns {
  /** Joined by NUL, which no name holds. */
  readonly paths: string;
  readonly sizesBytes: Float64Array;
  /** ROOT_CHARS characters a file. */
  readonly roots: string;
  readonly mtimesMs: Float64Array;
  readonly modes: Int16Array;
}

export function toColumns(files: readonly FolderFile[]): FolderColumns {
  return {
    paths: files.map((file) => file.path).join('\0'),
    sizesBytes: Float64Array.from(files, (file) => file.sizeBytes),
    roots: files.map((file) => file.root).join(''),
    mtimesMs: Float64Array.from(files, (file) => file.mtimeMs ?? Number.NaN),
    modes: Int16Array.from(files, (file) => file.mode ?? -1),
  };
}

/** The files again. They were checked before they became columns, and no stranger has had them since. */
export async function fromColumns({ paths, sizesBytes, roots, mtimesMs, modes }: FolderColumns): Promise<FolderFile[]> {
  const names = sizesBytes.length === 0 ? [] : paths.split('\0');
  const files: FolderFile[] = [];
  for (const [index, path] of names.entries()) {
    if (index % SLICE_COUNT === SLICE_COUNT - 1) await breathe();
    const mtimeMs = mtimesMs[index] ?? Number.NaN;
    const mode = modes[index] ?? -1;
    files.push({
      path: path as FileName,
      sizeBytes: sizesBytes[index] ?? 0,
      root: roots.slice(index * ROOT_CHARS, (index + 1) * ROOT_CHARS) as ContentRoot,
      ...(Number.isNaN(mtimeMs) ? {} : { mtimeMs }),
      ...(mode < 0 ? {} : { mode }),
    });
  }
  return files;
}
