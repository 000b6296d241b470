/**
 * The names of a simulated disk, as programs see them and as a power cut would leave them.
 *
 * A change of names is there at once, and on the disk when its folder has been synced. Before that, a power cut leaves of each folder's
 * changes the first so many, by chance, as a journaling file system does; one folder says nothing of another. That is ALICE's pessimistic
 * model (Pillai et al., OSDI 2014) with the order within a folder that all common file systems keep. What POSIX promises holds: a
 * rename is one change, also where it touches two folders, and no folder goes before what was in it has gone.
 */
import { drawFate } from './sim-block.js';
import type { SimInode } from './sim-inode.js';
import type { SimRandom } from './sim-random.js';

/** Changes of one folder that wait for a sync at most: the system writes older ones when it likes, and memory has an end. */
const WAITING_MAX_COUNT = 256;

/** A name that leads to an inode, or to nothing. */
interface NameEdit {
  readonly folder: SimInode;
  readonly name: string;
  readonly inode: SimInode | undefined;
}

/** What happens as a whole. */
interface NameChange {
  readonly edits: readonly NameEdit[];
  /** Folders in whose order it has its place: those that it changes, and one that it takes away. */
  readonly folders: readonly SimInode[];
}

export class SimNames {
  /** What is not on the disk, in order, of each folder that has any. */
  readonly #waiting = new Map<SimInode, NameChange[]>();

  /** Does it, and remembers that the disk does not know. `gone`: a folder that loses its name by it. */
  change(edits: readonly NameEdit[], gone?: SimInode): void {
    apply(edits, 'entries');
    const folders = [...new Set([...edits.map(({ folder }) => folder), ...(gone === undefined ? [] : [gone])])];
    for (const folder of folders) {
      const waiting = this.#waiting.get(folder) ?? [];
      this.#waiting.set(folder, waiting);
      waiting.push({ edits, folders });
      if (waiting.length > WAITING_MAX_COUNT) this.#writeFirst(folder);
    }
  }

  /** Brings a folder's names to the disk, and of other folders what must be there before. */
  sync(folder: SimInode): void {
    while (this.#waiting.has(folder)) this.#writeFirst(folder);
  }

  /** Brings all names to the disk. */
  syncAll(): void {
    for (const folder of this.#waiting.keys()) this.sync(folder);
  }

  /** Whether the disk has of this name what programs see. */
  isLasting(folder: SimInode, name: string): boolean {
    const waiting = this.#waiting.get(folder) ?? [];
    return !waiting.some(({ edits }) => edits.some((edit) => edit.folder === folder && edit.name === name));
  }

  /** What was not on the disk is, up to a place of its folder, or is gone. */
  powerLoss(random: SimRandom): void {
    const folders = [...this.#waiting.keys()];
    const fate = drawFate(random);
    for (const folder of folders) {
      const count = this.#waiting.get(folder)?.length ?? 0;
      const kept = { old: 0, new: count, mixed: random.below(count + 1) }[fate];
      this.#drop(folder, kept);
    }
    this.syncAll();
    for (const { entries, lastingEntries } of folders) {
      entries.clear();
      for (const [name, inode] of lastingEntries) entries.set(name, inode);
    }
  }

  /** Drops a folder's changes from a place on, and in others what is of them or comes after. */
  #drop(folder: SimInode, keptCount: number): void {
    const dropped = this.#waiting.get(folder)?.splice(keptCount) ?? [];
    if (keptCount === 0) this.#waiting.delete(folder);
    for (const change of dropped) {
      for (const other of change.folders) {
        const at = this.#waiting.get(other)?.findIndex((waiting) => waiting.edits === change.edits) ?? -1;
        if (at >= 0) this.#drop(other, at);
      }
    }
  }

  #writeFirst(folder: SimInode): void {
    const change = this.#waiting.get(folder)?.[0];
    if (change === undefined) return;
    for (const other of change.folders) {
      while (this.#waiting.get(other)?.some(({ edits }) => edits === change.edits) === true) {
        if (this.#waiting.get(other)?.[0]?.edits !== change.edits) this.#writeFirst(other);
        else this.#takeFirst(other);
      }
    }
    apply(change.edits, 'lastingEntries');
  }

  #takeFirst(folder: SimInode): void {
    const waiting = this.#waiting.get(folder);
    waiting?.shift();
    if (waiting?.length === 0) this.#waiting.delete(folder);
  }
}

function apply(edits: readonly NameEdit[], which: 'entries' | 'lastingEntries'): void {
  for (const { folder, name, inode } of edits) {
    if (inode === undefined) folder[which].delete(name);
    else folder[which].set(name, inode);
  }
}
