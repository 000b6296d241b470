/** The folder half of a fetch: from the bytes of an index to a catalog, and whether a folder on disk is that one already. */
import { join } from 'node:path';
import { chunkCount } from '../../common/core/chunks.js';
import { protocolError, ShoalError } from '../../common/core/errors.js';
import type { FolderFile } from '../../common/core/folder-index.js';
import { HASH_BYTES, HASH_NAMES, type HashName } from '../../common/core/hash.js';
import { CHUNK_BYTES, CHUNKS_MAX_COUNT, FETCH_CHUNKS_MAX_COUNT, FOLDER_INDEX_MAX_BYTES } from '../../common/core/limits.js';
import { readWholeFile } from '../../common/node/disk-work.js';
import type { Disk } from '../../common/ports/disk.js';
import { hashFileRoot } from '../hash/file-root.js';
import type { Hasher } from '../hash/hasher.js';
import { type KnownHashes, readJournal } from '../store/journal.js';
import { Catalog, type CatalogFile } from './catalog.js';
import type { MetadataFetch } from './metadata.js';
import { inspectTarget } from './target.js';

export interface FolderPorts {
  readonly disk: Pick<Disk, 'open' | 'lstat'>;
  readonly pool: Hasher;
}

/** Reads a verified index from disk: its bytes and the files. Throws `PROTOCOL` where it is none, or larger than an index may be. */
export async function readFolderIndex(
  { disk, pool }: { readonly disk: Pick<Disk, 'open'>; readonly pool: Pick<Hasher, 'readFolder'> },
  path: string,
): Promise<{ indexBytes: Uint8Array; files: FolderFile[] }> {
  const indexBytes = await readWholeFile(disk, path, FOLDER_INDEX_MAX_BYTES);
  if (indexBytes === undefined) throw protocolError(`The folder's index is larger than ${FOLDER_INDEX_MAX_BYTES} bytes.`);
  const files = await pool.readFolder(indexBytes);
  // With those of the index itself, since peers number them through when they tell which they have.
  const totalChunks = files.reduce((sum, file) => sum + chunkCount(file.sizeBytes), chunkCount(indexBytes.length));
  const tooLarge = files.find((file) => chunkCount(file.sizeBytes) > CHUNKS_MAX_COUNT);
  // Found out before a manifest is asked for.
  if (tooLarge !== undefined || totalChunks > FETCH_CHUNKS_MAX_COUNT)
    throw protocolError(`${tooLarge?.path ?? 'The folder'} claims to be larger than what this program can fetch.`);
  return { indexBytes, files };
}

/**
 * The catalog of a folder: files of one chunk are verified by their root alone, the manifests of larger ones are taken from the journal
 * of an earlier run or from the peers. Throws as `MetadataFetch.manifests`.
 */
export async function folderCatalog(
  { disk, pool }: FolderPorts,
  files: readonly FolderFile[],
  hashName: HashName,
  metadata: MetadataFetch,
  journalPath: string,
): Promise<Catalog> {
  const kept = (await readJournal(disk, journalPath))?.hashes ?? new Map<number, KnownHashes>();
  const known = new Map<number, KnownHashes>();
  for (const [index, file] of files.entries()) {
    const hashes = kept.get(index);
    if (hashes !== undefined && (await areHashesOf(file, hashes, pool))) known.set(index, hashes);
  }
  const wanted = [...files.entries()].filter(([index, file]) => chunkCount(file.sizeBytes) > 1 && !known.has(index));
  const wishes = wanted.map(([, { root, sizeBytes }]) => ({ content: { by: 'root', root } as const, root, sizeBytes }));
  const manifests = await metadata.manifests(wishes);
  for (const [at, [index]] of wanted.entries()) {
    const manifest = manifests[at];
    if (manifest !== undefined) known.set(index, { hashName: manifest.hashName, hashes: manifest.hashes });
  }
  return new Catalog(files.map((file, index) => catalogFile(file, hashName, known.get(index))));
}

/** Whether the root confirms chunk hashes that come from disk. */
export async function areHashesOf(
  file: Pick<FolderFile, 'sizeBytes' | 'root'>,
  { hashName, hashes }: KnownHashes,
  pool: Hasher,
): Promise<boolean> {
  if (hashes.length !== chunkCount(file.sizeBytes) * HASH_BYTES) return false;
  return (await pool.root({ sizeBytes: file.sizeBytes, chunkBytes: CHUNK_BYTES, hashes }, hashName)) === file.root;
}

function catalogFile(file: FolderFile, hashName: HashName, known: KnownHashes | undefined): CatalogFile {
  return {
    path: file.path,
    sizeBytes: file.sizeBytes,
    content: { by: 'root', root: file.root },
    root: file.root,
    hashName: known?.hashName ?? hashName,
    hashes: known?.hashes,
    ...(file.mtimeMs === undefined ? {} : { mtimeMs: file.mtimeMs }),
    ...(file.mode === undefined ? {} : { mode: file.mode }),
  };
}

/** Whether every file of the catalog is below `target` already, byte for byte. Other files there do not matter. */
export async function isFolderThere(
  { disk, pool }: FolderPorts,
  target: string,
  catalog: Catalog,
  onProgress: (doneBytes: number) => void,
): Promise<boolean> {
  const paths = catalog.files.map((file) => join(target, file.path ?? ''));
  for (const [index, file] of catalog.files.entries()) {
    const state = await inspectTarget(disk, paths[index] ?? '');
    if (state.kind !== 'file' || state.sizeBytes !== file.sizeBytes) return false;
  }
  let doneBytes = 0;
  for (const [index, file] of catalog.files.entries()) {
    const root = await hashFileRoot(pool, paths[index] ?? '', file.sizeBytes, file.hashName);
    if (root !== file.root) return false;
    doneBytes += file.sizeBytes;
    onProgress(doneBytes);
  }
  return true;
}

/** Throws `VERIFY_FAILED` where an empty file's root is not that of nothing: no chunk would ever show it. */
export async function checkEmptyFiles(catalog: Catalog, pool: Hasher): Promise<void> {
  const nothing = { sizeBytes: 0, chunkBytes: CHUNK_BYTES, hashes: new Uint8Array(0) };
  const roots = new Set(await Promise.all(HASH_NAMES.map((hashName) => pool.root(nothing, hashName))));
  for (const file of catalog.files) {
    if (file.sizeBytes > 0 || file.root === undefined) continue;
    if (!roots.has(file.root))
      throw new ShoalError(
        'VERIFY_FAILED',
        'remote',
        `"${file.path ?? 'the file'}" is said to be empty, but its root is another.`,
      );
  }
}
