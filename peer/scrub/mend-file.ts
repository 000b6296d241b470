/**
 * A shared file that is written to in place: right chunks over damaged ones, and nothing else.
 *
 *     file as it was hashed? ──► checked and written by a worker ──► time put back, synced ──► read again ──► its state is the new one
 *
 * Invariant: nothing is written to a file that is not in the state in which it was hashed, that has another name, or that its owner may
 * not write to. A crash in between leaves a chunk that was damaged before, and a state that the damage ledger knows how to read.
 */
import { ShoalError } from '../../common/core/errors.js';
import type { HashName } from '../../common/core/hash.js';
import { lookAt } from '../../common/node/disk-work.js';
import type { Disk, DiskFile, FileStatus } from '../../common/ports/disk.js';
import { type FileIdentity, identityOf, sameIdentity } from '../hash/file-identity.js';
import type { Hasher } from '../hash/hasher.js';
import type { Landing, LandingResult } from '../hash/worker-task.js';
import { diskError } from '../store/disk-error.js';
import { checkChunks } from './chunk-check.js';
import type { FileContent } from './damage-ledger.js';

export interface MendFilePorts {
  readonly disk: Pick<Disk, 'open' | 'lstat'>;
  readonly pool: Pick<Hasher, 'hash' | 'land'>;
  /** The file has another state now than `before`; called before anybody reads it again. */
  readonly moved: (before: FileIdentity) => Promise<void>;
}

export class MendFile {
  readonly #ports: MendFilePorts;
  readonly #content: FileContent;
  readonly #file: DiskFile;
  /** One write at a time: the time of the file tells of each. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(ports: MendFilePorts, content: FileContent, file: DiskFile) {
    [this.#ports, this.#content, this.#file] = [ports, content, file];
  }

  /** Throws `CHANGED` where the file is not what was hashed, `DENIED` where it may not be written to, `IO` and others as `diskError`. */
  static async open(ports: MendFilePorts, content: FileContent): Promise<MendFile> {
    const { path } = content.source;
    refuseUnless(await lookAt(ports.disk, path), content);
    const file = await ports.disk.open(path, 'write').catch((error: unknown) => {
      throw diskError(error, path);
    });
    return new MendFile(ports, content, file);
  }

  /** By which the hasher finds it. */
  get fd(): number {
    return this.#file.fd;
  }

  /** As `Hasher.land`, at the file as it was hashed, and lasting when it resolves. Throws as `open`. */
  land(landing: Landing, hashName: HashName): Promise<LandingResult> {
    const result = this.#last.then(() => this.#whileNobodyReads(() => this.#land(landing, hashName)));
    this.#last = result.catch(() => undefined);
    return result;
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #whileNobodyReads<T>(work: () => Promise<T>): Promise<T> {
    const { source } = this.#content;
    let over: () => void = () => undefined;
    source.mending = new Promise<void>((resolve) => {
      over = resolve;
    });
    try {
      return await work();
    } finally {
      source.mending = undefined;
      over();
    }
  }

  async #land(landing: Landing, hashName: HashName): Promise<LandingResult> {
    const { source } = this.#content;
    const before = source.identity;
    // What has the name must be what is open: somebody may have put another file there.
    refuseUnless(await lookAt(this.#ports.disk, source.path), this.#content);
    refuseUnless(await this.#file.status(), this.#content);
    const result = await this.#ports.pool.land(landing, hashName);
    if (result.kind === 'mismatch') return result;
    try {
      // Not everybody who may write to a file may set its time; then it has a new one.
      await this.#file.setAttributes({ mtimeMs: Number(before.mtimeNs / 1_000_000n) }).catch(() => undefined);
      await this.#file.sync();
    } catch (error) {
      throw diskError(error, source.path);
    } finally {
      const after = identityOf(await this.#file.status());
      if (after.sizeBytes === before.sizeBytes && !sameIdentity(after, before)) {
        source.identity = after;
        await this.#ports.moved(before);
      }
    }
    if (result.kind === 'landed') await this.#readAgain(Math.floor(landing.position / this.#content.manifest.chunkBytes));
    return result;
  }

  async #readAgain(chunkIndex: number): Promise<void> {
    const found = await checkChunks(this.#ports.pool, this.#content, chunkIndex, 1);
    if (found.kind === 'checked' && found.damaged.length === 0) return;
    const { path } = this.#content.source;
    if (found.kind === 'changed') throw changed(path);
    throw new ShoalError('IO', 'environment', `The disk does not keep what is written to ${path}; it should be replaced.`);
  }
}

function refuseUnless(status: FileStatus | undefined, { source }: FileContent): void {
  const { path, identity } = source;
  if (status?.kind !== 'file' || !sameIdentity(status, identity)) throw changed(path);
  const refuse = (why: string) => {
    throw new ShoalError('DENIED', 'environment', `${path} ${why}, so it is not written to.`);
  };
  if (status.linkCount > 1) refuse('has another name as well (a hard link)');
  if ((status.mode & 0o222) === 0) refuse('is read-only');
}

function changed(path: string): ShoalError {
  return new ShoalError('CHANGED', 'environment', `${path} has changed since it was shared, so it is not written to.`);
}
