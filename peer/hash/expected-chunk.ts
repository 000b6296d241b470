/** Whether a chunk is the one that was asked for. */
import { HASH_NAMES, type HashFunction } from '../../common/core/hash.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { contentRoot } from '../../common/core/root.js';
import { hashFunction } from '../../common/node/hash.js';
import type { Expectation } from './worker-task.js';

/** `found` is what `hash` makes of the chunk: the function that its manifest names, or that is likely. */
export function isExpectedChunk(chunk: Uint8Array, found: Uint8Array, expectation: Expectation, hash: HashFunction): boolean {
  switch (expectation.by) {
    case 'hash':
      return Buffer.compare(found, expectation.hash) === 0;
    case 'root':
      return isOnlyChunkOf(expectation.root, chunk, found, hash);
    case 'nothing':
      return true;
  }
}

/** A root does not say which hash function made it: the one that is likely first, then the others. */
function isOnlyChunkOf(root: string, chunk: Uint8Array, found: Uint8Array, likely: HashFunction): boolean {
  const rootOf = (hashes: Uint8Array, hash: HashFunction) =>
    contentRoot({ sizeBytes: chunk.length, chunkBytes: CHUNK_BYTES, hashes }, hash);
  if (rootOf(found, likely) === root) return true;
  return HASH_NAMES.map(hashFunction).some((hash) => hash !== likely && rootOf(hash(chunk), hash) === root);
}
