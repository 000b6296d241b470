/**
 * What a fetch takes a chunk for, held against what its disk holds at that moment: nothing may be counted, told to others or claimed
 * for the next run that is not there and right.
 *
 * A single file alone: a folder's chunks are held against the truth as they are served, and its files when all is done.
 */
import { chunkCount, chunkLength, chunkOffset } from '../../common/core/chunks.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { SimDisk } from '../../common/sim/sim-disk.js';
import { decodeJournal } from '../../peer/store/journal.js';
import { partPaths } from '../../peer/store/part-paths.js';
import type { Goods } from './goods.js';

export class HadCheck {
  readonly #disk: SimDisk;
  readonly #goods: Goods;
  readonly #target: string;
  #countedBytes = 0;
  /** A journal cannot know of bits that changed under it. */
  #isRotten = false;

  constructor(disk: SimDisk, goods: Goods, target: string) {
    [this.#disk, this.#goods, this.#target] = [disk, goods, target];
  }

  /** What is wrong with it that a fetch counts so many bytes as done; `undefined` where nothing is. */
  counted(root: ContentRoot, doneBytes: number): string | undefined {
    // It is told four times a second, and changes with a chunk.
    if (doneBytes === this.#countedBytes) return undefined;
    this.#countedBytes = doneBytes;
    const isThere = this.#isThere(root);
    if (isThere === undefined) return undefined;
    const { sizeBytes } = this.#goods;
    let thereBytes = 0;
    for (let chunk = 0; chunk < chunkCount(sizeBytes); chunk += 1)
      if (isThere(chunk)) thereBytes += chunkLength(chunk, sizeBytes);
    return doneBytes > thereBytes ? `counts ${doneBytes} bytes, and ${thereBytes} are there` : undefined;
  }

  /** The same for chunks that others are told of. */
  told(root: ContentRoot, chunks: readonly number[]): string | undefined {
    return this.#missing(root, chunks, 'tells others that it has chunk');
  }

  /** The same for what the journal says, of any version of the file. To be asked where no program runs. */
  claimed(): string | undefined {
    if (this.#isRotten) return undefined;
    for (const root of this.#goods.roots) {
      const bytes = this.#disk.peek(partPaths(this.#target, root).journal);
      const chunks: number[] = [];
      for (const [first, count] of (bytes && decodeJournal(bytes))?.runs ?? [])
        for (let chunk = first; chunk < first + count; chunk += 1) chunks.push(chunk);
      const fault = this.#missing(root, chunks, 'its journal claims chunk');
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  /** Changes bits of what was fetched in part. Returns whether there was anything. */
  rot(): boolean {
    // One that was being named may be the same file.
    if (this.#disk.peek(this.#target) !== undefined) return false;
    const parts = this.#goods.roots.map((root) => partPaths(this.#target, root).part).filter((part) => this.#disk.peek(part));
    for (const part of parts) this.#disk.rot(part, 0, this.#goods.sizeBytes);
    this.#isRotten ||= parts.length > 0;
    return parts.length > 0;
  }

  #missing(root: ContentRoot, chunks: readonly number[], what: string): string | undefined {
    const isThere = chunks.length === 0 ? undefined : this.#isThere(root);
    const wrong = isThere && chunks.find((chunk) => !isThere(chunk));
    return wrong === undefined ? undefined : `${what} ${wrong}, which is not on its disk`;
  }

  /** Says of each chunk whether it is right, in the part or at its final place; `undefined` for what is not known byte for byte. */
  #isThere(root: ContentRoot): ((chunk: number) => boolean) | undefined {
    const version = this.#goods.plan.isFolder ? -1 : this.#goods.roots.indexOf(root);
    if (version < 0) return undefined;
    const wanted = this.#goods.bytesOf(version);
    const copies = [partPaths(this.#target, root).part, this.#target].flatMap((path) => this.#disk.peek(path) ?? []);
    return (chunk) => {
      const [from, to] = [chunkOffset(chunk), chunkOffset(chunk) + chunkLength(chunk, wanted.length)];
      return to > from && copies.some((copy) => Buffer.compare(copy.subarray(from, to), wanted.subarray(from, to)) === 0);
    };
  }
}
