/** A file, folder or symlink of a simulated disk, whatever names it has, and the times at which things on a disk change. */
import type { FileKind, FileStatus } from '../ports/disk.js';
import { PAGE_BYTES } from './sim-block.js';
import { type PageSpace, SimContent } from './sim-content.js';

interface Attributes {
  readonly mode: number;
  readonly mtimeNs: bigint;
}

export interface NewInode {
  readonly kind: FileKind;
  readonly ino: bigint;
  readonly dev: bigint;
  readonly uid: number;
  readonly mode: number;
  readonly mtimeNs: bigint;
  readonly space: PageSpace;
  /** Of a symlink. */
  readonly target?: string | undefined;
}

export class SimInode {
  readonly kind: FileKind;
  readonly ino: bigint;
  readonly uid: number;
  /** Empty for all but regular files. */
  readonly content: SimContent;
  /** Names in it and what they lead to, as programs see them; of a folder alone. */
  readonly entries = new Map<string, SimInode>();
  /** The same as the disk has them. */
  readonly lastingEntries = new Map<string, SimInode>();
  readonly target: string;
  mode: number;
  mtimeNs: bigint;
  /** Names that it has, and handles. */
  linkCount = 0;
  openCount = 0;
  readonly #dev: bigint;
  #lasting: Attributes;

  constructor({ kind, ino, dev, uid, mode, mtimeNs, space, target = '' }: NewInode) {
    this.kind = kind;
    this.ino = ino;
    this.uid = uid;
    this.mode = mode;
    this.mtimeNs = mtimeNs;
    this.target = target;
    this.content = new SimContent(space);
    this.#dev = dev;
    this.#lasting = { mode, mtimeNs };
  }

  status(): FileStatus {
    const { kind, ino, uid, mode, mtimeNs, content } = this;
    const isFolder = kind === 'folder';
    const folderCount = isFolder ? [...this.entries.values()].filter((entry) => entry.kind === 'folder').length : 0;
    return {
      ...{ kind, dev: this.#dev, ino, uid, mode, mtimeNs },
      sizeBytes: isFolder ? PAGE_BYTES : kind === 'symlink' ? Buffer.byteLength(this.target) : content.sizeBytes,
      // A folder has its own name, and a dot in itself and in each folder in it.
      linkCount: isFolder ? 2 + folderCount : this.linkCount,
      diskBytes: isFolder ? PAGE_BYTES : content.heldBytes,
    };
  }

  /** Permission bits and time are on the disk. */
  syncAttributes(): void {
    this.#lasting = { mode: this.mode, mtimeNs: this.mtimeNs };
  }

  /** Permission bits and time are what the disk has. */
  loseAttributes(): void {
    this.mode = this.#lasting.mode;
    this.mtimeNs = this.#lasting.mtimeNs;
  }
}
