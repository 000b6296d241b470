/**
 * A bounded set of open files, shared by all streams: the ones used last stay open, and whoever wants one more waits. Where the process
 * may have fewer files open than thought, fewer are kept.
 *
 * Invariant: a file is closed only while nobody reads from it, and at most `maxCount` are open.
 */
import { ShoalError } from '../../common/core/errors.js';
import { OPEN_FILES_MAX_COUNT } from '../../common/core/limits.js';
import { breathe } from '../../common/node/clock.js';
import { openFilePatiently } from '../../common/node/open-file-patiently.js';
import type { Disk, DiskFile } from '../../common/ports/disk.js';

export interface OpenFile {
  readonly path: string;
  readonly handle: Promise<DiskFile>;
  /** How many use it now. */
  users: number;
  /** Closed as soon as nobody uses it: its path may lead elsewhere by now. */
  isStale: boolean;
}

export class OpenFiles {
  readonly #disk: Pick<Disk, 'open'>;
  #maxCount: number;
  /** By path, the one used longest ago first. */
  readonly #files = new Map<string, OpenFile>();
  readonly #waiting: (() => void)[] = [];
  #openCount = 0;
  /** Of the open ones, those whose handle is there. */
  #readyCount = 0;
  #isClosed = false;

  constructor(disk: Pick<Disk, 'open'>, maxCount: number = OPEN_FILES_MAX_COUNT) {
    this.#disk = disk;
    this.#maxCount = maxCount;
  }

  /** The open file at `path`, for which `release` must be called, also where its handle could not be had. */
  async acquire(path: string): Promise<OpenFile> {
    for (;;) {
      if (this.#isClosed) throw new ShoalError('IO', 'local', 'This peer is stopping.');
      const found = this.#files.get(path);
      if (found !== undefined) {
        this.#files.delete(path);
        this.#files.set(path, found);
        found.users += 1;
        return found;
      }
      if (this.#openCount < this.#maxCount || this.#closeOne()) return this.#open(path);
      await new Promise<void>((resume) => this.#waiting.push(resume));
    }
  }

  release(file: OpenFile): void {
    file.users -= 1;
    if (file.users > 0) return;
    if (file.isStale || this.#isClosed) this.#close(file);
    this.#waiting.shift()?.();
  }

  /** Opens the path anew next time. */
  forget(path: string): void {
    const file = this.#files.get(path);
    if (file === undefined) return;
    this.#files.delete(path);
    file.isStale = true;
    if (file.users === 0) this.#close(file);
  }

  /** Closes what nobody uses; what is in use is closed at its release. */
  close(): void {
    this.#isClosed = true;
    for (const file of this.#files.values()) if (file.users === 0) this.#close(file);
    for (const resume of this.#waiting.splice(0)) resume();
  }

  #open(path: string): OpenFile {
    this.#openCount += 1;
    const handle = openFilePatiently(this.#disk, path, 'read', () => this.#makeRoom());
    const file: OpenFile = { path, handle, users: 1, isStale: false };
    this.#files.set(path, file);
    handle.then(
      () => {
        this.#readyCount += 1;
      },
      () => {
        if (this.#files.get(path) === file) this.#files.delete(path);
        file.isStale = true;
      },
    );
    return file;
  }

  /** The process has no file handle left: gives one back, or waits for one. False where none of ours is open. */
  async #makeRoom(): Promise<boolean> {
    if (this.#readyCount === 0) return false;
    this.#maxCount = Math.max(1, Math.min(this.#maxCount, this.#readyCount));
    if (!this.#closeOne()) await new Promise<void>((resume) => this.#waiting.push(resume));
    await breathe();
    return true;
  }

  #closeOne(): boolean {
    for (const file of this.#files.values()) {
      if (file.users > 0) continue;
      this.#close(file);
      return true;
    }
    return false;
  }

  #close(file: OpenFile): void {
    if (this.#files.get(file.path) === file) this.#files.delete(file.path);
    this.#openCount -= 1;
    file.handle
      .then((handle) => {
        this.#readyCount -= 1;
        return handle.close();
      })
      .catch(() => undefined)
      .finally(() => this.#waiting.shift()?.());
  }
}
