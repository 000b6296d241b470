/**
 * The hash worker: reads, hashes and writes chunks on a thread of its own, so that the event loop never does.
 *
 * It opens what it hashes itself and never follows a symlink there; what it writes to was opened by the main thread. It checks
 * before it writes: bytes that are not what was asked for never reach the disk.
 */
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { chunkLength, chunkOffset } from '../../common/core/chunks.js';
import { asShoalError, systemCode } from '../../common/core/errors.js';
import { HASH_BYTES, type HashFunction } from '../../common/core/hash.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { contentRoot } from '../../common/core/root.js';
import { realClock } from '../../common/node/clock.js';
import { hashFunction } from '../../common/node/hash.js';
import { isExpectedChunk } from './expected-chunk.js';
import { identityOf, sameIdentity } from './file-identity.js';
import type { HashSegment, LandedChunk, Landing, LandingsResult, SegmentResult, WorkerSetup, WorkerTask } from './worker-task.js';

/** Bytes of a chunk that tell a hole from data: one block of usual file systems. */
const HOLE_PROBE_BYTES = 4096;

// Piscina hands it on as it is; to import it from there would load the whole pool again in every worker.
const slots = new Uint8Array((workerData as WorkerSetup).slots);
const block = Buffer.allocUnsafeSlow(CHUNK_BYTES);
const zeros = Buffer.alloc(HOLE_PROBE_BYTES);

export function runTask(task: WorkerTask): unknown {
  const hash = hashFunction(task.hashName);
  switch (task.kind) {
    case 'hash':
      return task.segments.map((segment) => hashSegment(segment, hash));
    case 'root':
      return contentRoot(task.input, hash);
    case 'folder':
      // Few fetches need it, and it would take longer to load than the rest of the worker.
      return import('./read-folder.js').then(({ readFolder }) => readFolder(task.bytes));
    case 'land':
      return landAll(task.landings, hash);
  }
}

function failure(error: unknown): { kind: 'failed'; code: string; message: string } {
  return { kind: 'failed', code: systemCode(error) ?? 'INTERNAL', message: asShoalError(error).message };
}

function hashSegment(segment: HashSegment, hash: HashFunction): SegmentResult {
  let fd: number;
  try {
    // O_NONBLOCK: opening a FIFO that took the file's place must not hang.
    fd = openSync(segment.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    return failure(error);
  }
  try {
    if (!isAsExpected(fd, segment)) return { kind: 'changed' };
    const hashes = new Uint8Array(segment.chunkCount * HASH_BYTES);
    for (let index = 0; index < segment.chunkCount; index += 1) {
      const chunkIndex = segment.firstChunk + index;
      const lengthBytes = chunkLength(chunkIndex, segment.sizeBytes);
      const chunk = block.subarray(0, lengthBytes);
      const position = chunkOffset(chunkIndex);
      if (segment.skipHoles === true && isHole(fd, chunk, position)) continue;
      if (!readFully(fd, chunk, position)) return { kind: 'changed' };
      hashes.set(hash(chunk), index * HASH_BYTES);
    }
    return isAsExpected(fd, segment) ? { kind: 'hashed', hashes } : { kind: 'changed' };
  } catch (error) {
    return failure(error);
  } finally {
    closeSync(fd);
  }
}

function isAsExpected(fd: number, { identity }: HashSegment): boolean {
  return identity === undefined || sameIdentity(identityOf(fstatSync(fd, { bigint: true })), identity);
}

function isHole(fd: number, chunk: Buffer, position: number): boolean {
  const probe = chunk.subarray(0, Math.min(HOLE_PROBE_BYTES, chunk.length));
  return readFully(fd, probe, position) && probe.equals(zeros.subarray(0, probe.length));
}

/** Fills `into` from the file; false where the file ends before. */
function readFully(fd: number, into: Buffer, position: number): boolean {
  let got = 0;
  while (got < into.length) {
    const count = readSync(fd, into, got, into.length - got, position + got);
    if (count === 0) return false;
    got += count;
  }
  return true;
}

function landAll(landings: readonly Landing[], hash: HashFunction): LandingsResult {
  const spent = { hashMs: 0, writeMs: 0 };
  const chunks = landings.map((landing) => land(landing, hash, spent));
  return { chunks, ...spent };
}

function land(landing: Landing, hash: HashFunction, spent: { hashMs: number; writeMs: number }): LandedChunk {
  const chunk = slots.subarray(landing.slotOffset, landing.slotOffset + landing.lengthBytes);
  const startedMs = realClock.nowMs();
  const found = hash(chunk);
  const isRight = isExpectedChunk(chunk, found, landing.expectation, hash);
  const hashedMs = realClock.nowMs();
  spent.hashMs += hashedMs - startedMs;
  if (!isRight) return { kind: 'mismatch' };
  try {
    let done = 0;
    while (done < chunk.length) done += writeSync(landing.fd, chunk, done, chunk.length - done, landing.position + done);
    spent.writeMs += realClock.nowMs() - hashedMs;
    return { kind: 'landed', hash: found };
  } catch (error) {
    return failure(error);
  }
}
