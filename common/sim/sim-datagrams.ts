/**
 * The simulated twin of `DatagramPort`: datagrams between hosts that are lost, doubled and held up as a seed says, so that later ones
 * overtake them.
 *
 * They are short, so they take a latency and no time on the lines. A connected socket is told that nobody listens, as on a real network,
 * unless the host is gone.
 */
import { ShoalError } from '../core/errors.js';
import { formatHostPort, type HostPort, type PeerAddress } from '../core/peer-address.js';
import type { DatagramHandlers, DatagramPort, DatagramSocket } from '../ports/datagram.js';
import type { SimClock } from './sim-clock.js';
import type { SimRandom } from './sim-random.js';

/** What happens to datagrams on the way; each host's are drawn from one chance. */
export interface DatagramFaults {
  readonly random: SimRandom;
  /** Of all datagrams, 0 to 1, so many are lost; of the others so many arrive twice. Default 0. */
  readonly lossShare?: number;
  readonly duplicateShare?: number;
  /** Each is later by up to this, beyond the latency. Default 0: they come in order. */
  readonly delayMaxMs?: number;
}

/** Bytes of the longest datagram that there can be. */
const DATAGRAM_MAX_BYTES = 65_507;
const FIRST_FREE_PORT = 32_768;

/** What the sockets of a host need to know of it and of the others. */
export interface DatagramHost {
  readonly ip: string;
  readonly latencyMs: number;
  readonly isUp: boolean;
  readonly datagrams: SimDatagrams;
}

export interface DatagramNetwork {
  readonly clock: SimClock;
  readonly datagramFaults: DatagramFaults | undefined;
  /** Whether what is sent from one address arrives at the other. */
  isHeard(fromIp: string, toIp: string): boolean;
  /** A host that is up. */
  find(ip: string): DatagramHost | undefined;
}

class SimDatagramSocket implements DatagramSocket {
  readonly local: PeerAddress;
  readonly remote: PeerAddress | undefined;
  readonly handlers: DatagramHandlers;
  readonly #owner: SimDatagrams;

  constructor(owner: SimDatagrams, local: PeerAddress, handlers: DatagramHandlers, remote?: PeerAddress) {
    this.#owner = owner;
    this.local = local;
    this.handlers = handlers;
    this.remote = remote;
  }

  send(bytes: Uint8Array, to: PeerAddress | undefined = this.remote): void {
    if (to !== undefined) this.#owner.send(this, bytes, to);
  }

  localIpFor(): string {
    return this.#owner.ip;
  }

  async close(): Promise<void> {
    this.#owner.close(this);
  }
}

/** The datagram sockets of one host. */
export class SimDatagrams implements DatagramPort {
  readonly #network: DatagramNetwork;
  readonly #host: DatagramHost;
  readonly #sockets = new Map<number, SimDatagramSocket>();
  #nextPort = FIRST_FREE_PORT;

  constructor(network: DatagramNetwork, host: DatagramHost) {
    this.#network = network;
    this.#host = host;
  }

  get ip(): string {
    return this.#host.ip;
  }

  /** Sockets that are open. */
  get openCount(): number {
    return this.#sockets.size;
  }

  async bind({ host, port }: HostPort, handlers: DatagramHandlers): Promise<DatagramSocket> {
    if (host !== this.ip && host !== '0.0.0.0' && host !== '::') {
      throw failure(`${host} is no address of this machine; choose another --host.`);
    }
    if (this.#sockets.has(port)) throw failure(`UDP ${formatHostPort({ host, port })} is taken by another program.`);
    return this.#add({ ip: host, port: port === 0 ? this.#freePort() : port }, handlers);
  }

  async connect(to: HostPort, handlers: DatagramHandlers): Promise<DatagramSocket> {
    return this.#add({ ip: this.ip, port: this.#freePort() }, handlers, { ip: to.host, port: to.port });
  }

  send(from: SimDatagramSocket, bytes: Uint8Array, to: PeerAddress): void {
    if (this.#sockets.get(from.local.port) !== from || !this.#host.isUp) return;
    const { clock, datagramFaults: faults } = this.#network;
    if (bytes.length > DATAGRAM_MAX_BYTES) {
      this.#tell(from, 0, 'A datagram is longer than this network takes; use TCP here.');
      return;
    }
    const happens = (share = 0): boolean => faults !== undefined && share > 0 && faults.random.unit() < share;
    if (happens(faults?.lossShare)) return;
    const copy = Uint8Array.from(bytes);
    const count = happens(faults?.duplicateShare) ? 2 : 1;
    for (let sent = 0; sent < count; sent += 1) {
      const heldMs = (faults?.delayMaxMs ?? 0) * (faults?.random.unit() ?? 0);
      const latencyMs = this.#host.latencyMs + (this.#network.find(to.ip)?.latencyMs ?? 0);
      clock.setTimer('datagram', latencyMs + heldMs, () => this.#arrive(from, copy, to, latencyMs));
    }
  }

  close(socket: SimDatagramSocket): void {
    if (this.#sockets.get(socket.local.port) === socket) this.#sockets.delete(socket.local.port);
  }

  /** The host is gone, and its sockets with it. */
  crash(): void {
    this.#sockets.clear();
  }

  #arrive(from: SimDatagramSocket, bytes: Uint8Array, to: PeerAddress, latencyMs: number): void {
    const host = this.#network.find(to.ip);
    if (host === undefined || !this.#network.isHeard(this.ip, to.ip)) return;
    const here: PeerAddress = { ip: this.ip, port: from.local.port };
    const socket = host.datagrams.#sockets.get(to.port);
    if (socket === undefined) {
      if (from.remote !== undefined && this.#network.isHeard(to.ip, this.ip)) {
        this.#tell(
          from,
          latencyMs,
          `Nothing listens at ${formatHostPort({ host: to.ip, port: to.port })}; is the program there running?`,
        );
      }
      return;
    }
    const { remote } = socket;
    if (remote === undefined || (remote.ip === here.ip && remote.port === here.port)) socket.handlers.datagram(bytes, here);
  }

  #tell(socket: SimDatagramSocket, afterMs: number, message: string): void {
    this.#network.clock.setTimer('datagram failed', afterMs, () => {
      if (this.#sockets.get(socket.local.port) === socket) socket.handlers.failed(failure(message));
    });
  }

  #add(local: PeerAddress, handlers: DatagramHandlers, remote?: PeerAddress): DatagramSocket {
    const socket = new SimDatagramSocket(this, local, handlers, remote);
    this.#sockets.set(local.port, socket);
    return socket;
  }

  #freePort(): number {
    do {
      this.#nextPort = this.#nextPort === 65_535 ? FIRST_FREE_PORT : this.#nextPort + 1;
    } while (this.#sockets.has(this.#nextPort));
    return this.#nextPort;
  }
}

function failure(message: string): ShoalError {
  return new ShoalError('NETWORK', 'environment', message);
}
