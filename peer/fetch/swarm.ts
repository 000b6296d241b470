/**
 * The peers of one fetch: who is known, who is connected, who rests after a failure, who is banned for a lie.
 *
 * It dials and closes; it does not know what is fetched. Addresses come from trackers and links, so nothing is believed of them: an
 * address is dialed at most once at a time and rests longer after each failure, and an IP address that sent liars is not listened to.
 * Invariant: a lane has at most one connection, and a banned one has none.
 */
import { asShoalError, protocolError, ShoalError, systemCode } from '../../common/core/errors.js';
import { LOOKUP_ROWS_MAX_COUNT } from '../../common/core/limits.js';
import { formatPeerAddress, type PeerAddress } from '../../common/core/peer-address.js';
import type { Clock } from '../../common/ports/clock.js';
import type { Dialer } from '../../common/ports/net.js';
import type { Random } from '../../common/ports/random.js';
import type { SlotMemory } from '../hash/slot-memory.js';
import { PeerConnection } from '../net/peer-connection.js';
import type { ConnectionsWatch } from '../net/reply-times.js';
import { BanList } from './ban-list.js';
import { DialBudget } from './dial-budget.js';
import { dialOrder } from './dial-order.js';
import { LINK_SOURCE, SEEN_SOURCE } from './known-peers.js';
import { PeerScore } from './peer-score.js';

/** Peers connected at once: more share the same link and cost memory. */
const CONNECTIONS_MAX_COUNT = 32;
/**
 * Addresses remembered: what several trackers hand out, and no more. Each who names some has an equal share, and room for one answer; what
 * was given up makes room for others that it names.
 */
const LANES_MAX_COUNT = 1000;
const DIAL_TIMEOUT_MS = 5000;
/** Milliseconds that a peer without anything of use is left alone. */
const PARTED_REST_MS = 30_000;
/** Milliseconds after which it is looked at whether there is a file handle again. */
const HANDLES_REST_MS = 200;

export interface SwarmPorts {
  readonly dialer: Dialer;
  readonly clock: Clock;
  readonly random: Random;
  readonly slots: Pick<SlotMemory, 'take' | 'release' | 'whenFree' | 'wakeNext'>;
  /** How often addresses may be dialed that trackers name; default one of its own. */
  readonly budget?: DialBudget;
  /** Who lied before; default one of its own. */
  readonly bans?: BanList;
  /** Hears where the time of each connection goes. */
  readonly watch?: ConnectionsWatch;
}

export interface SwarmEvents {
  connected(lane: Lane): void;
  /** The connection, or the try to make one, failed. */
  failed(lane: Lane, error: ShoalError): void;
  banned(lane: Lane, reason: string): void;
}

/** One peer. */
export interface Lane {
  readonly key: string;
  readonly address: PeerAddress;
  readonly score: PeerScore;
  /** The source that named it first. */
  readonly namedBy: string;
  /** How many its source had named before it: those of all sources are dialed in turn. */
  readonly turn: number;
  /** Whether only trackers speak for it, so that the budget counts. */
  isBudgeted: boolean;
  connection: PeerConnection | undefined;
  isDialing: boolean;
  isLiar: boolean;
  /** It is no peer, but this very process. */
  isSelf: boolean;
}

export class Swarm {
  readonly #ports: SwarmPorts;
  readonly #events: SwarmEvents;
  readonly #lanes = new Map<string, Lane>();
  readonly #connected = new Set<Lane>();
  /** Of each source: how many it named that were taken, and how many of those are kept. */
  readonly #named = new Map<string, { turn: number; keptCount: number }>();
  readonly #budget: DialBudget;
  readonly #bans: BanList;
  /** Connections that are being made. */
  readonly #dialing = new Set<AbortController>();
  #isClosed = false;

  constructor(ports: SwarmPorts, events: SwarmEvents) {
    this.#ports = ports;
    this.#events = events;
    this.#budget = ports.budget ?? new DialBudget();
    this.#bans = ports.bans ?? new BanList();
  }

  get lanes(): readonly Lane[] {
    return [...this.#lanes.values()];
  }

  /** Lanes that are connected, in the order in which they came to be. */
  get connected(): readonly Lane[] {
    return [...this.#connected];
  }

  get connectedCount(): number {
    return this.#connected.size;
  }

  get dialingCount(): number {
    return this.#dialing.size;
  }

  /** Whether no peer is left that could still answer. */
  get isHopeless(): boolean {
    if (this.#connected.size > 0) return false;
    return this.lanes.every((lane) => this.isLost(lane));
  }

  /** Whether nothing can be hoped of a peer that is not connected, until it is named again much later. */
  isLost({ key, score, isBudgeted, isDialing }: Lane): boolean {
    const isSpent = isBudgeted && !this.#budget.mayDial(key, this.#ports.clock.nowMs());
    return !isDialing && (score.isGivenUp || isSpent);
  }

  /** Whether peers are known that are not connected for want of room, and for nothing else. */
  get isCrowded(): boolean {
    return this.#connected.size >= CONNECTIONS_MAX_COUNT && this.#ready().length > 0;
  }

  /** Takes addresses that were learnt from `source`, as in known-peers.ts, and dials what there is room for. */
  add(addresses: readonly PeerAddress[], source: string): void {
    const nowMs = this.#ports.clock.nowMs();
    const named = this.#named.get(source) ?? { turn: 0, keptCount: 0 };
    this.#named.set(source, named);
    const shareCount = Math.max(LOOKUP_ROWS_MAX_COUNT, Math.floor(LANES_MAX_COUNT / this.#named.size));
    if (named.keptCount + addresses.length > shareCount) this.#forgetLost(source);
    const isBudgeted = source !== LINK_SOURCE && source !== SEEN_SOURCE;
    for (const address of addresses) {
      const key = formatPeerAddress(address);
      const known = this.#lanes.get(key);
      known?.score.revive(nowMs);
      if (known !== undefined && !isBudgeted) known.isBudgeted = false;
      const isBanned = this.#bans.isBanned(address);
      // A banned one is known as such, so that it can be said that all lied.
      if (known !== undefined || (this.#bans.isStruck(address.ip) && !isBanned) || named.keptCount >= shareCount) continue;
      named.keptCount += 1;
      named.turn += 1;
      const score = new PeerScore();
      if (isBanned) score.lied();
      this.#lanes.set(key, {
        key,
        address,
        score,
        namedBy: source,
        turn: named.turn,
        isBudgeted,
        connection: undefined,
        isDialing: false,
        isLiar: this.#bans.isLiar(address),
        isSelf: false,
      });
    }
    this.dialSome();
  }

  /** Forgets what a source named and nobody answers at, however long one waits. A ban is not forgotten. */
  #forgetLost(source: string): void {
    const named = this.#named.get(source);
    for (const lane of this.#lanes.values()) {
      const { key, score, connection, isDialing } = lane;
      if (lane.namedBy !== source || connection !== undefined || isDialing || score.isBanned || named === undefined) continue;
      if (!score.isGivenUp && !(lane.isBudgeted && !this.#budget.mayDial(key, Number.POSITIVE_INFINITY))) continue;
      this.#lanes.delete(key);
      named.keptCount -= 1;
    }
  }

  /** Dials peers that are neither connected nor resting. To be called now and then. */
  dialSome(): void {
    const roomCount = CONNECTIONS_MAX_COUNT - this.#connected.size - this.#dialing.size;
    if (roomCount <= 0 || this.#isClosed) return;
    const busy = this.lanes.filter((lane) => lane.connection !== undefined || lane.isDialing);
    for (const lane of dialOrder(this.#ready(), busy).slice(0, roomCount)) void this.#dial(lane);
  }

  /** Ends the connection to a peer that did nothing wrong, to make room for another; it rests for a while. */
  part(lane: Lane): void {
    const connection = this.#disconnect(lane);
    lane.score.rest(this.#ports.clock.nowMs() + PARTED_REST_MS);
    connection?.close(new ShoalError('STOPPED', 'local', `Peer ${lane.key} has nothing that is missing here.`));
  }

  /** Never dials a peer again that is no peer, but this process itself. */
  disown(lane: Lane): void {
    lane.isSelf = true;
    lane.score.lied();
    this.#disconnect(lane)?.close(new ShoalError('STOPPED', 'local', 'This is the fetching process itself.'));
  }

  /** Cuts a peer off for now; what was asked of it fails. */
  drop(lane: Lane, error: ShoalError): void {
    const connection = this.#disconnect(lane);
    if (connection === undefined) return;
    lane.score.failed(this.#ports.clock.nowMs(), this.#ports.random);
    connection.close(error);
    this.#events.failed(lane, error);
  }

  /** Cuts a peer off for good. */
  ban(lane: Lane, reason: string): void {
    if (lane.score.isBanned) return;
    lane.score.lied();
    const connection = this.#disconnect(lane);
    this.#bans.ban(lane.address, lane.isLiar);
    // Past the limit, what else is known from there is banned too, but for those that are connected and did nothing wrong.
    if (this.#bans.isStruck(lane.address.ip))
      for (const other of this.#lanes.values())
        if (other.connection === undefined && this.#bans.isStruck(other.address.ip)) other.score.lied();
    connection?.close(protocolError(`Peer ${lane.key} is banned: ${reason}.`));
    this.#events.banned(lane, reason);
  }

  /** Ends all connections, and gives up those that are being made. Idempotent. */
  close(reason: ShoalError): void {
    this.#isClosed = true;
    for (const giving of this.#dialing) giving.abort();
    for (const lane of this.connected) this.#disconnect(lane)?.close(reason);
  }

  #disconnect(lane: Lane): PeerConnection | undefined {
    const { connection } = lane;
    lane.connection = undefined;
    this.#connected.delete(lane);
    return connection;
  }

  /** Who may be dialed. */
  #ready(): Lane[] {
    const nowMs = this.#ports.clock.nowMs();
    const isReady = (lane: Lane) =>
      lane.connection === undefined && !lane.isDialing && !this.isLost(lane) && lane.score.restUntilMs <= nowMs;
    return this.lanes.filter(isReady);
  }

  async #dial(lane: Lane): Promise<void> {
    lane.isDialing = true;
    const giving = new AbortController();
    this.#dialing.add(giving);
    // In one step with what comes of it: between the two the lane would be dialed once more.
    const isOver = () => {
      lane.isDialing = false;
      this.#dialing.delete(giving);
    };
    try {
      const connection = await PeerConnection.connect(this.#ports, lane.address, DIAL_TIMEOUT_MS, giving.signal);
      isOver();
      this.#budget.reached(lane.key);
      if (this.#isClosed || lane.score.isBanned) {
        connection.close(protocolError('Nothing is wanted of this peer any more.'));
        return;
      }
      lane.connection = connection;
      this.#connected.add(lane);
      this.#events.connected(lane);
    } catch (error) {
      isOver();
      if (this.#isClosed) return;
      const nowMs = this.#ports.clock.nowMs();
      const shoal = asShoalError(error);
      if (isOutOfHandles(shoal)) return lane.score.rest(nowMs + HANDLES_REST_MS);
      this.#budget.failed(lane.key, nowMs);
      lane.score.failed(nowMs, this.#ports.random);
      this.#events.failed(lane, shoal);
    }
  }
}

/** This process may open no more for now, which is nothing against the peer: files are given back all the time. */
function isOutOfHandles({ cause }: ShoalError): boolean {
  const code = systemCode(cause);
  return code === 'EMFILE' || code === 'ENFILE';
}
