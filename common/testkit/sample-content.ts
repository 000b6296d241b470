/**
 * Contents that any language can make in a line, so that golden values need no files of megabytes. The byte at offset `i` is
 * `(7·i + floor(i / 65536)) mod 256`: no two chunks of the first 16 MiB are equal.
 */
import type { HashFunction } from '../core/hash.js';
import { CHUNK_BYTES } from '../core/limits.js';
import type { Manifest } from '../core/manifest.js';

export function sampleBytes(sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes; at += 1) bytes[at] = 7 * at + (at >>> 16);
  return bytes;
}

/** The hashes of a content's chunks, laid end to end as a manifest has them. */
export function chunkHashes(content: Uint8Array, hash: HashFunction): Manifest['hashes'] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < content.length; at += CHUNK_BYTES) parts.push(hash(content.subarray(at, at + CHUNK_BYTES)));
  return new Uint8Array(Buffer.concat(parts));
}
