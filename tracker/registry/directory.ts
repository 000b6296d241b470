/**
 * The lists that the registry shows: contents by name, by a part of it, or all of them; and peers. It changes nothing that lives.
 *
 * Contents come in the order of their names' ids, those of one name in the order in which they became known; peers likewise. What a page
 * ends at is kept nowhere but in its cursor, and what is there during a whole walk over the pages comes exactly once.
 */
import { ShoalError } from '../../common/core/errors.js';
import type { FileName } from '../../common/core/file-name.js';
import { fold } from '../../common/core/fold.js';
import { TRACKER_PAGE_PEERS_COUNT, TRACKER_SEARCH_BUDGET_BYTES } from '../../common/core/limits.js';
import type { Random } from '../../common/ports/random.js';
import type { ContentRef } from '../../common/wire/peer-lines.js';
import type { ContentInfo, PeerInfo } from '../../common/wire/tracker-replies.js';
import { LiveCounts } from './live-counts.js';
import type { NamePage } from './name-index.js';
import { type Peer, TICK_MS } from './peer.js';
import type { Records } from './records.js';

export interface PageRoom {
  /** The `next` of the page before; absent for the first. */
  readonly after?: string | undefined;
  readonly maxCount: number;
  /** About as many bytes as the rows may take on the wire. The first row always has room. */
  readonly maxBytes: number;
}

export interface DirectoryPage<Row> {
  readonly rows: Row[];
  /** What to give as `after` for the next page; absent exactly where this is the last. */
  readonly next?: string;
}

/** Where a walk is: behind the content with this serial of the name with this id, or behind all of that name's where it is bigger. */
interface Place {
  readonly nameId: number;
  readonly serial: number;
}

/** Pages of names that are looked at for one page: more than one only where leases have ended and are not swept. */
const NAME_PAGES_MAX_COUNT = 4;
/** Samples of contents drawn again because nobody had some of them any more. */
const INFO_TRIES_COUNT = 4;
/** Bytes of a row without what may be long, about. */
const CONTENT_ROW_BYTES = 24;
const PEER_ROW_BYTES = 40;

export class Directory {
  readonly #random: Random;
  readonly #records: Records;

  constructor(ports: { readonly random: Random }, records: Records) {
    this.#random = ports.random;
    this.#records = records;
  }

  /** Fewer rows than there are contents where counting their holders would take long. */
  info(ref: ContentRef, { maxCount, maxBytes }: PageRoom, tick: number): ContentInfo[] {
    let rows: ContentInfo[] = [];
    for (let tries = 0; tries < INFO_TRIES_COUNT; tries += 1) {
      const counts = new LiveCounts(this.#records, tick, maxBytes);
      const contents = this.#records.contents.sample(ref, maxCount, this.#random);
      const looked: number[] = [];
      rows = [];
      for (const content of contents) {
        if (counts.isSpent) break;
        looked.push(content);
        const row = this.#infoOf(content, counts);
        if (row !== undefined) rows.push(row);
      }
      if (rows.length === looked.length) break;
      for (const content of looked) this.#removeEnded(content, tick);
    }
    return rows.sort((a, b) => b.completeCount - a.completeCount || b.partialCount - a.partialCount);
  }

  search(text: string, page: PageRoom, tick: number): DirectoryPage<ContentInfo> {
    const folded = fold(text);
    const { names } = this.#records.contents;
    return this.#pageOf(page, tick, (afterId, count) => names.search(folded, afterId, count, TRACKER_SEARCH_BUDGET_BYTES));
  }

  list(page: PageRoom, tick: number): DirectoryPage<ContentInfo> {
    const { names } = this.#records.contents;
    return this.#pageOf(page, tick, (afterId, count) => names.list(afterId, count));
  }

  peers(page: PageRoom & { readonly group?: string | undefined }, tick: number): DirectoryPage<PeerInfo> {
    const { peers, ttlTicks } = this.#records;
    const rows: PeerInfo[] = [];
    const counts = new LiveCounts(this.#records, tick, page.maxBytes);
    let leftBytes = page.maxBytes;
    let last = page.after === undefined ? 0 : peerCursor(page.after);
    for (let looks = 0; ; looks += 1) {
      const peer = peers.after(last);
      if (peer === undefined) return { rows };
      const isWanted = page.group === undefined || peer.groupAt(tick, ttlTicks) === page.group;
      if (isWanted && this.#records.isPeerLive(peer, tick)) {
        leftBytes -= PEER_ROW_BYTES;
        const isFull = rows.length >= page.maxCount || counts.isSpent || (leftBytes < 0 && rows.length > 0);
        if (isFull) return { rows, next: last.toString(36) };
        rows.push(this.#peerInfo(peer, counts, tick));
      }
      last = peer.serial;
      if (looks >= TRACKER_PAGE_PEERS_COUNT) return { rows, next: last.toString(36) };
    }
  }

  #pageOf(page: PageRoom, tick: number, namesAfter: (afterId: number, maxCount: number) => NamePage): DirectoryPage<ContentInfo> {
    const rows: ContentInfo[] = [];
    const counts = new LiveCounts(this.#records, tick, page.maxBytes);
    let leftBytes = page.maxBytes;
    let place = page.after === undefined ? { nameId: 1, serial: 0 } : placeOf(page.after);
    for (let tries = 0; tries < NAME_PAGES_MAX_COUNT; tries += 1) {
      // The name that the last page ended in is looked at again: it may have more.
      const { names, nextId } = namesAfter(place.nameId - 1, page.maxCount + 1);
      for (const { content, at } of this.#contentsOf(names, place, page.maxCount)) {
        if (counts.isSpent) return { rows, next: formatPlace(place) };
        const row = this.#infoOf(content, counts);
        if (row !== undefined) {
          leftBytes -= rowBytes(row);
          if (rows.length >= page.maxCount || (leftBytes < 0 && rows.length > 0)) return { rows, next: formatPlace(place) };
          rows.push(row);
        }
        place = at;
      }
      if (nextId === undefined) return { rows };
      place = { nameId: nextId + 1, serial: 0 };
      // It looked at as much as one search may.
      if (names.length <= page.maxCount) break;
    }
    return { rows, next: formatPlace(place) };
  }

  /** The contents of names, from a place on; about so many are wanted. */
  *#contentsOf(names: readonly FileName[], from: Place, wantedCount: number): Iterable<{ content: number; at: Place }> {
    const { contents } = this.#records;
    for (const name of names) {
      const nameId = contents.idOfName(name);
      let serial = nameId === from.nameId ? from.serial : 0;
      // One more than a page may have is looked at, and more only where some of them have ended.
      for (let isLast = false; !isLast; ) {
        const some = contents.pageOfName(name, serial, wantedCount + 1);
        isLast = some.length <= wantedCount;
        for (const content of some) {
          serial = contents.serialOf(content);
          yield { content, at: { nameId, serial } };
        }
      }
    }
  }

  /** A content with its holders; `undefined` where nobody has it any more. */
  #infoOf(content: number, counts: LiveCounts): ContentInfo | undefined {
    const { contents } = this.#records;
    const [completeCount = 0, partialCount = 0] = [true, false].map((isComplete) =>
      counts.count(contents.holders(content, isComplete), contents.holderCount(content, isComplete)),
    );
    if (completeCount + partialCount === 0) return undefined;
    return { ...contents.show(content), completeCount, partialCount, ...contents.details.get(content) };
  }

  #removeEnded(content: number, tick: number): void {
    const { contents } = this.#records;
    for (const isComplete of [true, false]) {
      const ended = [...contents.holders(content, isComplete)].filter((holding) => !this.#records.isLive(holding, tick));
      for (const holding of ended) this.#records.remove(holding);
    }
  }

  #peerInfo(peer: Peer, counts: LiveCounts, tick: number): PeerInfo {
    return {
      address: peer.address,
      fileCount: counts.count(peer.holdings, peer.holdings.length),
      seenMs: Math.max(0, tick - peer.lastTick) * TICK_MS,
      load: peer.load < 0 ? undefined : peer.load,
      acceptBytes: peer.acceptBytes || undefined,
      group: peer.groupAt(tick, this.#records.ttlTicks),
    };
  }
}

/** Rather too little than too much: who writes the rows leaves out what does not fit. */
function rowBytes({ name, root, type, checksum }: ContentInfo): number {
  return CONTENT_ROW_BYTES + Buffer.byteLength(name) + (root?.length ?? 0) + (type?.length ?? 0) + (checksum?.length ?? 0);
}

function formatPlace({ nameId, serial }: Place): string {
  return `${nameId.toString(36)}.${serial.toString(36)}`;
}

function placeOf(cursor: string): Place {
  const match = /^([0-9a-z]{1,10})\.([0-9a-z]{1,10})$/.exec(cursor);
  if (match === null) return refuse();
  return { nameId: Math.max(1, Number.parseInt(match[1] ?? '', 36)), serial: Number.parseInt(match[2] ?? '', 36) };
}

function peerCursor(cursor: string): number {
  return /^[0-9a-z]{1,10}$/.test(cursor) ? Number.parseInt(cursor, 36) : refuse();
}

function refuse(): never {
  throw new ShoalError('BAD_REQUEST', 'remote', 'after is what a page of the same list gave as next=.');
}
