/** A record of the hash cache: the state of a file, what it was hashed with, and its chunk hashes. Pure. */
import type { HashName } from '../../common/core/hash.js';
import { packMsgpack, unpackMsgpack } from '../../common/wire/msgpack.js';
import type { FileIdentity } from './file-identity.js';

export interface HashRecord {
  readonly key: string;
  /** HASH_BYTES bytes a chunk. */
  readonly hashes: Uint8Array;
}

export function encodeRecord({ key, hashes }: HashRecord): Uint8Array {
  return packMsgpack([key, hashes]);
}

/** The file and what it was hashed with: a later record of the same one makes the earlier garbage. */
export function placeKey(identity: FileIdentity, hashName: HashName): string {
  return `${identity.dev} ${identity.ino} ${hashName}`;
}

/** The file in one state, which its hashes belong to. */
export function recordKey(identity: FileIdentity, hashName: HashName): string {
  return `${placeKey(identity, hashName)} ${identity.sizeBytes} ${identity.mtimeNs}`;
}

/** The `placeKey` in a `recordKey`. */
export function placeOfKey(key: string): string {
  return key.split(' ').slice(0, 3).join(' ');
}

/** `undefined` for what is no record. The hashes are a view of `payload`. */
export function decodeRecord(payload: Uint8Array): HashRecord | undefined {
  if (payload.length === 0) return undefined;
  try {
    const raw = unpackMsgpack(payload);
    const [key, hashes] = Array.isArray(raw) ? (raw as unknown[]) : [];
    return typeof key === 'string' && hashes instanceof Uint8Array ? { key, hashes } : undefined;
  } catch {
    return undefined;
  }
}
