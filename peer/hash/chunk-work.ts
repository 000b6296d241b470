/**
 * What a hasher does with the chunks of files: reads and hashes them, and checks before it writes, so that bytes that are not what was
 * asked for never reach the disk. It does so on a thread of its own, through calls that are over when they come back.
 */
import { chunkLength, chunkOffset } from '../../common/core/chunks.js';
import { asShoalError, systemCode } from '../../common/core/errors.js';
import { HASH_BYTES, type HashFunction } from '../../common/core/hash.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { isExpectedChunk } from './expected-chunk.js';
import { type FileIdentity, sameIdentity } from './file-identity.js';
import type { HashSegment, LandedChunk, Landing, LandingsResult, SegmentResult } from './worker-task.js';

/** Bytes of a chunk that tell a hole from data: one block of usual file systems. */
const HOLE_PROBE_BYTES = 4096;

const zeros = Buffer.alloc(HOLE_PROBE_BYTES);

/** Files by their descriptors, without waiting. All throw an error with the system's `code`. */
export interface WorkFiles {
  /** Opens for reading; neither follows a symlink in the last part of the path nor waits for the other end of a pipe. */
  open(path: string): number;
  close(fd: number): void;
  /** Reads into the start of `into`, once; returns how many bytes came, 0 at the end of the file. */
  read(fd: number, into: Uint8Array, position: number): number;
  /** Writes from the start of `bytes`, once; returns how many were written. */
  write(fd: number, bytes: Uint8Array, position: number): number;
  status(fd: number): FileIdentity;
}

export interface ChunkWorkPorts {
  readonly files: WorkFiles;
  /** The memory that received chunks lie in: `SlotMemory.shared`. */
  readonly slots: Uint8Array;
  readonly nowMs: () => number;
}

export class ChunkWork {
  readonly #files: WorkFiles;
  readonly #slots: Uint8Array;
  readonly #nowMs: () => number;
  readonly #block = Buffer.allocUnsafeSlow(CHUNK_BYTES);

  constructor({ files, slots, nowMs }: ChunkWorkPorts) {
    [this.#files, this.#slots, this.#nowMs] = [files, slots, nowMs];
  }

  /** The hashes of a run of chunks, or what stands against it. Never throws. */
  hashSegment(segment: HashSegment, hash: HashFunction): SegmentResult {
    let fd: number;
    try {
      fd = this.#files.open(segment.path);
    } catch (error) {
      return failure(error);
    }
    try {
      if (!this.#isAsExpected(fd, segment)) return { kind: 'changed' };
      const hashes = new Uint8Array(segment.chunkCount * HASH_BYTES);
      for (let index = 0; index < segment.chunkCount; index += 1) {
        const chunkIndex = segment.firstChunk + index;
        const chunk = this.#block.subarray(0, chunkLength(chunkIndex, segment.sizeBytes));
        const position = chunkOffset(chunkIndex);
        if (segment.skipHoles === true && this.#isHole(fd, chunk, position)) continue;
        if (!this.#readFully(fd, chunk, position)) return { kind: 'changed' };
        hashes.set(hash(chunk), index * HASH_BYTES);
      }
      return this.#isAsExpected(fd, segment) ? { kind: 'hashed', hashes } : { kind: 'changed' };
    } catch (error) {
      return failure(error);
    } finally {
      this.#files.close(fd);
    }
  }

  /** Checks received chunks and writes those that are right. Never throws. */
  landAll(landings: readonly Landing[], hash: HashFunction): LandingsResult {
    const spent = { hashMs: 0, writeMs: 0 };
    const chunks = landings.map((landing) => this.#land(landing, hash, spent));
    return { chunks, ...spent };
  }

  #land(landing: Landing, hash: HashFunction, spent: { hashMs: number; writeMs: number }): LandedChunk {
    const chunk = this.#slots.subarray(landing.slotOffset, landing.slotOffset + landing.lengthBytes);
    const startedMs = this.#nowMs();
    const found = hash(chunk);
    const isRight = isExpectedChunk(chunk, found, landing.expectation, hash);
    const hashedMs = this.#nowMs();
    spent.hashMs += hashedMs - startedMs;
    if (!isRight) return { kind: 'mismatch' };
    try {
      for (let done = 0; done < chunk.length; ) {
        done += this.#files.write(landing.fd, done === 0 ? chunk : chunk.subarray(done), landing.position + done);
      }
      spent.writeMs += this.#nowMs() - hashedMs;
      return { kind: 'landed', hash: found };
    } catch (error) {
      return failure(error);
    }
  }

  #isAsExpected(fd: number, { identity }: HashSegment): boolean {
    return identity === undefined || sameIdentity(this.#files.status(fd), identity);
  }

  #isHole(fd: number, chunk: Buffer, position: number): boolean {
    const probe = chunk.subarray(0, Math.min(HOLE_PROBE_BYTES, chunk.length));
    return this.#readFully(fd, probe, position) && probe.equals(zeros.subarray(0, probe.length));
  }

  /** Fills `into` from the file; false where the file ends before. */
  #readFully(fd: number, into: Buffer, position: number): boolean {
    for (let done = 0; done < into.length; ) {
      const count = this.#files.read(fd, done === 0 ? into : into.subarray(done), position + done);
      if (count === 0) return false;
      done += count;
    }
    return true;
  }
}

function failure(error: unknown): { kind: 'failed'; code: string; message: string } {
  return { kind: 'failed', code: systemCode(error) ?? 'INTERNAL', message: asShoalError(error).message };
}
