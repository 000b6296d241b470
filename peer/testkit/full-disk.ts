/** A disk that fills up at a moment that a test chooses, for whoever writes to it and for the hasher, and has room again when it says so. */

import type { Disk } from '../../common/ports/disk.js';
import { type DiskChange, watchedDisk } from '../../common/testkit/watched-disk.js';
import type { Hasher } from '../hash/hasher.js';
import { watchedHasher } from './watched-hasher.js';

/** What a full disk has no room for. */
const NEEDS_ROOM: ReadonlySet<string> = new Set(['land', 'create', 'write', 'append', 'make-folder', 'link', 'rename']);

export class FullDisk {
  readonly disk: Disk;
  readonly hasher: Hasher;
  readonly #code: string;
  #isFullAt: (change: DiskChange | 'land', path: string) => boolean = () => false;
  /** The change that found no room first, or any that fails too while there is none. */
  #first: string | undefined;
  isFull = false;
  /** Changes that found no room. */
  refusals: string[] = [];

  constructor(disk: Disk, hasher: Hasher, code = 'ENOSPC') {
    this.#code = code;
    this.disk = watchedDisk(disk, async (change, path, half) => {
      const error = this.#refusal(change, path);
      if (error === undefined) return;
      // As much as fits is written.
      await half?.();
      throw error;
    });
    this.hasher = watchedHasher(hasher, async (half) => {
      const error = this.#refusal('land', 'chunk');
      if (error === undefined) return undefined;
      await half();
      return { kind: 'failed', code: this.#code, message: error.message };
    });
  }

  /** Is full from the first change on for which `isFullAt` says so; that one fails also where others of its kind need no room. */
  fillAt(isFullAt: (change: DiskChange | 'land', path: string) => boolean): void {
    this.#isFullAt = isFullAt;
  }

  free(): void {
    this.isFull = false;
    this.#isFullAt = () => false;
  }

  #refusal(change: DiskChange | 'land', path: string): Error | undefined {
    if (!this.isFull && this.#isFullAt(change, path)) {
      this.isFull = true;
      this.#first = change;
    }
    if (!this.isFull || !(NEEDS_ROOM.has(change) || change === this.#first)) return undefined;
    this.refusals.push(`${change} ${path}`);
    return Object.assign(new Error(`${this.#code}: no room to ${change} ${path}`), { code: this.#code });
  }
}
