/**
 * A hostile peer of a kind, on given ports: the same one on real sockets and on the simulated network.
 *
 * A kind of several ports serves on one at a time: when its connections there are gone after chunks were asked for, it opens the next
 * and makes that known. Invariant: at most as many ports are open as were left, and one more.
 */
import { formatPeerAddress, type PeerAddress } from '../../../common/core/peer-address.js';
import type { Clock, Timer } from '../../../common/ports/clock.js';
import type { ListenPort } from '../../../common/ports/net.js';
import type { Random } from '../../../common/ports/random.js';
import type { PeerRequest } from '../../../common/wire/peer-lines.js';
import { ScriptedPeer } from '../scripted-peer.js';
import type { TestContent } from '../test-content.js';
import { type HostileKind, hostileKind } from './hostile-kinds.js';

/** How often it is looked at whether it was left. */
const LOOK_MS = 100;

export interface HostilePorts {
  /** `tcpListener`, or the `listenPort` of a simulated host. */
  readonly listener: ListenPort;
  readonly clock: Clock;
  readonly random: Random;
}

export interface HostileOptions {
  /** A kind, or the name of one in HOSTILE_KINDS. */
  readonly kind: HostileKind | string;
  readonly content: TestContent;
  /** The address that it listens at, and is reached at. */
  readonly host: string;
  /** Of its first port; default a free one. */
  readonly port?: number;
  /** Told of each address that it serves at, the first one too, before it is dialed there: who may tell trackers or fetchers of it. */
  readonly announce?: (address: PeerAddress) => void;
}

export class HostilePeer {
  readonly kind: HostileKind;
  readonly #ports: HostilePorts;
  readonly #options: HostileOptions;
  readonly #peers: ScriptedPeer[] = [];
  #timer: Timer | undefined;
  #isClosed = false;

  static async start(ports: HostilePorts, options: HostileOptions): Promise<HostilePeer> {
    const peer = new HostilePeer(ports, options);
    await peer.#open(options.port);
    if (peer.kind.portCount > 1) peer.#watch();
    return peer;
  }

  private constructor(ports: HostilePorts, options: HostileOptions) {
    [this.#ports, this.#options] = [ports, options];
    this.kind = typeof options.kind === 'string' ? hostileKind(options.kind) : options.kind;
  }

  /** Where it serves now. */
  get address(): PeerAddress {
    return this.#peers.at(-1)?.address ?? { ip: this.#options.host, port: 0 };
  }

  /** All addresses that it ever served at, as text. */
  get addresses(): readonly string[] {
    return this.#peers.map((peer) => formatPeerAddress(peer.address));
  }

  /** What it was asked, in order of its ports. */
  get requests(): readonly PeerRequest[] {
    return this.#peers.flatMap((peer) => peer.requests);
  }

  /** How often it was dialed. */
  get connectionCount(): number {
    return this.#peers.reduce((sum, peer) => sum + peer.connectionCount, 0);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    for (const peer of this.#peers) await peer.close();
  }

  async #open(port?: number): Promise<void> {
    const { content, host, announce } = this.#options;
    const { listener, clock, random } = this.#ports;
    const at = { listener, clock, host, ...(port === undefined ? {} : { port }) };
    const peer = await ScriptedPeer.start([content], this.kind.misbehave(content, random), at);
    this.#peers.push(peer);
    announce?.(peer.address);
  }

  #watch(): void {
    this.#timer = this.#ports.clock.setTimer('hostile peer looks', LOOK_MS, () => void this.#moveOn());
  }

  async #moveOn(): Promise<void> {
    const last = this.#peers.at(-1);
    const isLeft = last !== undefined && last.openCount === 0 && last.askedChunks().length > 0;
    if (isLeft && this.#peers.length < this.kind.portCount) await this.#open();
    if (!this.#isClosed) this.#watch();
  }
}
