/**
 * Who has what, for how long. Pure: time is given, chance is a port; memory is the only store.
 *
 * It never mixes contents and never throws one source's registrations out for another's. What is past its lease is never shown or
 * counted; its memory is given back by `sweep`, or when met on the way. The records are in `records.ts`, whom a
 * LOOKUP names in `lookup.ts`, the lists in `directory.ts`.
 */
import { ShoalError } from '../../common/core/errors.js';
import type { FileName } from '../../common/core/file-name.js';
import { TRACKER_NAME_CONTENTS_PER_SOURCE_COUNT } from '../../common/core/limits.js';
import type { PeerAddress } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { Random } from '../../common/ports/random.js';
import type { ContentRef } from '../../common/wire/peer-lines.js';
import type { ContentInfo, PeerInfo } from '../../common/wire/tracker-replies.js';
import { Directory, type DirectoryPage, type PageRoom } from './directory.js';
import type { Holding } from './holding.js';
import { ListCheck } from './list-check.js';
import { Lookup } from './lookup.js';
import { ownText } from './own-text.js';
import { type Peer, type PeerReport, TICK_MS } from './peer.js';
import { type RecordLimits, Records, ticks } from './records.js';
import type { SourceQuota } from './source-quotas.js';
import { Sweeper } from './sweeper.js';

export interface RegistryOptions extends RecordLimits {
  /** Milliseconds that a registration lives without REGISTER or ALIVE; a multiple of TICK_MS. */
  readonly ttlMs: number;
  /** Milliseconds in which a peer is to tell its load again. Default half of `ttlMs`. */
  readonly intervalMs?: number;
}

export interface Registration {
  readonly name: FileName;
  readonly sizeBytes: number;
  readonly root: ContentRoot | undefined;
  /** Chunks held; `undefined` for all. */
  readonly haveChunks: number | undefined;
  readonly load: number | undefined;
  /** Kept with the content, the last told; where they are not told, what was told before stays. */
  readonly type?: string | undefined;
  readonly checksum?: string | undefined;
  readonly address: PeerAddress;
  /** Who is charged for it, by `sourceOf`. */
  readonly source: string;
}

export interface JoinRegistration extends PeerReport {
  readonly address: PeerAddress;
  readonly source: string;
  readonly group?: string | undefined;
}

export class Registry {
  readonly #records: Records;
  readonly #lookup: Lookup;
  readonly #directory: Directory;
  readonly #sweeper: Sweeper;
  readonly #intervalTicks: number;

  constructor(ports: { readonly random: Random }, options: RegistryOptions) {
    this.#records = new Records(ports, Math.round(options.ttlMs / TICK_MS), options);
    this.#lookup = new Lookup(ports, this.#records);
    this.#directory = new Directory(ports, this.#records);
    this.#sweeper = new Sweeper(this.#records);
    this.#intervalTicks = Math.round((options.intervalMs ?? options.ttlMs / 2) / TICK_MS);
  }

  /** What is kept now, with what is past its lease and not yet swept. */
  get counts(): { readonly entries: number; readonly peers: number; readonly names: number; readonly sources: number } {
    const { quotas, peers, contents } = this.#records;
    return { entries: quotas.total, peers: peers.count, names: contents.nameCount, sources: quotas.sourceCount };
  }

  /** Keeps or refreshes a registration. Gives whether it is new. Throws `LIMIT`. */
  register(registration: Registration, nowMs: number): boolean {
    const tick = ticks(nowMs);
    const records = this.#records;
    const { contents, holdings } = records;
    const haveChunks = registration.haveChunks ?? -1;
    const peer = this.#meet(registration.address, tick);
    const content = contents.find(registration);
    const holding = content === 0 || peer === undefined ? 0 : contents.holdingBy(content, peer.slot);
    const isNew = holding === 0 || !records.isLive(holding, tick);
    const quota = peer?.quota ?? records.quotas.of(registration.source);
    if (holding === 0) records.quotas.check(quota);
    if (content === 0) this.#checkName(registration);
    // What was told of a content while others had it is nothing to who brings it back.
    else if (isNew && contents.details.has(content) && !records.isContentLive(content, tick)) contents.details.forget(content);
    const holder = peer ?? records.addPeer(registration.address, quota, tick);
    const held = content === 0 ? contents.add(registration, sourceText(registration, quota)) : content;
    if (holding === 0) {
      records.addHolding(held, holder, tick, haveChunks);
    } else {
      holdings.tick.set(holding, tick);
      contents.setHave(holding, haveChunks);
    }
    const { type, checksum } = registration;
    if (type !== undefined || checksum !== undefined) contents.details.tell(held, type, checksum);
    records.handedOut.heard(holder, tick, registration.load);
    return isNew;
  }

  /** Keeps a peer that may hold nothing, as one registration; says of it what is told, and takes back what is not. Throws `LIMIT`. */
  join({ address, source, load, acceptBytes = 0, group }: JoinRegistration, nowMs: number): void {
    const tick = ticks(nowMs);
    const known = this.#meet(address, tick);
    const quota = known?.quota ?? this.#records.quotas.of(source);
    if (known?.hasJoined !== true) this.#records.quotas.check(quota);
    const peer = known ?? this.#records.addPeer(address, quota, tick);
    this.#records.join(peer, tick, group);
    peer.acceptBytes = acceptBytes;
    this.#records.handedOut.heard(peer, tick, load);
  }

  /**
   * Prolongs everything at an address; without a load, the one told before stays. Gives the number of contents that are registered there;
   * `undefined` where nothing is.
   */
  alive(address: PeerAddress, { load, acceptBytes = 0 }: PeerReport, nowMs: number): number | undefined {
    const tick = ticks(nowMs);
    const peer = this.#records.peers.find(address);
    if (peer === undefined || !this.#records.isPeerLive(peer, tick)) return undefined;
    peer.sayAlive(tick, this.#records.ttlTicks);
    peer.acceptBytes = acceptBytes;
    this.#records.handedOut.heard(peer, tick, load);
    return peer.holdings.length;
  }

  /** Forgets everything at an address. Gives how many registrations that were, a JOIN among them. */
  unregister(address: PeerAddress, nowMs: number): number {
    const tick = ticks(nowMs);
    const peer = this.#records.peers.find(address);
    if (peer === undefined) return 0;
    let liveCount = peer.isJoined(tick, this.#records.ttlTicks) ? 1 : 0;
    for (let last = peer.holdings.at(-1); last !== undefined; last = peer.holdings.at(-1)) {
      if (this.#records.isLive(last, tick)) liveCount += 1;
      this.#records.remove(last);
    }
    this.#records.leave(peer);
    return liveCount;
  }

  /** Forgets what an address has under a name, with any root or with one. Gives how many registrations that were. */
  withdraw(name: FileName, address: PeerAddress, root: ContentRoot | undefined, nowMs: number): number {
    const { contents, peers } = this.#records;
    const peer = peers.find(address);
    if (peer === undefined) return 0;
    let liveCount = 0;
    for (const content of contents.ofName(name)) {
      if (root !== undefined && !contents.hasRoot(content, root)) continue;
      const holding = contents.holdingBy(content, peer.slot);
      if (holding === 0) continue;
      if (this.#records.withdraw(holding, ticks(nowMs))) liveCount += 1;
      if (peer.isGone) break;
    }
    return liveCount;
  }

  /** At most `maxCount` holders, the best first; several contents share the rows. Empty where nobody has it. */
  lookup(ref: ContentRef, maxCount: number, nowMs: number): readonly Holding[] {
    return this.#lookup.holders(ref, maxCount, ticks(nowMs));
  }

  /** Contents of a name or a root within `room`, those with most holders first. Empty where nobody has it. */
  info(ref: ContentRef, room: PageRoom, nowMs: number): ContentInfo[] {
    return this.#directory.info(ref, room, ticks(nowMs));
  }

  /** A page of the contents whose names hold a text. Throws `BAD_REQUEST` for a cursor that no page gave. */
  search(text: string, page: PageRoom, nowMs: number): DirectoryPage<ContentInfo> {
    return this.#directory.search(text, page, ticks(nowMs));
  }

  /** A page of all contents. Throws as `search`. */
  list(page: PageRoom, nowMs: number): DirectoryPage<ContentInfo> {
    return this.#directory.list(page, ticks(nowMs));
  }

  /** A page of all peers, or of those that joined a group. Throws as `search`. */
  peers(page: PageRoom & { readonly group?: string | undefined }, nowMs: number): DirectoryPage<PeerInfo> {
    return this.#directory.peers(page, ticks(nowMs));
  }

  /**
   * Peers that are being handed out and have not told their load for an interval. One that is given is not given again for as long,
   * unless `probed` says what came of it. Those that another address made known are none of them: nobody may have others asked.
   */
  staleLoads(nowMs: number, maxCount: number): PeerAddress[] {
    const tick = ticks(nowMs);
    const { handedOut } = this.#records;
    const stale = handedOut.stale(tick, this.#intervalTicks, maxCount);
    const isOwn = ({ host, quota }: Peer) => host === quota.source;
    return stale.filter((peer) => isOwn(peer) && this.#records.isPeerLive(peer, tick)).map((peer) => peer.address);
  }

  /** A peer was asked and answered, with its load or without. It prolongs nothing: that is for the peer to say. */
  probed(address: PeerAddress, load: number | undefined, nowMs: number): void {
    const peer = this.#records.peers.find(address);
    if (peer !== undefined) this.#records.handedOut.probed(peer, ticks(nowMs), load);
  }

  /** Forgets a peer that does not answer. */
  drop(address: PeerAddress, nowMs: number): number {
    return this.unregister(address, nowMs);
  }

  /** A check of a peer against the list that it gives; `undefined` where no more than `fileCount` registrations of it live. */
  checkList(address: PeerAddress, fileCount: number, nowMs: number): ListCheck | undefined {
    const peer = this.#records.peers.find(address);
    if (peer === undefined || this.#records.liveHoldingCount(peer, ticks(nowMs)) <= fileCount) return undefined;
    return new ListCheck(this.#records, peer, ticks(nowMs));
  }

  /** Gives back the memory of registrations that are past their lease; looks at no more than `budgetCount`. Goes round and round. */
  sweep(nowMs: number, budgetCount: number): void {
    this.#sweeper.sweep(ticks(nowMs), budgetCount);
  }

  /** The peer at an address, if it is known. One that comes back after its last lease ended is as a new one. */
  #meet(address: PeerAddress, tick: number): Peer | undefined {
    const known = this.#records.peers.find(address);
    if (known === undefined || this.#records.isPeerLive(known, tick)) return known;
    if (!known.isGone) this.#records.leave(known);
    // What has ended may have been the last of it.
    if (known.isGone) return undefined;
    known.startAnew(tick);
    return known;
  }

  #checkName({ name, source }: Registration): void {
    if (this.#records.contents.countBy(source, name) < TRACKER_NAME_CONTENTS_PER_SOURCE_COUNT) return;
    throw new ShoalError('LIMIT', 'remote', 'Your address has too many different contents under this name; use another name.');
  }
}

/** The text of a source that is kept: one for all that it registers. */
function sourceText({ source }: Registration, quota: SourceQuota): string {
  return source === quota.source ? quota.source : ownText(source);
}
