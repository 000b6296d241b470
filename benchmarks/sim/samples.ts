/**
 * Files that scenarios share: of every size that matters, each in two versions, made once for all seeds.
 *
 * Two versions of a size differ in one chunk, the last one, so that what one brought is of use for the other and must not be mixed up.
 */
import { chunkCount, chunkLength, chunkOffset } from '../../common/core/chunks.js';
import { HASH_BYTES, type HashName } from '../../common/core/hash.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { type ContentRoot, contentRoot } from '../../common/core/root.js';
import { hashFunction } from '../../common/node/hash.js';
import { SimRandom } from '../../common/sim/sim-random.js';

/** Nothing, least, small, and around the borders of chunks; several chunks are what most faults need to hit. */
export const SAMPLE_SIZES: readonly number[] = [
  0,
  1,
  3000,
  CHUNK_BYTES - 1,
  CHUNK_BYTES,
  CHUNK_BYTES + 1,
  2 * CHUNK_BYTES,
  3 * CHUNK_BYTES - 4097,
  5 * CHUNK_BYTES + 12_345,
];
/** What folders hold besides: many small files. */
export const SMALL_SIZES: readonly number[] = [0, 1, 511, 4096, 70_000];

export class Sample {
  readonly bytes: Uint8Array;
  readonly #hashes = new Map<HashName, Uint8Array>();

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** HASH_BYTES bytes a chunk. */
  hashes(hashName: HashName): Uint8Array {
    const known = this.#hashes.get(hashName);
    if (known !== undefined) return known;
    const hash = hashFunction(hashName);
    const count = chunkCount(this.bytes.length);
    const hashes = new Uint8Array(count * HASH_BYTES);
    for (let index = 0; index < count; index += 1) hashes.set(hash(this.chunk(index)), index * HASH_BYTES);
    this.#hashes.set(hashName, hashes);
    return hashes;
  }

  root(hashName: HashName): ContentRoot {
    const hashes = this.hashes(hashName);
    return contentRoot({ sizeBytes: this.bytes.length, chunkBytes: CHUNK_BYTES, hashes }, hashFunction(hashName));
  }

  chunk(index: number): Uint8Array {
    const offset = chunkOffset(index);
    return this.bytes.subarray(offset, offset + chunkLength(index, this.bytes.length));
  }
}

const samples = new Map<string, Sample>();

/** The same object for the same arguments. `version` is 0 or 1; what has no bytes has but one. */
export function sampleOf(sizeBytes: number, variant: number, version: number): Sample {
  const key = `${sizeBytes} ${variant} ${version}`;
  const known = samples.get(key);
  if (known !== undefined) return known;
  const sample = new Sample(bytesOf(sizeBytes, variant, version));
  samples.set(key, sample);
  return sample;
}

function bytesOf(sizeBytes: number, variant: number, version: number): Uint8Array {
  const random = new SimRandom(sizeBytes * 31 + variant);
  const words = new Uint32Array(Math.ceil(sizeBytes / 4));
  let word = random.below(2 ** 32) | 1;
  for (let at = 0; at < words.length; at += 1) {
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    words[at] = word;
  }
  const bytes = new Uint8Array(words.buffer, 0, sizeBytes);
  const last = bytes[sizeBytes - 1];
  if (last !== undefined) bytes[sizeBytes - 1] = last ^ version;
  return bytes;
}
