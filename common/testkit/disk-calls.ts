/** Any calls of a disk in any order, and what came of them, for comparing one disk with another. */
import fc from 'fast-check';
import type { Disk, DiskFile, FileStatus, OpenMode } from '../ports/disk.js';
import { systemCodeOf } from './error-code.js';

/** Paths below the folder that the calls are made in. Through a symlink to itself they lead to the folder above it, and no further. */
const path = fc.constantFrom('a', 'b', 'c', 'a/a', 'a/b', 'b/a', 'b/c', 'a/b/a', 'a/./b', 'a/../b', 'c/a');
const slot = fc.nat(2);
const how = fc.constantFrom<OpenMode>('read', 'write', 'create', 'create-new', 'append');
const place = fc.oneof(fc.nat(20), fc.nat(70_000));
const lengthBytes = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 9000 }));

/** One call; `slot` is a place for an open file. Names are made more often than taken away. */
export const diskStep = fc.oneof(
  { weight: 4, arbitrary: fc.record({ call: fc.constant('open' as const), slot, path, how }) },
  { weight: 3, arbitrary: fc.record({ call: fc.constant('makeFolder' as const), path }) },
  { weight: 2, arbitrary: fc.record({ call: fc.constantFrom('link' as const, 'rename' as const), path, to: path }) },
  { weight: 2, arbitrary: fc.record({ call: fc.constantFrom('remove' as const, 'removeFolder' as const), path }) },
  fc.record({ call: fc.constant('symlink' as const), path, target: fc.constantFrom('a', 'b', '../b', 'none', 'c', '.') }),
  fc.record({ call: fc.constantFrom('lstat' as const, 'realpath' as const, 'list' as const, 'syncFolder' as const), path }),
  fc.record({ call: fc.constantFrom('status' as const, 'sync' as const, 'close' as const), slot }),
  { weight: 4, arbitrary: fc.record({ call: fc.constant('write' as const), slot, place, lengthBytes, fill: fc.nat(255) }) },
  fc.record({ call: fc.constant('append' as const), slot, lengthBytes, fill: fc.nat(255) }),
  fc.record({ call: fc.constant('read' as const), slot, place, lengthBytes }),
  fc.record({ call: fc.constant('truncate' as const), slot, place }),
  fc.record({ call: fc.constant('setAttributes' as const), slot, mode: fc.nat(0o777), mtimeMs: fc.nat(2 ** 31) }),
);
export type DiskStep = typeof diskStep extends fc.Arbitrary<infer Step> ? Step : never;

/** What a look told that is the same on every disk. */
function known({ kind, sizeBytes, linkCount, mode }: FileStatus): string {
  return kind === 'folder' ? kind : `${kind} ${sizeBytes} ${linkCount} ${kind === 'symlink' ? '' : mode.toString(8)}`;
}

export class DiskCalls {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #plantSymlink: (target: string, path: string) => Promise<void>;
  readonly #files: (DiskFile | undefined)[] = [];

  /** `folder` is there and empty, and the one above it is nobody else's. */
  constructor(disk: Disk, folder: string, plantSymlink: (target: string, path: string) => Promise<void>) {
    this.#disk = disk;
    this.#folder = folder;
    this.#plantSymlink = plantSymlink;
  }

  /** What came of it: the code of an error, or what was found. */
  async run(step: DiskStep): Promise<string> {
    let found = '';
    const code = await systemCodeOf(
      this.#do(step).then((value) => {
        found = value;
      }),
    );
    return `${code} ${found}`;
  }

  /** Every path with what it is and holds, sorted. */
  async tree(folder = this.#folder): Promise<string[]> {
    const lines: string[] = [];
    for await (const { name, kind } of this.#disk.list(folder)) {
      const at = `${folder}/${name}`;
      lines.push(`${at.slice(this.#folder.length)} ${known(await this.#disk.lstat(at))}`);
      if (kind === 'folder') lines.push(...(await this.tree(at)));
    }
    return lines.sort();
  }

  async end(): Promise<void> {
    for (const file of this.#files) await file?.close();
  }

  async #do(step: DiskStep): Promise<string> {
    const at = (path: string) => `${this.#folder}/${path}`;
    const disk = this.#disk;
    switch (step.call) {
      case 'open': {
        const opened = await disk.open(at(step.path), step.how);
        await this.#files[step.slot]?.close();
        this.#files[step.slot] = opened;
        return '';
      }
      case 'link':
      case 'rename':
        await disk[step.call](at(step.path), at(step.to));
        return '';
      case 'makeFolder':
      case 'remove':
      case 'removeFolder':
      case 'syncFolder':
        await disk[step.call](at(step.path));
        return '';
      case 'symlink':
        await this.#plantSymlink(step.target, at(step.path));
        return '';
      case 'lstat':
        return known(await disk.lstat(at(step.path)));
      case 'realpath':
        return (await disk.realpath(at(step.path))).slice(this.#folder.length);
      case 'list': {
        const names: string[] = [];
        for await (const { name, kind } of disk.list(at(step.path))) names.push(`${name} ${kind}`);
        return names.sort().join();
      }
      default:
        return this.#doWithFile(step, this.#files[step.slot]);
    }
  }

  async #doWithFile(step: Extract<DiskStep, { slot: number }>, file: DiskFile | undefined): Promise<string> {
    if (file === undefined) return 'none';
    switch (step.call) {
      case 'read': {
        const into = Buffer.alloc(step.lengthBytes);
        return into.toString('latin1', 0, await file.read(into, step.place));
      }
      case 'write':
        await file.write(Buffer.alloc(step.lengthBytes, step.fill), step.place);
        return '';
      case 'append':
        await file.append(Buffer.alloc(step.lengthBytes, step.fill));
        return '';
      case 'truncate':
        await file.truncate(step.place);
        return '';
      case 'setAttributes':
        await file.setAttributes(step);
        return (await file.status()).mtimeNs.toString();
      case 'status':
        return known(await file.status());
      case 'close':
        this.#files[step.slot] = undefined;
        await file.close();
        return '';
      default:
        await file.sync();
        return '';
    }
  }
}
