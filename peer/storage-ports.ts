/** What a node stores with: a disk, the processes that may hold its locks, and who hashes and writes chunks; and the real ones. */
import { realDisk } from '../common/node/disk.js';
import { realProcesses } from '../common/node/processes.js';
import type { Disk } from '../common/ports/disk.js';
import type { Processes } from '../common/ports/processes.js';
import { HashPool, type HashPoolOptions } from './hash/hash-pool.js';
import type { Hasher } from './hash/hasher.js';

export interface StoragePorts {
  readonly disk: Disk;
  readonly processes: Processes;
  /** Starts a hasher that works on `disk`; whoever starts it closes it. */
  readonly openHasher: (options: HashPoolOptions) => Hasher;
}

export const realStorage: StoragePorts = {
  disk: realDisk,
  processes: realProcesses,
  openHasher: (options) => new HashPool(options),
};
