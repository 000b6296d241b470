/** The contents of a scenario as files: where they lie, which version is there, and whether a fetched copy is exact. */
import { basename, join } from 'node:path';
import type { ContentRoot } from '../../common/core/root.js';
import type { SimDisk } from '../../common/sim/sim-disk.js';
import { type Sample, sampleOf } from './samples.js';
import type { ScenarioContent } from './scenario.js';
import type { Truth } from './truth.js';

const SHARE_FOLDER = '/home/shared';

/** One content with all that is known of it. */
export class Goods {
  readonly plan: ScenarioContent;
  /** Of a file: of version 0 and 1; of a folder: what sharers made of it so far. */
  readonly roots: ContentRoot[];
  /** Files of a folder by its root: a sharer leaves out what it could not read. */
  readonly #fileCounts = new Map<ContentRoot, number>();

  constructor(plan: ScenarioContent, truth: Truth) {
    this.plan = plan;
    this.roots = plan.isFolder ? [] : [0, 1].map((version) => truth.addFile(plan.name, this.#sample(0, version), plan.hashName));
    // The files of a folder can be asked for by their own roots.
    if (plan.isFolder) {
      for (const [at, { path }] of plan.files.entries()) {
        truth.addFile(`${plan.name}/${path}`, this.#sample(at, 0), plan.hashName);
      }
    }
  }

  /** What a sharer gives to its command. */
  get sharePath(): string {
    return join(SHARE_FOLDER, this.plan.name);
  }

  get sizeBytes(): number {
    return this.plan.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  /** Bytes that are at least in what a root names. */
  sizeBytesOf(root: ContentRoot | null): number {
    return this.#leftOutCount(root ?? undefined) > 0 ? 0 : this.sizeBytes;
  }

  /** A sharer has made this of the folder. */
  addFolder(root: ContentRoot, fileCount: number): void {
    if (!this.roots.includes(root)) this.roots.push(root);
    this.#fileCounts.set(root, fileCount);
  }

  plant(disk: SimDisk): void {
    for (const [at, { path }] of this.plan.files.entries()) {
      disk.plant(this.plan.isFolder ? join(this.sharePath, path) : this.sharePath, this.#sample(at, 0).bytes);
    }
  }

  /** Of a single file. */
  bytesOf(version: number): Uint8Array {
    return this.#sample(0, version).bytes;
  }

  /** Which version of a single file lies at a path; `undefined` where it is none. */
  versionAt(disk: SimDisk, path: string): number | undefined {
    const bytes = disk.peek(path);
    return bytes === undefined ? undefined : [0, 1].find((version) => isSame(bytes, this.bytesOf(version)));
  }

  /**
   * What is wrong with a target: `undefined` where it is exact, by its root where that is one of a file. `read` gives the bytes at a path,
   * and `undefined` where there is no file.
   */
  fault(target: string, root: ContentRoot | undefined, read: (path: string) => Uint8Array | undefined): string | undefined {
    let leftOutCount = this.#leftOutCount(root);
    for (const [at, { path }] of this.plan.files.entries()) {
      const filePath = this.plan.isFolder ? join(target, path) : target;
      const bytes = read(filePath);
      if (bytes === undefined) {
        leftOutCount -= 1;
        if (leftOutCount < 0) return `${basename(filePath)} is not there`;
        continue;
      }
      const versions = this.plan.isFolder ? [0] : [0, 1].filter((version) => root === undefined || this.roots[version] === root);
      if (!versions.some((version) => isSame(bytes, this.#sample(at, version).bytes)))
        return `${basename(filePath)} has other bytes`;
    }
    return undefined;
  }

  /** Files that may be missing in what a root names, or in any that there is. */
  #leftOutCount(root: ContentRoot | undefined): number {
    const counts = root === undefined ? [...this.#fileCounts.values()] : [this.#fileCounts.get(root) ?? this.plan.files.length];
    return this.plan.files.length - Math.min(this.plan.files.length, ...counts);
  }

  #sample(at: number, version: number): Sample {
    const { sizeBytes, variant } = this.plan.files[at] ?? { sizeBytes: 0, variant: 0 };
    return sampleOf(sizeBytes, variant, version);
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
