/** The real disk, through Node's own calls. */
import { type BigIntStats, constants, type Dirent, fstat, fstatSync, read, readlinkSync } from 'node:fs';
import {
  access,
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  opendir,
  realpath,
  rename,
  rmdir,
  statfs,
  unlink,
} from 'node:fs/promises';
import type { Disk, DiskFile, FileAttributes, FileKind, FileStatus, OpenMode } from '../ports/disk.js';
import { isOnLocalFileSystem } from './local-file-system.js';

/** Bytes of a block as the file system counts them (POSIX). */
const BLOCK_BYTES = 512;
/** Entries of a folder that are read at once. */
const ENTRIES_AT_ONCE_COUNT = 256;

/** Never through a symlink in the last place, and never waiting for the other end of a pipe. */
const SAFELY = constants.O_NOFOLLOW | constants.O_NONBLOCK;
const FLAGS: Readonly<Record<OpenMode, number>> = {
  read: constants.O_RDONLY | SAFELY,
  write: constants.O_RDWR | SAFELY,
  create: constants.O_RDWR | constants.O_CREAT | SAFELY,
  'create-new': constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | SAFELY,
  append: constants.O_WRONLY | constants.O_APPEND | SAFELY,
};

export const realDisk: Disk = {
  open: async (path, how, mode) => new RealFile(await open(path, FLAGS[how], mode), path, how),
  lstat: async (path) => statusOf(await lstat(path, { bigint: true })),
  realpath: (path) => realpath(path),
  async *list(folder) {
    for await (const entry of await opendir(folder, { bufferSize: ENTRIES_AT_ONCE_COUNT }))
      yield { name: entry.name, kind: kindOf(entry) };
  },
  checkAccess: (path, what) => access(path, what === 'read-file' ? constants.R_OK : constants.W_OK | constants.X_OK),
  async freeBytes(folder) {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  },
  async makeFolder(path, mode) {
    await mkdir(path, mode);
  },
  link,
  rename,
  remove: unlink,
  removeFolder: (path) => rmdir(path),
  async syncFolder(path) {
    // Windows syncs names by itself, and opens no folder.
    if (process.platform === 'win32') return;
    const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    await handle.sync().finally(() => handle.close());
  },
};

class RealFile implements DiskFile {
  readonly fd: number;
  readonly #handle: FileHandle;
  readonly #path: string;
  /** Whether the system itself puts what is written at the end. */
  readonly #isAppending: boolean;
  /** Whether a look at its state waits for nobody; asked for at the second look, since most files are looked at once. */
  #isLocal: boolean | undefined;
  #isLookedAt = false;

  constructor(handle: FileHandle, path: string, how: OpenMode) {
    this.#handle = handle;
    this.#path = path;
    this.#isAppending = how === 'append';
    this.fd = handle.fd;
  }

  // The callback form takes a descriptor as it is, and makes a fraction of the garbage of a FileHandle's method.
  read(into: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      read(this.fd, into, 0, into.length, position, (error, bytes) => (error === null ? resolve(bytes) : reject(error)));
    });
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      done += (await this.#handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
    }
  }

  async append(bytes: Uint8Array): Promise<void> {
    if (!this.#isAppending) return this.write(bytes, (await this.#handle.stat()).size);
    // In one call where the system takes all: what others append at the same time then comes before or after it.
    for (let done = 0; done < bytes.length; ) done += (await this.#handle.write(bytes, done)).bytesWritten;
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#handle.truncate(sizeBytes);
  }

  sync(): Promise<void> {
    return this.#handle.datasync();
  }

  status(): FileStatus | Promise<FileStatus> {
    // In place where that waits for nobody: a thread for it costs more than the whole reading.
    return this.#isLocal === true ? statusOf(fstatSync(this.fd, { bigint: true })) : this.#statusLater();
  }

  async setAttributes({ mode, mtimeMs }: FileAttributes): Promise<void> {
    if (mode !== undefined) await this.#handle.chmod(mode);
    if (mtimeMs !== undefined) await this.#handle.utimes(...timesOf(mtimeMs));
  }

  // Asked of the open file itself, so that no swap of a folder on its path can deceive; Linux alone tells, from memory.
  realPath(): string | undefined {
    try {
      return readlinkSync(`/proc/self/fd/${this.fd}`);
    } catch {
      return undefined;
    }
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  async #statusLater(): Promise<FileStatus> {
    if (this.#isLookedAt) this.#isLocal ??= await isOnLocalFileSystem(this.#path);
    this.#isLookedAt = true;
    return new Promise((resolve, reject) => {
      fstat(this.fd, { bigint: true }, (error, stats) => (error === null ? resolve(statusOf(stats)) : reject(error)));
    });
  }
}

function statusOf(stats: BigIntStats): FileStatus {
  return {
    kind: kindOf(stats),
    dev: stats.dev,
    ino: stats.ino,
    sizeBytes: Number(stats.size),
    mtimeNs: stats.mtimeNs,
    mode: Number(stats.mode & 0o777n),
    linkCount: Number(stats.nlink),
    uid: Number(stats.uid),
    diskBytes: Number(stats.blocks) * BLOCK_BYTES,
  };
}

function kindOf(found: BigIntStats | Dirent): FileKind {
  if (found.isFile()) return 'file';
  if (found.isDirectory()) return 'folder';
  if (found.isSymbolicLink()) return 'symlink';
  if (found.isFIFO()) return 'pipe';
  return found.isSocket() ? 'socket' : 'other';
}

/**
 * Access and modification time in the seconds that the system takes. Half of all milliseconds are no exact fraction of a second and
 * would be cut down to the one before, which gives a folder that is shared from here another root. The system cuts to microseconds:
 * half of one more leaves the millisecond.
 */
function timesOf(mtimeMs: number): [number, number] {
  const seconds = (mtimeMs + 0.0005) / 1000;
  return [seconds, seconds];
}
