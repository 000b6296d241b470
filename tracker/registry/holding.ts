/**
 * Who holds what, and until when: a row for each registration.
 *
 * They are many (a million is the aim), so they are columns of numbers. Times are ticks. A lease lives until its own last REGISTER plus
 * ttl, or until the last ALIVE of its peer plus ttl, where that chain of ALIVEs began while the lease was alive (see `peer.ts`).
 */
import type { FileName } from '../../common/core/file-name.js';
import type { ContentRoot } from '../../common/core/root.js';
import { IntColumn, RowIds } from './columns.js';
import type { Peer } from './peer.js';
import type { PeerTable } from './peer-table.js';

/** A content as a reply shows it. */
export interface HeldContent {
  readonly name: FileName;
  readonly sizeBytes: number;
  readonly root: ContentRoot | undefined;
}

/** A holding as a reply shows it. */
export interface Holding {
  readonly content: HeldContent;
  readonly peer: Peer;
  /** As told, or -1 for all. */
  readonly haveChunks: number;
}

export class HoldingTable {
  readonly #ids = new RowIds();
  readonly #peers: PeerTable;
  readonly #peerSlot = new IntColumn();
  /** Place in the peer's list. */
  readonly #listPlace = new IntColumn();
  readonly content = new IntColumn();
  /** When it was last registered. */
  readonly tick = new IntColumn();
  /** As told, or -1 for all. */
  readonly haveChunks = new IntColumn();
  /** Place in the pool that it is in. */
  readonly poolSlot = new IntColumn();

  constructor(peers: PeerTable) {
    this.#peers = peers;
  }

  /** A new row, which its peer's list has too. */
  add(content: number, peer: Peer, tick: number, haveChunks: number): number {
    const id = this.#ids.take();
    this.#peerSlot.set(id, peer.slot);
    this.#listPlace.set(id, peer.holdings.length);
    peer.holdings.push(id);
    this.content.set(id, content);
    this.tick.set(id, tick);
    this.haveChunks.set(id, haveChunks);
    return id;
  }

  remove(id: number): void {
    const { holdings } = this.peerOf(id);
    const place = this.#listPlace.get(id);
    const last = holdings.pop();
    if (last !== undefined && last !== id) {
      holdings[place] = last;
      this.#listPlace.set(last, place);
    }
    this.#ids.giveBack(id);
  }

  peerSlotOf(id: number): number {
    return this.#peerSlot.get(id);
  }

  peerOf(id: number): Peer {
    return this.#peers.at(this.#peerSlot.get(id));
  }

  /** Whether a row, which may be gone or stand for something else by now, is one of a peer's. */
  isOf(id: number, peer: Peer): boolean {
    return peer.holdings[this.#listPlace.get(id)] === id;
  }

  isLive(id: number, tick: number, ttlTicks: number): boolean {
    const leaseTick = this.tick.get(id);
    return tick < leaseTick + ttlTicks || this.peerOf(id).prolongs(leaseTick, tick, ttlTicks);
  }
}
