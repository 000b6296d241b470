/**
 * Finds the files to share under the given paths. It reads names and times only, never a file's bytes.
 *
 * A path that was given must be a file or a folder that can be read, and may be a symlink to one. Inside a folder what is neither is
 * skipped with a note and never followed, and so is what cannot be read or named. Files of a folder come sorted by the bytes of
 * their names, as its index needs them. Long lists are sorted in slices, so that the event loop goes on.
 */
import { basename, join, resolve } from 'node:path';
import { asShoalError, ShoalError, systemCode } from '../../common/core/errors.js';
import { type FileName, fileNameOf } from '../../common/core/file-name.js';
import { FOLDER_FILES_MAX_COUNT } from '../../common/core/limits.js';
import { lookAt } from '../../common/node/disk-work.js';
import type { FileStatus, FileTree, FolderEntry } from '../../common/ports/disk.js';
import { printable } from '../../common/wire/tokens.js';
import { type FileIdentity, identityOf } from '../hash/file-identity.js';
import { sortInSlices } from './slice-sort.js';

/** Our own unfinished work, which is nobody's content. */
const OWN_SUFFIXES = ['.shoal-part', '.shoal-journal', '.shoal-lock'];

/** Files that are looked at in one go. */
const STATS_AT_ONCE_COUNT = 32;

export interface ScannedFile {
  /** Where it is, free of symlinks in the path that was given. */
  readonly path: string;
  /** Under which name it is shared: `name`, or `folder/part/name`. */
  readonly name: FileName;
  readonly identity: FileIdentity;
  /** Milliseconds since 1970. */
  readonly mtimeMs: number;
  /** Permission bits. */
  readonly mode: number;
}

export interface ScannedFolder {
  readonly path: string;
  readonly name: FileName;
  /** Sorted by the UTF-8 bytes of their names. */
  readonly files: readonly ScannedFile[];
}

export interface Scan {
  readonly files: readonly ScannedFile[];
  readonly folders: readonly ScannedFolder[];
}

export type Note = (text: string) => void;

/** Whether there is something at each path. Throws as `scanPaths`, long before that would: what it does not look at, it says nothing of. */
export async function checkPaths(disk: Pick<FileTree, 'realpath'>, paths: readonly string[]): Promise<void> {
  for (const given of paths) await disk.realpath(given).catch((error: unknown) => refuse(given, error));
}

/** Scans paths as a person gave them. Throws `USAGE`, `NOT_FOUND` or `DENIED` with the path that is at fault. */
export async function scanPaths(disk: FileTree, paths: readonly string[], note: Note): Promise<Scan> {
  const files: ScannedFile[] = [];
  const folders: ScannedFolder[] = [];
  const pathOfName = new Map<string, string>();
  for (const given of paths) {
    const name = nameOfGiven(given);
    const path = await disk.realpath(given).catch((error: unknown) => refuse(given, error));
    const taken = pathOfName.get(name);
    if (taken === path) continue;
    if (taken !== undefined) {
      const text = `"${given}" and "${taken}" would both be shared as "${name}"; rename one, or share the folder that holds both.`;
      throw new ShoalError('USAGE', 'local', text);
    }
    pathOfName.set(name, path);
    const status = await disk.lstat(path).catch((error: unknown) => refuse(given, error));
    if (status.kind === 'folder') folders.push(await scanFolder(disk, path, name, note));
    else files.push(await scanGivenFile(disk, given, path, name, status));
  }
  return { files, folders };
}

/** Scans one folder. Throws where the folder itself cannot be read, or holds more than FOLDER_FILES_MAX_COUNT files. */
export async function scanFolder(disk: FileTree, path: string, name: FileName, note: Note): Promise<ScannedFolder> {
  const entries = await readEntries(disk, path, name, note).catch((error: unknown) => refuse(path, error));
  return { path, name, files: await walk(disk, entries, note) };
}

/** Looks at one file again; `undefined` where no regular file is there. */
export async function rescanFile(disk: Pick<FileTree, 'lstat'>, path: string, name: FileName): Promise<ScannedFile | undefined> {
  const status = await lookAt(disk, path);
  return status?.kind === 'file' ? scanned(path, name, status) : undefined;
}

function nameOfGiven(given: string): FileName {
  const base = basename(resolve(given));
  try {
    return fileNameOf(base);
  } catch (error) {
    const text = `"${printable(given)}" cannot be shared under its name: ${asShoalError(error).message} Rename it first.`;
    throw new ShoalError('USAGE', 'local', text, error);
  }
}

function refuse(path: string, error: unknown): never {
  if (error instanceof ShoalError) throw error;
  switch (systemCode(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      throw new ShoalError('NOT_FOUND', 'local', `There is no file or folder "${printable(path)}".`, error);
    case 'EACCES':
    case 'EPERM':
      throw new ShoalError('DENIED', 'environment', `No permission to read "${printable(path)}".`, error);
    default:
      throw new ShoalError('IO', 'environment', `Cannot read "${printable(path)}": ${asShoalError(error).message}.`, error);
  }
}

async function scanGivenFile(
  disk: FileTree,
  given: string,
  path: string,
  name: FileName,
  status: FileStatus,
): Promise<ScannedFile> {
  if (status.kind !== 'file') {
    throw new ShoalError('USAGE', 'local', `"${given}" is neither a file nor a folder, so it cannot be shared.`);
  }
  await disk.checkAccess(path, 'read-file').catch((error: unknown) => refuse(given, error));
  return scanned(path, name, status);
}

function scanned(path: string, name: FileName, status: FileStatus): ScannedFile {
  return { path, name, identity: identityOf(status), mtimeMs: Number(status.mtimeNs / 1_000_000n), mode: status.mode };
}

interface Entry {
  readonly path: string;
  readonly name: FileName;
  readonly isFolder: boolean;
  /** Local name in NFC already. */
  readonly isPlain: boolean;
  /** What it is sorted by: folders as if their name ended in "/", so that a walk in this order gives sorted paths. */
  readonly key: string;
}

/** Depth first and in order, without recursion: the depth of a tree is somebody else's choice. */
async function walk(disk: FileTree, top: Entry[], note: Note): Promise<ScannedFile[]> {
  const files: ScannedFile[] = [];
  const stack: { entries: Entry[]; next: number }[] = [{ entries: top, next: 0 }];
  for (let level = stack.at(-1); level !== undefined; level = stack.at(-1)) {
    const entry = level.entries[level.next];
    if (entry === undefined) {
      stack.pop();
    } else if (entry.isFolder) {
      level.next += 1;
      const inner = await readEntries(disk, entry.path, entry.name, note).catch((error: unknown) => {
        if (error instanceof ShoalError) throw error;
        note(`Skipped the folder "${printable(entry.path)}": ${reasonOf(error)}.`);
        return [];
      });
      stack.push({ entries: inner, next: 0 });
    } else {
      let end = level.next;
      while (end - level.next < STATS_AT_ONCE_COUNT && level.entries[end]?.isFolder === false) end += 1;
      const run = level.entries.slice(level.next, end);
      level.next = end;
      const looked = await Promise.all(run.map((one) => look(disk, one, note)));
      for (const file of looked) if (file !== undefined) files.push(file);
      if (files.length > FOLDER_FILES_MAX_COUNT) throw tooManyFiles();
    }
  }
  return files;
}

function tooManyFiles(): ShoalError {
  const text = `A folder may hold at most ${FOLDER_FILES_MAX_COUNT} files; share its parts instead.`;
  return new ShoalError('LIMIT', 'local', text);
}

async function look(disk: FileTree, entry: Entry, note: Note): Promise<ScannedFile | undefined> {
  try {
    const status = await disk.lstat(entry.path);
    if (status.kind !== 'file') return undefined;
    if ((status.mode & 0o444) === 0 || status.uid !== process.getuid?.()) await disk.checkAccess(entry.path, 'read-file');
    return scanned(entry.path, entry.name, status);
  } catch (error) {
    note(`Skipped "${printable(entry.path)}": ${reasonOf(error)}.`);
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  return ['EACCES', 'EPERM'].includes(systemCode(error) ?? '') ? 'no permission to read it' : asShoalError(error).message;
}

async function readEntries(disk: FileTree, path: string, name: FileName, note: Note): Promise<Entry[]> {
  const byName = new Map<string, Entry>();
  for await (const found of disk.list(path)) {
    const entry = entryOf(path, name, found, note);
    if (entry === undefined) continue;
    const twin = byName.get(entry.name);
    if (twin !== undefined) {
      const [kept, refused] = entry.isPlain ? [entry, twin] : [twin, entry];
      note(`Skipped "${printable(refused.path)}": its name differs from a neighbour's only in how its letters are composed.`);
      byName.set(entry.name, kept);
    } else byName.set(entry.name, entry);
    // Before all names of a folder without end are in memory.
    if (byName.size > FOLDER_FILES_MAX_COUNT) throw tooManyFiles();
  }
  return sortInSlices([...byName.values()], (left, right) => compareKeys(left.key, right.key));
}

function entryOf(folderPath: string, folderName: FileName, found: FolderEntry, note: Note): Entry | undefined {
  const path = join(folderPath, found.name);
  const isFolder = found.kind === 'folder';
  if (OWN_SUFFIXES.some((suffix) => found.name.endsWith(suffix))) return undefined;
  if (!isFolder && found.kind !== 'file') {
    const kind = found.kind === 'other' ? 'no regular file' : `a ${found.kind}`;
    note(`Skipped "${printable(path)}": it is ${kind}.`);
    return undefined;
  }
  try {
    // A name that is not UTF-8 comes with replacement characters, and no file is there under that.
    const plain = found.name.normalize('NFC');
    const name = fileNameOf(`${folderName}/${found.name}`);
    return { path, name, isFolder, isPlain: plain === found.name, key: isFolder ? `${plain}/` : plain };
  } catch (error) {
    note(`Skipped "${printable(path)}": ${asShoalError(error).message}`);
    return undefined;
  }
}

/** Order by UTF-8 bytes, which is that of code points; UTF-16 has it too, but for characters beyond the first plane. */
function compareKeys(left: string, right: string): number {
  if (left === right) return 0;
  const isSimple = !/[\ud800-\udfff]/.test(left) && !/[\ud800-\udfff]/.test(right);
  return isSimple ? (left < right ? -1 : 1) : Buffer.compare(Buffer.from(left), Buffer.from(right));
}
