/**
 * The pool of hash workers, one thread a core. The one door to piscina.
 *
 * Its work: hash runs of a file (share, verify, resume), compute a root, decode a folder's index, and land received chunks (check, then
 * write).
 * Landings are gathered while the workers are busy, so that one message carries several.
 * A task whose worker died is tried again on a fresh one, at most TASK_TRIES_COUNT times: hashing and landing can be repeated.
 */
import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import type { FolderFile } from '../../common/core/folder-index.js';
import type { HashName } from '../../common/core/hash.js';
import { type ContentRoot, contentRoot, type RootInput } from '../../common/core/root.js';
import { realClock } from '../../common/node/clock.js';
import { hashFunction } from '../../common/node/hash.js';
import { fromColumns } from './folder-columns.js';
import type { Hasher } from './hasher.js';
import { SlotMemory } from './slot-memory.js';
import type {
  FolderResult,
  HashSegment,
  LandedChunk,
  Landing,
  LandingResult,
  LandingsResult,
  SegmentResult,
  WorkerSetup,
  WorkerTask,
} from './worker-task.js';

/** Times that a task is given to a worker before its error stands. */
const TASK_TRIES_COUNT = 3;

/** Messages waiting at a worker while it works on one: enough that it never waits for the main thread. */
const TASKS_PER_WORKER_COUNT = 4;

/** Chunks in one landing message: a few milliseconds of work. */
const LANDINGS_PER_TASK_MAX_COUNT = 8;

/** Bytes of chunk hashes whose root is computed on the calling thread: those of 1 GiB, which take a few milliseconds. */
const ROOT_HERE_MAX_BYTES = 64 * 1024;

/** Slots for received chunks: 24 MiB, of which a fast disk touches a few. */
const SLOT_COUNT = 48;

/**
 * Megabytes of a worker's heap. Its work lies in memory outside of it, so little garbage should pile up; the ceiling is for the index of
 * a huge folder.
 */
const WORKER_LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 1536 };

export interface HashPoolOptions {
  /** Worker threads; default one a core. */
  readonly threadCount?: number;
}

/** Milliseconds that the end waits for threads that still load their code. */
const LOADING_MAX_MS = 2000;

interface PendingLanding {
  readonly hashName: HashName;
  readonly landing: Landing;
  readonly resolve: (result: LandingResult) => void;
  readonly reject: (error: unknown) => void;
}

export class HashPool implements Hasher {
  readonly threadCount: number;
  readonly slots = new SlotMemory(SLOT_COUNT);
  readonly #piscina: Piscina;
  /** Rejecters of runs that are under way: piscina leaves them pending when a worker cannot start. */
  readonly #outstanding = new Set<(error: Error) => void>();
  readonly #landings: PendingLanding[] = [];
  #landingTaskCount = 0;
  #loadedCount = 0;
  /** Called when a thread has loaded its code, and when one has died. */
  #onThread: () => void = () => undefined;
  #closing: Promise<void> | undefined;

  constructor(options: HashPoolOptions = {}) {
    this.threadCount = options.threadCount ?? availableParallelism();
    const setup: WorkerSetup = { slots: this.slots.shared };
    this.#piscina = new Piscina({
      // Compiled and bundled, the worker lies beside this code.
      filename: new URL('./worker.js', import.meta.url).href,
      minThreads: this.threadCount,
      maxThreads: this.threadCount,
      name: 'runTask',
      concurrentTasksPerWorker: TASKS_PER_WORKER_COUNT,
      workerData: setup,
      // Where piscina may require an ES module, Node ends the whole process if the thread is stopped in the middle of that; an import it survives.
      execArgv: ['--no-experimental-require-module'],
      recordTiming: false,
      resourceLimits: WORKER_LIMITS,
    });
    this.#piscina.on('message', () => {
      this.#loadedCount += 1;
      this.#onThread();
    });
    this.#piscina.on('error', (error: Error) => {
      this.#onThread();
      // An aborted task's reply that arrives late is reported here too, and harms nothing.
      if (/^Unexpected message from Worker/.test(error.message)) return;
      // While a worker is left, it does what is outstanding; to give that to another too would let two write from one slot.
      if (this.#piscina.threads.length > 0) return;
      for (const reject of this.#outstanding) reject(error);
    });
  }

  /**
   * Hashes runs of files in one worker task: give it about 8 MiB of work. Results come in the order of the segments.
   * Throws `INTERNAL` where no worker could do it.
   */
  hash(segments: readonly HashSegment[], hashName: HashName): Promise<SegmentResult[]> {
    return this.#run<SegmentResult[]>({ kind: 'hash', hashName, segments });
  }

  /** The root of a content, computed on a worker where it takes long. */
  async root(input: RootInput, hashName: HashName): Promise<ContentRoot> {
    // A small one is there before a worker has started.
    if (input.hashes.length <= ROOT_HERE_MAX_BYTES) return contentRoot(input, hashFunction(hashName));
    return this.#run<ContentRoot>({ kind: 'root', hashName, input });
  }

  /** Decodes and checks the bytes of a folder's index, which takes long for a large one. Throws `PROTOCOL` or `BAD_REQUEST`. */
  async readFolder(bytes: Uint8Array): Promise<FolderFile[]> {
    const result = await this.#run<FolderResult>({ kind: 'folder', hashName: 'blake3', bytes });
    if (result.kind === 'bad') throw new ShoalError(result.code, 'remote', result.message);
    return fromColumns(result.columns);
  }

  /** Checks a chunk that lies in a slot and writes it if it is right. The slot must stay owned until this settles. */
  land(landing: Landing, hashName: HashName): Promise<LandingResult> {
    return new Promise((resolve, reject) => {
      this.#landings.push({ hashName, landing, resolve, reject });
      this.#sendLandings();
    });
  }

  /** Stops the workers; what is under way fails. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#loaded().then(() => this.#piscina.destroy());
    return this.#closing;
  }

  /** Until no thread still loads its code: Node can end the whole process where one is stopped in the middle of that. */
  #loaded(): Promise<void> {
    return new Promise((resolve) => {
      const timer = realClock.setTimer('threads that load', LOADING_MAX_MS, resolve);
      this.#onThread = () => {
        if (this.#loadedCount < this.#piscina.threads.length) return;
        timer.cancel();
        resolve();
      };
      this.#onThread();
    });
  }

  #sendLandings(): void {
    while (this.#landings.length > 0 && this.#landingTaskCount < 2 * this.threadCount) {
      const hashName = this.#landings[0]?.hashName ?? 'blake3';
      const batch: PendingLanding[] = [];
      // Spread what waits over the workers before filling one message.
      const share = Math.min(LANDINGS_PER_TASK_MAX_COUNT, Math.ceil(this.#landings.length / this.threadCount));
      while (batch.length < share && this.#landings[0]?.hashName === hashName) batch.push(...this.#landings.splice(0, 1));
      this.#landingTaskCount += 1;
      this.#run<LandingsResult>({ kind: 'land', hashName, landings: batch.map((one) => one.landing) })
        .then(
          ({ chunks, hashMs, writeMs }) => {
            const part = { hashMs: hashMs / batch.length, writeMs: writeMs / batch.length };
            for (const [index, one] of batch.entries()) {
              const chunk = chunks[index] as LandedChunk;
              one.resolve(chunk.kind === 'landed' ? { ...chunk, ...part } : chunk);
            }
          },
          (error: unknown) => {
            for (const one of batch) one.reject(error);
          },
        )
        .finally(() => {
          this.#landingTaskCount -= 1;
          this.#sendLandings();
        });
    }
  }

  async #run<T>(task: WorkerTask): Promise<T> {
    for (let triesLeft = TASK_TRIES_COUNT; ; triesLeft -= 1) {
      // Piscina would start new workers for it, which nobody would end.
      if (this.#closing !== undefined) throw new ShoalError('STOPPED', 'local', 'Stopped.');
      try {
        return await this.#tryRun<T>(task);
      } catch (error) {
        if (this.#closing !== undefined) throw new ShoalError('STOPPED', 'local', 'Stopped.', error);
        if (triesLeft <= 1) {
          throw new ShoalError(
            'INTERNAL',
            'local',
            `A hash worker failed ${TASK_TRIES_COUNT} times: ${asShoalError(error).message}`,
            error,
          );
        }
      }
    }
  }

  #tryRun<T>(task: WorkerTask): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#outstanding.add(reject);
      this.#piscina
        .run(task)
        .then(resolve as (value: unknown) => void, reject)
        .finally(() => this.#outstanding.delete(reject));
    });
  }
}
