/**
 * The file system of a simulated machine: names, inodes and rights as Linux has them, with its error codes. It knows no time, no faults
 * and no open files; all it does is done at once.
 *
 * Paths are as `join` makes them. One user owns everything; user 0 may do everything.
 */
import type { OpenMode } from '../ports/disk.js';
import { PAGE_BYTES } from './sim-block.js';
import type { PageSpace } from './sim-content.js';
import { type DiskErrorCode, systemError } from './sim-disk-error.js';
import { SimInode } from './sim-inode.js';
import { SimNames } from './sim-names.js';
import type { SimRandom } from './sim-random.js';

/** What a path may hold, as Linux has it. */
const PATH_MAX_BYTES = 4095;
const NAME_MAX_BYTES = 255;
/** Symlinks on the way to a file. */
const LINKS_MAX_COUNT = 40;

/** What a disk without end says that it has left: 1 TiB. */
const ENDLESS_BYTES = 2 ** 40;

/** Bits of a right, as `mode` has them for everybody. */
const [MAY_READ, MAY_WRITE, MAY_ENTER] = [4, 2, 1];

export interface TreeOptions {
  readonly uid: number;
  readonly umask: number;
  readonly nowNs: () => bigint;
}

/** A name in a folder, and what it leads to. */
interface Place {
  /** Folders on the way, the root first, the one that holds the name last. */
  readonly trail: readonly { readonly name: string; readonly inode: SimInode }[];
  readonly folder: SimInode;
  readonly name: string;
  readonly inode: SimInode | undefined;
}

export class SimTree {
  readonly space: PageSpace = { usedPagesCount: 0 };
  readonly names = new SimNames();
  /** How many pages the disk has. */
  pagesCount = Number.POSITIVE_INFINITY;
  isReadOnly = false;
  readonly #options: TreeOptions;
  readonly #root: SimInode;
  #madeCount = 1n;

  constructor(options: TreeOptions) {
    this.#options = options;
    this.#root = this.#make('folder', 0o755);
  }

  get freePagesCount(): number {
    return Math.max(0, this.pagesCount - this.space.usedPagesCount);
  }

  /** What the path leads to; `undefined` where that is nothing or cannot be looked at. */
  find(path: string, followsLast = false): SimInode | undefined {
    try {
      return this.#place(path, 'find', followsLast).inode;
    } catch {
      return undefined;
    }
  }

  /** What the path leads to, if no power cut can change that. */
  findLasting(path: string): SimInode | undefined {
    if (this.find(path) === undefined) return undefined;
    const { trail, name, inode } = this.#place(path, 'find', false);
    const names = [...trail.slice(1).map((step) => step.name), name];
    return trail.every((step, at) => this.names.isLasting(step.inode, names[at] ?? '')) ? inode : undefined;
  }

  /** What is at the path; throws where nothing is. */
  get(path: string, call: string, followsLast = false): SimInode {
    const { inode } = this.#place(path, call, followsLast);
    if (inode === undefined) throw systemError('ENOENT', call, path);
    return inode;
  }

  open(path: string, how: OpenMode, mode: number): SimInode {
    const fail = (code: DiskErrorCode): never => {
      throw systemError(code, 'open', path);
    };
    const { folder, name, inode } = this.#place(path, 'open', false);
    if (inode === undefined) {
      if (how !== 'create' && how !== 'create-new') return fail('ENOENT');
      this.#checkFolder(folder, 'open', path);
      const made = this.#make('file', mode & ~this.#options.umask);
      this.#change([{ folder, name, inode: made }]);
      return made;
    }
    if (how === 'create-new') return fail('EEXIST');
    if (inode.kind === 'symlink') return fail('ELOOP');
    if (inode.kind === 'folder' && how !== 'read') return fail('EISDIR');
    const rights = { read: MAY_READ, append: MAY_WRITE, write: MAY_READ | MAY_WRITE, create: MAY_READ | MAY_WRITE };
    if (!this.may(inode, rights[how])) return fail('EACCES');
    if (how !== 'read' && this.isReadOnly) return fail('EROFS');
    return inode;
  }

  realpath(path: string): string {
    const { trail, name, inode } = this.#place(path, 'realpath', true);
    if (inode === undefined) throw systemError('ENOENT', 'realpath', path);
    return `/${[...trail.slice(1).map((step) => step.name), name].filter((part) => part !== '').join('/')}`;
  }

  checkAccess(path: string, what: 'read-file' | 'write-folder'): void {
    const inode = this.get(path, 'access', true);
    if (!this.may(inode, what === 'read-file' ? MAY_READ : MAY_WRITE | MAY_ENTER)) throw systemError('EACCES', 'access', path);
    if (what === 'write-folder' && this.isReadOnly) throw systemError('EROFS', 'access', path);
  }

  folderAt(path: string, call: string): SimInode {
    const inode = this.get(path, call, true);
    if (inode.kind !== 'folder') throw systemError('ENOTDIR', call, path);
    if (!this.may(inode, MAY_READ)) throw systemError('EACCES', call, path);
    return inode;
  }

  freeBytes(path: string): number {
    this.get(path, 'statfs', true);
    return Math.min(ENDLESS_BYTES, this.freePagesCount * PAGE_BYTES);
  }

  makeFolder(path: string, mode: number): void {
    const { folder, name, inode } = this.#place(path, 'mkdir', false);
    if (inode !== undefined) throw systemError('EEXIST', 'mkdir', path);
    this.#checkFolder(folder, 'mkdir', path);
    if (this.freePagesCount < 1) throw systemError('ENOSPC', 'mkdir', path);
    this.space.usedPagesCount += 1;
    this.#change([{ folder, name, inode: this.#make('folder', mode & ~this.#options.umask) }]);
  }

  makeSymlink(target: string, path: string): void {
    const { folder, name, inode } = this.#place(path, 'symlink', false);
    if (inode !== undefined) throw systemError('EEXIST', 'symlink', path);
    this.#change([{ folder, name, inode: this.#make('symlink', 0o777, target) }]);
  }

  link(from: string, to: string): void {
    const inode = this.get(from, 'link');
    const place = this.#place(to, 'link', false);
    if (place.inode !== undefined) throw systemError('EEXIST', 'link', from);
    this.#checkFolder(place.folder, 'link', from);
    if (inode.kind === 'folder') throw systemError('EPERM', 'link', from);
    this.#change([{ ...place, inode }]);
  }

  rename(from: string, to: string): void {
    const fail = (code: DiskErrorCode) => systemError(code, 'rename', from);
    const [old, fresh] = [this.#place(from, 'rename', false), this.#place(to, 'rename', false)];
    if (old.inode === this.#root || fresh.inode === this.#root) throw fail('EBUSY');
    const { inode } = old;
    if (inode === undefined) throw fail('ENOENT');
    if (fresh.trail.some((step) => step.inode === inode)) throw fail('EINVAL');
    if (old.trail.some((step) => step.inode === fresh.inode)) throw fail('ENOTEMPTY');
    if (inode === fresh.inode) return;
    for (const { folder } of [old, fresh]) this.#checkFolder(folder, 'rename', from);
    if (fresh.inode !== undefined) {
      const [isFolder, wasFolder] = [inode.kind === 'folder', fresh.inode.kind === 'folder'];
      if (isFolder !== wasFolder) throw fail(isFolder ? 'ENOTDIR' : 'EISDIR');
      if (fresh.inode.entries.size > 0) throw fail('ENOTEMPTY');
    }
    const edits = [
      { ...old, inode: undefined },
      { ...fresh, inode },
    ];
    this.#change(edits, fresh.inode?.kind === 'folder' ? fresh.inode : undefined);
  }

  remove(path: string): void {
    const place = this.#place(path, 'unlink', false);
    if (place.inode === undefined) throw systemError('ENOENT', 'unlink', path);
    this.#checkFolder(place.folder, 'unlink', path);
    if (place.inode.kind === 'folder') throw systemError('EISDIR', 'unlink', path);
    this.#change([{ ...place, inode: undefined }]);
  }

  removeFolder(path: string): void {
    const place = this.#place(path, 'rmdir', false);
    if (place.inode === undefined) throw systemError('ENOENT', 'rmdir', path);
    if (place.inode === this.#root) throw systemError('EBUSY', 'rmdir', path);
    this.#checkFolder(place.folder, 'rmdir', path);
    if (place.inode.kind !== 'folder') throw systemError('ENOTDIR', 'rmdir', path);
    if (place.inode.entries.size > 0) throw systemError('ENOTEMPTY', 'rmdir', path);
    this.#change([{ ...place, inode: undefined }], place.inode);
  }

  /** Whether this user has all of these rights. */
  may(inode: SimInode, rights: number): boolean {
    const { uid } = this.#options;
    const isProgram = inode.kind === 'folder' || (inode.mode & 0o111) !== 0;
    if (uid === 0) return (rights & MAY_ENTER) === 0 || isProgram;
    const granted = inode.uid === uid ? inode.mode >> 6 : inode.mode;
    return (granted & rights) === rights;
  }

  /** A handle is gone, or all are: a file without a name and without one is no more. */
  released(inode: SimInode): void {
    if (inode.openCount === 0 && inode.linkCount === 0) inode.content.release();
  }

  /** What was not on the disk is gone, or not. No file may be open. */
  powerLoss(random: SimRandom): void {
    this.names.powerLoss(random);
    const found = new Map<SimInode, number>();
    const visit = (inode: SimInode): void => {
      found.set(inode, (found.get(inode) ?? 0) + 1);
      for (const entry of inode.entries.values()) visit(entry);
    };
    visit(this.#root);
    for (const [inode, linkCount] of found) {
      inode.linkCount = linkCount;
      if (random.below(2) === 0) inode.syncAttributes();
      else inode.loseAttributes();
      inode.content.powerLoss(random);
    }
    const folders = [...found.keys()].filter((inode) => inode.kind === 'folder' && inode !== this.#root);
    this.space.usedPagesCount = folders.length;
    for (const inode of found.keys()) inode.content.retain();
  }

  #make(kind: SimInode['kind'], mode: number, target?: string): SimInode {
    this.#madeCount += 1n;
    const { uid, nowNs } = this.#options;
    return new SimInode({ kind, ino: this.#madeCount, dev: 1n, uid, mode, mtimeNs: nowNs(), space: this.space, target });
  }

  /** Does it, with what it means for those that gain or lose a name. */
  #change(edits: Parameters<SimNames['change']>[0], gone?: SimInode): void {
    const lost = edits.flatMap(({ folder, name }) => folder.entries.get(name) ?? []);
    this.names.change(edits, gone);
    for (const { folder, inode } of edits) {
      folder.mtimeNs = this.#options.nowNs();
      if (inode !== undefined) inode.linkCount += 1;
    }
    for (const inode of lost) inode.linkCount -= 1;
    if (gone !== undefined) this.space.usedPagesCount -= 1;
    for (const inode of lost) this.released(inode);
  }

  /** Throws where no name in this folder may be changed. */
  #checkFolder(folder: SimInode, call: string, path: string): void {
    if (this.isReadOnly) throw systemError('EROFS', call, path);
    if (!this.may(folder, MAY_WRITE | MAY_ENTER)) throw systemError('EACCES', call, path);
  }

  #place(path: string, call: string, followsLast: boolean): Place {
    const fail = (code: DiskErrorCode): never => {
      throw systemError(code, call, path);
    };
    if (path === '') return fail('ENOENT');
    if (Buffer.byteLength(path) > PATH_MAX_BYTES) return fail('ENAMETOOLONG');
    const root = { name: '', inode: this.#root };
    const trail = [root];
    const ahead = partsOf(path);
    let linksLeft = LINKS_MAX_COUNT;
    for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
      const folder = (trail.at(-1) ?? root).inode;
      if (folder.kind !== 'folder') return fail('ENOTDIR');
      if (!this.may(folder, MAY_ENTER)) return fail('EACCES');
      if (Buffer.byteLength(name) > NAME_MAX_BYTES) return fail('ENAMETOOLONG');
      if (name === '.') continue;
      if (name === '..') {
        if (trail.length > 1) trail.pop();
        continue;
      }
      const inode = folder.entries.get(name);
      if (inode?.kind === 'symlink' && (ahead.length > 0 || followsLast)) {
        if (linksLeft === 0) return fail('ELOOP');
        linksLeft -= 1;
        if (inode.target.startsWith('/')) trail.length = 1;
        ahead.push(...partsOf(inode.target));
      } else if (ahead.length === 0) return { trail, folder, name, inode };
      else if (inode === undefined) return fail('ENOENT');
      else trail.push({ name, inode });
    }
    const last = (trail.length > 1 ? trail.pop() : undefined) ?? root;
    return { trail, folder: (trail.at(-1) ?? root).inode, name: last.name, inode: last.inode };
  }
}

/** The parts of a path, the first one last. */
function partsOf(path: string): string[] {
  return path
    .split('/')
    .filter((part) => part !== '')
    .reverse();
}
