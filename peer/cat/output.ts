/** Where `peer cat` writes to: a stream that somebody may stop reading, or a file that is there when it is whole. */
import { dirname } from 'node:path';
import { ShoalError, systemCode } from '../../common/core/errors.js';
import { removeIfThere } from '../../common/node/disk-work.js';
import type { Disk, DiskFile } from '../../common/ports/disk.js';
import { resolveTarget } from '../fetch/target.js';
import type { StoragePorts } from '../storage-ports.js';
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
export async function openFileOutput(
  { disk, processes }: Pick<StoragePorts, 'disk' | 'processes'>,
  out: string,
  baseName: string,
  isOverwrite: boolean,
): Promise<Output> {
  const target = await resolveTarget(disk, { out, directory: undefined, baseName });
  if (!isOverwrite) await refuseIfThere(disk, target);
  const { part } = partPaths(target, `cat${processes.token.split(' ')[0]}`);
  try {
    // Of a process that had this number before.
    await removeIfThere(disk, part);
    return new FileOutput(disk, target, part, await disk.open(part, 'create-new'), isOverwrite);
  } catch (error) {
    throw diskError(error, target);
  }
}

class FileOutput implements Output {
  readonly #disk: Disk;
  readonly #target: string;
  readonly #part: string;
  readonly #file: DiskFile;
  readonly #isOverwrite: boolean;
  #writtenBytes = 0;
  #isClosed = false;

  constructor(disk: Disk, target: string, part: string, file: DiskFile, isOverwrite: boolean) {
    this.#disk = disk;
    [this.#target, this.#part, this.#file, this.#isOverwrite] = [target, part, file, isOverwrite];
  }

  async write(bytes: Uint8Array): Promise<boolean> {
    try {
      await this.#file.write(bytes, this.#writtenBytes);
      this.#writtenBytes += bytes.length;
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
      await nameFile(this.#disk, this.#part, this.#target, this.#isOverwrite);
      await this.#disk.syncFolder(dirname(this.#target));
    } catch (error) {
      throw diskError(error, this.#target);
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#file.close();
    await removeIfThere(this.#disk, this.#part);
  }
}
