/**
 * A simulated disk as one process has it: its open files, and what it has under way, until it dies.
 *
 * Each call takes simulated time and happens at the end of that time, as a whole. Of what was under way when the process died, some
 * has happened and some has not, of a write a part; nobody is told. Who is dead gets no answer any more.
 */

import type { Timer } from '../ports/clock.js';
import type { Disk, DiskFile, FileStatus, FolderEntry, OpenMode } from '../ports/disk.js';
import { type DiskErrorCode, systemError } from './sim-disk-error.js';
import { type DiskOperation, isChanging } from './sim-disk-faults.js';
import { SimFile } from './sim-file.js';
import { type HandlePorts, SimHandle } from './sim-handle.js';
import type { SimInode } from './sim-inode.js';
import type { SimRandom } from './sim-random.js';

/** Descriptors below are those that every process begins with. */
const FIRST_FD = 3;
/** Entries of a folder that are read at once. */
const ENTRIES_AT_ONCE_COUNT = 256;

/** The machine, as its processes know it. */
export interface MountPorts extends HandlePorts {
  /** The order of names in a folder. */
  readonly orderRandom: SimRandom;
  readonly handlesMaxCount: () => number;
  /** What an operation that begins now fails with, and what holds it up. */
  readonly begin: (
    operation: DiskOperation,
    path: string,
    lengthBytes: number,
  ) => { code: DiskErrorCode | undefined; ms: number };
  readonly observe: (operation: DiskOperation, path: string) => void;
  readonly setTimer: (name: string, ms: number, run: () => void) => Timer;
  readonly died: (mount: SimMount) => void;
}

/** What a call does. */
export interface Deed<T> {
  run(): T;
  /** What is done of it where it fails by a fault; default: nothing. */
  fail?(): void;
  /** What is done of it where the process dies meanwhile; default: by chance all or nothing. */
  cut?(): void;
}

interface UnderWay {
  readonly deed: Deed<unknown>;
  readonly isChanging: boolean;
  timer: Timer | undefined;
}

export class SimMount implements Disk {
  readonly #ports: MountPorts;
  readonly #handles: (SimHandle | undefined)[] = [];
  readonly #underWay = new Set<UnderWay>();
  #openCount = 0;
  #isAlive = true;

  constructor(ports: MountPorts) {
    this.#ports = ports;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Descriptors that are open. */
  get openCount(): number {
    return this.#openCount;
  }

  /** Calls by descriptor, which take no time: for what works on a thread of its own, and counts its time itself. */
  readonly files = {
    open: (path: string): number => this.#now('open', path, { run: () => this.#open(path, 'read', 0) }),
    close: (fd: number): void => this.release(fd, this.#handle(fd, 'close')),
    read: (fd: number, into: Uint8Array, position: number): number => {
      const handle = this.#handle(fd, 'read');
      return this.#now('read', handle.path, { run: () => handle.read(into, position) });
    },
    write: (fd: number, bytes: Uint8Array, position: number): number => {
      const handle = this.#handle(fd, 'write');
      const part = () => handle.writePart(bytes, position);
      return this.#now('write', handle.path, { run: () => handle.write(bytes, position), fail: part, cut: part });
    },
    status: (fd: number): FileStatus => this.#handle(fd, 'fstat').status(),
  };

  /** The process dies; what it wrote is still in the system's memory. Idempotent. */
  crash(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    for (const { deed, isChanging, timer } of this.#underWay) {
      timer?.cancel();
      if (isChanging) this.#cut(deed);
    }
    this.#underWay.clear();
    for (const [fd, handle] of this.#handles.entries()) if (handle !== undefined) this.release(fd, handle);
    this.#ports.died(this);
  }

  async open(path: string, how: OpenMode, mode = 0o666): Promise<DiskFile> {
    const isCreated = (how === 'create' || how === 'create-new') && this.#ports.tree.find(path) === undefined;
    const fd = await this.after(isCreated ? 'create' : 'open', path, 0, { run: () => this.#open(path, how, mode) });
    return new SimFile(this, fd, this.#handle(fd, 'open'));
  }

  lstat(path: string): Promise<FileStatus> {
    return this.after('lstat', path, 0, { run: () => this.#ports.tree.get(path, 'lstat').status() });
  }

  realpath(path: string): Promise<string> {
    return this.after('realpath', path, 0, { run: () => this.#ports.tree.realpath(path) });
  }

  async *list(folder: string): AsyncIterable<FolderEntry> {
    const open = () => {
      const inode = this.#ports.tree.folderAt(folder, 'opendir');
      return { inode, fd: this.#take(inode, folder, 'read') };
    };
    const { inode, fd } = await this.after('list', folder, 0, { run: open });
    const handle = this.#handle(fd, 'opendir');
    try {
      const names = shuffled([...inode.entries.keys()], this.#ports.orderRandom);
      for (const [at, name] of names.entries()) {
        if (at > 0 && at % ENTRIES_AT_ONCE_COUNT === 0) await this.after('list', folder, 0, { run: () => undefined });
        const entry = inode.entries.get(name);
        if (entry !== undefined) yield { name, kind: entry.kind };
      }
    } finally {
      this.release(fd, handle);
    }
  }

  checkAccess(path: string, what: 'read-file' | 'write-folder'): Promise<void> {
    return this.after('check-access', path, 0, { run: () => this.#ports.tree.checkAccess(path, what) });
  }

  freeBytes(folder: string): Promise<number> {
    return this.after('free-bytes', folder, 0, { run: () => this.#ports.tree.freeBytes(folder) });
  }

  makeFolder(path: string, mode = 0o777): Promise<void> {
    return this.after('make-folder', path, 0, { run: () => this.#ports.tree.makeFolder(path, mode) });
  }

  link(from: string, to: string): Promise<void> {
    return this.after('link', from, 0, { run: () => this.#ports.tree.link(from, to) });
  }

  rename(from: string, to: string): Promise<void> {
    return this.after('rename', from, 0, { run: () => this.#ports.tree.rename(from, to) });
  }

  remove(path: string): Promise<void> {
    return this.after('remove', path, 0, { run: () => this.#ports.tree.remove(path) });
  }

  removeFolder(path: string): Promise<void> {
    return this.after('remove-folder', path, 0, { run: () => this.#ports.tree.removeFolder(path) });
  }

  syncFolder(path: string): Promise<void> {
    const run = () => {
      const fd = this.#open(path, 'folder', 0);
      const handle = this.#handle(fd, 'fsync');
      handle.sync();
      this.release(fd, handle);
    };
    return this.after('sync-folder', path, 0, { run });
  }

  /** Does something to the disk when its time is over. Never settles where the process dies before. */
  after<T>(operation: DiskOperation, path: string, lengthBytes: number, deed: Deed<T>): Promise<T> {
    if (!this.#isAlive) return new Promise(() => undefined);
    const { code, ms } = this.#ports.begin(operation, path, lengthBytes);
    const work: UnderWay = { deed, isChanging: isChanging(operation), timer: undefined };
    return this.#later(work, `disk ${operation}`, ms, () => this.#finish(work, operation, path, code) as T);
  }

  /** Does something else that takes the process so long, as on a thread of its own. Never settles where the process dies before. */
  spend<T>(name: string, ms: number, run: () => T): Promise<T> {
    if (!this.#isAlive) return new Promise(() => undefined);
    const work: UnderWay = { deed: { run }, isChanging: false, timer: undefined };
    const finish = () => {
      this.#underWay.delete(work);
      return run();
    };
    return this.#later(work, name, ms, finish);
  }

  /** Gives a descriptor back, if it still is this file's. */
  release(fd: number, handle: SimHandle): void {
    if (this.#handles[fd] !== handle) return;
    this.#handles[fd] = undefined;
    this.#openCount -= 1;
    handle.close();
  }

  #later<T>(work: UnderWay, name: string, ms: number, finish: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#underWay.add(work);
      work.timer = this.#ports.setTimer(name, ms, () => {
        try {
          const value = finish();
          if (this.#isAlive) resolve(value);
        } catch (error) {
          if (this.#isAlive) reject(error);
        }
      });
    });
  }

  /** At once. Where the process dies by being observed, it has no answer. */
  #now<T>(operation: DiskOperation, path: string, deed: Deed<T>): T {
    if (!this.#isAlive) throw systemError('EBADF', operation, path);
    const { code } = this.#ports.begin(operation, path, 0);
    const work: UnderWay = { deed, isChanging: isChanging(operation), timer: undefined };
    this.#underWay.add(work);
    const value = this.#finish(work, operation, path, code);
    if (!this.#isAlive) throw systemError('EBADF', operation, path);
    return value as T;
  }

  /** What comes back means nothing where the process is dead by then. */
  #finish(work: UnderWay, operation: DiskOperation, path: string, code: DiskErrorCode | undefined): unknown {
    if (work.isChanging) this.#ports.observe(operation, path);
    if (!this.#isAlive) return undefined;
    this.#underWay.delete(work);
    if (code === undefined) return work.deed.run();
    work.deed.fail?.();
    throw systemError(code, operation, path);
  }

  #cut(deed: Deed<unknown>): void {
    if (deed.cut !== undefined) deed.cut();
    else if (this.#ports.random.below(2) === 0) {
      try {
        deed.run();
      } catch {
        // It would have failed, and nobody is left to be told.
      }
    }
  }

  /** `folder` opens what is there for reading, also behind a symlink. */
  #open(path: string, how: OpenMode | 'folder', mode: number): number {
    this.#checkRoom(path);
    const { tree } = this.#ports;
    return how === 'folder'
      ? this.#take(tree.folderAt(path, 'open'), path, 'read')
      : this.#take(tree.open(path, how, mode), path, how);
  }

  #checkRoom(path: string): void {
    if (this.#openCount >= this.#ports.handlesMaxCount()) throw systemError('EMFILE', 'open', path);
  }

  /** The lowest descriptor that is free, as the system gives it. */
  #take(inode: SimInode, path: string, how: OpenMode): number {
    this.#checkRoom(path);
    let fd = FIRST_FD;
    while (this.#handles[fd] !== undefined) fd += 1;
    this.#handles[fd] = new SimHandle(this.#ports, inode, path, how);
    this.#openCount += 1;
    return fd;
  }

  #handle(fd: number, call: string): SimHandle {
    const handle = this.#handles[fd];
    if (handle === undefined) throw systemError('EBADF', call, `descriptor ${fd}`);
    return handle;
  }
}

function shuffled(names: string[], random: SimRandom): string[] {
  for (let left = names.length; left > 1; left -= 1) {
    const at = random.below(left);
    [names[at], names[left - 1]] = [names[left - 1] ?? '', names[at] ?? ''];
  }
  return names;
}
