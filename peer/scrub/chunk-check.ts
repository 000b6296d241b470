/**
 * Whether chunks of a shared file are still what they were when it was shared: read from the disk and hashed anew, whatever a cache knows.
 *
 * Damage is that the bytes are others, or cannot be read, while the file is in the state in which it was hashed. A file in another state
 * was edited, which is no damage.
 */
import { chunkCount } from '../../common/core/chunks.js';
import { HASH_BYTES } from '../../common/core/hash.js';
import type { Manifest } from '../../common/core/manifest.js';
import type { Hasher } from '../hash/hasher.js';
import type { SegmentResult } from '../hash/worker-task.js';
import type { FileSource } from '../share/shared-content.js';

/** Chunks that are read at once: 8 MiB. */
export const CHECK_CHUNKS_COUNT = 16;

/** `bytes`: they are others. `unreadable`: the disk does not give them. */
export type DamageReason = 'bytes' | 'unreadable';

export interface DamagedChunk {
  readonly chunkIndex: number;
  readonly reason: DamageReason;
}

export type CheckResult =
  | { readonly kind: 'checked'; readonly damaged: readonly DamagedChunk[] }
  /** The file is not in the state in which it was hashed, or not there. */
  | { readonly kind: 'changed' }
  /** Nothing can be said: no permission, no file handle left. */
  | { readonly kind: 'failed'; readonly message: string };

export interface CheckedFile {
  readonly source: Pick<FileSource, 'path' | 'identity'>;
  readonly manifest: Pick<Manifest, 'sizeBytes' | 'hashName' | 'hashes'>;
}

/** Checks `count` chunks from `first` on. Throws as `Hasher.hash`. */
export async function checkChunks(
  pool: Pick<Hasher, 'hash'>,
  file: CheckedFile,
  first: number,
  count: number,
): Promise<CheckResult> {
  const result = await hashed(pool, file, first, count);
  if (result.kind === 'hashed') return checkEach(pool, file, mismatches(file, first, result.hashes));
  if (!isUnreadable(result)) return goneOrFailed(result);
  return checkEach(
    pool,
    file,
    Array.from({ length: count }, (_, at) => first + at),
  );
}

/** Reads suspects once more, each by itself: what is told of as damaged was wrong twice. */
async function checkEach(pool: Pick<Hasher, 'hash'>, file: CheckedFile, suspects: readonly number[]): Promise<CheckResult> {
  const damaged: DamagedChunk[] = [];
  for (const chunkIndex of suspects) {
    const result = await hashed(pool, file, chunkIndex, 1);
    if (isUnreadable(result)) damaged.push({ chunkIndex, reason: 'unreadable' });
    else if (result.kind !== 'hashed') return goneOrFailed(result);
    else if (mismatches(file, chunkIndex, result.hashes).length > 0) damaged.push({ chunkIndex, reason: 'bytes' });
  }
  return { kind: 'checked', damaged };
}

async function hashed(
  pool: Pick<Hasher, 'hash'>,
  { source, manifest }: CheckedFile,
  firstChunk: number,
  count: number,
): Promise<SegmentResult> {
  const { path, identity } = source;
  const { sizeBytes, hashName } = manifest;
  const [result] = await pool.hash([{ path, identity, sizeBytes, firstChunk, chunkCount: count }], hashName);
  return result ?? { kind: 'changed' };
}

function isUnreadable(result: SegmentResult): boolean {
  return result.kind === 'failed' && result.code === 'EIO';
}

function goneOrFailed(result: Exclude<SegmentResult, { kind: 'hashed' }>): CheckResult {
  // What took the file's place: nothing, a symlink, a folder.
  const isGone = result.kind === 'changed' || ['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR', 'ENXIO'].includes(result.code);
  return isGone ? { kind: 'changed' } : { kind: 'failed', message: result.message };
}

/** Chunks whose hash is not that of the manifest. */
function mismatches({ manifest }: CheckedFile, first: number, found: Uint8Array): number[] {
  const wrong: number[] = [];
  for (let at = 0; at < found.length / HASH_BYTES; at += 1) {
    const is = found.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES);
    const shouldBe = manifest.hashes.subarray((first + at) * HASH_BYTES, (first + at + 1) * HASH_BYTES);
    if (Buffer.compare(is, shouldBe) !== 0) wrong.push(first + at);
  }
  return wrong;
}

/** Where a run of chunks that begins at `first` ends. */
export function runEnd({ manifest }: CheckedFile, first: number): number {
  return Math.min(first + CHECK_CHUNKS_COUNT, chunkCount(manifest.sizeBytes));
}
