/** Roots of whole files on disk, hashed in the pool on all cores. */
import { chunkCount } from '../../common/core/chunks.js';
import { HASH_BYTES, type HashName } from '../../common/core/hash.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { Hasher } from './hasher.js';

/** Chunks in one worker task: milliseconds of work, so that a worker is never out of it before the main thread has its turn. */
const TASK_CHUNKS_COUNT = 16;

/** The chunk hashes of a file, or `undefined` where it cannot be read or is shorter than `sizeBytes`. */
export async function hashWholeFile(
  pool: Hasher,
  path: string,
  sizeBytes: number,
  hashName: HashName,
  onProgress: (doneBytes: number) => void = () => undefined,
): Promise<Uint8Array | undefined> {
  const count = chunkCount(sizeBytes);
  const hashes = new Uint8Array(count * HASH_BYTES);
  let next = 0;
  let doneChunks = 0;
  let isGood = true;
  const hashSome = async () => {
    while (next < count && isGood) {
      const firstChunk = next;
      const taskChunks = Math.min(TASK_CHUNKS_COUNT, count - firstChunk);
      next += taskChunks;
      const [result] = await pool.hash([{ path, sizeBytes, firstChunk, chunkCount: taskChunks }], hashName);
      if (result?.kind !== 'hashed') isGood = false;
      else hashes.set(result.hashes, firstChunk * HASH_BYTES);
      doneChunks += taskChunks;
      onProgress(Math.min(sizeBytes, doneChunks * CHUNK_BYTES));
    }
  };
  await Promise.all(Array.from({ length: 2 * pool.threadCount }, hashSome));
  return isGood ? hashes : undefined;
}

/** The root of a file, or `undefined` where it cannot be read whole. What `onProgress` throws ends it. */
export async function hashFileRoot(
  pool: Hasher,
  path: string,
  sizeBytes: number,
  hashName: HashName,
  onProgress?: (doneBytes: number) => void,
): Promise<ContentRoot | undefined> {
  const hashes = await hashWholeFile(pool, path, sizeBytes, hashName, onProgress);
  return hashes === undefined ? undefined : pool.root({ sizeBytes, chunkBytes: CHUNK_BYTES, hashes }, hashName);
}
