/**
 * The folder that pushed contents are put in: how much it holds, how much its disk has left, and how a name gets its place in it.
 * Nothing outside it is ever written, and no symlink in it is followed.
 */
import { dirname, join, resolve } from 'node:path';
import { ShoalError } from '../../common/core/errors.js';
import { lookAt, makeFolders } from '../../common/node/disk-work.js';
import type { FolderEntry } from '../../common/ports/disk.js';
import type { PushOffer } from '../../common/wire/peer-lines.js';
import { diskError } from '../store/disk-error.js';
import { type PartPaths, partPaths } from '../store/part-paths.js';
import { PartStore, type PartStorePorts } from '../store/part-store.js';
import { makeRealFolder } from '../store/publish.js';

export class PushFolder {
  readonly #ports: PartStorePorts;
  readonly #folder: string;

  constructor(ports: PartStorePorts, folder: string) {
    this.#ports = ports;
    this.#folder = resolve(folder);
  }

  /** Makes the folder itself where it does not exist. Throws `DENIED`, `DISK_FULL` or `IO`. */
  async open(): Promise<void> {
    const { disk } = this.#ports;
    try {
      // What is put in a folder lasts no longer than the folder's own name.
      for (const made of await makeFolders(disk, this.#folder)) await disk.syncFolder(dirname(made));
    } catch (error) {
      throw diskError(error, this.#folder);
    }
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
      for await (const { name, kind } of this.#entries(folder)) {
        const path = join(folder, name);
        if (skipped.has(path)) continue;
        if (kind === 'folder') folders.push(path);
        else if (kind === 'file') bytes += await this.#bytesOnDisk(path);
      }
    }
    return bytes;
  }

  /** Bytes that the disk has left. Throws `DENIED` or `IO`. */
  async freeBytes(): Promise<number> {
    try {
      return await this.#ports.disk.freeBytes(this.#folder);
    } catch (error) {
      throw diskError(error, this.#folder);
    }
  }

  /**
   * Makes the folders that a name needs, and returns that which its last part goes to. Throws `TARGET_EXISTS` where something else is
   * in the way of one, `DENIED`, `DISK_FULL` or `IO`.
   */
  async prepare(offer: PushOffer): Promise<string> {
    const { disk } = this.#ports;
    const directory = dirname(this.#target(offer));
    const folders = new Set<string>();
    try {
      await makeRealFolder(disk, directory, this.#folder, folders);
      // Also those that were there: who made them may have died before they lasted.
      for (const folder of folders) await disk.syncFolder(dirname(folder));
    } catch (error) {
      throw diskError(error, directory);
    }
    return directory;
  }

  /** Takes away what a push left unfinished, and the folders that were made for it and are empty. Throws nothing: it is tried again. */
  async discard(offer: PushOffer): Promise<void> {
    const paths = this.#partPaths(offer);
    try {
      const store = await PartStore.open(this.#ports, { paths, root: offer.root, name: offer.name, isFolder: false });
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
      const isRemoved = await this.#ports.disk.removeFolder(folder).then(
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

  /** What is in a folder; nothing more of one that vanishes meanwhile. */
  async *#entries(folder: string): AsyncIterable<FolderEntry> {
    try {
      yield* this.#ports.disk.list(folder);
    } catch {
      // What cannot be listed is not counted.
    }
  }

  /** Holes of unfinished files take no room. */
  async #bytesOnDisk(path: string): Promise<number> {
    const found = await lookAt(this.#ports.disk, path);
    return found === undefined ? 0 : Math.min(found.sizeBytes, found.diskBytes);
  }
}
