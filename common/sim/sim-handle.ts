/** A file that a simulated process has open: what its calls do, at once. Throws as the system does; `EBADF` for what it was not opened for. */
import type { FileAttributes, FileStatus, OpenMode } from '../ports/disk.js';
import { PAGE_BYTES } from './sim-block.js';
import { type DiskErrorCode, systemError } from './sim-disk-error.js';
import type { SimInode } from './sim-inode.js';
import type { SimRandom } from './sim-random.js';
import type { SimTree } from './sim-tree.js';

/** What a file may grow to, as on ext4. */
const FILE_MAX_BYTES = 2 ** 44 - PAGE_BYTES;

/** What the handles of a disk share. */
export interface HandlePorts {
  readonly tree: SimTree;
  /** What chance decides of syncs and of writes that are cut short. */
  readonly random: SimRandom;
  readonly nowNs: () => bigint;
}

export class SimHandle {
  readonly path: string;
  readonly #ports: HandlePorts;
  readonly #inode: SimInode;
  readonly #how: OpenMode;
  #isOpen = true;

  constructor(ports: HandlePorts, inode: SimInode, path: string, how: OpenMode) {
    this.#ports = ports;
    this.#inode = inode;
    this.#how = how;
    this.path = path;
    inode.openCount += 1;
  }

  /** Idempotent. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#inode.openCount -= 1;
    this.#ports.tree.released(this.#inode);
  }

  /** Once, into the start of `into`; returns how many bytes came. */
  read(into: Uint8Array, position: number): number {
    if (this.#how === 'append') this.#fail('EBADF', 'read');
    const { kind, content } = this.#opened('read');
    if (kind === 'folder') this.#fail('EISDIR', 'read');
    if (content.isUnreadable(position, Math.min(into.length, content.sizeBytes - position))) this.#fail('EIO', 'read');
    return content.read(into, position);
  }

  /** Once, at `position` or at the end; returns how many bytes there was room for, at least one. */
  write(bytes: Uint8Array, position: number | 'end'): number {
    const { content } = this.#writable('write');
    const at = position === 'end' || this.#how === 'append' ? content.sizeBytes : position;
    if (at + bytes.length > FILE_MAX_BYTES) this.#fail('EFBIG', 'write');
    const fittingBytes = content.fittingBytes(at, bytes.length, this.#ports.tree.freePagesCount);
    if (fittingBytes === 0 && bytes.length > 0) this.#fail('ENOSPC', 'write');
    content.write(fittingBytes === bytes.length ? bytes : bytes.subarray(0, fittingBytes), at);
    this.#touch();
    return fittingBytes;
  }

  /** All of it, or throws with some of it written. */
  writeAll(bytes: Uint8Array, position: number | 'end'): void {
    const writtenBytes = bytes.length === 0 ? 0 : this.write(bytes, position);
    if (writtenBytes < bytes.length) this.#fail('ENOSPC', 'write');
  }

  /** What a write leaves that was cut short: the beginning of it, or all, or nothing. */
  writePart(bytes: Uint8Array, position: number | 'end'): void {
    if (!this.#isOpen) return;
    const { random, tree } = this.#ports;
    const partBytes = random.below(bytes.length + 1);
    if (partBytes > 0 && !tree.isReadOnly && tree.freePagesCount > 0) this.write(bytes.subarray(0, partBytes), position);
  }

  truncate(sizeBytes: number): void {
    if (this.#how === 'read') this.#fail('EINVAL', 'ftruncate');
    const { content } = this.#writable('ftruncate');
    if (sizeBytes > FILE_MAX_BYTES) this.#fail('EFBIG', 'ftruncate');
    content.truncate(sizeBytes);
    this.#touch();
  }

  /** As fdatasync: data and size. Permission bits and time may come along. */
  sync(): void {
    const inode = this.#opened('fdatasync');
    inode.content.sync();
    this.#ports.tree.names.sync(inode);
    if (this.#ports.random.below(2) === 0) inode.syncAttributes();
  }

  failSync(): void {
    if (this.#isOpen) this.#inode.content.failSync(this.#ports.random);
  }

  status(): FileStatus {
    return this.#opened('fstat').status();
  }

  setAttributes({ mode, mtimeMs }: FileAttributes): void {
    const inode = this.#opened('fchmod');
    if (this.#ports.tree.isReadOnly) this.#fail('EROFS', 'fchmod');
    if (mode !== undefined) inode.mode = mode & 0o777;
    if (mtimeMs !== undefined) inode.mtimeNs = BigInt(mtimeMs) * 1_000_000n;
  }

  #touch(): void {
    this.#inode.mtimeNs = this.#ports.nowNs();
  }

  #opened(call: string): SimInode {
    if (!this.#isOpen) this.#fail('EBADF', call);
    return this.#inode;
  }

  #writable(call: string): SimInode {
    if (this.#how === 'read') this.#fail('EBADF', call);
    const inode = this.#opened(call);
    if (this.#ports.tree.isReadOnly) this.#fail('EROFS', call);
    return inode;
  }

  #fail(code: DiskErrorCode, call: string): never {
    throw systemError(code, call, this.path);
  }
}
