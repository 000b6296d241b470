/**
 * The manifest of a content: its size, its chunk hashes, and what helps a person. It is trusted only after its root was compared
 * with the root that the fetcher was given; name, type and mtime are hints, not bound by the root.
 */
import { chunkCount } from './chunks.js';
import { protocolError } from './errors.js';
import { type FileName, parseFileName } from './file-name.js';
import { HASH_BYTES, type HashName, isHashName } from './hash.js';
import { CHUNK_BYTES, CHUNKS_MAX_COUNT } from './limits.js';

export interface Manifest {
  readonly name: FileName;
  readonly sizeBytes: number;
  readonly chunkBytes: number;
  readonly hashName: HashName;
  /** HASH_BYTES bytes a chunk, in order. */
  readonly hashes: Uint8Array;
  readonly type?: string;
  /** Milliseconds since 1970. */
  readonly mtimeMs?: number;
  readonly checksum?: string;
}

/** The msgpack map of a manifest, with the keys of the contract. */
export function manifestToRaw(manifest: Manifest): Record<string, unknown> {
  return {
    v: 1,
    name: manifest.name,
    size: manifest.sizeBytes,
    chunk: manifest.chunkBytes,
    hash: manifest.hashName,
    hashes: manifest.hashes,
    ...(manifest.type === undefined ? {} : { type: manifest.type }),
    ...(manifest.mtimeMs === undefined ? {} : { mtime: manifest.mtimeMs }),
    ...(manifest.checksum === undefined ? {} : { checksum: manifest.checksum }),
  };
}

/** Whether `value` is a whole number of bytes that the wire allows. A zero with a sign, which floating point has, is none. */
export function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0);
}

/** Checks a decoded map; the hashes are copied. Throws `PROTOCOL`, or `BAD_REQUEST` for a bad name. */
export function manifestFromRaw(raw: unknown): Manifest {
  if (!(raw instanceof Map)) throw protocolError('Bad manifest: it is no map.');
  const version: unknown = raw.get('v');
  if (version !== 1) throw protocolError(`Bad manifest: version ${String(version)}, this program reads version 1.`);
  const [size, chunk, hash, hashes, name] = ['size', 'chunk', 'hash', 'hashes', 'name'].map((key): unknown => raw.get(key));
  const hashName = hash === undefined ? 'blake3' : hash;
  if (!isSize(size)) throw protocolError('Bad manifest: size is no whole number of bytes.');
  if (chunk !== CHUNK_BYTES) throw protocolError(`Bad manifest: chunks must be ${CHUNK_BYTES} bytes.`);
  if (!isHashName(hashName)) throw protocolError('Bad manifest: hash must be blake3 or sha256.');
  if (typeof name !== 'string') throw protocolError('Bad manifest: name is missing.');
  const count = chunkCount(size, chunk);
  if (count > CHUNKS_MAX_COUNT) throw protocolError(`Bad manifest: more than ${CHUNKS_MAX_COUNT} chunks.`);
  if (!(hashes instanceof Uint8Array) || hashes.length !== count * HASH_BYTES) {
    throw protocolError(`Bad manifest: a size of ${size} bytes needs ${count} hashes of ${HASH_BYTES} bytes.`);
  }
  const [type, mtime, checksum] = ['type', 'mtime', 'checksum'].map((key): unknown => raw.get(key));
  return {
    name: parseFileName(name),
    sizeBytes: size,
    chunkBytes: chunk,
    hashName,
    hashes: new Uint8Array(hashes),
    ...(isShortText(type) ? { type } : {}),
    ...(isTime(mtime) ? { mtimeMs: mtime } : {}),
    ...(isShortText(checksum) ? { checksum } : {}),
  };
}

/** Whether `value` is a time that a Date can hold, in milliseconds since 1970. */
export function isTime(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= 8.64e15;
}

/** Optional texts are hints: one that is out of bounds is left out, not refused. */
function isShortText(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]{1,255}$/.test(value);
}
