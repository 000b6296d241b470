/**
 * The hash worker: does the work with chunks on a thread of its own, so that the event loop never does.
 *
 * It opens what it hashes itself; what it writes to was opened by the main thread.
 */
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { contentRoot } from '../../common/core/root.js';
import { realClock } from '../../common/node/clock.js';
import { hashFunction } from '../../common/node/hash.js';
import { ChunkWork, type WorkFiles } from './chunk-work.js';
import type { WorkerSetup, WorkerTask } from './worker-task.js';

const realFiles: WorkFiles = {
  // O_NONBLOCK: opening a FIFO that took the file's place must not hang.
  open: (path) => openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK),
  close: closeSync,
  read: (fd, into, position) => readSync(fd, into, 0, into.length, position),
  write: (fd, bytes, position) => writeSync(fd, bytes, 0, bytes.length, position),
  status(fd) {
    const { dev, ino, size, mtimeNs } = fstatSync(fd, { bigint: true });
    return { dev, ino, sizeBytes: Number(size), mtimeNs };
  },
};

// Piscina hands it on as it is; to import it from there would load the whole pool again in every worker.
const slots = new Uint8Array((workerData as WorkerSetup).slots);
const work = new ChunkWork({ files: realFiles, slots, nowMs: () => realClock.nowMs() });

export function runTask(task: WorkerTask): unknown {
  const hash = hashFunction(task.hashName);
  switch (task.kind) {
    case 'hash':
      return task.segments.map((segment) => work.hashSegment(segment, hash));
    case 'root':
      return contentRoot(task.input, hash);
    case 'folder':
      // Few fetches need it, and it would take longer to load than the rest of the worker.
      return import('./read-folder.js').then(({ readFolder }) => readFolder(task.bytes));
    case 'land':
      return work.landAll(task.landings, hash);
  }
}

// The last of what loading it does: from here on it may be stopped at any time.
parentPort?.postMessage('loaded');
