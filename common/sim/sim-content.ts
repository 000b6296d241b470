/**
 * The bytes of a simulated file, as a program reads them and as a power cut would leave them.
 *
 * The rules are the pessimistic ones of ALICE (Pillai et al., OSDI 2014) for data and size: pages reach the disk in any order, each as a
 * whole, not at all, or some sectors of it; the size on its own. A failed sync leaves its pages clean, whatever became of them (Rebello
 * et al., ATC 2020). Pages that nobody wrote take no room.
 */
import { BLOCK_BYTES, drawFate, PAGE_BYTES, pageEnd, SimBlock } from './sim-block.js';
import type { SimRandom } from './sim-random.js';

/** What all files of a disk share: its pages. */
export interface PageSpace {
  usedPagesCount: number;
}

export class SimContent {
  readonly #space: PageSpace;
  /** By their place; a hole has none. */
  readonly #blocks = new Map<number, SimBlock>();
  readonly #unsynced = new Set<SimBlock>();
  readonly #unreadablePages = new Set<number>();
  #sizeBytes = 0;
  /** The size that the disk knows. */
  #lastingBytes = 0;
  #isSizeDirty = false;
  #heldPagesCount = 0;

  constructor(space: PageSpace) {
    this.#space = space;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get heldBytes(): number {
    return this.#heldPagesCount * PAGE_BYTES;
  }

  /** Whether a power cut changes nothing. */
  get isSynced(): boolean {
    return this.#unsynced.size === 0 && this.#sizeBytes === this.#lastingBytes;
  }

  /** Reads into the start of `into`; returns how many bytes came, 0 at the end. */
  read(into: Uint8Array, position: number): number {
    const lengthBytes = Math.max(0, Math.min(into.length, this.#sizeBytes - position));
    for (let done = 0; done < lengthBytes; ) {
      const from = (position + done) % BLOCK_BYTES;
      const to = Math.min(BLOCK_BYTES, from + lengthBytes - done);
      const block = this.#find(position + done);
      const end = block === undefined ? to : block.read(from, to, into, done);
      if (block === undefined) into.fill(0, done, done + to - from);
      done += end - from;
    }
    return lengthBytes;
  }

  /** How many of so many bytes at a place can be written while the disk has so many pages left. */
  fittingBytes(position: number, lengthBytes: number, freePagesCount: number): number {
    if (freePagesCount * PAGE_BYTES >= lengthBytes + 2 * PAGE_BYTES) return lengthBytes;
    let left = freePagesCount;
    for (let at = position; at < position + lengthBytes; at = pageEnd(at)) {
      if (this.#find(at)?.isHeld(at % BLOCK_BYTES) === true) continue;
      left -= 1;
      if (left < 0) return at - position;
    }
    return lengthBytes;
  }

  /** Writes; what lies between the end and `position` becomes a hole. */
  write(bytes: Uint8Array, position: number): void {
    for (let done = 0; done < bytes.length; ) {
      const place = Math.floor((position + done) / BLOCK_BYTES);
      const from = (position + done) % BLOCK_BYTES;
      const count = Math.min(BLOCK_BYTES - from, bytes.length - done);
      const block = this.#blocks.get(place) ?? new SimBlock();
      this.#blocks.set(place, block);
      this.#change(block, () => block.write(bytes.subarray(done, done + count), from));
      done += count;
    }
    if (this.#unreadablePages.size > 0) this.#mend(position, bytes.length);
    if (bytes.length > 0) this.#resize(Math.max(this.#sizeBytes, position + bytes.length));
  }

  truncate(sizeBytes: number): void {
    if (sizeBytes < this.#sizeBytes) this.#cut(sizeBytes);
    this.#resize(sizeBytes);
  }

  /** All that was written is on the disk, but for what an earlier failure lost. */
  sync(): void {
    if (this.#unsynced.size === 0 && !this.#isSizeDirty) return;
    for (const block of this.#unsynced) this.#change(block, () => block.sync());
    this.#lastingBytes = this.#sizeBytes;
    this.#isSizeDirty = false;
  }

  /** A sync that fails: what was dirty is on the disk, or in part, or not, and whether a program can see that is chance too. */
  failSync(random: SimRandom): void {
    const fate = drawFate(random);
    const isSeen = random.below(2) === 0;
    for (const block of this.#unsynced) this.#change(block, () => block.failSync(fate, isSeen, random));
    // What came back past the end is not to be seen when the file grows again.
    if (isSeen) this.#cut(this.#sizeBytes);
    if (random.below(2) === 0) this.#lastingBytes = this.#sizeBytes;
    this.#isSizeDirty = false;
  }

  /** What was not synced is gone, or not, by chance. */
  powerLoss(random: SimRandom): void {
    const fate = drawFate(random);
    for (const block of this.#unsynced) this.#change(block, () => block.powerLoss(fate, random));
    const [disk, read] = [this.#lastingBytes, this.#sizeBytes];
    const between = Math.min(disk, read) + random.below(Math.abs(disk - read) + 1);
    const sizes = { old: disk, new: read, mixed: [disk, read, between][random.below(3)] ?? disk };
    this.#cut(sizes[fate]);
    this.#resize(sizes[fate]);
    // What is left is what the disk holds.
    this.sync();
  }

  /** The file has no name and nobody has it open: its pages are free. */
  release(): void {
    this.#space.usedPagesCount -= this.#heldPagesCount;
  }

  /** It takes its room again, as a power cut brought its name back. */
  retain(): void {
    this.#space.usedPagesCount += this.#heldPagesCount;
  }

  /** Reading any of these bytes fails until their pages are written again. */
  makeUnreadable(fromByte: number, toByte: number): void {
    for (let at = fromByte; at < toByte; at = pageEnd(at)) this.#unreadablePages.add(Math.floor(at / PAGE_BYTES));
  }

  isUnreadable(position: number, lengthBytes: number): boolean {
    if (this.#unreadablePages.size === 0) return false;
    for (let at = position; at < position + lengthBytes; at = pageEnd(at)) {
      if (this.#unreadablePages.has(Math.floor(at / PAGE_BYTES))) return true;
    }
    return false;
  }

  /** Changes one bit in each page of a range, without a trace. Holes stay. */
  rot(fromByte: number, toByte: number, random: SimRandom): void {
    const endByte = Math.min(toByte, this.#sizeBytes);
    for (let at = fromByte; at < endByte; at = pageEnd(at)) {
      const byteAt = at + random.below(Math.min(endByte, pageEnd(at)) - at);
      this.#find(byteAt)?.rot(byteAt % BLOCK_BYTES, random.below(8));
    }
  }

  #find(position: number): SimBlock | undefined {
    return this.#blocks.get(Math.floor(position / BLOCK_BYTES));
  }

  /** Changes a block, and keeps the accounts of what is held and what is unsynced. */
  #change(block: SimBlock, work: () => void): void {
    const beforeCount = block.heldPagesCount;
    work();
    const moreCount = block.heldPagesCount - beforeCount;
    this.#heldPagesCount += moreCount;
    this.#space.usedPagesCount += moreCount;
    if (block.isUnsynced) this.#unsynced.add(block);
    else this.#unsynced.delete(block);
  }

  #resize(sizeBytes: number): void {
    if (sizeBytes !== this.#sizeBytes) this.#isSizeDirty = true;
    this.#sizeBytes = sizeBytes;
  }

  #cut(sizeBytes: number): void {
    for (const [place, block] of this.#blocks) {
      const from = Math.max(0, sizeBytes - place * BLOCK_BYTES);
      if (from >= BLOCK_BYTES) continue;
      this.#change(block, () => block.cut(from));
      if (block.heldPagesCount === 0 && !block.isUnsynced) this.#blocks.delete(place);
    }
  }

  #mend(position: number, lengthBytes: number): void {
    const end = Math.floor((position + lengthBytes) / PAGE_BYTES);
    for (let page = Math.ceil(position / PAGE_BYTES); page < end; page += 1) this.#unreadablePages.delete(page);
  }
}
