/**
 * All that the registry keeps, and the rules by which records come and go together.
 *
 * Invariant: a content is kept while it has a holding, a peer while it has a holding or has joined, and its source is charged for each of
 * those. What is past its lease is still kept until it is removed; who reads must ask `isLive` and `isPeerLive`.
 */
import type { PeerAddress } from '../../common/core/peer-address.js';
import type { Random } from '../../common/ports/random.js';
import { ContentTable } from './content-table.js';
import { HandedOut } from './handed-out.js';
import { HoldingTable } from './holding.js';
import { ownText } from './own-text.js';
import { Peer, TICK_MS } from './peer.js';
import { PeerTable } from './peer-table.js';
import { type SourceQuota, SourceQuotas } from './source-quotas.js';

export interface RecordLimits {
  /** Registrations of all sources. */
  readonly entriesMaxCount: number;
  /** Registrations of one source. */
  readonly sourceEntriesMaxCount: number;
}

export class Records {
  readonly peers: PeerTable;
  readonly holdings: HoldingTable;
  readonly contents: ContentTable;
  readonly quotas: SourceQuotas;
  readonly handedOut = new HandedOut();
  readonly ttlTicks: number;

  constructor(ports: { readonly random: Random }, ttlTicks: number, limits: RecordLimits) {
    this.ttlTicks = ttlTicks;
    this.peers = new PeerTable(ports);
    this.holdings = new HoldingTable(this.peers);
    this.contents = new ContentTable(ports, this.holdings);
    this.quotas = new SourceQuotas(limits.entriesMaxCount, limits.sourceEntriesMaxCount);
  }

  isLive(holding: number, tick: number): boolean {
    return this.holdings.isLive(holding, tick, this.ttlTicks);
  }

  /** Whether a peer has anything that lives. What has ended and is met on the way is removed, so that it is met once. */
  isPeerLive(peer: Peer, tick: number): boolean {
    if (peer.isGone || tick >= peer.lastTick + this.ttlTicks) return false;
    // Whatever it said last is still there, unless it was withdrawn.
    if (!peer.hasWithdrawn || peer.isJoined(tick, this.ttlTicks)) return true;
    for (let last = peer.holdings.at(-1); last !== undefined; last = peer.holdings.at(-1)) {
      if (this.isLive(last, tick)) return true;
      this.remove(last);
    }
    return false;
  }

  /** Whether a content has a holder that lives. */
  isContentLive(content: number, tick: number): boolean {
    return [true, false].some((isComplete) => {
      for (const holding of this.contents.holders(content, isComplete)) if (this.isLive(holding, tick)) return true;
      return false;
    });
  }

  /** How many registrations of a peer live. */
  liveHoldingCount(peer: Peer, tick: number): number {
    return peer.holdings.reduce((count, holding) => count + (this.isLive(holding, tick) ? 1 : 0), 0);
  }

  /** A peer that is not known yet; `addHolding` or `join` must follow. */
  addPeer({ ip, port }: PeerAddress, quota: SourceQuota, tick: number): Peer {
    // The source's text is one for all that it registers, and mostly the same.
    const peer = new Peer({ ip: ip === quota.source ? quota.source : ownText(ip), port }, quota, tick);
    this.peers.add(peer);
    return peer;
  }

  addHolding(content: number, peer: Peer, tick: number, haveChunks: number): void {
    this.contents.addHolding(this.holdings.add(content, peer, tick, haveChunks));
    this.quotas.charge(peer.quota);
  }

  /** Removes a holding, with its content and its peer where it was the last. */
  remove(holding: number): void {
    const content = this.holdings.content.get(holding);
    const peer = this.holdings.peerOf(holding);
    this.contents.removeHolding(holding);
    this.holdings.remove(holding);
    this.quotas.release(peer.quota);
    if (!this.contents.hasHolders(content)) this.contents.remove(content);
    this.#removeIdle(peer);
  }

  /** Removes a holding for which its peer no longer stands; gives whether it was alive. */
  withdraw(holding: number, tick: number): boolean {
    const wasLive = this.isLive(holding, tick);
    this.holdings.peerOf(holding).hasWithdrawn = true;
    this.remove(holding);
    return wasLive;
  }

  join(peer: Peer, tick: number, group: string | undefined): void {
    if (!peer.hasJoined) this.quotas.charge(peer.quota);
    peer.join(tick, group);
  }

  /** Ends what `join` began, where it did. */
  leave(peer: Peer): void {
    if (!peer.hasJoined) return;
    peer.leave();
    this.quotas.release(peer.quota);
    this.#removeIdle(peer);
  }

  #removeIdle(peer: Peer): void {
    if (peer.holdings.length > 0 || peer.hasJoined) return;
    this.handedOut.forget(peer);
    this.peers.remove(peer);
  }
}

export function ticks(nowMs: number): number {
  return Math.floor(nowMs / TICK_MS);
}
