/**
 * The disk of a simulated machine: what real disks do, in simulated time and by seed, with all that goes wrong with them.
 *
 *     process ──► SimMount ──► SimTree (names, inodes) ──► SimContent (pages)
 *                  time, faults      rights, codes             synced or not
 *
 * A process has it as a `SimMount`, the twin of the real `Disk`. It dies by `crash` of its mount; `powerLoss` ends all of them, and what
 * was not synced is left to chance by the rules in `SimNames` and `SimContent`. After either, `mount` gives the disk to the next process.
 */
import { dirname } from 'node:path';
import type { Clock } from '../ports/clock.js';
import { PAGE_BYTES } from './sim-block.js';
import { type DiskOperation, SimDiskFaults } from './sim-disk-faults.js';
import { SimMount } from './sim-mount.js';
import type { SimRandom } from './sim-random.js';
import { SimTree } from './sim-tree.js';

/** How long an operation takes: drawn evenly between two bounds, above 0, and for its bytes beside. */
export interface SimDiskSpeed {
  readonly minMs: number;
  readonly maxMs: number;
  readonly syncMinMs: number;
  readonly syncMaxMs: number;
  /** Read and written, by all operations together. */
  readonly bytesPerSecond: number;
}

export interface SimDiskOptions {
  /** Default: without end. */
  readonly capacityBytes?: number;
  /** Files that a process may have open; default 1024. */
  readonly handlesMaxCount?: number;
  /** Default: that of a solid-state disk. */
  readonly speed?: SimDiskSpeed;
  /** Whose processes use it; default 1000. */
  readonly uid?: number;
  /** Permission bits that new files do not get; default 0o022. */
  readonly umask?: number;
  /** Milliseconds since 1970 at which the clock shows 0; default in September 2020. */
  readonly epochMs?: number;
  /** Told of each operation that changes the disk before it happens. Where the process is dead when it returns, it does not happen, or in part. */
  readonly observe?: (operation: DiskOperation, path: string) => void;
}

const USUAL_SPEED: SimDiskSpeed = { minMs: 0.02, maxMs: 0.2, syncMinMs: 0.2, syncMaxMs: 4, bytesPerSecond: 1e9 };
/** The system looks at its clock so often: files written in one step have one time. */
const TIME_STEP_NS = 4_000_000n;

export class SimDisk {
  readonly faults: SimDiskFaults;
  /** Who watches; see the option. */
  observe: (operation: DiskOperation, path: string) => void;
  handlesMaxCount: number;
  speed: SimDiskSpeed;
  readonly #clock: Clock;
  readonly #tree: SimTree;
  readonly #timeRandom: SimRandom;
  readonly #orderRandom: SimRandom;
  readonly #fateRandom: SimRandom;
  readonly #mounts = new Set<SimMount>();
  readonly #nowNs: () => bigint;
  #busyUntilMs = 0;

  constructor(clock: Clock, random: SimRandom, options: SimDiskOptions = {}) {
    const { uid = 1000, umask = 0o022, epochMs = 1_600_000_000_000 } = options;
    this.#clock = clock;
    // Chance of its own for each, so that a fault that is tried does not change how long others take.
    [this.#timeRandom, this.#orderRandom, this.#fateRandom] = [random.fork(), random.fork(), random.fork()];
    this.faults = new SimDiskFaults(random.fork());
    const offsetNs = BigInt(random.below(Number(TIME_STEP_NS)));
    this.#nowNs = () => {
      const ns = BigInt(epochMs) * 1_000_000n + BigInt(Math.floor(clock.nowMs() * 1e6));
      return ns - (ns % TIME_STEP_NS) + offsetNs;
    };
    this.#tree = new SimTree({ uid, umask, nowNs: this.#nowNs });
    this.observe = options.observe ?? (() => undefined);
    this.handlesMaxCount = options.handlesMaxCount ?? 1024;
    this.speed = options.speed ?? USUAL_SPEED;
    if (options.capacityBytes !== undefined) this.setCapacity(options.capacityBytes);
  }

  /** Descriptors that are open, of all processes. */
  get openCount(): number {
    return [...this.#mounts].reduce((count, mount) => count + mount.openCount, 0);
  }

  /** Bytes that files and folders take. */
  get usedBytes(): number {
    return this.#tree.space.usedPagesCount * PAGE_BYTES;
  }

  /** A smaller one than is in use makes the disk full; nothing is lost. */
  setCapacity(capacityBytes: number): void {
    this.#tree.pagesCount = Math.floor(capacityBytes / PAGE_BYTES);
  }

  /** From now on every change fails with `EROFS`, or no more. */
  setReadOnly(isReadOnly: boolean): void {
    this.#tree.isReadOnly = isReadOnly;
  }

  /** The disk for a process that starts. */
  mount(): SimMount {
    const mount: SimMount = new SimMount({
      ...{ tree: this.#tree, random: this.#fateRandom, orderRandom: this.#orderRandom, nowNs: this.#nowNs },
      handlesMaxCount: () => this.handlesMaxCount,
      begin: (operation, path, lengthBytes) => {
        const { code, delayMs } = this.faults.draw(operation, path);
        return { code, ms: delayMs + this.#drawMs(operation, lengthBytes) };
      },
      observe: (operation, path) => this.observe(operation, path),
      setTimer: (name, ms, run) => this.#clock.setTimer(name, ms, run),
      died: () => this.#mounts.delete(mount),
    });
    this.#mounts.add(mount);
    return mount;
  }

  /** All processes die; what they wrote is still in the system's memory. */
  crash(): void {
    for (const mount of [...this.#mounts]) mount.crash();
  }

  /** The machine loses its power: all processes die, and what was not synced is there or not, or in part. */
  powerLoss(): void {
    this.crash();
    this.#tree.powerLoss(this.#fateRandom);
  }

  /** At once and without a trace, for tests and the simulator: the bytes of a file as programs read them; `undefined` where there is none. */
  peek(path: string): Uint8Array | undefined {
    const inode = this.#tree.find(path);
    if (inode?.kind !== 'file') return undefined;
    const bytes = new Uint8Array(inode.content.sizeBytes);
    inode.content.read(bytes, 0);
    return bytes;
  }

  /** The bytes of a file that no power cut can take: `undefined` where one might change them, or take the name. */
  lasting(path: string): Uint8Array | undefined {
    const inode = this.#tree.findLasting(path);
    return inode?.content.isSynced === true ? this.peek(path) : undefined;
  }

  /** The names in a folder in their order, of files and folders alike; `undefined` where there is none. */
  names(folder: string): string[] | undefined {
    const inode = this.#tree.find(folder, true);
    return inode?.kind === 'folder' ? [...inode.entries.keys()].sort() : undefined;
  }

  /** Puts a file there, with the folders above it, all of it synced; whatever had the name is replaced. Throws as a disk does. */
  plant(path: string, bytes: Uint8Array): void {
    this.plantFolder(dirname(path));
    const inode = this.#tree.open(path, 'create', 0o666);
    inode.content.truncate(0);
    inode.content.write(bytes, 0);
    inode.content.sync();
    inode.mtimeNs = this.#nowNs();
    inode.syncAttributes();
    this.#tree.names.syncAll();
  }

  /** Puts a folder there, with those above it, if it is missing. */
  plantFolder(path: string): void {
    if (this.#tree.find(path, true) !== undefined) return;
    this.plantFolder(dirname(path));
    this.#tree.makeFolder(path, 0o777);
    this.#tree.names.syncAll();
  }

  plantSymlink(target: string, path: string): void {
    this.#tree.makeSymlink(target, path);
    this.#tree.names.syncAll();
  }

  /** Reading any of these bytes fails with `EIO`, until their pages are written again. Throws `ENOENT`. */
  makeUnreadable(path: string, fromByte: number, toByte: number): void {
    this.#tree.get(path, 'find').content.makeUnreadable(fromByte, toByte);
  }

  /** Changes a bit in each 4 KiB of a range, and nothing that can be seen without reading. Throws `ENOENT`. */
  rot(path: string, fromByte: number, toByte: number): void {
    this.#tree.get(path, 'find').content.rot(fromByte, toByte, this.#fateRandom);
  }

  #drawMs(operation: DiskOperation, lengthBytes: number): number {
    const { minMs, maxMs, syncMinMs, syncMaxMs, bytesPerSecond } = this.speed;
    const [fromMs, toMs] = operation === 'sync' || operation === 'sync-folder' ? [syncMinMs, syncMaxMs] : [minMs, maxMs];
    const ownMs = fromMs + this.#timeRandom.unit() * (toMs - fromMs);
    if (lengthBytes === 0) return ownMs;
    const nowMs = this.#clock.nowMs();
    this.#busyUntilMs = Math.max(this.#busyUntilMs, nowMs) + (lengthBytes * 1000) / bytesPerSecond;
    return Math.max(ownMs, this.#busyUntilMs - nowMs);
  }
}
