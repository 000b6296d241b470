/**
 * The contents: a name, a size and a root, or none; and which holdings are of each.
 *
 * A row of columns for each, as with holdings. Found by name and by root; a name and a root may have several contents, which are never
 * mixed. It owns the index that names are searched in. Invariant: a content is found by its name, and by its root where it has one, from
 * `add` to `remove`; a name is in the index while it has a content.
 */
import { chunkCount } from '../../common/core/chunks.js';
import type { FileName } from '../../common/core/file-name.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { Random } from '../../common/ports/random.js';
import type { ContentRef } from '../../common/wire/peer-lines.js';
import { IntColumn, ListColumn, RowIds, WideColumn } from './columns.js';
import { ContentDetails } from './content-details.js';
import { EntryTable } from './entry-table.js';
import { FewPools } from './few.js';
import type { HeldContent, HoldingTable } from './holding.js';
import { NameIndex } from './name-index.js';
import { ownText } from './own-text.js';
import { RootColumn, type RootWords, wordsOf } from './root-column.js';
import { rootTable } from './root-table.js';
import { textHash } from './text-hash.js';

/** What tells a content from others. */
export interface ContentIdentity {
  readonly name: FileName;
  readonly sizeBytes: number;
  readonly root: ContentRoot | undefined;
}

export class ContentTable {
  readonly names = new NameIndex();
  readonly details = new ContentDetails();
  readonly #holdings: HoldingTable;
  readonly #ids = new RowIds();
  readonly #names = new ListColumn('' as FileName);
  /** The source that brought each up. */
  readonly #creators = new ListColumn('');
  readonly #sizeBytes = new WideColumn();
  readonly #hasRoot = new IntColumn();
  readonly #roots = new RootColumn();
  /** Its name's id in the index; and its own number in the order of all contents there ever were. */
  readonly #nameId = new WideColumn();
  readonly #serial = new WideColumn();
  #lastSerial = 0;
  readonly #nameSlot = new IntColumn();
  readonly #rootSlot = new IntColumn();
  readonly #complete = new IntColumn();
  readonly #partial = new IntColumn();
  readonly #byName: EntryTable<FileName>;
  readonly #byRoot: EntryTable<RootWords>;
  #nameCount = 0;
  readonly #namePools: FewPools;
  readonly #rootPools: FewPools;
  readonly #holders: FewPools;

  constructor(ports: { readonly random: Random }, holdings: HoldingTable) {
    this.#holdings = holdings;
    const groupOf = (content: number): string => this.#creators.get(content);
    // Contents are fair by who brought them up; those of a name are found by size and root, those of a root (several names) not at all.
    this.#namePools = new FewPools({ groupOf, keyOf: (content) => this.#keyOf(content), ...slotIn(this.#nameSlot) });
    this.#rootPools = new FewPools({ groupOf, keyOf: (content) => content, ...slotIn(this.#rootSlot) });
    // Holders of a content are fair by host.
    const hostOf = (holding: number): string => holdings.peerOf(holding).host;
    this.#holders = new FewPools({
      groupOf: hostOf,
      keyOf: (holding) => holdings.peerSlotOf(holding),
      ...slotIn(holdings.poolSlot),
    });
    this.#byRoot = rootTable(ports, this.#roots, (few) => this.#rootPools.first(few));
    const hash = textHash(ports.random);
    const nameOf = (few: number): FileName => this.nameOf(this.#namePools.first(few));
    this.#byName = new EntryTable({
      hashOf: (name) => hash(name),
      isOf: (few, name) => nameOf(few) === name,
    });
  }

  get nameCount(): number {
    return this.#nameCount;
  }

  /** The content's id, or 0. */
  find({ name, sizeBytes, root }: ContentIdentity): number {
    const few = this.#byName.get(name);
    // The usual case, one content of the name, without making its key.
    if (few < 0) return this.#namePools.find(few, contentKey(sizeBytes, root));
    if (few === 0 || this.#sizeBytes.get(few) !== sizeBytes || (this.#hasRoot.get(few) === 1) !== (root !== undefined)) return 0;
    return root === undefined || this.#roots.is(few, wordsOf(root)) ? few : 0;
  }

  /** Up to `count` contents of a name or a root, fairly by who brought them up. */
  sample(ref: ContentRef, count: number, random: Random): number[] {
    if (ref.by === 'name') return this.#namePools.sample(this.#byName.get(ref.name), count, random);
    return this.#rootPools.sample(this.#byRoot.get(wordsOf(ref.root)), count, random);
  }

  /** The id of a name in the index; the name must have a content. */
  idOfName(name: FileName): number {
    return this.#nameId.get(this.#namePools.first(this.#byName.get(name)));
  }

  /** All contents of a name, in no order that means anything. */
  ofName(name: FileName): number[] {
    return [...this.#namePools.items(this.#byName.get(name))];
  }

  /** Up to `maxCount` contents of a name behind a serial number, in the order in which they became known. */
  pageOfName(name: FileName, serial: number, maxCount: number): number[] {
    let page: number[] = [];
    let lastSerial = Number.POSITIVE_INFINITY;
    for (const content of this.#namePools.items(this.#byName.get(name))) {
      if (this.serialOf(content) <= serial || this.serialOf(content) >= lastSerial) continue;
      page.push(content);
      if (page.length < 2 * maxCount) continue;
      // Of a hundred thousand contents of one name, most are behind the page and need not be sorted.
      page = this.#inOrder(page).slice(0, maxCount);
      lastSerial = this.serialOf(page.at(-1) ?? 0);
    }
    return this.#inOrder(page).slice(0, maxCount);
  }

  /** How many contents of a name a source has brought up, where there are several. */
  countBy(source: string, name: FileName): number {
    return this.#namePools.groupSize(this.#byName.get(name), source);
  }

  /** Adds what `find` did not find. */
  add({ name, sizeBytes, root }: ContentIdentity, creator: string): number {
    const id = this.#ids.take();
    const first = this.#namePools.first(this.#byName.get(name));
    const kept = first === 0 ? ownText(name) : this.nameOf(first);
    this.#names.set(id, kept);
    this.#creators.set(id, creator);
    this.#sizeBytes.set(id, sizeBytes);
    this.#nameId.set(id, first === 0 ? this.names.add(kept) : this.#nameId.get(first));
    this.#lastSerial += 1;
    this.#serial.set(id, this.#lastSerial);
    this.#hasRoot.set(id, root === undefined ? 0 : 1);
    if (root !== undefined) {
      const words = wordsOf(root);
      this.#roots.set(id, words);
      this.#byRoot.update(words, (entry) => this.#rootPools.add(entry, id));
    }
    this.#byName.update(kept, (few) => this.#namePools.add(few, id));
    if (first === 0) this.#nameCount += 1;
    return id;
  }

  /** Removes a content without holdings. */
  remove(id: number): void {
    let isNameLeft = true;
    this.#byName.update(this.nameOf(id), (few) => {
      const left = this.#namePools.remove(few, id);
      isNameLeft = left !== 0;
      return left;
    });
    if (!isNameLeft) {
      this.#nameCount -= 1;
      this.names.remove(this.#nameId.get(id));
    }
    if (this.#hasRoot.get(id) === 1) {
      this.#byRoot.update(wordsOf(this.#roots.get(id)), (entry) => this.#rootPools.remove(entry, id));
    }
    this.details.forget(id);
    this.#names.set(id, '' as FileName);
    this.#creators.set(id, '');
    this.#ids.giveBack(id);
  }

  nameOf(id: number): FileName {
    return this.#names.get(id);
  }

  serialOf(id: number): number {
    return this.#serial.get(id);
  }

  /** Whether its root is this one; a content without a root has none. */
  hasRoot(id: number, root: ContentRoot): boolean {
    return this.#hasRoot.get(id) === 1 && this.#roots.is(id, wordsOf(root));
  }

  /** The content as a reply shows it. */
  show(id: number): HeldContent {
    const root = this.#hasRoot.get(id) === 1 ? this.#roots.get(id) : undefined;
    return { name: this.nameOf(id), sizeBytes: this.#sizeBytes.get(id), root };
  }

  /** Whether this count of chunks, as told, is all of it. */
  isComplete(id: number, haveChunks: number): boolean {
    return haveChunks < 0 || haveChunks >= chunkCount(this.#sizeBytes.get(id));
  }

  /** Its holding by a peer's slot, or 0. */
  holdingBy(id: number, peerSlot: number): number {
    return this.#holders.find(this.#complete.get(id), peerSlot) || this.#holders.find(this.#partial.get(id), peerSlot);
  }

  /** Its holders that have all of it, or those that have a part. */
  holders(id: number, isComplete: boolean): Iterable<number> {
    return this.#holders.items((isComplete ? this.#complete : this.#partial).get(id));
  }

  /** How many those are, with what is past its lease. */
  holderCount(id: number, isComplete: boolean): number {
    return this.#holders.size((isComplete ? this.#complete : this.#partial).get(id));
  }

  sampleHolders(id: number, isComplete: boolean, count: number, random: Random): number[] {
    return this.#holders.sample((isComplete ? this.#complete : this.#partial).get(id), count, random);
  }

  hasHolders(id: number): boolean {
    return this.#complete.get(id) !== 0 || this.#partial.get(id) !== 0;
  }

  addHolding(holding: number): void {
    const [id, column] = this.#placeOf(holding);
    column.set(id, this.#holders.add(column.get(id), holding));
  }

  removeHolding(holding: number): void {
    const [id, column] = this.#placeOf(holding);
    column.set(id, this.#holders.remove(column.get(id), holding));
  }

  /** Takes a new count of chunks; a holding moves between the complete and the partial. */
  setHave(holding: number, haveChunks: number): void {
    const id = this.#holdings.content.get(holding);
    const isMoving = this.isComplete(id, haveChunks) !== this.isComplete(id, this.#holdings.haveChunks.get(holding));
    if (isMoving) this.removeHolding(holding);
    this.#holdings.haveChunks.set(holding, haveChunks);
    if (isMoving) this.addHolding(holding);
  }

  #inOrder(contents: number[]): number[] {
    return contents.length > 1 ? contents.sort((a, b) => this.serialOf(a) - this.serialOf(b)) : contents;
  }

  #placeOf(holding: number): [content: number, column: IntColumn] {
    const id = this.#holdings.content.get(holding);
    return [id, this.isComplete(id, this.#holdings.haveChunks.get(holding)) ? this.#complete : this.#partial];
  }

  #keyOf(id: number): string {
    return contentKey(this.#sizeBytes.get(id), this.#hasRoot.get(id) === 1 ? this.#roots.get(id) : undefined);
  }
}

/** What tells the contents of one name apart. */
function contentKey(sizeBytes: number, root: ContentRoot | undefined): string {
  return `${sizeBytes} ${root ?? '-'}`;
}

function slotIn(column: IntColumn): { slotOf(id: number): number; setSlot(id: number, slot: number): void } {
  return { slotOf: (id) => column.get(id), setSlot: (id, slot) => column.set(id, slot) };
}
