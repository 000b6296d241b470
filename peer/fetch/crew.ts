/**
 * The peers of one download: connected, greeted, judged, parted with. It knows what each may be asked for; what is asked, and what
 * becomes of it, is the download's.
 *
 * Invariant: a supplier that is ready has a connection, and the plan knows what it has.
 */
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import type { PeerAddress } from '../../common/core/peer-address.js';
import { AskedLimit, type LineUse } from './asked-limit.js';
import type { Catalog } from './catalog.js';
import type { DownloadEvents } from './download-options.js';
import { greet, type SwarmContent } from './greeting.js';
import { claimHelp } from './helping.js';
import type { Plan } from './plan.js';
import type { PlanPeer } from './plan-peer.js';
import { Supplier } from './supplier.js';
import { type Lane, Swarm, type SwarmPorts } from './swarm.js';

/** Milliseconds without a chunk after which a peer that promises some leaves for others, where more are known than can be connected. */
const PROMISES_MS = 15_000;

/** How many chunks a peer had brought when that was last looked at, and since when. */
interface Merit {
  readonly chunkCount: number;
  readonly sinceMs: number;
}

/** Milliseconds after which a peer is asked to give back what it has not begun with: sooner than it is taken for dead. */
const LATE_MS = 3000;

export interface CrewOptions {
  readonly plan: Plan;
  readonly catalog: Pick<Catalog, 'locate'>;
  /** Where it is missing, nobody is asked what it has. */
  readonly swarm: SwarmContent | undefined;
  readonly usualChunkBytes: number;
  readonly events: Pick<DownloadEvents, 'peerConnected' | 'peerFailed' | 'peerBanned'>;
  /** May be asked from now on, or has more than before. */
  readonly ready: (supplier: Supplier) => void;
}

export class Crew {
  readonly #options: CrewOptions;
  readonly #swarm: Swarm;
  readonly #suppliers = new Map<Lane, Supplier>();
  readonly #merits = new WeakMap<PlanPeer, Merit>();
  readonly #inOrder: Supplier[] = [];
  readonly #limit = new AskedLimit();

  constructor(ports: SwarmPorts, options: CrewOptions) {
    this.#options = options;
    const { events } = options;
    this.#swarm = new Swarm(ports, {
      connected: (lane) => void this.#greet(lane),
      failed: (lane, error) => {
        this.#parted(lane);
        events.peerFailed(lane.key, error.message);
      },
      banned: (lane, reason) => {
        this.#parted(lane);
        events.peerBanned(lane.key, reason);
      },
    });
  }

  /** Everybody who was ever connected, in the order in which that was. */
  get suppliers(): readonly Supplier[] {
    return this.#inOrder;
  }

  get connectedCount(): number {
    return this.#swarm.connectedCount;
  }

  /** Peers that are connected or being dialed. */
  get expectedCount(): number {
    return this.#swarm.connectedCount + this.#swarm.dialingCount;
  }

  /** Whether no peer is left that could still answer. */
  get isHopeless(): boolean {
    return this.#swarm.isHopeless;
  }

  /** Whether peers are known, and all of them sent wrong data. */
  get isAllLiars(): boolean {
    const lanes = this.#swarm.lanes.filter(({ isSelf }) => !isSelf);
    return lanes.length > 0 && lanes.every((lane) => lane.isLiar);
  }

  /** Takes addresses that were learnt from `source`. */
  add(peers: readonly PeerAddress[], source: string): void {
    this.#swarm.add(peers, source);
  }

  /** To be called now and then: cuts off who fell silent, makes room for others, dials. */
  tick(nowMs: number): void {
    const use = { askedCount: this.#askedCount, bytesPerSecond: this.#bytesPerSecond(nowMs) };
    for (const lane of this.#swarm.connected) this.#judge(lane, nowMs, use);
    this.#makeRoom(nowMs);
    this.#swarm.dialSome();
    for (const supplier of this.#inOrder) if (supplier.mayHaveMore) supplier.isDry = false;
  }

  /** Whether our line has room for one more, where nothing is asked of this one. */
  mayAsk({ asked }: Supplier): boolean {
    return asked.size > 0 || this.#limit.mostCount === Number.POSITIVE_INFINITY || this.#askedCount < this.#limit.mostCount;
  }

  /** A chunk that was asked for at `askedMs` came at `receivedMs`, and is right. */
  delivered({ lane }: Supplier, askedMs: number, receivedMs: number, bytes: number): void {
    lane.score.delivered(askedMs, receivedMs, bytes);
    this.#limit.landed(askedMs, receivedMs);
  }

  /** A unit can be asked for again: whoever had nothing to do may have now. */
  wake(): void {
    for (const supplier of this.#inOrder) supplier.isDry = false;
  }

  /** A unit that an idle supplier is to bring though another was asked for it, as `claimHelp` says. */
  claimHelp(supplier: Supplier, nowMs: number): number | undefined {
    if (!supplier.mayHelp(nowMs)) return undefined;
    const { plan, catalog, usualChunkBytes } = this.#options;
    const unit = claimHelp(supplier, { suppliers: this.#inOrder, plan, catalog, chunkBytes: usualChunkBytes }, nowMs);
    supplier.helped(unit !== undefined);
    return unit;
  }

  /** Ends a connection for what happened on it: for good where the protocol was broken, else until it has rested. */
  cutOff({ lane }: Supplier, error: ShoalError): void {
    if (error.code === 'PROTOCOL') this.#swarm.ban(lane, error.message);
    else this.#swarm.drop(lane, error);
  }

  /** It sent a wrong chunk. */
  banLiar({ lane }: Supplier, reason: string): void {
    lane.isLiar = true;
    this.#swarm.ban(lane, reason);
  }

  /** Ends all connections. Idempotent. */
  close(reason: ShoalError): void {
    this.#swarm.close(reason);
  }

  /** Learns what a peer has that was connected. */
  async #greet(lane: Lane): Promise<void> {
    const { plan, swarm, events, ready } = this.#options;
    const { connection } = lane;
    const supplier = this.#supplierOf(lane);
    if (connection === undefined) return;
    supplier.peer = plan.join();
    try {
      if (swarm === undefined || supplier.greeting === 'plain') supplier.greeting = 'plain';
      else if ((await greet(supplier, connection, plan, swarm, () => ready(supplier))) === 'self') {
        this.#parted(lane);
        this.#swarm.disown(lane);
        return;
      }
    } catch (error) {
      if (lane.connection === connection) this.cutOff(supplier, asShoalError(error));
      return;
    }
    if (lane.connection !== connection) return;
    events.peerConnected(lane.key);
    ready(supplier);
  }

  #supplierOf(lane: Lane): Supplier {
    const known = this.#suppliers.get(lane);
    if (known !== undefined) return known;
    const made = new Supplier(lane);
    this.#suppliers.set(lane, made);
    this.#inOrder.push(made);
    return made;
  }

  #parted(lane: Lane): void {
    const supplier = this.#suppliers.get(lane);
    if (supplier?.peer === undefined) return;
    this.#options.plan.leave(supplier.peer);
    supplier.disconnected();
  }

  #judge(lane: Lane, nowMs: number, use: Omit<LineUse, 'chunkBytes'>): void {
    const failure = lane.connection?.failure;
    const supplier = this.#suppliers.get(lane);
    if (failure !== undefined && supplier !== undefined) this.cutOff(supplier, failure);
    const head = lane.connection?.head;
    // Others may come first for longer than a dead one is waited for. Who answers that it has not begun is alive.
    const [unit] = supplier?.asked.keys() ?? [];
    if (unit !== undefined && head?.gotBytes === 0 && nowMs - head.sinceMs > LATE_MS)
      supplier?.takeBack(unit, this.#options.catalog, nowMs);
    const chunkBytes = this.#options.usualChunkBytes;
    if (head !== undefined && lane.score.judge(head, chunkBytes, nowMs) === 'dead') {
      this.#limit.silent(head.sinceMs, { ...use, chunkBytes });
      this.#swarm.drop(lane, new ShoalError('NETWORK', 'remote', `Peer ${lane.key} stopped sending.`));
    }
  }

  get #askedCount(): number {
    return this.#inOrder.reduce((count, { asked }) => count + (asked.size > 0 ? 1 : 0), 0);
  }

  /** What comes of the replies under way, each since it is due. */
  #bytesPerSecond(nowMs: number): number {
    const heads = this.#swarm.connected.flatMap(({ connection }) => connection?.head ?? []);
    return heads.reduce((sum, { sinceMs, gotBytes }) => sum + (1000 * gotBytes) / Math.max(1, nowMs - sinceMs), 0);
  }

  /** Where more peers are known than can be connected, one that has nothing of use leaves, or one that only says so. */
  #makeRoom(nowMs: number): void {
    const { isCrowded } = this.#swarm;
    for (const supplier of this.#inOrder) {
      const { lane, peer, asked, greeting } = supplier;
      if (peer === undefined || greeting !== 'telling') continue;
      const isOnlyPromising = this.#isIdle(peer, supplier.chunkCount, nowMs);
      if (!isCrowded || asked.size > 0 || !(isOnlyPromising || !this.#options.plan.isUseful(peer))) continue;
      this.#parted(lane);
      this.#swarm.part(lane);
      return;
    }
  }

  /** Whether a peer brought nothing for a while, since it was connected at the earliest. */
  #isIdle(peer: PlanPeer, chunkCount: number, nowMs: number): boolean {
    const merit = this.#merits.get(peer);
    if (merit?.chunkCount === chunkCount) return nowMs - merit.sinceMs > PROMISES_MS;
    this.#merits.set(peer, { chunkCount, sinceMs: nowMs });
    return false;
  }
}
