/**
 * A disk whose every change somebody hears of before it happens: to look at what is there, to let it fail, or to end the process.
 *
 * Reading, looking and closing pass through; so do the bytes and the order of everything else.
 */
import type { Disk, DiskFile } from '../ports/disk.js';

/** What changes a disk, or makes a change last. */
export type DiskChange =
  | 'create'
  | 'write'
  | 'append'
  | 'truncate'
  | 'sync'
  | 'set-attributes'
  | 'make-folder'
  | 'link'
  | 'rename'
  | 'remove'
  | 'remove-folder'
  | 'sync-folder';

/**
 * Called before each change; the change happens when it resolves, and fails with what it throws. `path` is what the change gives or takes
 * a name, or the file itself. `half` writes the first half of what a write would.
 */
export type BeforeChange = (change: DiskChange, path: string, half?: () => Promise<void>) => void | Promise<void>;

export function watchedDisk(disk: Disk, before: BeforeChange): Disk {
  return {
    async open(path, how, mode) {
      if (how === 'create' || how === 'create-new') await before('create', path);
      return watchedFile(await disk.open(path, how, mode), path, before);
    },
    lstat: (path) => disk.lstat(path),
    realpath: (path) => disk.realpath(path),
    list: (folder) => disk.list(folder),
    checkAccess: (path, what) => disk.checkAccess(path, what),
    freeBytes: (folder) => disk.freeBytes(folder),
    async makeFolder(path, mode) {
      await before('make-folder', path);
      await disk.makeFolder(path, mode);
    },
    async link(from, to) {
      await before('link', to);
      await disk.link(from, to);
    },
    async rename(from, to) {
      await before('rename', to);
      await disk.rename(from, to);
    },
    async remove(path) {
      await before('remove', path);
      await disk.remove(path);
    },
    async removeFolder(path) {
      await before('remove-folder', path);
      await disk.removeFolder(path);
    },
    async syncFolder(path) {
      await before('sync-folder', path);
      await disk.syncFolder(path);
    },
  };
}

function watchedFile(file: DiskFile, path: string, before: BeforeChange): DiskFile {
  const halfOf = (bytes: Uint8Array) => bytes.subarray(0, bytes.length >> 1);
  return {
    fd: file.fd,
    read: (into, position) => file.read(into, position),
    async write(bytes, position) {
      await before('write', path, () => file.write(halfOf(bytes), position));
      await file.write(bytes, position);
    },
    async append(bytes) {
      await before('append', path, () => file.append(halfOf(bytes)));
      await file.append(bytes);
    },
    async truncate(sizeBytes) {
      await before('truncate', path);
      await file.truncate(sizeBytes);
    },
    async sync() {
      await before('sync', path);
      await file.sync();
    },
    status: () => file.status(),
    async setAttributes(attributes) {
      await before('set-attributes', path);
      await file.setAttributes(attributes);
    },
    close: () => file.close(),
  };
}
