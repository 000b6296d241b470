/**
 * Sixteen pages of a simulated file: what a program reads of them, and what the disk holds.
 *
 *     write ──► dirty ──sync──► on the disk            page: clean (read = disk) · dirty (a sync writes it)
 *                 └──failed sync──► new, old or torn         · lost (read ≠ disk, and no sync will ever write it)
 *
 * Invariant: a page is dirty or lost or neither; only of one that is either, the disk may hold something else than is read.
 */
import type { SimRandom } from './sim-random.js';

export const PAGE_BYTES = 4096;
/** Pages whose states lie in one number. */
const BLOCK_PAGES_COUNT = 16;
export const BLOCK_BYTES = BLOCK_PAGES_COUNT * PAGE_BYTES;
const SECTOR_BYTES = 512;
const ZEROS = Buffer.alloc(PAGE_BYTES);

/** What becomes of unsynced pages: nothing of them is on the disk, everything is, or each fares on its own. */
export type Fate = 'old' | 'new' | 'mixed';

export function drawFate(random: SimRandom): Fate {
  return (['old', 'new', 'mixed', 'mixed'] as const)[random.below(4)] ?? 'old';
}

export class SimBlock {
  readonly #bytes = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  /** Pages that hold something, as bits; the others read as zeros. */
  #held = 0;
  #dirty = 0;
  #lost = 0;
  /** Pages that hold something on the disk. */
  #lasting = 0;
  /** What the disk holds of pages that are dirty or lost. */
  readonly #old: (Buffer | undefined)[] = [];

  get heldPagesCount(): number {
    let count = 0;
    for (let rest = this.#held; rest !== 0; rest &= rest - 1) count += 1;
    return count;
  }

  /** Whether the disk may hold something else than is read. */
  get isUnsynced(): boolean {
    return (this.#dirty | this.#lost) !== 0;
  }

  isHeld(at: number): boolean {
    return (this.#held & bitOf(pageAt(at))) !== 0;
  }

  /** Reads up to `to`, or less: what is of one kind, held or a hole. Returns where it ended. */
  read(from: number, to: number, into: Uint8Array, intoAt: number): number {
    const isHeld = this.isHeld(from);
    let end = pageEnd(from);
    while (end < to && this.isHeld(end) === isHeld) end = pageEnd(end);
    end = Math.min(end, to);
    if (isHeld) into.set(this.#bytes.subarray(from, end), intoAt);
    else into.fill(0, intoAt, intoAt + end - from);
    return end;
  }

  write(bytes: Uint8Array, from: number): void {
    const to = from + bytes.length;
    for (let at = from; at < to; at = pageEnd(at)) {
      const page = pageAt(at);
      const isFresh = !this.isHeld(at);
      this.#makeDirty(page, true);
      // What is not written of a fresh page is zeros.
      if (isFresh && at > page * PAGE_BYTES) this.#bytes.fill(0, page * PAGE_BYTES, at);
      if (isFresh && to < pageEnd(at)) this.#bytes.fill(0, to, pageEnd(at));
    }
    this.#bytes.set(bytes, from);
  }

  /** Nothing is held from `from` on. */
  cut(from: number): void {
    const firstWhole = Math.ceil(from / PAGE_BYTES);
    const inPage = firstWhole * PAGE_BYTES;
    // Zeros past the end are no change: the page is as clean as it was.
    const past = this.#bytes.subarray(from, inPage);
    if (from < inPage && this.isHeld(from) && !past.equals(ZEROS.subarray(0, past.length)))
      this.write(ZEROS.subarray(0, past.length), from);
    for (let page = firstWhole; page < BLOCK_PAGES_COUNT; page += 1) {
      const bit = bitOf(page);
      if (((this.#held | this.#dirty | this.#lost) & bit) !== 0) this.#makeDirty(page, false);
      // Of what was never on the disk, nothing is left to be written.
      if ((this.#lasting & bit) === 0) this.#dirty &= ~bit;
    }
  }

  sync(): void {
    for (const page of pagesOf(this.#dirty)) this.#settle(page);
  }

  /** A sync that fails. Where `isSeen`, programs read from now on what the disk holds. */
  failSync(fate: Fate, isSeen: boolean, random: SimRandom): void {
    for (const page of pagesOf(this.#dirty)) {
      const disk = this.#afterCut(page, fate, random);
      if (isSeen || disk === 'as read') this.#becomes(page, disk);
      else {
        this.#old[page] = disk;
        this.#lasting = disk === undefined ? this.#lasting & ~bitOf(page) : this.#lasting | bitOf(page);
        this.#lost |= bitOf(page);
        this.#dirty &= ~bitOf(page);
      }
    }
  }

  powerLoss(fate: Fate, random: SimRandom): void {
    for (const page of pagesOf(this.#lost)) this.#becomes(page, this.#onDisk(page));
    for (const page of pagesOf(this.#dirty)) this.#becomes(page, this.#afterCut(page, fate, random));
  }

  /** Changes a bit of a byte, as it is read and on the disk. Nothing happens to a hole. */
  rot(at: number, bit: number): void {
    const old = this.#old[pageAt(at)];
    if (this.isHeld(at)) this.#bytes[at] = (this.#bytes[at] ?? 0) ^ (1 << bit);
    if (old !== undefined) old[at % PAGE_BYTES] = (old[at % PAGE_BYTES] ?? 0) ^ (1 << bit);
  }

  #makeDirty(page: number, isHeld: boolean): void {
    const bit = bitOf(page);
    const isClean = ((this.#dirty | this.#lost) & bit) === 0;
    if (isClean && (this.#lasting & bit) !== 0) this.#old[page] = Buffer.from(this.#read(page));
    this.#dirty |= bit;
    this.#lost &= ~bit;
    this.#held = isHeld ? this.#held | bit : this.#held & ~bit;
  }

  /** What a dirty page holds on the disk after a power cut: `undefined` for nothing. */
  #afterCut(page: number, fate: Fate, random: SimRandom): Buffer | undefined | 'as read' {
    const disk = this.#onDisk(page);
    const choice = fate === 'mixed' ? random.below(3) : undefined;
    if (fate === 'old' || choice === 0) return disk;
    if (fate === 'new' || choice === 1) return 'as read';
    const torn = Buffer.from(disk ?? ZEROS);
    const read = (this.#held & bitOf(page)) === 0 ? ZEROS : this.#read(page);
    for (let at = 0; at < PAGE_BYTES; at += SECTOR_BYTES) if (random.below(2) === 0) read.copy(torn, at, at, at + SECTOR_BYTES);
    return torn;
  }

  /** A page holds this from now on, as it is read and on the disk. */
  #becomes(page: number, bytes: Buffer | undefined | 'as read'): void {
    if (bytes !== 'as read') {
      bytes?.copy(this.#bytes, page * PAGE_BYTES);
      this.#held = bytes === undefined ? this.#held & ~bitOf(page) : this.#held | bitOf(page);
    }
    this.#settle(page);
  }

  /** A page is on the disk as it is read. */
  #settle(page: number): void {
    const bit = bitOf(page);
    this.#lasting = (this.#lasting & ~bit) | (this.#held & bit);
    this.#dirty &= ~bit;
    this.#lost &= ~bit;
    this.#old[page] = undefined;
  }

  /** What the disk holds of a page that is dirty or lost. */
  #onDisk(page: number): Buffer | undefined {
    return (this.#lasting & bitOf(page)) === 0 ? undefined : this.#old[page];
  }

  #read(page: number): Buffer {
    return this.#bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
  }
}

function bitOf(page: number): number {
  return 1 << page;
}

function pageAt(at: number): number {
  return Math.floor(at / PAGE_BYTES);
}

/** Where the page ends in which a byte lies. */
export function pageEnd(at: number): number {
  return (pageAt(at) + 1) * PAGE_BYTES;
}

function* pagesOf(mask: number): Iterable<number> {
  for (let page = 0; page < BLOCK_PAGES_COUNT; page += 1) if ((mask & bitOf(page)) !== 0) yield page;
}
