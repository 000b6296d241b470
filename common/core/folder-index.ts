/**
 * The bytes of a shared folder: a msgpack map `v` 1 and `files`, sorted by path. Its root pins every file's path, size and root.
 *
 * Invariant of a parsed index: paths are checked names in ascending order of their UTF-8 bytes, none twice, and none is the folder
 * of another, so that it can be written to any file system.
 */
import { protocolError } from './errors.js';
import { type FileName, parseFileName } from './file-name.js';
import { FOLDER_FILES_MAX_COUNT } from './limits.js';
import { isSize, isTime } from './manifest.js';
import { type ContentRoot, parseContentRoot } from './root.js';

/** The `type` under which a folder is registered and named in its manifest. */
export const FOLDER_TYPE = 'application/x-shoal-folder';

export interface FolderFile {
  readonly path: FileName;
  readonly sizeBytes: number;
  readonly root: ContentRoot;
  /** Milliseconds since 1970. */
  readonly mtimeMs?: number;
  /** Permission bits, 0 to 0o777. */
  readonly mode?: number;
}

/** Order of two paths by their UTF-8 bytes. */
export function comparePaths(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

/** The msgpack map of an index; `files` must be sorted. */
export function folderToRaw(files: readonly FolderFile[]): Record<string, unknown> {
  return {
    v: 1,
    files: files.map((file) => ({
      path: file.path,
      size: file.sizeBytes,
      root: file.root,
      ...(file.mtimeMs === undefined ? {} : { mtime: file.mtimeMs }),
      ...(file.mode === undefined ? {} : { mode: file.mode }),
    })),
  };
}

/** Checks a decoded index. Throws `PROTOCOL` or `BAD_REQUEST`. */
export function folderFromRaw(raw: unknown): FolderFile[] {
  if (!(raw instanceof Map) || raw.get('v') !== 1) throw protocolError('Bad folder: it is no map of version 1.');
  const list: unknown = raw.get('files');
  if (!Array.isArray(list)) throw protocolError('Bad folder: files is no list.');
  if (list.length > FOLDER_FILES_MAX_COUNT) throw protocolError(`Bad folder: more than ${FOLDER_FILES_MAX_COUNT} files.`);
  const files = list.map(fileFromRaw);
  const folders = new Set<string>();
  for (const file of files) {
    for (let at = file.path.indexOf('/'); at >= 0; at = file.path.indexOf('/', at + 1)) folders.add(file.path.slice(0, at));
  }
  let previous: FolderFile | undefined;
  for (const file of files) {
    if (previous !== undefined && comparePaths(previous.path, file.path) >= 0) {
      throw protocolError(`Bad folder: "${file.path}" is out of order or there twice.`);
    }
    if (folders.has(file.path)) throw protocolError(`Bad folder: "${file.path}" is a file and a folder.`);
    previous = file;
  }
  return files;
}

function fileFromRaw(raw: unknown): FolderFile {
  if (!(raw instanceof Map)) throw protocolError('Bad folder: an entry is no map.');
  const [path, size, root, mtime, mode] = ['path', 'size', 'root', 'mtime', 'mode'].map((key): unknown => raw.get(key));
  if (typeof path !== 'string' || !isSize(size) || typeof root !== 'string') {
    throw protocolError('Bad folder: an entry lacks path, size or root.');
  }
  return {
    path: parseFileName(path),
    sizeBytes: size,
    root: parseContentRoot(root),
    ...(isTime(mtime) ? { mtimeMs: mtime } : {}),
    ...(typeof mode === 'number' && Number.isInteger(mode) && mode >= 0 && mode <= 0o777 ? { mode } : {}),
  };
}
