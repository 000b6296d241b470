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
import { TargetLock } from '../store/target-lock.js';
import type { ByteSink } from './cat-content.js';

/** In place of a root: what is written may be a part of a content. */
const KEY = 'cat';

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
        else reject(writeError(error, 'the output'));
      });
    });
  }

  async finish(): Promise<void> {}

  async close(): Promise<void> {}
}

/**
 * A file that gets its name when it is finished. What one that was killed left is taken away first. Throws `TARGET_EXISTS` where
 * something has that name, unless it is to be overwritten, and while another process writes it; `USAGE` or `DENIED` where it cannot be there.
 */
export async function openFileOutput(
  ports: Pick<StoragePorts, 'disk' | 'processes'>,
  out: string,
  baseName: string,
  isOverwrite: boolean,
): Promise<Output> {
  const { disk } = ports;
  const target = await resolveTarget(disk, { out, directory: undefined, baseName });
  if (!isOverwrite) await refuseIfThere(disk, target);
  const { part, lock } = partPaths(target, KEY);
  let held: TargetLock | undefined;
  try {
    held = await TargetLock.take(ports, lock, (id) => beingWritten(target, id));
    await removeIfThere(disk, part);
    return new FileOutput(disk, held, { target, part, isOverwrite }, await disk.open(part, 'create-new'));
  } catch (error) {
    await held?.release().catch(() => undefined);
    throw diskError(error, target);
  }
}

/** Nothing is kept that a later run could go on with. */
function writeError(error: unknown, target: string): ShoalError {
  const shoal = diskError(error, target);
  if (shoal.code !== 'DISK_FULL') return shoal;
  return new ShoalError('DISK_FULL', 'environment', `No space left for ${target}; free some first.`, error);
}

function beingWritten(target: string, id: string): ShoalError {
  return new ShoalError('TARGET_EXISTS', 'local', `Process ${id} is writing ${target} already; wait for it, or end it.`);
}

interface OutputPlace {
  readonly target: string;
  readonly part: string;
  readonly isOverwrite: boolean;
}

class FileOutput implements Output {
  readonly #disk: Disk;
  readonly #lock: TargetLock;
  readonly #place: OutputPlace;
  readonly #file: DiskFile;
  #writtenBytes = 0;
  #isClosed = false;

  constructor(disk: Disk, lock: TargetLock, place: OutputPlace, file: DiskFile) {
    [this.#disk, this.#lock, this.#place, this.#file] = [disk, lock, place, file];
  }

  async write(bytes: Uint8Array): Promise<boolean> {
    try {
      await this.#file.write(bytes, this.#writtenBytes);
      this.#writtenBytes += bytes.length;
      return true;
    } catch (error) {
      throw writeError(error, this.#place.target);
    }
  }

  async finish(): Promise<void> {
    const { target, part, isOverwrite } = this.#place;
    try {
      await this.#file.sync();
      await nameFile(this.#disk, part, target, isOverwrite);
      await this.#disk.syncFolder(dirname(target));
    } catch (error) {
      throw diskError(error, target);
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#file.close();
    await removeIfThere(this.#disk, this.#place.part);
    await this.#lock.release();
  }
}
