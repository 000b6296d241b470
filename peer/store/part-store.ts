/**
 * An unfinished fetch on disk: part files, journal and lock, from the first byte to the final name.
 *
 *     open ── check ──► filling ── checkpoint* ──► publish ──► done
 *
 * The order that makes a crash harmless: data written, data synced, journal written and synced; at the end data synced, journal,
 * rename, folder synced, and only then is anything reported. Whatever is cut off in between, the next run finds what was synced.
 * Invariant: the final name appears only when every unit was verified and is on disk.
 */
import { Bitfield } from '../../common/core/bitfield.js';
import { chunkCount } from '../../common/core/chunks.js';
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { lookAt, removeIfThere, removeTree, withFile } from '../../common/node/disk-work.js';
import type { Disk } from '../../common/ports/disk.js';
import type { Processes } from '../../common/ports/processes.js';
import type { Catalog, UnitPlace } from '../fetch/catalog.js';
import type { Hasher } from '../hash/hasher.js';
import { diskError } from './disk-error.js';
import { claimedUnits, Journal, type JournalState, type KnownHashes, readJournal } from './journal.js';
import { checkParts, type PartCheck } from './part-check.js';
import { PartFiles } from './part-files.js';
import type { PartPaths } from './part-paths.js';
import { type Publication, publish } from './publish.js';
import { TargetLock } from './target-lock.js';

/** Units that a failed sync may have lost: they are disowned, and to be fetched again. */
export interface LostUnits {
  readonly units: readonly number[];
  readonly error: ShoalError;
}

export interface PartStorePorts {
  readonly disk: Disk;
  readonly processes: Processes;
}

export interface PartStoreOptions {
  readonly paths: PartPaths;
  /** Root, or `-` where the content cannot be verified: then nothing is resumed. */
  readonly root: string;
  readonly name: string;
  /** Whether the target is a folder of files. */
  readonly isFolder: boolean;
}

/** The lock and the journal of a target, before it is known what the files are. */
export class PartStore {
  readonly #disk: Disk;
  readonly #options: PartStoreOptions;
  readonly #lock: TargetLock;
  readonly #state: JournalState | undefined;
  #journal: Journal | undefined;
  #files: PartFiles | undefined;
  #fresh: number[] = [];
  /** Whether the names of part and journal were synced. */
  #isNamed = false;
  /** Units of each file that are not written. */
  #unitsLeft = new Uint32Array(0);
  #catalog: Catalog | undefined;
  #publication: Publication | undefined;

  private constructor(disk: Disk, options: PartStoreOptions, lock: TargetLock, state: JournalState | undefined) {
    this.#disk = disk;
    this.#options = options;
    this.#lock = lock;
    this.#state = state;
  }

  /** Takes the lock and reads the journal. Throws `TARGET_EXISTS`, `DENIED`, `DISK_FULL` or `IO`. */
  static async open(ports: PartStorePorts, options: PartStoreOptions): Promise<PartStore> {
    const { disk } = ports;
    try {
      const lock = await TargetLock.take(ports, options.paths.lock);
      const state = options.root === '-' ? undefined : await readJournal(disk, options.paths.journal);
      return new PartStore(disk, options, lock, state?.head.root === options.root ? state : undefined);
    } catch (error) {
      throw diskError(error, options.paths.target);
    }
  }

  /** Chunk hashes that an earlier run kept, by index of the file. They are checked against the root like any others. */
  get keptHashes(): ReadonlyMap<number, KnownHashes> {
    return this.#state?.hashes ?? new Map();
  }

  /** Forgets an earlier run: the fetch starts afresh. Throws `DENIED` or `IO`. */
  async discard(): Promise<void> {
    const { part, journal, index } = this.#options.paths;
    try {
      await removeTree(this.#disk, part);
      for (const path of [journal, index]) await removeIfThere(this.#disk, path);
    } catch (error) {
      throw diskError(error, part);
    }
  }

  /**
   * Prepares the part files for `catalog` and finds out what is there. `isFresh`: nothing is expected to be, whatever a journal says.
   * Returns what was found there.
   */
  async begin(catalog: Catalog, isFresh: boolean, pool: Hasher, onProgress: (doneBytes: number) => void): Promise<PartCheck> {
    const { paths, root, name } = this.#options;
    this.#catalog = catalog;
    const files = new PartFiles(this.#disk, paths.part, catalog);
    this.#files = files;
    try {
      const isPartThere = await this.#dropSharedPart();
      const state = isFresh ? undefined : this.#state;
      const claimed = claimedUnits(state, catalog.unitCount);
      const isNothingThere = isFresh || (state === undefined && !isPartThere);
      const check = isNothingThere
        ? undefined
        : await checkParts(pool, catalog, claimed, (index) => files.pathOf(index), onProgress);
      const had = check?.had ?? new Bitfield(catalog.unitCount);
      const damagedCount = check?.damagedCount ?? 0;
      this.#unitsLeft = unitsLeft(catalog, had);
      // Written by an earlier run, which may have ended before it was synced.
      for (const [first, count] of had.runs()) {
        const last = catalog.fileIndexOf(first + count - 1);
        // An empty file between two others has no unit, and is not there before the end.
        for (let index = catalog.fileIndexOf(first); index <= last; index += 1)
          if ((catalog.files[index]?.sizeBytes ?? 0) > 0) files.markWritten(index);
      }
      // A journal with wrong claims is written anew, so that a later run does not count them again.
      if (state !== undefined && damagedCount === 0) this.#journal = await Journal.reopen(this.#disk, paths.journal, state);
      else await this.#newJournal(catalog, root, name);
      const kept: number[] = [];
      // Found, and claimed by nobody: like what is written now, it counts once it is synced.
      for (const [first, count] of had.runs())
        for (let unit = first; unit < first + count; unit += 1) (claimed.has(unit) ? kept : this.#fresh).push(unit);
      if (damagedCount > 0 && kept.length > 0) await this.#journal?.have(runsOf(kept));
      return { had, damagedCount, foundHashes: check?.foundHashes ?? new Map() };
    } catch (error) {
      throw diskError(error, paths.part);
    }
  }

  /** A descriptor of the unit's file, to be released. Throws `DENIED`, `DISK_FULL`, `IO` or `CHANGED`. */
  acquire({ fileIndex, file, position, lengthBytes }: UnitPlace): Promise<number> {
    return this.#part.acquire(fileIndex, position + lengthBytes === file.sizeBytes);
  }

  release(fileIndex: number): void {
    this.#part.release(fileIndex, true);
  }

  pathOf(fileIndex: number): string {
    return this.#part.pathOf(fileIndex);
  }

  /** A unit was verified and written; the next checkpoint makes it last. */
  wrote(unit: number): void {
    this.#fresh.push(unit);
    const fileIndex = this.#known.fileIndexOf(unit);
    const left = (this.#unitsLeft[fileIndex] ?? 0) - 1;
    this.#unitsLeft[fileIndex] = left;
    if (left === 0) this.#part.finish(fileIndex);
  }

  /**
   * Makes what was written last: data first, then the journal. Returns what could not be made to, if anything: a sync that failed once
   * is not tried again for the same bytes, since the system may have dropped them.
   * Throws `DISK_FULL` or `IO` where the journal cannot be written; where it is for want of room, the next checkpoint claims the same.
   */
  async checkpoint(): Promise<LostUnits | undefined> {
    const units = this.#takeFresh();
    if (units.length === 0) return undefined;
    try {
      await this.#part.sync();
    } catch (error) {
      // The system tells once that it dropped pages, and what came in since the sync began may be among them.
      const lost: number[] = [];
      for (let some: readonly number[] = units; some.length > 0; some = this.#takeFresh()) {
        await this.#disown(some);
        for (const unit of some) lost.push(unit);
      }
      return { units: lost, error: asShoalError(error) };
    }
    try {
      // Once: the names of part and journal, without which what they hold would be lost in a power cut.
      if (!this.#isNamed) await this.#part.syncFolder(this.#options.paths.folder);
      this.#isNamed = true;
      await this.#journal?.have(runsOf(units));
    } catch (error) {
      const shoal = diskError(error, this.#options.paths.journal);
      // Their data is safe: they wait for room, like the claim.
      if (shoal.code === 'DISK_FULL') this.#fresh.push(...units);
      throw shoal;
    }
    return undefined;
  }

  /**
   * For a disk that was full: takes room for `units`, which are missing, and makes last what could not be before. Throws `DISK_FULL` while it
   * is, `DENIED` or `IO`.
   */
  async reserve(units: readonly number[]): Promise<void> {
    for (const unit of units) await this.#part.reserve(this.#known.locate(unit));
    // Some disks only say now that they are full. Nothing is lost by that: what counts was synced before.
    await this.#part.sync();
    const lost = await this.checkpoint();
    if (lost !== undefined) throw lost.error;
  }

  /** Gives the finished content its final name; where that failed, it can be tried again. Throws as `publish`. */
  async publish(isOverwrite: boolean): Promise<void> {
    const { paths, isFolder } = this.#options;
    this.#publication ??= { paths, isFolder, isOverwrite, catalog: this.#known, files: this.#part, named: new Set() };
    await publish(this.#disk, this.#publication);
    // It is there, for good: what cannot be tidied up now is found by the next run, and is no failure of this one.
    await this.#journal?.close().catch(() => undefined);
    for (const path of [paths.journal, paths.index]) await removeIfThere(this.#disk, path).catch(() => undefined);
    await this.close();
  }

  /** Closes files and lock; what is unfinished stays for the next run. Idempotent. */
  async close(): Promise<void> {
    await this.#files?.close();
    await this.#journal?.close().catch(() => undefined);
    // A lock that cannot be taken away is stale when this process has ended.
    await this.#lock.release().catch(() => undefined);
  }

  get #part(): PartFiles {
    if (this.#files === undefined) throw new ShoalError('INTERNAL', 'local', 'The part store was used before it began.');
    return this.#files;
  }

  get #known(): Catalog {
    if (this.#catalog === undefined) throw new ShoalError('INTERNAL', 'local', 'The part store was used before it began.');
    return this.#catalog;
  }

  #takeFresh(): readonly number[] {
    const units = this.#fresh;
    this.#fresh = [];
    return units;
  }

  async #newJournal(catalog: Catalog, root: string, name: string): Promise<void> {
    const head = { root, sizeBytes: catalog.totalBytes, name };
    const journal = await Journal.create(this.#disk, this.#options.paths.journal, head);
    this.#journal = journal;
    for (const [index, file] of catalog.files.entries()) {
      if (file.hashes !== undefined) await journal.keepHashes(index, { hashName: file.hashName, hashes: file.hashes });
    }
  }

  /** A part that has another name too (a crash right after it was published) is not written to: that would change the other. Returns whether one is there. */
  async #dropSharedPart(): Promise<boolean> {
    const { part } = this.#options.paths;
    const found = await lookAt(this.#disk, part);
    const isShared = found?.kind === 'file' && found.linkCount > 1;
    if (isShared) await this.#disk.remove(part);
    return found !== undefined && !isShared;
  }

  /**
   * Puts zeros where the units are, which a check takes for a hole. All of each: where the next sync fails too, a program may read again what
   * the disk holds, and a beginning that is right there must not vouch for a rest that is in memory alone.
   */
  async #disown(units: readonly number[]): Promise<void> {
    const zeros = new Uint8Array(CHUNK_BYTES);
    for (const unit of units) {
      const place = this.#known.locate(unit);
      this.#unitsLeft[place.fileIndex] = (this.#unitsLeft[place.fileIndex] ?? 0) + 1;
      try {
        const wiped = zeros.subarray(0, place.lengthBytes);
        await withFile(this.#disk, this.pathOf(place.fileIndex), 'write', (file) => file.write(wiped, place.position));
      } catch {
        // The disk takes nothing more: then there is no claim in the journal either, and the user is told by what comes next.
      }
    }
  }
}

function unitsLeft(catalog: Catalog, had: Bitfield): Uint32Array<ArrayBuffer> {
  const left = Uint32Array.from(catalog.files, (file) => chunkCount(file.sizeBytes));
  for (const [first, count] of had.runs()) {
    for (let unit = first; unit < first + count; unit += 1) {
      const fileIndex = catalog.fileIndexOf(unit);
      left[fileIndex] = (left[fileIndex] ?? 0) - 1;
    }
  }
  return left;
}

/** Ascending runs of a list of units in any order. */
function runsOf(units: readonly number[]): [first: number, count: number][] {
  const runs: [number, number][] = [];
  for (const unit of Float64Array.from(units).sort()) {
    const last = runs.at(-1);
    if (last !== undefined && last[0] + last[1] === unit) last[1] += 1;
    else runs.push([unit, 1]);
  }
  return runs;
}
