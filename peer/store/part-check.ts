/**
 * What of an unfinished fetch is really there: hashes the part files in the pool and compares. Nothing is believed unread.
 *
 * Units that the journal claims are hashed whole; a unit that nobody claims is looked at too, so that a lost journal, or chunks
 * written after its last entry, cost nothing; where it begins with a hole it is passed over.
 */
import { Bitfield } from '../../common/core/bitfield.js';
import { chunkCount } from '../../common/core/chunks.js';
import { HASH_BYTES, type HashName } from '../../common/core/hash.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import type { Catalog, CatalogFile } from '../fetch/catalog.js';
import type { Hasher } from '../hash/hasher.js';
import type { HashSegment, SegmentResult } from '../hash/worker-task.js';

/** Chunks and segments in one worker task: about 4 MiB, or a few dozen small files. */
const TASK_CHUNKS_COUNT = 8;
const TASK_SEGMENTS_COUNT = 64;

export interface PartCheck {
  /** Units that are right on disk. */
  readonly had: Bitfield;
  /** Units that the journal claimed and that are wrong or gone. */
  readonly damagedCount: number;
  /** By index of the file, the hashes of those that are right and that their root alone told so: nobody gave any. */
  readonly foundHashes: ReadonlyMap<number, Uint8Array>;
}

interface CheckedRun extends HashSegment {
  readonly fileIndex: number;
  readonly firstUnit: number;
  readonly isClaimed: boolean;
}

/** Checks everything that could be there. `onProgress` gets the bytes looked at so far. */
export async function checkParts(
  pool: Hasher,
  catalog: Catalog,
  claimed: Bitfield,
  pathOf: (fileIndex: number) => string,
  onProgress: (doneBytes: number) => void,
): Promise<PartCheck> {
  const had = new Bitfield(catalog.unitCount);
  const foundHashes = new Map<number, Uint8Array>();
  let damagedCount = 0;
  let doneBytes = 0;
  const tasks = tasksOf(catalog, claimed, pathOf);
  const checkSome = async () => {
    for (let task = tasks.next(); task.done !== true; task = tasks.next()) {
      const runs = task.value;
      const hashName = catalog.files[runs[0]?.fileIndex ?? 0]?.hashName ?? 'blake3';
      const results = await pool.hash(runs, hashName);
      for (const [index, run] of runs.entries()) {
        // Awaited before it is added: others add while this waits.
        const result = await oneByOne(run, results[index], pool, hashName);
        const runDamagedCount = await takeResult(run, result, catalog, pool, { had, foundHashes });
        damagedCount += runDamagedCount;
        doneBytes += run.chunkCount * CHUNK_BYTES;
      }
      onProgress(Math.min(doneBytes, catalog.totalBytes));
    }
  };
  await Promise.all(Array.from({ length: 2 * pool.threadCount }, checkSome));
  return { had, damagedCount, foundHashes };
}

/** A run that could not be read whole is read chunk by chunk: a file that was cut, or a bad block, costs no good chunk. */
async function oneByOne(
  run: CheckedRun,
  result: SegmentResult | undefined,
  pool: Hasher,
  hashName: HashName,
): Promise<SegmentResult | undefined> {
  const isAbsent = result?.kind === 'failed' && result.code !== 'EIO';
  if (result?.kind === 'hashed' || isAbsent || run.chunkCount === 1) return result;
  const single = Array.from({ length: run.chunkCount }, (_, at) => ({ ...run, firstChunk: run.firstChunk + at, chunkCount: 1 }));
  const hashes = new Uint8Array(run.chunkCount * HASH_BYTES);
  for (const [at, one] of (await pool.hash(single, hashName)).entries()) {
    if (one.kind === 'hashed') hashes.set(one.hashes, at * HASH_BYTES);
  }
  return { kind: 'hashed', hashes };
}

async function takeResult(
  run: CheckedRun,
  result: SegmentResult | undefined,
  catalog: Catalog,
  pool: Hasher,
  { had, foundHashes }: { readonly had: Bitfield; readonly foundHashes: Map<number, Uint8Array> },
): Promise<number> {
  let damagedCount = 0;
  const file = catalog.files[run.fileIndex];
  for (let at = 0; at < run.chunkCount; at += 1) {
    const found = result?.kind === 'hashed' ? result.hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES) : undefined;
    if (file !== undefined && found !== undefined && (await isRight(file, run.firstChunk + at, found, pool))) {
      had.add(run.firstUnit + at);
      // A copy: a view would keep the hashes of its whole task.
      if (file.hashes === undefined) foundHashes.set(run.fileIndex, Uint8Array.from(found));
    } else if (run.isClaimed) damagedCount += 1;
  }
  return damagedCount;
}

async function isRight(file: CatalogFile, chunkIndex: number, found: Uint8Array, pool: Hasher): Promise<boolean> {
  if (file.hashes !== undefined) {
    return Buffer.compare(found, file.hashes.subarray(chunkIndex * HASH_BYTES, (chunkIndex + 1) * HASH_BYTES)) === 0;
  }
  if (file.root === undefined || chunkCount(file.sizeBytes) !== 1) return false;
  return (await pool.root({ sizeBytes: file.sizeBytes, chunkBytes: CHUNK_BYTES, hashes: found }, file.hashName)) === file.root;
}

/** All units as runs of one file that are alike claimed or not, packed into tasks of one hash function. */
function* tasksOf(catalog: Catalog, claimed: Bitfield, pathOf: (fileIndex: number) => string): Generator<CheckedRun[]> {
  let task: CheckedRun[] = [];
  let taskChunks = 0;
  let taskHash = '';
  for (const [fileIndex, file] of catalog.files.entries()) {
    const firstUnit = catalog.firstUnit(fileIndex);
    const count = chunkCount(file.sizeBytes);
    for (let chunk = 0; chunk < count; ) {
      const isClaimed = claimed.has(firstUnit + chunk);
      let end = chunk + 1;
      while (end < count && end - chunk < TASK_CHUNKS_COUNT && claimed.has(firstUnit + end) === isClaimed) end += 1;
      const isFull =
        taskChunks + end - chunk > TASK_CHUNKS_COUNT || task.length >= TASK_SEGMENTS_COUNT || taskHash !== file.hashName;
      if (isFull && task.length > 0) {
        yield task;
        task = [];
        taskChunks = 0;
      }
      taskHash = file.hashName;
      task.push({
        path: pathOf(fileIndex),
        sizeBytes: file.sizeBytes,
        firstChunk: chunk,
        chunkCount: end - chunk,
        skipHoles: !isClaimed,
        fileIndex,
        firstUnit: firstUnit + chunk,
        isClaimed,
      });
      taskChunks += end - chunk;
      chunk = end;
    }
  }
  if (task.length > 0) yield task;
}
