/** The way of a chunk from its slot to the disk: checked and written by a worker, into a file that the store holds open. */
import { asShoalError, type ShoalError } from '../../common/core/errors.js';
import type { Hasher } from '../hash/hasher.js';
import { diskErrorOfCode } from '../store/disk-error.js';
import type { PartStore } from '../store/part-store.js';
import type { UnitPlace } from './catalog.js';

export type LandedChunk =
  /** It is what it must be, and written. */
  | { readonly kind: 'landed'; readonly hash: Uint8Array }
  /** It is not what its hash says; nothing was written. */
  | { readonly kind: 'mismatch' }
  /** The disk, not the peer: nothing can go on until it is mended. */
  | { readonly kind: 'failed'; readonly error: ShoalError };

export interface LandingPorts {
  readonly store: Pick<PartStore, 'acquire' | 'release' | 'pathOf'>;
  readonly pool: Pick<Hasher, 'land'>;
}

/** Lands a chunk that lies at `slotOffset` of the slot memory. Never throws. */
export async function landChunk({ store, pool }: LandingPorts, place: UnitPlace, slotOffset: number): Promise<LandedChunk> {
  const { fileIndex, file, lengthBytes, expectation, position } = place;
  try {
    const fd = await store.acquire(place);
    const landing = { slotOffset, lengthBytes, expectation, position, fd };
    const result = await pool.land(landing, file.hashName).finally(() => store.release(fileIndex));
    if (result.kind !== 'failed') return result;
    return { kind: 'failed', error: diskErrorOfCode(result.code, store.pathOf(fileIndex), result.message) };
  } catch (error) {
    return { kind: 'failed', error: asShoalError(error) };
  }
}
