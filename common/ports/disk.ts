/**
 * Files and folders as a program uses them: the real ones, and those of a simulated machine whose disk fills up, fails and loses power.
 *
 * Every method throws an error with the system's `code` (`ENOENT`, `ENOSPC`, `EIO`, …). Nothing follows a symlink in the last part of a
 * path but `realpath`, and nothing waits for the other end of a pipe. Data lasts through a power cut after `sync`, a name after
 * `syncFolder` of the folder that holds it.
 */

export type FileKind = 'file' | 'folder' | 'symlink' | 'pipe' | 'socket' | 'other';

/** What is known of a file without reading it. */
export interface FileStatus {
  readonly kind: FileKind;
  readonly dev: bigint;
  readonly ino: bigint;
  readonly sizeBytes: number;
  /** Nanoseconds since 1970 of the last write. */
  readonly mtimeNs: bigint;
  /** Permission bits. */
  readonly mode: number;
  /** Names that it has. */
  readonly linkCount: number;
  /** Whose it is; 0 where the system has no owners. */
  readonly uid: number;
  /** Bytes that it takes on the disk: holes take none. */
  readonly diskBytes: number;
}

/**
 * What a file is opened for: `read`; `write` reads and writes one that is there; `create` makes it where it is missing;
 * `create-new` fails with `EEXIST` where anything has the name; `append` writes at the end of one that is there.
 */
export type OpenMode = 'read' | 'write' | 'create' | 'create-new' | 'append';

export interface FileAttributes {
  /** Permission bits. */
  readonly mode?: number | undefined;
  /** Milliseconds since 1970, whole. */
  readonly mtimeMs?: number | undefined;
}

/** An open file, until `close`. */
export interface DiskFile {
  /** By which the hasher of the same machine finds it. */
  readonly fd: number;
  /** Reads into the start of `into`, once; returns how many bytes came, 0 at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Writes all of `bytes` at `position`, or throws with some of them written. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Writes all of `bytes` at the end, or throws with some of them written. */
  append(bytes: Uint8Array): Promise<void>;
  /** Cuts it, or lengthens it by a hole. */
  truncate(sizeBytes: number): Promise<void>;
  /** Brings what was written to the disk. Where it throws, what was not there before may be lost, and a later success says nothing of it. */
  sync(): Promise<void>;
  /** At once where looking waits for nobody but this machine. */
  status(): FileStatus | Promise<FileStatus>;
  setAttributes(attributes: FileAttributes): Promise<void>;
  /** Where the file is now, without any symlink, whatever was opened by its path; `undefined`, or absent, where the system does not tell. */
  realPath?(): string | undefined;
  close(): Promise<void>;
}

export interface FolderEntry {
  readonly name: string;
  readonly kind: FileKind;
}

/** Looking, and opening what is there. */
export interface FileTree {
  /** `mode`: permission bits of a file that is made, before the umask; default 0o666. */
  open(path: string, how: OpenMode, mode?: number): Promise<DiskFile>;
  /** What is at the path itself, also where that is a symlink. */
  lstat(path: string): Promise<FileStatus>;
  /** The absolute path without any symlink in it. */
  realpath(path: string): Promise<string>;
  /** In any order. */
  list(folder: string): AsyncIterable<FolderEntry>;
  /** Throws `EACCES` or `EROFS` where this process may not read the file, or make names in the folder. */
  checkAccess(path: string, what: 'read-file' | 'write-folder'): Promise<void>;
  /** Bytes that this user may still write to the disk that holds `folder`. */
  freeBytes(folder: string): Promise<number>;
}

/** Changing names. */
export interface FileNames {
  /** Throws `EEXIST` where anything has the name. `mode`: permission bits before the umask; default 0o777. */
  makeFolder(path: string, mode?: number): Promise<void>;
  /** Gives a file a second name. Throws `EEXIST` where anything has it, `EPERM` or `ENOTSUP` where there are no second names. */
  link(from: string, to: string): Promise<void>;
  /** Replaces a file at `to`, and an empty folder by a folder. */
  rename(from: string, to: string): Promise<void>;
  /** Takes away the name of anything but a folder. Throws `ENOENT` where there is none. */
  remove(path: string): Promise<void>;
  /** Throws `ENOTEMPTY` where something is in it. */
  removeFolder(path: string): Promise<void>;
  /** Makes the names in a folder last. */
  syncFolder(path: string): Promise<void>;
}

export interface Disk extends FileTree, FileNames {}
