/**
 * Memory that sockets read into and workers hash and write from: one SharedArrayBuffer cut into slots.
 *
 * A slot holds one chunk, with room before it for the reply header that arrives with it. The free list is last-in first-out, so that
 * a transfer that needs few slots touches few, and they stay in the processor's cache.
 * Invariant: a slot is either free or has one owner.
 */
import { invariant } from '../../common/core/errors.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';

/** Bytes before the chunk: a header line fits, and the chunk begins on a cache line. */
export const SLOT_HEAD_BYTES = 64;
const SLOT_BYTES = SLOT_HEAD_BYTES + CHUNK_BYTES;

export interface Slot {
  /** Head, then chunk. */
  readonly bytes: Uint8Array;
  /** Offset of the chunk in the shared memory. */
  readonly chunkOffset: number;
}

export class SlotMemory {
  readonly shared: SharedArrayBuffer;
  readonly slotCount: number;
  readonly #free: Slot[] = [];
  readonly #waiting: (() => void)[] = [];

  constructor(slotCount: number) {
    this.slotCount = slotCount;
    this.shared = new SharedArrayBuffer(slotCount * SLOT_BYTES);
    for (let index = slotCount - 1; index >= 0; index -= 1) {
      const at = index * SLOT_BYTES;
      this.#free.push({ bytes: new Uint8Array(this.shared, at, SLOT_BYTES), chunkOffset: at + SLOT_HEAD_BYTES });
    }
  }

  /** A slot, or `undefined` where all are owned: then wait with `whenFree`. */
  take(): Slot | undefined {
    return this.#free.pop();
  }

  /** Calls `resume` once, when a slot may be free. */
  whenFree(resume: () => void): void {
    this.#waiting.push(resume);
  }

  release(slot: Slot): void {
    invariant(!this.#free.includes(slot), 'a slot is released once');
    this.#free.push(slot);
    this.wakeNext();
  }

  /** Passes a wake-up on, by one who was woken and needs no slot any more. */
  wakeNext(): void {
    if (this.#free.length > 0) this.#waiting.shift()?.();
  }
}
