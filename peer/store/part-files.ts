/**
 * The unfinished files on disk: opens them as they are needed, keeps a bounded number open, knows which were written since the last
 * sync. Files are sparse: they have their full size from the start, and holes where nothing was written.
 *
 * Nothing here follows a symlink: neither at a file nor at a folder on the way to it, though one be put there meanwhile.
 * Invariant: a handle with users is never closed; a file that was written is in `dirty` until a sync of it succeeded.
 */
import { basename, dirname, join, relative } from 'node:path';
import { ShoalError, systemCode } from '../../common/core/errors.js';
import { openFilePatiently, whenHandleFree } from '../../common/node/open-file-patiently.js';
import type { Disk, DiskFile, OpenMode } from '../../common/ports/disk.js';
import type { Catalog, UnitPlace } from '../fetch/catalog.js';
import { diskError } from './disk-error.js';
import { confirmParts, isChanged, refuseIfCut } from './part-guard.js';

/** Handles kept open without a user: a folder of small files opens each once, and a few large ones stay open. */
const IDLE_HANDLES_MAX_COUNT = 32;
/** Files synced at the same time: as many as Node's own threads. */
const SYNCS_AT_ONCE_COUNT = 4;

interface OpenFile {
  readonly handle: Promise<DiskFile>;
  userCount: number;
}

export class PartFiles {
  readonly #disk: Disk;
  readonly #part: string;
  readonly #catalog: Catalog;
  /** In order of last use, oldest first. */
  readonly #open = new Map<number, OpenFile>();
  readonly #folders = new Set<string>();
  /** Files that have their times and permission bits. */
  readonly #finished = new Set<number>();
  readonly #finishing = new Set<Promise<void>>();
  #dirty = new Set<number>();
  /** Open files whose handle is there. */
  #readyCount = 0;
  /** Who waits for a file that is not used any more. */
  readonly #waiting: (() => void)[] = [];
  /** Where the part really is; asked for with its first file. */
  #realPart: Promise<string> | undefined;

  constructor(disk: Disk, part: string, catalog: Catalog) {
    this.#disk = disk;
    this.#part = part;
    this.#catalog = catalog;
  }

  pathOf(fileIndex: number): string {
    const path = this.#catalog.files[fileIndex]?.path;
    return path === undefined ? this.#part : join(this.#part, path);
  }

  /** A descriptor to write to until `release`; `isEnd`: the last bytes. Throws `DENIED`, `DISK_FULL`, `IO` or `CHANGED`, naming the file. */
  async acquire(fileIndex: number, isEnd = false): Promise<number> {
    let file = this.#open.get(fileIndex);
    if (file === undefined) file = { handle: this.#create(fileIndex), userCount: 0 };
    else this.#open.delete(fileIndex);
    this.#open.set(fileIndex, file);
    file.userCount += 1;
    try {
      const { fd } = await file.handle;
      if (isEnd) await refuseIfCut(file.handle, this.pathOf(fileIndex), this.#catalog.files[fileIndex]?.sizeBytes ?? 0);
      return fd;
    } catch (error) {
      file.userCount -= 1;
      // One that was cut is open, and closed with all others.
      if (!isChanged(error) && this.#open.get(fileIndex) === file) this.#open.delete(fileIndex);
      this.#wakeWaiter();
      throw diskError(error, this.pathOf(fileIndex));
    }
  }

  /** Ends one use; `isWritten` where bytes were written. */
  release(fileIndex: number, isWritten: boolean): void {
    const file = this.#open.get(fileIndex);
    if (file === undefined) return;
    file.userCount -= 1;
    if (isWritten) {
      this.#dirty.add(fileIndex);
      // Writing gave it another time.
      this.#finished.delete(fileIndex);
    }
    if (this.#open.size > IDLE_HANDLES_MAX_COUNT) void this.#closeOldest();
    this.#wakeWaiter();
  }

  /** Takes the room of a chunk that is missing, by zeros where it belongs. Throws `DENIED`, `DISK_FULL` or `IO`. */
  async reserve({ fileIndex, position, lengthBytes }: UnitPlace): Promise<void> {
    await this.acquire(fileIndex);
    try {
      await (await this.#open.get(fileIndex)?.handle)?.write(new Uint8Array(lengthBytes), position);
    } catch (error) {
      throw diskError(error, this.pathOf(fileIndex));
    } finally {
      this.release(fileIndex, true);
    }
  }

  /** What an earlier run wrote may not be on the disk yet: it belongs to the next sync. */
  markWritten(fileIndex: number): void {
    this.#dirty.add(fileIndex);
  }

  /**
   * Gives a file that will not be written any more its times and permission bits; an empty one comes to be. It goes on in the background,
   * while the file is open anyway, and the next sync waits for it and throws what stood against it.
   */
  finish(fileIndex: number): void {
    if (this.#finished.has(fileIndex)) return;
    this.#finished.add(fileIndex);
    const finishing = this.#setAttributes(fileIndex);
    this.#finishing.add(finishing);
    // Kept where it failed, for the sync to find.
    finishing.then(
      () => this.#finishing.delete(finishing),
      () => this.#finished.delete(fileIndex),
    );
  }

  /** Brings everything that was written before this call to the disk. Throws `DISK_FULL` or `IO`; then nothing counts as synced. */
  async sync(): Promise<void> {
    const finishing = [...this.#finishing];
    this.#finishing.clear();
    // All of them end before anything is thrown: none may go on after what comes next.
    for (const end of await Promise.allSettled(finishing)) if (end.status === 'rejected') throw end.reason;
    const dirty = [...this.#dirty];
    this.#dirty = new Set();
    const syncSome = async () => {
      for (let fileIndex = dirty.pop(); fileIndex !== undefined; fileIndex = dirty.pop()) await this.#syncOne(fileIndex);
    };
    const ends = await Promise.allSettled(Array.from({ length: SYNCS_AT_ONCE_COUNT }, syncSome));
    for (const fileIndex of dirty) this.#dirty.add(fileIndex);
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  /** Every folder that the files lie in, those deeper down first, for the final sync; none for a single file. */
  get folders(): readonly string[] {
    const folders = new Set<string>();
    for (const [index, file] of this.#catalog.files.entries()) {
      if (file.path === undefined) continue;
      for (let at = dirname(this.pathOf(index)); at !== this.#part && !folders.has(at); at = dirname(at)) folders.add(at);
      folders.add(this.#part);
    }
    return [...folders].sort((left, right) => right.length - left.length);
  }

  /** Throws `CHANGED` where a file that has no final name yet is not the one that was written, or not whole. */
  confirm(isNamed: (fileIndex: number) => boolean): Promise<void> {
    const handleOf = (fileIndex: number) => this.#open.get(fileIndex)?.handle;
    return confirmParts(this.#disk, this.#catalog.files, { isNamed, handleOf, pathOf: (fileIndex) => this.pathOf(fileIndex) });
  }

  /** Makes the names in a folder last, also where every file handle of the process is in use. Throws as the disk does. */
  syncFolder(folder: string): Promise<void> {
    return whenHandleFree(
      () => this.#disk.syncFolder(folder),
      () => this.#makeRoom(),
    );
  }

  async close(): Promise<void> {
    const files = [...this.#open.values()];
    this.#open.clear();
    // Whoever waits for a handle tries once more and is told; nobody is left waiting.
    this.#readyCount = 0;
    for (const resume of this.#waiting.splice(0)) resume();
    await Promise.all(files.map((file) => file.handle.then((handle) => handle.close()).catch(() => undefined)));
  }

  async #create(fileIndex: number): Promise<DiskFile> {
    const path = this.pathOf(fileIndex);
    const sizeBytes = this.#catalog.files[fileIndex]?.sizeBytes ?? 0;
    if (path !== this.#part) await this.#makeFolder(dirname(path));
    const handle = await this.#openFile(path, 'create');
    try {
      await this.#refuseElsewhere(handle, path);
      const found = await handle.status();
      // A second name would show, and change, what is unfinished.
      if (found.kind !== 'file' || found.linkCount > 1)
        throw new ShoalError('TARGET_EXISTS', 'environment', `${path} is in the way; move it elsewhere.`);
      // Longer or shorter, it becomes what it should be; surplus bytes are cut, missing ones are a hole.
      if (found.sizeBytes !== sizeBytes) await handle.truncate(sizeBytes);
      this.#readyCount += 1;
      return handle;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** A folder that was swapped for a symlink after it was looked at: found out before anything is written or cut. */
  async #refuseElsewhere(handle: DiskFile, path: string): Promise<void> {
    if (path === this.#part) return;
    this.#realPart ??= this.#disk.realpath(dirname(this.#part)).then((folder) => join(folder, basename(this.#part)));
    const expected = join(await this.#realPart, relative(this.#part, path));
    if ((handle.realPath?.() ?? (await this.#disk.realpath(path))) === expected) return;
    throw new ShoalError(
      'TARGET_EXISTS',
      'environment',
      `${path} leads elsewhere: a folder above it was replaced; look who does that.`,
    );
  }

  async #makeFolder(folder: string): Promise<void> {
    if (this.#folders.has(folder)) return;
    if (folder !== this.#part) await this.#makeFolder(dirname(folder));
    try {
      await this.#disk.makeFolder(folder);
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
      if ((await this.#disk.lstat(folder)).kind !== 'folder') {
        throw new ShoalError(
          'TARGET_EXISTS',
          'environment',
          `${folder} is in the way: a folder belongs there; move it elsewhere.`,
        );
      }
    }
    this.#folders.add(folder);
  }

  async #setAttributes(fileIndex: number): Promise<void> {
    const file = this.#catalog.files[fileIndex];
    if (file === undefined) return;
    // Also where there is nothing to set: it is as long as it should be then.
    await this.acquire(fileIndex);
    try {
      const handle = await this.#open.get(fileIndex)?.handle;
      // The owner can always read and write, or the next sync could not open it.
      // Bits or a time that the file system cannot hold are hints that are not taken.
      if (file.mode !== undefined) await handle?.setAttributes({ mode: file.mode | 0o600 }).catch(() => undefined);
      if (file.mtimeMs !== undefined) await handle?.setAttributes({ mtimeMs: file.mtimeMs }).catch(() => undefined);
    } catch (error) {
      throw diskError(error, this.pathOf(fileIndex));
    } finally {
      this.#dirty.add(fileIndex);
      this.release(fileIndex, false);
    }
  }

  async #syncOne(fileIndex: number): Promise<void> {
    try {
      const file = this.#open.get(fileIndex);
      if (file !== undefined) {
        // A user from here on, so that nobody closes it meanwhile.
        file.userCount += 1;
        try {
          await (await file.handle).sync();
        } finally {
          file.userCount -= 1;
        }
        return;
      }
      const own = await this.#openFile(this.pathOf(fileIndex), 'write');
      this.#readyCount += 1;
      try {
        await own.sync().finally(() => own.close());
      } finally {
        this.#readyCount -= 1;
      }
    } catch (error) {
      this.#dirty.add(fileIndex);
      throw diskError(error, this.pathOf(fileIndex));
    } finally {
      this.#wakeWaiter();
    }
  }

  #openFile(path: string, how: OpenMode): Promise<DiskFile> {
    return openFilePatiently(this.#disk, path, how, () => this.#makeRoom());
  }

  /** The process has no file handle left: gives one back, or waits until one is not used. False where none of ours is open. */
  async #makeRoom(): Promise<boolean> {
    const closing = this.#closeOldest();
    if (closing !== undefined) await closing;
    else if (this.#readyCount > 0) await new Promise<void>((resume) => this.#waiting.push(resume));
    else return false;
    return true;
  }

  /** Something may have become free: whoever waited longest looks again. */
  #wakeWaiter(): void {
    this.#waiting.shift()?.();
  }

  /** Closes the file that was used longest ago, if one is not in use. */
  #closeOldest(): Promise<void> | undefined {
    for (const [fileIndex, file] of this.#open) {
      if (file.userCount > 0) continue;
      this.#open.delete(fileIndex);
      this.#readyCount -= 1;
      return file.handle.then((handle) => handle.close()).catch(() => undefined);
    }
    return undefined;
  }
}
