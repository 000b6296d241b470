/**
 * What is due when: a binary heap that gives the earliest first, and of those due at one instant the one that was put in first.
 *
 * Entries carry their own place in time, so that a packet that is due three times on its way is one object and not three.
 * Invariant: no entry is before its parent.
 */
import { invariant } from '../core/errors.js';

/** Something that happens at an instant. It is in the heap at most once at a time. */
export interface Due {
  /** What traces show. */
  readonly name: string;
  /** Milliseconds; set by the heap's owner as it is put in. */
  dueMs: number;
  /** Tells apart what is due at one instant: ascending in the order of putting in. */
  sequence: number;
  fire(): void;
}

export class DueHeap {
  readonly #entries: Due[] = [];

  get size(): number {
    return this.#entries.length;
  }

  /** The earliest, or `undefined` where nothing is due ever. */
  first(): Due | undefined {
    return this.#entries[0];
  }

  push(entry: Due): void {
    const entries = this.#entries;
    let at = entries.length;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = entries[parentAt] as Due;
      if (!isBefore(entry, parent)) break;
      entries[at] = parent;
      at = parentAt;
    }
    entries[at] = entry;
  }

  /** Takes the earliest out. There must be one. */
  pop(): Due {
    const entries = this.#entries;
    const first = entries[0];
    const last = entries.pop();
    invariant(first !== undefined && last !== undefined, 'something is due');
    if (entries.length > 0) this.#sink(last);
    return first;
  }

  /** Puts `entry` at the top, and down to where it belongs. */
  #sink(entry: Due): void {
    const entries = this.#entries;
    const count = entries.length;
    let at = 0;
    for (let childAt = 1; childAt < count; childAt = 2 * at + 1) {
      let child = entries[childAt] as Due;
      const other = entries[childAt + 1];
      if (other !== undefined && isBefore(other, child)) {
        child = other;
        childAt += 1;
      }
      if (!isBefore(child, entry)) break;
      entries[at] = child;
      at = childAt;
    }
    entries[at] = entry;
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.sequence < b.sequence);
}
