/** Hash functions as the pure code sees them; the real ones are in `common/node/hash.ts`. */

/** The names that a manifest may give in `hash`. */
export const HASH_NAMES = ['blake3', 'sha256'] as const;
export type HashName = (typeof HASH_NAMES)[number];

/** Bytes of every hash here. */
export const HASH_BYTES = 32;

/** Hashes bytes to HASH_BYTES bytes; the result is a fresh array. */
export type HashFunction = (data: Uint8Array) => Uint8Array;

export function isHashName(value: unknown): value is HashName {
  return value === 'blake3' || value === 'sha256';
}
