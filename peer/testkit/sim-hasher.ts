/**
 * The simulated twin of the hash pool: the same work with the real hash functions, on the calling thread and on files of a simulated disk,
 * at the end of the simulated time that it takes.
 */
import { ShoalError } from '../../common/core/errors.js';
import type { FolderFile } from '../../common/core/folder-index.js';
import type { HashName } from '../../common/core/hash.js';
import { type ContentRoot, contentRoot, type RootInput } from '../../common/core/root.js';
import { hashFunction } from '../../common/node/hash.js';
import type { Clock } from '../../common/ports/clock.js';
import type { SimMount } from '../../common/sim/sim-mount.js';
import { ChunkWork } from '../hash/chunk-work.js';
import { fromColumns } from '../hash/folder-columns.js';
import type { Hasher } from '../hash/hasher.js';
import { readFolder } from '../hash/read-folder.js';
import { SlotMemory } from '../hash/slot-memory.js';
import type { HashSegment, Landing, LandingResult, SegmentResult } from '../hash/worker-task.js';

export interface SimHasherOptions {
  /** How much it does at once; default 2. */
  readonly threadCount?: number;
  /** Chunks that can be on their way to the disk; default 12, which are 6 MiB where all are used at once. */
  readonly slotCount?: number;
  /** Milliseconds of a thread for a chunk, read or written and hashed; default 0.5, which is 1 GB/s. */
  readonly chunkMs?: number;
}

export class SimHasher implements Hasher {
  readonly threadCount: number;
  readonly slots: SlotMemory;
  readonly #mount: SimMount;
  readonly #clock: Clock;
  readonly #chunkMs: number;
  readonly #work: ChunkWork;
  /** Until when each thread has something to do. */
  readonly #busyUntilMs: number[];
  /** Rejecters of what is under way. */
  readonly #underWay = new Set<(error: ShoalError) => void>();
  #isClosed = false;

  constructor(mount: SimMount, clock: Clock, { threadCount = 2, slotCount = 12, chunkMs = 0.5 }: SimHasherOptions = {}) {
    this.threadCount = threadCount;
    this.slots = new SlotMemory(slotCount);
    this.#mount = mount;
    this.#clock = clock;
    this.#chunkMs = chunkMs;
    this.#work = new ChunkWork({ files: mount.files, slots: new Uint8Array(this.slots.shared), nowMs: () => clock.nowMs() });
    this.#busyUntilMs = new Array<number>(threadCount).fill(0);
  }

  hash(segments: readonly HashSegment[], hashName: HashName): Promise<SegmentResult[]> {
    const chunksCount = segments.reduce((count, segment) => count + segment.chunkCount, 0);
    const hash = hashFunction(hashName);
    return this.#after('hash', chunksCount, () => segments.map((segment) => this.#work.hashSegment(segment, hash)));
  }

  root(input: RootInput, hashName: HashName): Promise<ContentRoot> {
    return this.#after('root', 1, () => contentRoot(input, hashFunction(hashName)));
  }

  async readFolder(bytes: Uint8Array): Promise<FolderFile[]> {
    const result = await this.#after('read folder', 1, () => readFolder(bytes));
    if (result.kind === 'bad') throw new ShoalError(result.code, 'remote', result.message);
    return fromColumns(result.columns);
  }

  land(landing: Landing, hashName: HashName): Promise<LandingResult> {
    const ms = this.#chunkMs / 2;
    return this.#after('land', 1, () => {
      const [chunk] = this.#work.landAll([landing], hashFunction(hashName)).chunks;
      if (chunk === undefined) throw new ShoalError('INTERNAL', 'local', 'A landing came to nothing.');
      return chunk.kind === 'landed' ? { ...chunk, hashMs: ms, writeMs: ms } : chunk;
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const reject of this.#underWay) reject(stopped());
  }

  /** Does it when a thread has had the time for so many chunks. */
  #after<T>(name: string, chunksCount: number, work: () => T): Promise<T> {
    if (this.#isClosed) return Promise.reject(stopped());
    const nowMs = this.#clock.nowMs();
    const freeMs = Math.min(...this.#busyUntilMs);
    const doneMs = Math.max(nowMs, freeMs) + Math.max(1, chunksCount) * this.#chunkMs;
    this.#busyUntilMs[this.#busyUntilMs.indexOf(freeMs)] = doneMs;
    return new Promise((resolve, reject) => {
      this.#underWay.add(reject);
      this.#mount
        .spend(name, doneMs - nowMs, () => {
          this.#underWay.delete(reject);
          if (this.#isClosed) throw stopped();
          return work();
        })
        .then(resolve, reject);
    });
  }
}

function stopped(): ShoalError {
  return new ShoalError('STOPPED', 'local', 'Stopped.');
}
