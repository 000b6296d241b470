/** Contents for tests: bytes with everything that is derived from them, by the project's own code. */
import { chunkCount, chunkLength, chunkOffset } from '../../common/core/chunks.js';
import { type FileName, parseFileName } from '../../common/core/file-name.js';
import { FOLDER_TYPE, type FolderFile, folderToRaw } from '../../common/core/folder-index.js';
import { HASH_BYTES, type HashName } from '../../common/core/hash.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { manifestToRaw } from '../../common/core/manifest.js';
import { type ContentRoot, contentRoot } from '../../common/core/root.js';
import { hashFunction } from '../../common/node/hash.js';
import { packMsgpack } from '../../common/wire/msgpack.js';

export interface TestContent {
  readonly name: FileName;
  readonly bytes: Buffer;
  readonly root: ContentRoot;
  readonly hashName: HashName;
  readonly hashes: Uint8Array;
  /** Encoded, as a peer sends it. */
  readonly manifest: Uint8Array;
  readonly chunkCount: number;
  /** Chunks that HAVE tells of: of a folder also those of its files. */
  readonly haveCount: number;
}

export interface TestContentOptions {
  readonly name?: string;
  readonly hashName?: HashName;
  readonly type?: string;
  readonly mtimeMs?: number;
}

export function testContent(bytes: Buffer, options: TestContentOptions = {}): TestContent {
  const name = parseFileName(options.name ?? 'file.bin');
  const hashName = options.hashName ?? 'blake3';
  const hash = hashFunction(hashName);
  const count = chunkCount(bytes.length);
  const hashes = new Uint8Array(count * HASH_BYTES);
  for (let index = 0; index < count; index += 1) hashes.set(hash(chunkOf(bytes, index)), index * HASH_BYTES);
  const sizes = { sizeBytes: bytes.length, chunkBytes: CHUNK_BYTES };
  const hints = {
    ...(options.type === undefined ? {} : { type: options.type }),
    ...(options.mtimeMs === undefined ? {} : { mtimeMs: options.mtimeMs }),
  };
  const manifest = packMsgpack(manifestToRaw({ name, ...sizes, hashName, hashes, ...hints }));
  return {
    name,
    bytes,
    root: contentRoot({ ...sizes, hashes }, hash),
    hashName,
    hashes,
    manifest,
    chunkCount: count,
    haveCount: count,
  };
}

/** A folder as one content, and its files as contents of their own. `files` by path. */
export function testFolder(
  name: string,
  files: Readonly<Record<string, Buffer>>,
  extra: Pick<FolderFile, 'mtimeMs' | 'mode'> = {},
): { readonly index: TestContent; readonly files: readonly TestContent[]; readonly all: readonly TestContent[] } {
  const paths = Object.keys(files).sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
  const contents = paths.map((path) => testContent(files[path] ?? Buffer.alloc(0), { name: path }));
  const list = contents.map(({ name: path, bytes, root }) => ({ path, sizeBytes: bytes.length, root, ...extra }));
  const bare = testContent(Buffer.from(packMsgpack(folderToRaw(list))), { name, type: FOLDER_TYPE });
  const index = { ...bare, haveCount: contents.reduce((sum, content) => sum + content.chunkCount, bare.chunkCount) };
  return { index, files: contents, all: [index, ...contents] };
}

/** The bytes of a chunk; a view. */
export function chunkOf(bytes: Buffer, chunkIndex: number): Buffer {
  const from = chunkOffset(chunkIndex);
  return bytes.subarray(from, from + chunkLength(chunkIndex, bytes.length));
}

/** Bytes that look random, and are the same at every run. Never zero at the start of a chunk. */
export function seededBytes(byteCount: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(byteCount);
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  for (let at = 0; at < byteCount; at += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = (state & 0xff) | (at % 4096 === 0 ? 1 : 0);
  }
  return bytes;
}
