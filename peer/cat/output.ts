/** Where `peer cat` writes to: a stream that somebody may stop reading, or a file that is there when it is whole. */
import { type FileHandle, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ShoalError, systemCode } from '../../common/core/errors.js';
import { realDisk } from '../../common/node/disk.js';
import { resolveTarget } from '../fetch/target.js';
import { diskError } from '../store/disk-error.js';
import { partPaths } from '../store/part-paths.js';
import { nameFile, refuseIfThere } from '../store/publish.js';
import type { ByteSink } from './cat-content.js';

export interface Output extends ByteSink {
  /** All is written. */
  finish(): Promise<void>;
  /** Gives back what is held; what was not finished is gone. Idempotent. */
  close(): Promise<void>;
}

export class StreamOutput implements Output {
  readonly #stream: NodeJS.WritableStream;

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream;
  }

  /** Throws what a stream fails with that is not closed at the other end. */
  write(bytes: Uint8Array): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#stream.write(bytes, (error) => {
        if (error === undefined || error === null) resolve(true);
        else if (['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED'].includes(systemCode(error) ?? '')) resolve(false);
        else reject(diskError(error, 'the output'));
      });
    });
  }

  async finish(): Promise<void> {}

  async close(): Promise<void> {}
}

/**
 * A file that gets its name when it is finished. Throws `TARGET_EXISTS` where something has that name, unless it is to be overwritten;
 * `USAGE` or `DENIED` where it cannot be there.
 */
export async function openFileOutput(out: string, baseName: string, isOverwrite: boolean): Promise<Output> {
  const target = await resolveTarget(realDisk, { out, directory: undefined, baseName });
  if (!isOverwrite) await refuseIfThere(realDisk, target);
  const { part } = partPaths(target, `cat${process.pid}`);
  try {
    // Of a process that had this number before.
    await rm(part, { force: true });
    return new FileOutput(target, part, await open(part, 'wx'), isOverwrite);
  } catch (error) {
    throw diskError(error, target);
  }
}

class FileOutput implements Output {
  readonly #target: string;
  readonly #part: string;
  readonly #file: FileHandle;
  readonly #isOverwrite: boolean;
  #isClosed = false;

  constructor(target: string, part: string, file: FileHandle, isOverwrite: boolean) {
    [this.#target, this.#part, this.#file, this.#isOverwrite] = [target, part, file, isOverwrite];
  }

  async write(bytes: Uint8Array): Promise<boolean> {
    try {
      for (let done = 0; done < bytes.length; ) done += (await this.#file.write(bytes, done)).bytesWritten;
      return true;
    } catch (error) {
      const shoal = diskError(error, this.#target);
      if (shoal.code !== 'DISK_FULL') throw shoal;
      throw new ShoalError('DISK_FULL', 'environment', `No space left for ${this.#target}; free some first.`, error);
    }
  }

  async finish(): Promise<void> {
    try {
      await this.#file.sync();
      await nameFile(realDisk, this.#part, this.#target, this.#isOverwrite);
      await realDisk.syncFolder(dirname(this.#target));
    } catch (error) {
      throw diskError(error, this.#target);
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#file.close();
    await rm(this.#part, { force: true });
  }
}
