/**
 * When a fetch makes what it wrote last: now and then while it runs, and once at its end. One checkpoint runs at a time.
 *
 * A sync that fails costs its chunks once: they are fetched again. A second failure ends the fetch, since the disk cannot be trusted;
 * so does at once a disk that is full, until there is room.
 * Invariant: after `close` resolves, every chunk that was `wrote` is in the synced journal.
 */
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import type { LostUnits, PartStore } from '../store/part-store.js';

/** What is written is made to last this often, or after this much, whichever comes first. */
const CHECKPOINT_MS = 2000;
const CHECKPOINT_BYTES = 256 * 1024 * 1024;

export interface CheckpointerEvents {
  /** These units are not safe on disk and must be fetched again. */
  lost(units: readonly number[]): void;
  /** The disk cannot be used any more. */
  failed(error: ShoalError): void;
}

export class Checkpointer {
  readonly #store: Pick<PartStore, 'wrote' | 'checkpoint'>;
  readonly #events: CheckpointerEvents;
  #lastMs: number;
  #bytes = 0;
  #hasLost = false;
  #running: Promise<void> | undefined;
  #failure: ShoalError | undefined;

  constructor(store: Pick<PartStore, 'wrote' | 'checkpoint'>, nowMs: number, events: CheckpointerEvents) {
    this.#store = store;
    this.#events = events;
    this.#lastMs = nowMs;
  }

  /** A unit was verified and written. */
  wrote(unit: number, bytes: number): void {
    this.#store.wrote(unit);
    this.#bytes += bytes;
  }

  /** Starts a checkpoint if one is due. */
  tick(nowMs: number): void {
    const isDue = nowMs - this.#lastMs > CHECKPOINT_MS || this.#bytes > CHECKPOINT_BYTES;
    if (!isDue || this.#running !== undefined) return;
    this.#lastMs = nowMs;
    this.#bytes = 0;
    this.#running = this.#run()
      .catch((error: unknown) => {
        // Kept for `close`: the fetch may have taken its last chunk meanwhile, and then listens to no event any more.
        this.#failure = asShoalError(error);
        this.#events.failed(this.#failure);
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** The last checkpoint. Throws `DISK_FULL` or `IO`, also where an earlier one failed for good. */
  async close(): Promise<void> {
    await this.#running;
    const lost = await this.#store.checkpoint();
    if (lost !== undefined) this.#events.lost(lost.units);
    if (this.#failure !== undefined) throw this.#failure;
    if (lost !== undefined) throw isIo(lost) ? unreliable(lost.units.length) : lost.error;
  }

  async #run(): Promise<void> {
    const lost = await this.#store.checkpoint();
    if (lost === undefined) return;
    this.#events.lost(lost.units);
    // Anything but a failed sync is told as what it is, and is not mended by fetching again.
    if (!isIo(lost)) throw lost.error;
    if (this.#hasLost) throw unreliable(lost.units.length);
    this.#hasLost = true;
  }
}

function isIo({ error }: LostUnits): boolean {
  return error.code === 'IO';
}

function unreliable(chunkCount: number): ShoalError {
  return new ShoalError(
    'IO',
    'environment',
    `The disk failed to keep ${chunkCount} chunks that were written to it; check it, then run the same command again.`,
  );
}
