/**
 * Cuts files into tasks for the hash pool, each of a few MiB: runs of a large file, or many small files together. Lazily, so that
 * a million files are not a million waiting tasks.
 */
import { chunkCount } from '../../common/core/chunks.js';
import { HASH_BYTES } from '../../common/core/hash.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import type { HashSegment } from '../hash/worker-task.js';
import type { ScannedFile } from './scan.js';

/** Chunks of one segment: 8 MiB, a few milliseconds of hashing, so that a worker is never out of work before the main thread has its turn. */
const SEGMENT_CHUNKS_COUNT = 16;
/** Bytes at which a task is full; the segment that fills it may overshoot. */
const TASK_BYTES = SEGMENT_CHUNKS_COUNT * CHUNK_BYTES;
/** Small files in one task: opening them is most of the work. */
const TASK_SEGMENTS_MAX_COUNT = 64;

/** A file on its way through the pool. */
export interface HashJob {
  readonly file: ScannedFile;
  /** Where its result belongs. */
  readonly position: number;
  readonly hashes: Uint8Array;
  /** Segments that have no result yet. */
  segmentsLeft: number;
  /** What stands against the hashes: the file changed, or could not be read. */
  trouble:
    | { readonly kind: 'changed' }
    | { readonly kind: 'failed'; readonly code: string; readonly message: string }
    | undefined;
}

export interface HashTask {
  readonly segments: readonly HashSegment[];
  /** The job of each segment. */
  readonly jobs: readonly HashJob[];
}

export function hashJob(file: ScannedFile, position: number): HashJob {
  const count = chunkCount(file.identity.sizeBytes);
  return {
    file,
    position,
    hashes: new Uint8Array(count * HASH_BYTES),
    segmentsLeft: Math.max(1, Math.ceil(count / SEGMENT_CHUNKS_COUNT)),
    trouble: undefined,
  };
}

/** The tasks of all jobs, in order. An empty file has one segment without chunks, which tells whether it can be read. */
export async function* hashTasks(jobs: AsyncIterable<HashJob>): AsyncGenerator<HashTask> {
  let segments: HashSegment[] = [];
  let owners: HashJob[] = [];
  let taskBytes = 0;
  for await (const job of jobs) {
    for (const segment of segmentsOf(job)) {
      segments.push(segment);
      owners.push(job);
      taskBytes += Math.min(segment.chunkCount * CHUNK_BYTES, segment.sizeBytes);
      if (taskBytes < TASK_BYTES && segments.length < TASK_SEGMENTS_MAX_COUNT) continue;
      yield { segments, jobs: owners };
      [segments, owners, taskBytes] = [[], [], 0];
    }
  }
  if (segments.length > 0) yield { segments, jobs: owners };
}

function* segmentsOf({ file, segmentsLeft }: HashJob): Generator<HashSegment> {
  const { path, identity } = file;
  const count = chunkCount(identity.sizeBytes);
  for (let index = 0; index < segmentsLeft; index += 1) {
    const firstChunk = index * SEGMENT_CHUNKS_COUNT;
    const segmentChunks = Math.min(SEGMENT_CHUNKS_COUNT, count - firstChunk);
    yield { path, identity, sizeBytes: identity.sizeBytes, firstChunk, chunkCount: segmentChunks };
  }
}
