/**
 * The names of the registry, to be searched for a part of them and to be listed. Pure; it knows nothing else of the registry.
 *
 * Names have ids, which ascend in the order in which names were added and are never used twice. Every page of a search or a list is in
 * the order of ids, so that a walk over the pages gives each name that is there the whole time exactly once, whatever comes and goes.
 * A search looks at a bounded number of bytes, then says where to go on. About 45 bytes are kept for a name of 30, and adding, removing
 * and paging take microseconds; the room of removed names is had back shelf by shelf, a fraction of a millisecond each.
 * Invariant: shelves are in the order of their ids, and only the last one is added to.
 */
import { invariant } from '../../common/core/errors.js';
import type { FileName } from '../../common/core/file-name.js';
import { gramRowsOf } from './gram-rows.js';
import { isOdd, NAME_BYTE_MIN, nameOfRecord, recordOf } from './name-record.js';
import { type FoundName, NameShelf, SHELF_BYTES } from './name-shelf.js';

export interface NamePage {
  readonly names: FileName[];
  /** What to give as `afterId` for the next page. Absent where nothing is left. */
  readonly nextId?: number;
}

/** What it costs to pass a shelf by that cannot hold what is searched for, in bytes looked at. */
const SHELF_COST_BYTES = 512;
/** Removed bytes for which a shelf is moved, where they are more than what lives on it. */
const WASTE_MIN_BYTES = SHELF_BYTES / 8;
/** Two neighbours become one where they fill it no further than this. */
const MERGED_MAX_BYTES = (3 * SHELF_BYTES) / 4;

export class NameIndex {
  readonly #shelves: NameShelf[] = [];
  /** Names that their records cannot tell. */
  readonly #odd = new Map<number, FileName>();
  #lastId = 0;

  /** Bytes of memory for the names, without the few that their records cannot tell. */
  get keptBytes(): number {
    return this.#shelves.reduce((sum, shelf) => sum + shelf.keptBytes, 0);
  }

  /** Adds a name, which must not be there. Gives its id: 1 or more, and more than every id before. */
  add(name: FileName): number {
    this.#lastId += 1;
    const id = this.#lastId;
    const record = recordOf(name);
    if (isOdd(record)) this.#odd.set(id, name);
    if (this.#shelves.at(-1)?.add(id, record) === true) return id;
    this.#shelves.at(-1)?.seal();
    const shelf = new NameShelf(id, SHELF_BYTES);
    this.#shelves.push(shelf);
    invariant(shelf.add(id, record), 'an empty shelf has room for any name');
    return id;
  }

  /** Removes the name with an id. Nothing happens where there is none. */
  remove(id: number): void {
    const place = this.#placeOf(id);
    const shelf = this.#shelves[place];
    if (shelf === undefined) return;
    shelf.remove(id);
    this.#odd.delete(id);
    const isLast = place === this.#shelves.length - 1;
    const isWorthMoving = shelf.wastedBytes > shelf.liveBytes && shelf.wastedBytes >= WASTE_MIN_BYTES;
    if (shelf.liveBytes === 0 && (!isLast || isWorthMoving)) this.#shelves.splice(place, 1);
    else if (isWorthMoving) this.#move(place);
  }

  /**
   * A page of the names that hold `foldedText` (as `fold` gives it, at least one character) behind `afterId`; 0 begins. It has at most
   * `maxCount` names, and ends early when about `budgetBytes` bytes of names were looked at: it may be empty and still say where to go on.
   */
  search(foldedText: string, afterId: number, maxCount: number, budgetBytes: number): NamePage {
    invariant(foldedText !== '', 'a search is for something');
    const bytes = Buffer.from(foldedText);
    // No name holds a control character, but what is kept with the names does.
    if (bytes.some((byte) => byte < NAME_BYTE_MIN)) return { names: [] };
    const pattern = { bytes, rows: gramRowsOf(bytes) };
    const found: FoundName[] = [];
    let leftBytes = budgetBytes;
    for (let place = this.#placeBehind(afterId); place < this.#shelves.length; place += 1) {
      const shelf = this.#shelves[place];
      leftBytes -= SHELF_COST_BYTES + (shelf?.search(pattern, afterId, found, maxCount + 1) ?? 0);
      if (found.length > maxCount) break;
      if (leftBytes <= 0 && place < this.#shelves.length - 1) return { names: this.#namesOf(found), nextId: shelf?.lastId ?? 0 };
    }
    return this.#pageOf(found, maxCount);
  }

  /** A page of all names behind `afterId`; 0 begins. It has `maxCount` names, or less and is the last. */
  list(afterId: number, maxCount: number): NamePage {
    const found: FoundName[] = [];
    for (let place = this.#placeBehind(afterId); place < this.#shelves.length && found.length <= maxCount; place += 1) {
      this.#shelves[place]?.list(afterId, found, maxCount + 1);
    }
    return this.#pageOf(found, maxCount);
  }

  /** One name more than the page holds was looked for, so that the last page says that it is the last. */
  #pageOf(found: FoundName[], maxCount: number): NamePage {
    if (found.length <= maxCount) return { names: this.#namesOf(found) };
    const shown = found.slice(0, maxCount);
    return { names: this.#namesOf(shown), nextId: shown.at(-1)?.id ?? 0 };
  }

  #namesOf(found: readonly FoundName[]): FileName[] {
    return found.map(({ id, record }) => this.#odd.get(id) ?? nameOfRecord(record));
  }

  /** The last shelf whose first id is not above `id`; -1 where all are above. */
  #placeOf(id: number): number {
    let [low, high] = [0, this.#shelves.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#shelves[middle]?.firstId ?? 0) <= id) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The first shelf with a name behind `id`. A page that looks at one shelf alone goes on from there, and not at the same one for ever. */
  #placeBehind(id: number): number {
    const place = Math.max(0, this.#placeOf(id));
    return (this.#shelves[place]?.lastId ?? id) > id ? place : place + 1;
  }

  /** Moves what lives on a shelf, and on a neighbour where both fit well on one, to a new one. */
  #move(place: number): void {
    const fits = (neighbour: NameShelf | undefined): boolean =>
      neighbour !== undefined && neighbour.liveBytes + (this.#shelves[place]?.liveBytes ?? 0) <= MERGED_MAX_BYTES;
    const first = fits(this.#shelves[place - 1]) ? place - 1 : place;
    const count = first < place || fits(this.#shelves[place + 1]) ? 2 : 1;
    const old = this.#shelves.slice(first, first + count);
    const isOpen = first + count === this.#shelves.length;
    const bytes = isOpen ? SHELF_BYTES : old.reduce((sum, shelf) => sum + shelf.liveBytes, 0);
    const shelf = new NameShelf(old[0]?.firstId ?? 0, bytes);
    // Only ids that are four billion apart have no room on one shelf; then both stay, and the next removal tries again.
    if (!old.every((one) => shelf.take(one))) return;
    if (!isOpen) shelf.seal();
    this.#shelves.splice(first, count, shelf);
  }
}
