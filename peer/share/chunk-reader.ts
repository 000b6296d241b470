/**
 * Reads spans of shared contents, mostly chunks, into memory that the caller owns: one positioned read, and one look at the file's state after it.
 *
 * Invariant: bytes are given out only if the file is in the state in which it was hashed, after they were read; so no byte is
 * served under an old hash. A file in another state is reported once to `changed`. A part that is being fetched has no such state: it
 * is written by this process alone, and what of it is served was verified before.
 */
import type { ByteSpan } from '../../common/core/chunks.js';
import { ShoalError, systemCode } from '../../common/core/errors.js';
import { readFully } from '../../common/node/disk-work.js';
import type { Disk } from '../../common/ports/disk.js';
import { type FileIdentity, sameIdentity } from '../hash/file-identity.js';
import { OpenFiles } from './open-files.js';
import type { SharedContent } from './shared-content.js';

export interface ChunkReaderOptions {
  /** A content whose file changed or vanished: it must not be served any more. */
  readonly changed: (content: SharedContent) => void;
  /** The disk does not give a span of a content's file. */
  readonly unreadable?: (content: SharedContent, span: ByteSpan) => void;
  /** Files kept open; default OPEN_FILES_MAX_COUNT. */
  readonly openFilesMaxCount?: number;
}

export class ChunkReader {
  readonly #files: OpenFiles;
  readonly #changed: (content: SharedContent) => void;
  readonly #unreadable: ChunkReaderOptions['unreadable'];

  constructor(disk: Pick<Disk, 'open'>, options: ChunkReaderOptions) {
    this.#files = new OpenFiles(disk, options.openFilesMaxCount);
    this.#changed = options.changed;
    this.#unreadable = options.unreadable;
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
    for (let triesLeft = 2; triesLeft > 0; ) {
      const identity = source.kind === 'file' ? source.identity : undefined;
      if (await this.#readFile(source.path, identity, span, into).catch((error: unknown) => this.#failed(content, span, error)))
        return;
      if (source.kind === 'file' && (source.mending !== undefined || source.identity !== identity)) {
        await source.mending;
        continue;
      }
      this.#files.forget(source.path);
      triesLeft -= 1;
    }
    // It is on its way to its final name: whoever asks again finds it there.
    if (source.kind === 'part') throw new ShoalError('BUSY', 'environment', 'The file is being moved; ask again.');
    this.#changed(content);
    throw new ShoalError('NOT_FOUND', 'environment', 'The file has changed since it was shared.');
  }

  /** False where the file is not in the state that `identity` says, if it says one, or not there. */
  async #readFile(
    path: string,
    identity: FileIdentity | undefined,
    { offset, lengthBytes }: ByteSpan,
    into: Uint8Array,
  ): Promise<boolean> {
    const open = await this.#files.acquire(path);
    try {
      const file = await open.handle;
      const bytes = into.length === lengthBytes ? into : into.subarray(0, lengthBytes);
      if ((await readFully(file, bytes, offset)) < lengthBytes) return false;
      return identity === undefined || sameIdentity(await file.status(), identity);
    } catch (error) {
      const code = systemCode(error) ?? '';
      // What took the file's place: nothing, a symlink, a folder, a socket.
      if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR', 'ENXIO'].includes(code)) return false;
      if (code === 'EMFILE' || code === 'ENFILE') throw new ShoalError('BUSY', 'environment', 'Too many files are open.', error);
      if (error instanceof ShoalError) throw error;
      throw new ShoalError('IO', 'environment', 'The file cannot be read.', error);
    } finally {
      this.#files.release(open);
    }
  }

  #failed(content: SharedContent, span: ByteSpan, error: unknown): never {
    if (error instanceof ShoalError && systemCode(error.cause) === 'EIO') this.#unreadable?.(content, span);
    throw error;
  }

  /** Opens the content's file anew next time. */
  forget(content: SharedContent): void {
    if (content.source.kind !== 'memory') this.#files.forget(content.source.path);
  }

  close(): void {
    this.#files.close();
  }
}
