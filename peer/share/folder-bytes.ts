/** The bytes of a folder index, packed and hashed in slices: a large folder must not hold up the event loop. */
import { chunkCount } from '../../common/core/chunks.js';
import { ShoalError } from '../../common/core/errors.js';
import { type FolderFile, folderToRaw } from '../../common/core/folder-index.js';
import { HASH_BYTES, type HashFunction } from '../../common/core/hash.js';
import { CHUNK_BYTES, FOLDER_INDEX_MAX_BYTES } from '../../common/core/limits.js';
import { breathe } from '../../common/node/clock.js';
import { packMsgpack } from '../../common/wire/msgpack.js';

/** Files that are packed at a stretch: about a millisecond. */
const SLICE_COUNT = 1024;

/** `files` must be sorted. Throws `LIMIT` for a folder whose index is too large. */
export async function folderBytes(folder: string, files: readonly FolderFile[]): Promise<Uint8Array> {
  const parts: Uint8Array[] = [indexHead(files.length)];
  let totalBytes = 0;
  for (let at = 0; at < files.length; at += SLICE_COUNT) {
    const raw = folderToRaw(files.slice(at, at + SLICE_COUNT))['files'] as unknown[];
    // A list of a slice, without the head that says how long that list is: these go one behind the other.
    const packed = packMsgpack(raw).subarray(raw.length < 16 ? 1 : 3);
    parts.push(packed);
    totalBytes += packed.length;
    if (totalBytes > FOLDER_INDEX_MAX_BYTES - 32) {
      throw new ShoalError('LIMIT', 'local', `"${folder}" holds too many files for one folder; share its parts instead.`);
    }
    if (at > 0) await breathe();
  }
  return Buffer.concat(parts);
}

/** `{v: 1, files: [` as msgpack. */
function indexHead(fileCount: number): Uint8Array {
  const list =
    fileCount < 16
      ? [0x90 | fileCount]
      : fileCount < 65_536
        ? [0xdc, fileCount >> 8, fileCount & 255]
        : [0xdd, fileCount >>> 24, (fileCount >> 16) & 255, (fileCount >> 8) & 255, fileCount & 255];
  return Uint8Array.of(0x82, 0xa1, 0x76, 0x01, 0xa5, ...Buffer.from('files'), ...list);
}

/** The chunk hashes of bytes in memory. */
export async function hashChunks(bytes: Uint8Array, hash: HashFunction): Promise<Uint8Array> {
  const count = chunkCount(bytes.length);
  const hashes = new Uint8Array(count * HASH_BYTES);
  for (let index = 0; index < count; index += 1) {
    hashes.set(hash(bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES)), index * HASH_BYTES);
    if (index % 8 === 7) await breathe();
  }
  return hashes;
}
