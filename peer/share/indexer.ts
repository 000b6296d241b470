/**
 * From scanned files to shared contents: hashes from the cache or from the pool, the root, and for a folder the bytes of its index.
 *
 * Several tasks are in flight, so that every core hashes. A file that changes while it is hashed is tried again when it has been left
 * alone for a moment, a bounded number of times. Invariant: the hashes of a content are those of one state of its file.
 */
import { chunkCount } from '../../common/core/chunks.js';
import { ShoalError } from '../../common/core/errors.js';
import type { FileName } from '../../common/core/file-name.js';
import { FOLDER_TYPE, type FolderFile } from '../../common/core/folder-index.js';
import type { HashName } from '../../common/core/hash.js';
import { CHUNK_BYTES, CHUNKS_MAX_COUNT, HASH_TRIES_COUNT } from '../../common/core/limits.js';
import { type ContentRoot, contentRoot } from '../../common/core/root.js';
import { hashFunction } from '../../common/node/hash.js';
import type { Clock } from '../../common/ports/clock.js';
import type { Disk } from '../../common/ports/disk.js';
import { printable } from '../../common/wire/tokens.js';
import type { HashCache } from '../hash/hash-cache.js';
import type { Hasher } from '../hash/hasher.js';
import { folderBytes, hashChunks } from './folder-bytes.js';
import { type HashJob, type HashTask, hashJob, hashTasks } from './hash-tasks.js';
import { fullHolding } from './holding.js';
import { type Note, rescanFile, type ScannedFile, type ScannedFolder } from './scan.js';
import type { SharedContent } from './shared-content.js';

/** Milliseconds that a file which changed is left alone before it is tried again. */
const SETTLE_MS = 500;
/** Tasks in flight for each worker: one at work, one waiting, one being made. */
const TASKS_PER_WORKER_COUNT = 3;
/** Chunks of a content whose root is computed where it is needed; larger ones go to the pool. */
const LOCAL_ROOT_CHUNKS_COUNT = 64;

export interface IndexerPorts {
  readonly disk: Pick<Disk, 'lstat'>;
  readonly pool: Pick<Hasher, 'hash' | 'root' | 'threadCount'>;
  /** Opens the cache, where it is not open. */
  readonly cache: () => Promise<Pick<HashCache, 'lookup' | 'store' | 'flush'>>;
  readonly clock: Clock;
}

export interface IndexerOptions {
  readonly hashName: HashName;
}

export interface IndexCallbacks {
  /** Bytes whose hashes became known, from the cache or the pool; less than 0 where a file is begun again. */
  hashed(bytes: number, isFromCache: boolean): void;
  /** What was left out, and why. */
  readonly note: Note;
}

export interface IndexedFolder {
  /** The folder itself. */
  readonly content: SharedContent;
  readonly files: readonly SharedContent[];
}

export class Indexer {
  readonly #ports: IndexerPorts;
  readonly #hashName: HashName;

  constructor(ports: IndexerPorts, options: IndexerOptions) {
    this.#ports = ports;
    this.#hashName = options.hashName;
  }

  /** Indexes a file that was asked for by itself. Throws `CHANGED`, `NOT_FOUND`, `DENIED` or `IO` with its path. */
  async indexFile(file: ScannedFile, callbacks: IndexCallbacks): Promise<SharedContent> {
    const [content] = await this.#run([file], callbacks, (trouble) => {
      throw trouble;
    });
    if (content === undefined) throw new ShoalError('INTERNAL', 'local', `"${file.path}" was not indexed.`);
    return content;
  }

  /** Indexes a folder; files that cannot be had are left out with a note. Throws `LIMIT` for one with too many files. */
  async indexFolder(folder: ScannedFolder, callbacks: IndexCallbacks): Promise<IndexedFolder> {
    const modes = new Map(folder.files.map((file) => [file.name, file.mode]));
    const found = await this.#run(folder.files, callbacks, (trouble) => callbacks.note(`Left out: ${trouble.message}`));
    const files = found.filter((content) => content !== undefined);
    const entries = files.map((content) => folderFile(content, folder.name, modes.get(content.name)));
    const bytes = await folderBytes(folder.name, entries);
    const hashes = await hashChunks(bytes, hashFunction(this.#hashName));
    const root = await this.#root(bytes.length, hashes);
    const hashName = this.#hashName;
    const manifest = { name: folder.name, sizeBytes: bytes.length, chunkBytes: CHUNK_BYTES, hashName, hashes, type: FOLDER_TYPE };
    const unitCount = files.reduce((sum, file) => sum + file.holding.chunkCount, chunkCount(bytes.length));
    const holding = fullHolding(unitCount);
    return { content: { name: folder.name, root, manifest, source: { kind: 'memory', bytes }, holding }, files };
  }

  async #run(
    files: readonly ScannedFile[],
    callbacks: IndexCallbacks,
    refuse: (trouble: ShoalError) => void,
  ): Promise<(SharedContent | undefined)[]> {
    const contents: (SharedContent | undefined)[] = new Array(files.length).fill(undefined);
    const finish = async (file: ScannedFile, position: number, hashes: Uint8Array): Promise<void> => {
      contents[position] = await this.#content(file, hashes);
    };
    const tasks = hashTasks(this.#misses(files, callbacks, finish, refuse));
    let failure: unknown;
    const work = async (): Promise<void> => {
      for (let next = await tasks.next(); next.done !== true && failure === undefined; next = await tasks.next()) {
        for (const job of await this.#hash(next.value, callbacks)) await this.#finish(job, callbacks, finish, refuse);
      }
    };
    const workers = Array.from({ length: this.#ports.pool.threadCount * TASKS_PER_WORKER_COUNT }, () =>
      work().catch((error: unknown) => {
        failure ??= error;
      }),
    );
    await Promise.all(workers);
    if (failure !== undefined) throw failure;
    await (await this.#ports.cache()).flush();
    return contents;
  }

  /** Finishes what the cache knows, and gives out the rest. */
  async *#misses(
    files: readonly ScannedFile[],
    callbacks: IndexCallbacks,
    finish: Finish,
    refuse: Refuse,
  ): AsyncGenerator<HashJob> {
    for (const [position, file] of files.entries()) {
      const { sizeBytes } = file.identity;
      if (chunkCount(sizeBytes) > CHUNKS_MAX_COUNT) {
        refuse(new ShoalError('LIMIT', 'local', `"${printable(file.path)}" is larger than 1 TiB, which is the limit.`));
        continue;
      }
      const known = await (await this.#ports.cache()).lookup(file.identity, this.#hashName);
      if (known === undefined) yield hashJob(file, position);
      else {
        await finish(file, position, known);
        callbacks.hashed(sizeBytes, true);
      }
    }
  }

  /** Runs a task and returns the jobs that it was the last of. */
  async #hash(task: HashTask, callbacks: IndexCallbacks): Promise<HashJob[]> {
    const results = await this.#ports.pool.hash(task.segments, this.#hashName);
    const finished: HashJob[] = [];
    for (const [index, job] of task.jobs.entries()) {
      const [segment, result] = [task.segments[index], results[index]];
      if (segment === undefined || result === undefined) continue;
      if (result.kind === 'hashed') job.hashes.set(result.hashes, segment.firstChunk * 32);
      else job.trouble ??= result;
      job.segmentsLeft -= 1;
      if (job.segmentsLeft === 0) finished.push(job);
      const endBytes = Math.min((segment.firstChunk + segment.chunkCount) * CHUNK_BYTES, segment.sizeBytes);
      callbacks.hashed(endBytes - segment.firstChunk * CHUNK_BYTES, false);
    }
    return finished;
  }

  async #finish(first: HashJob, callbacks: IndexCallbacks, finish: Finish, refuse: Refuse): Promise<void> {
    let job = first;
    for (let tries = 1; job.trouble?.kind === 'changed' && tries < HASH_TRIES_COUNT; tries += 1) {
      const { path, name, identity } = job.file;
      await new Promise<void>((resolve) => this.#ports.clock.setTimer('settle', SETTLE_MS, resolve));
      const file = await rescanFile(this.#ports.disk, path, name);
      if (file === undefined) {
        job.trouble = { kind: 'failed', code: 'ENOENT', message: 'it is gone' };
        break;
      }
      callbacks.hashed(-identity.sizeBytes, false);
      job = hashJob(file, job.position);
      for await (const task of hashTasks(one(job))) await this.#hash(task, callbacks);
    }
    if (job.trouble !== undefined) return refuse(troubleError(job));
    await finish(job.file, job.position, job.hashes);
    await (await this.#ports.cache()).store(job.file.identity, this.#hashName, job.hashes);
  }

  async #content({ path, name, identity, mtimeMs }: ScannedFile, hashes: Uint8Array): Promise<SharedContent> {
    const root = await this.#root(identity.sizeBytes, hashes);
    const manifest = { name, sizeBytes: identity.sizeBytes, chunkBytes: CHUNK_BYTES, hashName: this.#hashName, hashes, mtimeMs };
    const holding = fullHolding(chunkCount(identity.sizeBytes));
    return { name, root, manifest, source: { kind: 'file', path, identity }, holding };
  }

  async #root(sizeBytes: number, hashes: Uint8Array): Promise<ContentRoot> {
    const input = { sizeBytes, chunkBytes: CHUNK_BYTES, hashes };
    const isLocal = chunkCount(sizeBytes) <= LOCAL_ROOT_CHUNKS_COUNT;
    return isLocal ? contentRoot(input, hashFunction(this.#hashName)) : this.#ports.pool.root(input, this.#hashName);
  }
}

type Finish = (file: ScannedFile, position: number, hashes: Uint8Array) => Promise<void>;
type Refuse = (trouble: ShoalError) => void;

async function* one<T>(item: T): AsyncGenerator<T> {
  yield item;
}

function folderFile(content: SharedContent, folder: FileName, mode: number | undefined): FolderFile {
  return {
    path: content.name.slice(folder.length + 1) as FileName,
    sizeBytes: content.manifest.sizeBytes,
    root: content.root,
    ...(content.manifest.mtimeMs === undefined ? {} : { mtimeMs: content.manifest.mtimeMs }),
    ...(mode === undefined ? {} : { mode }),
  };
}

function troubleError({ file, trouble }: HashJob): ShoalError {
  const path = `"${printable(file.path)}"`;
  if (trouble?.kind !== 'failed') {
    return new ShoalError('CHANGED', 'local', `${path} keeps changing while it is read; share it when it is finished.`);
  }
  switch (trouble.code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ELOOP':
      return new ShoalError('NOT_FOUND', 'local', `${path} is gone.`);
    case 'EACCES':
    case 'EPERM':
      return new ShoalError('DENIED', 'environment', `No permission to read ${path}.`);
    default:
      return new ShoalError('IO', 'environment', `Cannot read ${path}: ${trouble.message}.`);
  }
}
