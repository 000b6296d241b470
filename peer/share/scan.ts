/**
 * Finds the files to share under the given paths. It reads names and times only, never a file's bytes.
 *
 * A path that was given must be a file or a folder that can be read, and may be a symlink to one. Inside a folder what is neither is
 * skipped with a note and never followed, and so is what cannot be read or named. Files of a folder come sorted by the bytes of
 * their names, as its index needs them. Long lists are sorted in slices, so that the event loop goes on.
 */
import type { BigIntStats, Dirent } from 'node:fs';
import { access, constants, lstat, opendir, realpath } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { asShoalError, ShoalError, systemCode } from '../../common/core/errors.js';
import { type FileName, fileNameOf } from '../../common/core/file-name.js';
import { FOLDER_FILES_MAX_COUNT } from '../../common/core/limits.js';
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
export async function checkPaths(paths: readonly string[]): Promise<void> {
  for (const given of paths) await realpath(given).catch((error: unknown) => refuse(given, error));
}

/** Scans paths as a person gave them. Throws `USAGE`, `NOT_FOUND` or `DENIED` with the path that is at fault. */
export async function scanPaths(paths: readonly string[], note: Note): Promise<Scan> {
  const files: ScannedFile[] = [];
  const folders: ScannedFolder[] = [];
  const pathOfName = new Map<string, string>();
  for (const given of paths) {
    const name = nameOfGiven(given);
    const path = await realpath(given).catch((error: unknown) => refuse(given, error));
    const taken = pathOfName.get(name);
    if (taken === path) continue;
    if (taken !== undefined) {
      const text = `"${given}" and "${taken}" would both be shared as "${name}"; rename one, or share the folder that holds both.`;
      throw new ShoalError('USAGE', 'local', text);
    }
    pathOfName.set(name, path);
    const stats = await lstat(path, { bigint: true }).catch((error: unknown) => refuse(given, error));
    if (stats.isDirectory()) folders.push(await scanFolder(path, name, note));
    else files.push(await scanGivenFile(given, path, name, stats));
  }
  return { files, folders };
}

/** Scans one folder. Throws where the folder itself cannot be read, or holds more than FOLDER_FILES_MAX_COUNT files. */
export async function scanFolder(path: string, name: FileName, note: Note): Promise<ScannedFolder> {
  const files: ScannedFile[] = [];
  const entries = await readEntries(path, name, note).catch((error: unknown) => refuse(path, error));
  await walk(entries, files, note);
  return { path, name, files };
}

/** Looks at one file again; `undefined` where no regular file is there. */
export async function rescanFile(path: string, name: FileName): Promise<ScannedFile | undefined> {
  const stats = await lstat(path, { bigint: true }).catch(() => undefined);
  return stats?.isFile() === true ? scanned(path, name, stats) : undefined;
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

async function scanGivenFile(given: string, path: string, name: FileName, stats: BigIntStats): Promise<ScannedFile> {
  if (!stats.isFile()) {
    throw new ShoalError('USAGE', 'local', `"${given}" is neither a file nor a folder, so it cannot be shared.`);
  }
  await access(path, constants.R_OK).catch((error: unknown) => refuse(given, error));
  return scanned(path, name, stats);
}

function scanned(path: string, name: FileName, stats: BigIntStats): ScannedFile {
  return { path, name, identity: identityOf(stats), mtimeMs: Number(stats.mtimeMs), mode: Number(stats.mode & 0o777n) };
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
async function walk(top: Entry[], files: ScannedFile[], note: Note): Promise<void> {
  const stack: { entries: Entry[]; next: number }[] = [{ entries: top, next: 0 }];
  for (let level = stack.at(-1); level !== undefined; level = stack.at(-1)) {
    const entry = level.entries[level.next];
    if (entry === undefined) {
      stack.pop();
    } else if (entry.isFolder) {
      level.next += 1;
      const inner = await readEntries(entry.path, entry.name, note).catch((error: unknown) => {
        note(`Skipped the folder "${printable(entry.path)}": ${reasonOf(error)}.`);
        return [];
      });
      stack.push({ entries: inner, next: 0 });
    } else {
      let end = level.next;
      while (end - level.next < STATS_AT_ONCE_COUNT && level.entries[end]?.isFolder === false) end += 1;
      const run = level.entries.slice(level.next, end);
      level.next = end;
      const looked = await Promise.all(run.map((one) => look(one, note)));
      for (const file of looked) if (file !== undefined) files.push(file);
      if (files.length > FOLDER_FILES_MAX_COUNT) {
        throw new ShoalError(
          'LIMIT',
          'local',
          `A folder may hold at most ${FOLDER_FILES_MAX_COUNT} files; share its parts instead.`,
        );
      }
    }
  }
}

async function look(entry: Entry, note: Note): Promise<ScannedFile | undefined> {
  try {
    const stats = await lstat(entry.path, { bigint: true });
    if (!stats.isFile()) return undefined;
    if ((stats.mode & 0o444n) === 0n || stats.uid !== BigInt(process.getuid?.() ?? -1)) await access(entry.path, constants.R_OK);
    return scanned(entry.path, entry.name, stats);
  } catch (error) {
    note(`Skipped "${printable(entry.path)}": ${reasonOf(error)}.`);
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  return ['EACCES', 'EPERM'].includes(systemCode(error) ?? '') ? 'no permission to read it' : asShoalError(error).message;
}

async function readEntries(path: string, name: FileName, note: Note): Promise<Entry[]> {
  const byName = new Map<string, Entry>();
  for await (const found of await opendir(path, { bufferSize: 256 })) {
    const entry = entryOf(path, name, found, note);
    if (entry === undefined) continue;
    const twin = byName.get(entry.name);
    if (twin !== undefined) {
      const [kept, refused] = entry.isPlain ? [entry, twin] : [twin, entry];
      note(`Skipped "${printable(refused.path)}": its name differs from a neighbour's only in how its letters are composed.`);
      byName.set(entry.name, kept);
    } else byName.set(entry.name, entry);
  }
  return sortInSlices([...byName.values()], (left, right) => compareKeys(left.key, right.key));
}

function entryOf(folderPath: string, folderName: FileName, found: Dirent, note: Note): Entry | undefined {
  const path = join(folderPath, found.name);
  const isFolder = found.isDirectory();
  if (OWN_SUFFIXES.some((suffix) => found.name.endsWith(suffix))) return undefined;
  if (!isFolder && !found.isFile()) {
    const kind = found.isSymbolicLink()
      ? 'a symlink'
      : found.isFIFO()
        ? 'a pipe'
        : found.isSocket()
          ? 'a socket'
          : 'no regular file';
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
