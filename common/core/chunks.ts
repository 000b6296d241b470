/**
 * All chunk arithmetic. A content of `size` bytes is cut at multiples of `chunkBytes`; only the last chunk may be shorter, and an
 * empty content has none. An index counts from 0, a count from 1, a size is in bytes: the three never mix.
 */
import { CHUNK_BYTES } from './limits.js';

/** Number of chunks of a content of `sizeBytes`. */
export function chunkCount(sizeBytes: number, chunkBytes: number = CHUNK_BYTES): number {
  return Math.ceil(sizeBytes / chunkBytes);
}

/** Byte offset of a chunk in its content. */
export function chunkOffset(chunkIndex: number, chunkBytes: number = CHUNK_BYTES): number {
  return chunkIndex * chunkBytes;
}

/** Bytes that follow each other in a content. */
export interface ByteSpan {
  readonly offset: number;
  readonly lengthBytes: number;
}

/** The bytes of the chunk at `chunkIndex`; none where the index is past the end. */
export function chunkSpan(chunkIndex: number, sizeBytes: number): ByteSpan {
  return { offset: chunkOffset(chunkIndex), lengthBytes: chunkLength(chunkIndex, sizeBytes) };
}

/** Bytes of the chunk at `chunkIndex`; 0 where the index is past the end. */
export function chunkLength(chunkIndex: number, sizeBytes: number, chunkBytes: number = CHUNK_BYTES): number {
  return Math.max(0, Math.min(chunkBytes, sizeBytes - chunkOffset(chunkIndex, chunkBytes)));
}
