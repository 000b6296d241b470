/** An open file of a simulated process, as programs have it: each call takes its time. */
import type { DiskFile, FileAttributes, FileStatus } from '../ports/disk.js';
import type { SimHandle } from './sim-handle.js';
import type { SimMount } from './sim-mount.js';

export class SimFile implements DiskFile {
  readonly fd: number;
  readonly #mount: SimMount;
  readonly #handle: SimHandle;
  /** The first look has to ask whether looks wait for anybody, as on a real disk. */
  #isLookedAt = false;

  constructor(mount: SimMount, fd: number, handle: SimHandle) {
    this.#mount = mount;
    this.fd = fd;
    this.#handle = handle;
  }

  read(into: Uint8Array, position: number): Promise<number> {
    const handle = this.#handle;
    return this.#mount.after('read', handle.path, into.length, { run: () => handle.read(into, position) });
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    return this.#write(bytes, position);
  }

  append(bytes: Uint8Array): Promise<void> {
    return this.#write(bytes, 'end');
  }

  truncate(sizeBytes: number): Promise<void> {
    const handle = this.#handle;
    return this.#mount.after('truncate', handle.path, 0, { run: () => handle.truncate(sizeBytes) });
  }

  sync(): Promise<void> {
    const handle = this.#handle;
    return this.#mount.after('sync', handle.path, 0, { run: () => handle.sync(), fail: () => handle.failSync() });
  }

  status(): FileStatus | Promise<FileStatus> {
    const handle = this.#handle;
    if (this.#isLookedAt && this.#mount.isAlive) return handle.status();
    this.#isLookedAt = true;
    return this.#mount.after('status', handle.path, 0, { run: () => handle.status() });
  }

  setAttributes(attributes: FileAttributes): Promise<void> {
    const handle = this.#handle;
    return this.#mount.after('set-attributes', handle.path, 0, { run: () => handle.setAttributes(attributes) });
  }

  close(): Promise<void> {
    const handle = this.#handle;
    return this.#mount.after('close', handle.path, 0, { run: () => this.#mount.release(this.fd, handle) });
  }

  #write(bytes: Uint8Array, position: number | 'end'): Promise<void> {
    const handle = this.#handle;
    const part = () => handle.writePart(bytes, position);
    const deed = { run: () => handle.writeAll(bytes, position), fail: part, cut: part };
    return this.#mount.after('write', handle.path, bytes.length, deed);
  }
}
