/**
 * A temporary folder for one benchmark run, and large files in it. On a file system in memory where it has room, so that the disk is
 * not what is measured. Nothing is left behind.
 */
import { randomFillSync } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY_FOLDER = '/dev/shm';
const CHUNK_BYTES = 512 * 1024;
/** Chunks made at once. */
const BLOCK_CHUNKS = 16;

export interface Scratch {
  readonly folder: string;
  /** Whether it is in memory. */
  readonly isInMemory: boolean;
  /** Removes the folder and what is in it. Idempotent. */
  remove(): void;
}

/** A fresh folder with room for `neededBytes`: in `parent` if it is given, else in memory, else in the system's temporary folder. */
export function createScratch(neededBytes: number, parent?: string): Scratch {
  const hasRoom = freeBytes(MEMORY_FOLDER) > neededBytes * 1.1 && freemem() > neededBytes * 1.3;
  const isInMemory = parent === undefined && hasRoom;
  const place = parent ?? (isInMemory ? MEMORY_FOLDER : tmpdir());
  if (!existsSync(place)) throw new Error(`There is no folder ${place}; make it first.`);
  if (freeBytes(place) < neededBytes * 1.05) {
    throw new Error(`${place} has no room for ${Math.ceil(neededBytes / 2 ** 20)} MiB; name another place with --directory.`);
  }
  const folder = mkdtempSync(join(place, 'shoal-bench-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  return { folder, isInMemory, remove };
}

function freeBytes(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return 0;
  }
}

/** Writes a file of `sizeBytes` in which no chunk is like another and none is empty. */
export async function writeSample(path: string, sizeBytes: number): Promise<void> {
  const file = await open(path, 'w');
  try {
    const block = randomFillSync(Buffer.allocUnsafe(BLOCK_CHUNKS * CHUNK_BYTES));
    for (let position = 0, number = 1; position < sizeBytes; position += block.length) {
      for (let at = 0; at < block.length; at += CHUNK_BYTES, number += 1) block.writeUInt32LE(number, at);
      await file.write(block, 0, Math.min(block.length, sizeBytes - position), position);
    }
  } finally {
    await file.close();
  }
}
