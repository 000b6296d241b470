/**
 * Reads spans of shared contents, mostly chunks, into memory that the caller owns: one positioned read, and one look at the file's state after it.
 *
 * Invariant: bytes are given out only if the file is in the state in which it was hashed, after they were read; so no byte is
 * served under an old hash. A file in another state is reported once to `changed`. A part that is being fetched has no such state: it
 * is written by this process alone, and what of it is served was verified before.
 */
import { fstat, fstatSync, read } from 'node:fs';
import type { ByteSpan } from '../../common/core/chunks.js';
import { asShoalError, ShoalError, systemCode } from '../../common/core/errors.js';
import { type FileIdentity, identityOf, sameIdentity } from '../hash/file-identity.js';
import { OpenFiles } from './open-files.js';
import type { SharedContent } from './shared-content.js';

export interface ChunkReaderOptions {
  /** A content whose file changed or vanished: it must not be served any more. */
  readonly changed: (content: SharedContent) => void;
  /** Files kept open; default OPEN_FILES_MAX_COUNT. */
  readonly openFilesMaxCount?: number;
}

export class ChunkReader {
  readonly #files: OpenFiles;
  readonly #changed: (content: SharedContent) => void;

  constructor(options: ChunkReaderOptions) {
    this.#files = new OpenFiles(options.openFilesMaxCount);
    this.#changed = options.changed;
  }

  /**
   * Puts the bytes of a span, which must lie within the content, at the start of `into`, which must be large enough.
   * Throws `NOT_FOUND` where the file is not what was hashed, `BUSY` where a part is not there (any more), and `IO` where it cannot be read.
   */
  async read(content: SharedContent, span: ByteSpan, into: Uint8Array): Promise<void> {
    const { source } = content;
    if (source.kind === 'memory') {
      into.set(source.bytes.subarray(span.offset, span.offset + span.lengthBytes));
      return;
    }
    // The second time with a file opened anew: the one that was open may be what the path led to before.
    const identity = source.kind === 'file' ? source.identity : undefined;
    for (let triesLeft = 2; triesLeft > 0; triesLeft -= 1) {
      if (await this.#readFile(source.path, identity, span, into)) return;
      this.#files.forget(source.path);
    }
    // It is on its way to its final name: whoever asks again finds it there.
    if (source.kind === 'part') throw new ShoalError('BUSY', 'environment', 'The file is being moved; ask again.');
    this.#changed(content);
    throw new ShoalError('NOT_FOUND', 'environment', 'The file has changed since it was shared.');
  }

  /** False where the file is not in the state that `identity` says, if it says one, or not there. */
  async #readFile(path: string, identity: FileIdentity | undefined, span: ByteSpan, into: Uint8Array): Promise<boolean> {
    const file = await this.#files.acquire(path);
    try {
      const { fd } = await file.handle;
      if (!(await readFully(fd, span, into))) return false;
      return identity === undefined || sameIdentity(await stateOf(fd, await file.isLocal), identity);
    } catch (error) {
      const code = systemCode(error) ?? '';
      // What took the file's place: nothing, a symlink, a folder, a socket.
      if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR', 'ENXIO'].includes(code)) return false;
      if (code === 'EMFILE' || code === 'ENFILE') throw new ShoalError('BUSY', 'environment', 'Too many files are open.', error);
      if (error instanceof ShoalError) throw error;
      throw new ShoalError('IO', 'environment', 'The file cannot be read.', asShoalError(error));
    } finally {
      this.#files.release(file);
    }
  }

  /** Opens the content's file anew next time. */
  forget(content: SharedContent): void {
    if (content.source.kind !== 'memory') this.#files.forget(content.source.path);
  }

  close(): void {
    this.#files.close();
  }
}

/** Fills the first `lengthBytes` of `into`; false where the file ends before. */
async function readFully(fd: number, { offset, lengthBytes }: ByteSpan, into: Uint8Array): Promise<boolean> {
  let done = 0;
  while (done < lengthBytes) {
    const got = await readOnce(fd, into, done, lengthBytes - done, offset + done);
    if (got === 0) return false;
    done += got;
  }
  return true;
}

// The callback forms take a descriptor as it is, and make a fraction of the garbage of a FileHandle's methods.
function readOnce(fd: number, into: Uint8Array, offset: number, lengthBytes: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, into, offset, lengthBytes, position, (error, bytes) => (error === null ? resolve(bytes) : reject(error)));
  });
}

/** In place where that waits for nobody: a thread for it costs more than the whole reading. */
async function stateOf(fd: number, isLocal: boolean): Promise<FileIdentity> {
  if (isLocal) return identityOf(fstatSync(fd, { bigint: true }));
  return new Promise((resolve, reject) => {
    fstat(fd, { bigint: true }, (error, stats) => (error === null ? resolve(identityOf(stats)) : reject(error)));
  });
}
