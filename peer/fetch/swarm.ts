/**
 * The peers of one fetch: who is known, who is connected, who rests after a failure, who is banned for a lie.
 *
 * It dials and closes; it does not know what is fetched. Addresses come from trackers and links, so nothing is believed of them: an
 * address is dialed at most once at a time and rests longer after each failure, and an IP address that sent liars is not listened to.
 * Invariant: a lane has at most one connection, and a banned one has none.
 */
import { asShoalError, protocolError, type ShoalError } from '../../common/core/errors.js';
import { formatPeerAddress, isLoopback, type PeerAddress } from '../../common/core/peer-address.js';
import type { Clock } from '../../common/ports/clock.js';
import type { Dialer } from '../../common/ports/net.js';
import type { Random } from '../../common/ports/random.js';
import type { SlotMemory } from '../hash/slot-memory.js';
import { PeerConnection } from '../net/peer-connection.js';
import { PeerScore } from './peer-score.js';

/** Peers connected at once: more share the same link and cost memory. */
const CONNECTIONS_MAX_COUNT = 32;
/** Addresses remembered: what several trackers hand out, and no more. */
const LANES_MAX_COUNT = 1000;
const DIAL_TIMEOUT_MS = 5000;
/** Bad peers of one IP address after which its other ports are not taken any more. */
const STRIKES_MAX_COUNT = 3;

export interface SwarmPorts {
  readonly dialer: Dialer;
  readonly clock: Clock;
  readonly random: Random;
  readonly slots: SlotMemory;
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
  connection: PeerConnection | undefined;
  isDialing: boolean;
  /** Units asked for and not answered, with the time they were asked at, oldest first. */
  readonly asked: Map<number, number>;
  /** Refusals since the last chunk. */
  refusalCount: number;
  /** Verified bytes and chunks it brought. */
  bytes: number;
  chunkCount: number;
  isLiar: boolean;
}

export class Swarm {
  readonly #ports: SwarmPorts;
  readonly #events: SwarmEvents;
  readonly #lanes = new Map<string, Lane>();
  readonly #strikes = new Map<string, number>();
  #isClosed = false;

  constructor(ports: SwarmPorts, events: SwarmEvents) {
    this.#ports = ports;
    this.#events = events;
  }

  get lanes(): readonly Lane[] {
    return [...this.#lanes.values()];
  }

  /** Lanes that are connected, in the order in which they were learnt. */
  get connected(): readonly Lane[] {
    return this.lanes.filter((lane) => lane.connection !== undefined);
  }

  /** Whether no peer is left that could still answer. */
  get isHopeless(): boolean {
    return this.lanes.every((lane) => lane.score.isGivenUp && lane.connection === undefined && !lane.isDialing);
  }

  /** Takes addresses that were learnt, and dials what there is room for. */
  add(addresses: readonly PeerAddress[]): void {
    const nowMs = this.#ports.clock.nowMs();
    for (const address of addresses) {
      const key = formatPeerAddress(address);
      this.#lanes.get(key)?.score.revive(nowMs);
      const isStruck = (this.#strikes.get(address.ip) ?? 0) >= STRIKES_MAX_COUNT;
      if (this.#lanes.has(key) || isStruck || this.#lanes.size >= LANES_MAX_COUNT) continue;
      this.#lanes.set(key, {
        key,
        address,
        score: new PeerScore(),
        connection: undefined,
        isDialing: false,
        asked: new Map(),
        refusalCount: 0,
        bytes: 0,
        chunkCount: 0,
        isLiar: false,
      });
    }
    this.dialSome();
  }

  /** Dials peers that are neither connected nor resting. To be called now and then. */
  dialSome(): void {
    const nowMs = this.#ports.clock.nowMs();
    let openCount = this.lanes.filter((lane) => lane.connection !== undefined || lane.isDialing).length;
    for (const lane of this.#lanes.values()) {
      if (openCount >= CONNECTIONS_MAX_COUNT || this.#isClosed) return;
      if (lane.connection !== undefined || lane.isDialing || lane.score.isGivenUp || nowMs < lane.score.restUntilMs) continue;
      openCount += 1;
      void this.#dial(lane);
    }
  }

  /** Cuts a peer off for now; what was asked of it fails. */
  drop(lane: Lane, error: ShoalError): void {
    const connection = lane.connection;
    if (connection === undefined) return;
    lane.connection = undefined;
    lane.score.failed(this.#ports.clock.nowMs(), this.#ports.random);
    connection.close(error);
    this.#events.failed(lane, error);
  }

  /** Cuts a peer off for good. */
  ban(lane: Lane, reason: string): void {
    if (lane.score.isBanned) return;
    lane.score.lied();
    const connection = lane.connection;
    lane.connection = undefined;
    this.#strike(lane.address.ip);
    connection?.close(protocolError(`Peer ${lane.key} is banned: ${reason}.`));
    this.#events.banned(lane, reason);
  }

  /** Counts a liar against its IP address; past the limit, those of its ports that are not connected are banned too. */
  #strike(ip: string): void {
    if (isLoopback(ip)) return;
    const strikeCount = (this.#strikes.get(ip) ?? 0) + 1;
    this.#strikes.set(ip, strikeCount);
    if (strikeCount < STRIKES_MAX_COUNT) return;
    for (const lane of this.#lanes.values()) {
      if (lane.address.ip === ip && lane.connection === undefined) lane.score.lied();
    }
  }

  /** Ends all connections. Idempotent. */
  close(reason: ShoalError): void {
    this.#isClosed = true;
    for (const lane of this.#lanes.values()) {
      const connection = lane.connection;
      lane.connection = undefined;
      connection?.close(reason);
    }
  }

  async #dial(lane: Lane): Promise<void> {
    lane.isDialing = true;
    try {
      const connection = await PeerConnection.connect(this.#ports, lane.address, DIAL_TIMEOUT_MS);
      lane.isDialing = false;
      if (this.#isClosed || lane.score.isBanned) {
        connection.close(protocolError('Nothing is wanted of this peer any more.'));
        return;
      }
      lane.connection = connection;
      this.#events.connected(lane);
    } catch (error) {
      lane.isDialing = false;
      if (this.#isClosed) return;
      lane.score.failed(this.#ports.clock.nowMs(), this.#ports.random);
      this.#events.failed(lane, asShoalError(error));
    }
  }
}
