/**
 * The records of the registry: a content, a peer, and that this peer holds that content.
 *
 * They are many (a million is the aim), so fields are few, numbers are small whole ones, and texts are stored once. Times are ticks.
 * A holding lives until its own last REGISTER plus ttl, or until the last ALIVE of its peer plus ttl, where that chain of ALIVEs
 * began while the holding was alive. So ALIVE costs O(1) for any number of holdings, and what has ended never comes back by one.
 */
import { chunkCount } from '../../common/core/chunks.js';
import type { FileName } from '../../common/core/file-name.js';
import type { PeerAddress } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { PoolTraits } from './fair-pool.js';
import { type Few, fewAdd, fewFind, fewRemove, fewSize } from './few.js';
import { type SourceQuota, sourceOf } from './source-quotas.js';

/** Milliseconds of a tick. Leases are whole seconds; a coarse tick stays a small integer for years, which a millisecond does not. */
export const TICK_MS = 100;

const NEVER = -1;

export class Peer {
  readonly address: PeerAddress;
  /** Text of the address, the key of the registry. */
  readonly key: string;
  /** The source that its IP address belongs to; replies are fair by it. */
  readonly host: string;
  /** Who is charged: the source that registered it. */
  readonly quota: SourceQuota;
  readonly holdings: Holding[] = [];
  /** 0 to 100, or -1 where it never told. */
  load = NEVER;
  /** The last REGISTER or ALIVE: while this is younger than the ttl, something of the peer lives. */
  lastTick: number;
  /** The present chain of ALIVEs, each within a ttl of the one before: its first and its last. */
  chainTick = NEVER;
  aliveTick = NEVER;

  constructor(address: PeerAddress, key: string, quota: SourceQuota, tick: number) {
    this.address = address;
    this.key = key;
    this.host = sourceOf(address.ip);
    this.quota = quota;
    this.lastTick = tick;
  }

  /** A peer that comes back after its last lease ended is a new one: what it told before does not count. */
  sayRegistered(tick: number, ttlTicks: number): void {
    if (tick >= this.lastTick + ttlTicks) this.load = NEVER;
    this.lastTick = tick;
  }

  sayAlive(tick: number, ttlTicks: number): void {
    if (this.aliveTick === NEVER || tick >= this.aliveTick + ttlTicks) this.chainTick = tick;
    this.aliveTick = tick;
    this.lastTick = tick;
  }
}

export class Holding {
  readonly content: Content;
  readonly peer: Peer;
  tick: number;
  /** As told, or -1 for all. */
  haveChunks: number;
  poolSlot = 0;
  peerSlot: number;

  constructor(content: Content, peer: Peer, tick: number, haveChunks: number) {
    this.content = content;
    this.peer = peer;
    this.tick = tick;
    this.haveChunks = haveChunks;
    this.peerSlot = peer.holdings.length;
  }

  get isComplete(): boolean {
    return isComplete(this.content, this.haveChunks);
  }

  isLive(tick: number, ttlTicks: number): boolean {
    const endTick = this.tick + ttlTicks;
    if (tick < endTick) return true;
    const { chainTick, aliveTick } = this.peer;
    return aliveTick !== NEVER && chainTick < endTick && tick < aliveTick + ttlTicks;
  }
}

export class Content {
  readonly name: FileName;
  readonly sizeBytes: number;
  readonly root: ContentRoot | undefined;
  /** The source that registered it first. */
  readonly creator: string;
  #complete: Few<Holding>;
  #partial: Few<Holding>;
  nameSlot = 0;
  rootSlot = 0;

  constructor(name: FileName, sizeBytes: number, root: ContentRoot | undefined, creator: string) {
    this.name = name;
    this.sizeBytes = sizeBytes;
    this.root = root;
    this.creator = creator;
  }

  get complete(): Few<Holding> {
    return this.#complete;
  }

  get partial(): Few<Holding> {
    return this.#partial;
  }

  get holdingCount(): number {
    return fewSize(this.#complete) + fewSize(this.#partial);
  }

  find(peer: Peer): Holding | undefined {
    return fewFind(this.#complete, peer, holdingTraits) ?? fewFind(this.#partial, peer, holdingTraits);
  }

  add(holding: Holding): void {
    if (holding.isComplete) this.#complete = fewAdd(this.#complete, holding, holdingTraits);
    else this.#partial = fewAdd(this.#partial, holding, holdingTraits);
  }

  remove(holding: Holding): void {
    if (holding.isComplete) this.#complete = fewRemove(this.#complete, holding);
    else this.#partial = fewRemove(this.#partial, holding);
  }

  /** Takes a new count of chunks; a holding moves between the complete and the partial. */
  setHave(holding: Holding, haveChunks: number): void {
    if (isComplete(this, haveChunks) === holding.isComplete) {
      holding.haveChunks = haveChunks;
      return;
    }
    this.remove(holding);
    holding.haveChunks = haveChunks;
    this.add(holding);
  }
}

function isComplete(content: Content, haveChunks: number): boolean {
  return haveChunks === NEVER || haveChunks >= chunkCount(content.sizeBytes);
}

/** Holders of a content, fair by host. */
const holdingTraits: PoolTraits<Holding> = {
  slotOf: (holding) => holding.poolSlot,
  setSlot: (holding, slot) => {
    holding.poolSlot = slot;
  },
  groupOf: (holding) => holding.peer.host,
  keyOf: (holding) => holding.peer,
};

/** Contents of a name, fair by who brought them up, found by size and root. */
export const nameTraits: PoolTraits<Content> = {
  slotOf: (content) => content.nameSlot,
  setSlot: (content, slot) => {
    content.nameSlot = slot;
  },
  groupOf: (content) => content.creator,
  keyOf: (content) => contentKey(content.sizeBytes, content.root),
};

/** Contents of a root (several names for the same bytes). */
export const rootTraits: PoolTraits<Content> = {
  slotOf: (content) => content.rootSlot,
  setSlot: (content, slot) => {
    content.rootSlot = slot;
  },
  groupOf: (content) => content.creator,
  keyOf: (content) => content,
};

/** What tells the contents of one name apart. */
export function contentKey(sizeBytes: number, root: ContentRoot | undefined): string {
  return `${sizeBytes} ${root ?? '-'}`;
}
