/**
 * A network of hosts in simulated time: each has a line of its own up and down, a latency, and the twins of `Dialer` and `ListenPort`.
 *
 * Between two hosts lie the uplink of one, the latencies of both, and the downlink of the other; what is between them has room for
 * everybody. Of streams nothing is lost or reordered, but they may wait for a cut to heal, be reset or fall silent; datagrams fare as
 * `datagramFaults` says. A run depends on its inputs alone, so it is the same each time.
 */
import { invariant, ShoalError } from '../core/errors.js';
import { formatHostPort, type HostPort } from '../core/peer-address.js';
import type { ByteStream, Dialer, Listener, ListenOptions, ListenPort, ServedStream, StreamHandlers } from '../ports/net.js';
import type { SendQueueOptions } from './send-queue.js';
import type { SimClock } from './sim-clock.js';
import { type DatagramFaults, SimDatagrams } from './sim-datagrams.js';
import { SimLink } from './sim-link.js';
import { SimPaths } from './sim-paths.js';
import { connectionReset, SimStream } from './sim-stream.js';
import { SimTransit, type StreamFate, StreamFortune } from './sim-transit.js';

export interface SimNetworkOptions {
  /** Bytes that a stream sends before the next one has its turn; default 64 KiB. */
  readonly quantumBytes?: number;
  /** Bytes of a stream on the way and not read, at most; at least a quantum; default 256 KiB. Over the latency, they are its top speed. */
  readonly windowBytes?: number;
  /** False: parts of 16 KiB and more arrive as so many bytes of any content, which costs no copy; default true. */
  readonly copiesBodies?: boolean;
  /** Default: every datagram arrives once and in order. */
  readonly datagramFaults?: DatagramFaults;
  /** Asked for each stream as it is made; default: all live. */
  readonly streamFate?: (dialerIp: string, listenerIp: string) => StreamFate | undefined;
}

export interface SimHostOptions {
  readonly ip: string;
  /** Default: without limit. */
  readonly upBytesPerSecond?: number;
  readonly downBytesPerSecond?: number;
  /** From the host to the middle of the network; default 0. */
  readonly latencyMs?: number;
}

/** Ports that the system chooses begin here. */
const FIRST_FREE_PORT = 32_768;
const LAST_PORT = 65_535;
/** Milliseconds after which a dial that nobody answers is tried again, doubled each time, as TCP does it. */
const DIAL_AGAIN_MS = 1000;

export class SimNetwork {
  readonly clock: SimClock;
  readonly queueOptions: SendQueueOptions;
  readonly datagramFaults: DatagramFaults | undefined;
  readonly paths = new SimPaths();
  readonly #streamFate: SimNetworkOptions['streamFate'];
  readonly #hosts = new Map<string, SimHost>();

  constructor(clock: SimClock, options: SimNetworkOptions = {}) {
    const { quantumBytes = 64 * 1024, windowBytes = 256 * 1024, copiesBodies = true } = options;
    invariant(quantumBytes >= 1 && windowBytes >= quantumBytes, 'a window has room for a quantum');
    this.clock = clock;
    this.datagramFaults = options.datagramFaults;
    this.#streamFate = options.streamFate;
    this.queueOptions = { quantumBytes, windowBytes, copiesBodies };
  }

  /** A new host. Its address must be nobody else's. */
  host(options: SimHostOptions): SimHost {
    invariant(!this.#hosts.has(options.ip), `${options.ip} belongs to one host`);
    const host = new SimHost(this, options);
    this.#hosts.set(options.ip, host);
    return host;
  }

  /** The host that can be reached at an address. */
  find(ip: string): SimHost | undefined {
    const host = this.#hosts.get(ip);
    return host?.isUp === true ? host : undefined;
  }

  /** Whether what is sent from one address arrives at the other. */
  isHeard(fromIp: string, toIp: string): boolean {
    return this.find(toIp) !== undefined && this.paths.isOpen(fromIp, toIp);
  }

  /** Both directions of a new stream. */
  transits(dialerIp: string, listenerIp: string): { readonly near: SimTransit; readonly far: SimTransit } {
    const { clock } = this;
    const fortune = new StreamFortune(this.#streamFate?.(dialerIp, listenerIp));
    const [isThere, isHere] = [() => this.isHeard(dialerIp, listenerIp), () => this.isHeard(listenerIp, dialerIp)];
    return {
      near: new SimTransit({ clock, fortune, side: 'dialer', isHeard: isThere }),
      far: new SimTransit({ clock, fortune, side: 'listener', isHeard: isHere }),
    };
  }
}

interface OpenPort {
  readonly connectionsMaxCount: number;
  readonly accept: (stream: ServedStream) => StreamHandlers;
  openCount: number;
}

export class SimHost {
  readonly ip: string;
  readonly latencyMs: number;
  readonly uplink: SimLink;
  readonly downlink: SimLink;
  readonly dialer: Dialer;
  readonly listenPort: ListenPort;
  readonly datagrams: SimDatagrams;
  readonly #network: SimNetwork;
  readonly #ports = new Map<number, OpenPort>();
  readonly #streams = new Set<SimStream>();
  #nextPort = FIRST_FREE_PORT;
  #isUp = true;
  #bootCount = 0;

  constructor(network: SimNetwork, options: SimHostOptions) {
    const { ip, upBytesPerSecond = Number.POSITIVE_INFINITY, downBytesPerSecond = Number.POSITIVE_INFINITY } = options;
    this.#network = network;
    this.ip = ip;
    this.latencyMs = options.latencyMs ?? 0;
    this.uplink = new SimLink(network.clock, upBytesPerSecond);
    this.downlink = new SimLink(network.clock, downBytesPerSecond);
    this.dialer = { dial: (to, timeoutMs, handlers, signal) => this.#dial(to, timeoutMs, handlers, signal) };
    this.datagrams = new SimDatagrams(network, this);
    this.listenPort = { listen: async (listenOptions, accept) => this.#listen(listenOptions, accept) };
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /**
   * The host is gone, with all its streams and ports: here at once, for the others as soon as the news reaches them. `isSilent`: there are
   * no news, as when the power fails.
   */
  crash({ isSilent = false } = {}): void {
    this.#isUp = false;
    this.#bootCount += 1;
    this.#ports.clear();
    this.datagrams.crash();
    for (const stream of [...this.#streams]) {
      if (!isSilent) stream.tellLost(connectionReset('The other side is gone.'));
      stream.lose(connectionReset('This host is gone.'));
    }
  }

  /** The host is there again, with nothing open; whoever goes on with a stream of before is told that there is none. */
  restart(): void {
    this.#isUp = true;
  }

  /** Streams and ports that are open. */
  get openCount(): number {
    return this.#streams.size + this.#ports.size + this.datagrams.openCount;
  }

  #dial(
    to: HostPort,
    timeoutMs: number,
    makeHandlers: (stream: ByteStream) => StreamHandlers,
    signal: AbortSignal | undefined,
  ): Promise<ByteStream> {
    const { clock } = this.#network;
    let giveUp: (() => void) | undefined;
    const dialed = new Promise<ByteStream>((resolve, reject) => {
      const [boot, deadlineMs] = [this.#bootCount, clock.nowMs() + timeoutMs];
      giveUp = () => reject(unanswered(to));
      signal?.addEventListener('abort', giveUp, { once: true });
      const failLater = (atMs: number, error: ShoalError) =>
        void clock.setTimer('dial failed', atMs - clock.nowMs(), () => reject(error));
      const connected = (stream: SimStream) => {
        if (this.#bootCount === boot && signal?.aborted !== true) {
          stream.attach(makeHandlers(stream));
          return resolve(stream);
        }
        stream.attach({ data: () => undefined, ended: () => undefined, closed: () => undefined });
        stream.destroy();
        reject(unanswered(to));
      };
      const knock = (againMs: number) => {
        const latencyMs = this.latencyMs + (this.#network.find(to.host)?.latencyMs ?? 0);
        if (clock.nowMs() + 2 * latencyMs > deadlineMs) return failLater(deadlineMs, unanswered(to));
        clock.setTimer('dial', latencyMs, () => {
          if (this.#bootCount !== boot) return reject(unanswered(to));
          const target = this.#network.find(to.host);
          const isAnswered = this.#network.isHeard(this.ip, to.host) && this.#network.isHeard(to.host, this.ip);
          if (target === undefined || !isAnswered) {
            if (clock.nowMs() + againMs > deadlineMs) return failLater(deadlineMs, unanswered(to));
            return void clock.setTimer('dial again', againMs, () => knock(2 * againMs));
          }
          const port = target.#ports.get(to.port);
          if (port === undefined) return failLater(clock.nowMs() + latencyMs, refused(to));
          this.#connect(target, to.port, port, latencyMs, connected);
        });
      };
      knock(DIAL_AGAIN_MS);
    });
    return dialed.finally(() => giveUp && signal?.removeEventListener('abort', giveUp));
  }

  /** Makes both ends: the far one has its owner now, the near one when the answer is here. */
  #connect(target: SimHost, portNumber: number, port: OpenPort, latencyMs: number, connected: (near: SimStream) => void): void {
    const { clock, queueOptions: queue } = this.#network;
    const [here, there] = [
      { ip: this.ip, port: this.#freePort() },
      { ip: target.ip, port: portNumber },
    ];
    const transits = this.#network.transits(here.ip, there.ip);
    const near = new SimStream({
      ...{ clock, latencyMs, queue, uplink: this.uplink, downlink: this.downlink, local: here, remote: there },
      transit: transits.near,
      gone: (stream) => this.#streams.delete(stream),
    });
    const far = new SimStream({
      ...{ clock, latencyMs, queue, uplink: target.uplink, downlink: target.downlink, local: there, remote: here },
      transit: transits.far,
      gone: (stream) => {
        port.openCount -= 1;
        target.#streams.delete(stream);
      },
    });
    SimStream.join(near, far);
    this.#streams.add(near);
    target.#streams.add(far);
    port.openCount += 1;
    clock.setTimer('connected', latencyMs, () => connected(near));
    if (port.openCount > port.connectionsMaxCount) far.destroy();
    else far.attach(port.accept(far));
  }

  #listen({ host, port, connectionsMaxCount }: ListenOptions, accept: OpenPort['accept']): Listener {
    if (host !== this.ip && host !== '0.0.0.0' && host !== '::')
      throw networkError(`${host} is no address of this machine; choose another --host.`);
    if (this.#ports.has(port)) throw networkError(`${formatHostPort({ host, port })} is taken by another program.`);
    const number = port === 0 ? this.#freePort() : port;
    const open: OpenPort = { connectionsMaxCount, accept, openCount: 0 };
    this.#ports.set(number, open);
    return {
      local: { ip: host, port: number },
      close: async () => {
        if (this.#ports.get(number) === open) this.#ports.delete(number);
      },
    };
  }

  #freePort(): number {
    do {
      this.#nextPort = this.#nextPort === LAST_PORT ? FIRST_FREE_PORT : this.#nextPort + 1;
    } while (this.#ports.has(this.#nextPort));
    return this.#nextPort;
  }
}

function networkError(message: string): ShoalError {
  return new ShoalError('NETWORK', 'environment', message);
}

function refused(to: HostPort): ShoalError {
  return networkError(`Nothing listens at ${formatHostPort(to)}; is the program there running, and is the port right?`);
}

function unanswered(to: HostPort): ShoalError {
  return networkError(`No answer from ${formatHostPort(to)}; is the machine up, and does a firewall let the port through?`);
}
