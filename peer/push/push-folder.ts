/**
 * The folder that pushed contents are put in: how much it holds, how much its disk has left, and how a name gets its place in it.
 * Nothing outside it is ever written, and no symlink in it is followed.
 */
import { lstat, mkdir, opendir, rmdir, statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ShoalError } from '../../common/core/errors.js';
import type { PushOffer } from '../../common/wire/peer-lines.js';
import { diskError } from '../store/disk-error.js';
import { type PartPaths, partPaths } from '../store/part-paths.js';
import { PartStore } from '../store/part-store.js';
import { makeRealFolder } from '../store/publish.js';

/** Bytes of a block as the file system counts them (POSIX). */
const BLOCK_BYTES = 512;

export class PushFolder {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = resolve(folder);
  }

  /** Makes the folder itself where it does not exist. Throws `DENIED`, `DISK_FULL` or `IO`. */
  async open(): Promise<void> {
    await mkdir(this.#folder, { recursive: true }).catch((error: unknown) => {
      throw diskError(error, this.#folder);
    });
  }

  /** Bytes of all files in it, but for what is unfinished of `apart`; what vanishes meanwhile counts nothing. */
  async measure(apart: Iterable<PushOffer>): Promise<number> {
    const skipped = new Set<string>();
    for (const offer of apart) {
      const { part, journal, lock, index } = this.#partPaths(offer);
      for (const path of [part, journal, lock, index]) skipped.add(path);
    }
    let bytes = 0;
    const folders = [this.#folder];
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      const entries = await opendir(folder).catch(() => undefined);
      if (entries === undefined) continue;
      for await (const entry of entries) {
        const path = join(folder, entry.name);
        if (skipped.has(path)) continue;
        if (entry.isDirectory()) folders.push(path);
        else if (entry.isFile()) bytes += await bytesOnDisk(path);
      }
    }
    return bytes;
  }

  /** Bytes that the disk has left. Throws `DENIED` or `IO`. */
  async freeBytes(): Promise<number> {
    try {
      const { bavail, bsize } = await statfs(this.#folder);
      return bavail * bsize;
    } catch (error) {
      throw diskError(error, this.#folder);
    }
  }

  /**
   * Makes the folders that a name needs, and returns that which its last part goes to. Throws `TARGET_EXISTS` where something else is
   * in the way of one, `DENIED`, `DISK_FULL` or `IO`.
   */
  async prepare(offer: PushOffer): Promise<string> {
    const directory = dirname(this.#target(offer));
    try {
      await makeRealFolder(directory, this.#folder, new Set());
    } catch (error) {
      throw diskError(error, directory);
    }
    return directory;
  }

  /** Takes away what a push left unfinished, and the folders that were made for it and are empty. Throws nothing: it is tried again. */
  async discard(offer: PushOffer): Promise<void> {
    const paths = this.#partPaths(offer);
    try {
      const store = await PartStore.open({ paths, root: offer.root, name: offer.name, isFolder: false });
      await store.discard().finally(() => store.close());
    } catch (error) {
      // Somebody else fetches it, to here: then it is theirs. Without its folder there is nothing of it.
      if (error instanceof ShoalError) return;
      throw error;
    }
    await this.tidy(offer);
  }

  /** Takes away the folders above a name that are empty. */
  async tidy(offer: PushOffer): Promise<void> {
    let folder = dirname(this.#target(offer));
    while (folder !== this.#folder) {
      const isRemoved = await rmdir(folder).then(
        () => true,
        () => false,
      );
      if (!isRemoved) return;
      folder = dirname(folder);
    }
  }

  #target({ name }: PushOffer): string {
    return join(this.#folder, name);
  }

  #partPaths(offer: PushOffer): PartPaths {
    return partPaths(this.#target(offer), offer.root);
  }
}

/** Holes of unfinished files take no room. */
async function bytesOnDisk(path: string): Promise<number> {
  const stats = await lstat(path).catch(() => undefined);
  return stats === undefined ? 0 : Math.min(stats.size, stats.blocks * BLOCK_BYTES);
}
