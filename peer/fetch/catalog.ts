/**
 * What a fetch has to bring: files, and their chunks numbered through as units.
 *
 * A single file and a folder look the same from here on: a unit is one chunk of one file, and the units of a file follow each other.
 * Invariant: files are in order, `firstUnit` of a file is the sum of the unit counts before it, and the sizes of all units add up to
 * `totalBytes`.
 */
import { chunkCount, chunkLength, chunkOffset } from '../../common/core/chunks.js';
import { invariant, protocolError } from '../../common/core/errors.js';
import type { FileName } from '../../common/core/file-name.js';
import { HASH_BYTES, type HashName } from '../../common/core/hash.js';
import { CHUNKS_MAX_COUNT, FETCH_CHUNKS_MAX_COUNT } from '../../common/core/limits.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { ContentRef } from '../../common/wire/peer-lines.js';
import type { Expectation } from '../hash/worker-task.js';

/** One file to fetch. */
export interface CatalogFile {
  /** Path below the target folder; `undefined` for a single file, which is the target itself. */
  readonly path: FileName | undefined;
  readonly sizeBytes: number;
  /** How it is asked for at peers. */
  readonly content: ContentRef;
  readonly root: ContentRoot | undefined;
  readonly hashName: HashName;
  /** Known for verified contents; files of one chunk do without. */
  readonly hashes: Uint8Array | undefined;
  readonly mtimeMs?: number;
  readonly mode?: number;
}

/** Where a unit belongs, and what it must be. */
export interface UnitPlace {
  readonly fileIndex: number;
  readonly file: CatalogFile;
  readonly chunkIndex: number;
  readonly lengthBytes: number;
  /** Byte offset in the file. */
  readonly position: number;
  readonly expectation: Expectation;
}

export class Catalog {
  readonly files: readonly CatalogFile[];
  readonly unitCount: number;
  readonly totalBytes: number;
  /** First unit of each file. */
  readonly #firstUnits: Float64Array;

  constructor(files: readonly CatalogFile[]) {
    this.files = files;
    this.#firstUnits = new Float64Array(files.length);
    let unitCount = 0;
    let totalBytes = 0;
    for (const [index, file] of files.entries()) {
      this.#firstUnits[index] = unitCount;
      unitCount += chunkCount(file.sizeBytes);
      totalBytes += file.sizeBytes;
    }
    if (unitCount > FETCH_CHUNKS_MAX_COUNT || files.some((file) => chunkCount(file.sizeBytes) > CHUNKS_MAX_COUNT)) {
      throw protocolError('It claims to be larger than what this program can fetch.');
    }
    this.unitCount = unitCount;
    this.totalBytes = totalBytes;
  }

  /** First unit of a file. */
  firstUnit(fileIndex: number): number {
    return this.#firstUnits[fileIndex] ?? this.unitCount;
  }

  /** The file that a unit belongs to: the last one that begins at or before it and is not empty. */
  fileIndexOf(unit: number): number {
    invariant(unit >= 0 && unit < this.unitCount, `unit ${unit} of ${this.unitCount}`);
    let low = 0;
    let high = this.files.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.firstUnit(middle) <= unit) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  locate(unit: number): UnitPlace {
    const fileIndex = this.fileIndexOf(unit);
    const file = this.files[fileIndex];
    invariant(file !== undefined, 'a unit has a file');
    const chunkIndex = unit - this.firstUnit(fileIndex);
    return {
      fileIndex,
      file,
      chunkIndex,
      lengthBytes: chunkLength(chunkIndex, file.sizeBytes),
      position: chunkOffset(chunkIndex),
      expectation: expectationOf(file, chunkIndex),
    };
  }

  /** Bytes of `count` units from `first` on, file by file: a content of millions of chunks takes one step. */
  bytesOf(first: number, count: number): number {
    let bytes = 0;
    for (let unit = first; unit < first + count; ) {
      const fileIndex = this.fileIndexOf(unit);
      const chunkIndex = unit - this.firstUnit(fileIndex);
      const sizeBytes = this.files[fileIndex]?.sizeBytes ?? 0;
      const endChunk = Math.min(chunkCount(sizeBytes), chunkIndex + first + count - unit);
      bytes += Math.min(sizeBytes, chunkOffset(endChunk)) - chunkOffset(chunkIndex);
      unit += endChunk - chunkIndex;
    }
    return bytes;
  }

  lengthOf(unit: number): number {
    const fileIndex = this.fileIndexOf(unit);
    return chunkLength(unit - this.firstUnit(fileIndex), this.files[fileIndex]?.sizeBytes ?? 0);
  }
}

function expectationOf(file: CatalogFile, chunkIndex: number): Expectation {
  if (file.hashes !== undefined) {
    // A copy: a view sent to a worker would take the hashes of the whole file with it.
    return { by: 'hash', hash: new Uint8Array(file.hashes.subarray(chunkIndex * HASH_BYTES, (chunkIndex + 1) * HASH_BYTES)) };
  }
  return file.root !== undefined && chunkCount(file.sizeBytes) === 1 ? { by: 'root', root: file.root } : { by: 'nothing' };
}
