/**
 * A peer as the tracker knows it: where it is, what it told of itself, and until when that counts.
 *
 * What a peer has registered ends one by one, but ALIVE costs O(1) for any number of it: the present chain of ALIVEs, each within a ttl
 * of the one before, prolongs every lease that was alive when the chain began. So what has ended never comes back by an ALIVE.
 */
import { UPLOAD_SLOTS_START_COUNT } from '../../common/core/limits.js';
import { formatPeerAddress, type PeerAddress, sourceOf } from '../../common/core/peer-address.js';
import type { SourceQuota } from './source-quotas.js';

/** Milliseconds of a tick. Leases are whole seconds; a coarse tick stays a small integer for years, which a millisecond does not. */
export const TICK_MS = 100;

const NEVER = -1;

/** Load of a peer that does not tell: after those that say they are idle, before those that say they are busy. */
const LOAD_UNKNOWN = 50;

/** Load that being named first stands for until the peer tells its own again: an upload slot of those that a peer begins with. */
const NAMED_LOAD = Math.floor(100 / UPLOAD_SLOTS_START_COUNT);

/** What a peer says of itself with JOIN and ALIVE; what it leaves out is `undefined`. */
export interface PeerReport {
  /** 0 (idle) to 100. */
  readonly load?: number | undefined;
  /** Bytes that it still takes in pushes. */
  readonly acceptBytes?: number | undefined;
}

export class Peer {
  readonly address: PeerAddress;
  /** The source that its IP address belongs to; replies are fair by it. */
  readonly host: string;
  /** Who is charged: the source that made it known. */
  readonly quota: SourceQuota;
  /** Ids of its holdings. */
  readonly holdings: number[] = [];
  /** Its row while it is known, and its place in the order of all peers there ever were. */
  slot = 0;
  serial = 0;
  isGone = false;
  /** 0 to 100, or -1 where it never told. */
  load = NEVER;
  acceptBytes = 0;
  /** How often it was named first since it last said anything. */
  namedCount = 0;
  /** When it last told its load, or was last to be asked for it. */
  reportTick: number;
  /** The last REGISTER, JOIN or ALIVE: when this is a ttl ago, nothing of the peer lives. */
  lastTick: number;
  /** Whether something of it may live when `lastTick` is younger: not so certain once it has withdrawn something. */
  hasWithdrawn = false;
  #group: string | undefined;
  #joinTick = NEVER;
  /** The present chain of ALIVEs: its first and its last. */
  #chainTick = NEVER;
  #aliveTick = NEVER;

  constructor(address: PeerAddress, quota: SourceQuota, tick: number) {
    this.address = address;
    this.host = address.ip === quota.source ? quota.source : sourceOf(address.ip);
    this.quota = quota;
    this.lastTick = this.reportTick = tick;
  }

  /** The text of its address. */
  get key(): string {
    return formatPeerAddress(this.address);
  }

  /** Its load as a reply ranks it: with what being named has brought it since it last told. */
  get expectedLoad(): number {
    return (this.load < 0 ? LOAD_UNKNOWN : this.load) + this.namedCount * NAMED_LOAD;
  }

  get hasJoined(): boolean {
    return this.#joinTick !== NEVER;
  }

  /** The group it joined, while that lasts. */
  groupAt(tick: number, ttlTicks: number): string | undefined {
    return this.isJoined(tick, ttlTicks) ? this.#group : undefined;
  }

  isJoined(tick: number, ttlTicks: number): boolean {
    return this.hasJoined && (tick < this.#joinTick + ttlTicks || this.prolongs(this.#joinTick, tick, ttlTicks));
  }

  /** Whether ALIVEs keep a lease of which the last word of its own was at `leaseTick`. */
  prolongs(leaseTick: number, tick: number, ttlTicks: number): boolean {
    return this.#aliveTick !== NEVER && this.#chainTick < leaseTick + ttlTicks && tick < this.#aliveTick + ttlTicks;
  }

  join(tick: number, group: string | undefined): void {
    this.#joinTick = tick;
    this.#group = group;
  }

  leave(): void {
    this.#joinTick = NEVER;
    this.#group = undefined;
  }

  sayAlive(tick: number, ttlTicks: number): void {
    if (this.#aliveTick === NEVER || tick >= this.#aliveTick + ttlTicks) this.#chainTick = tick;
    this.#aliveTick = tick;
  }

  /** It said something at `tick`: from now on it is as loaded as it says. */
  hear(tick: number, load: number | undefined): void {
    this.lastTick = tick;
    this.hasWithdrawn = false;
    this.namedCount = 0;
    if (load === undefined) return;
    this.load = load;
    this.reportTick = tick;
  }

  /** A peer that comes back after its last lease ended is a new one: what it told before does not count. */
  startAnew(tick: number): void {
    this.load = NEVER;
    this.acceptBytes = 0;
    this.reportTick = tick;
  }
}
