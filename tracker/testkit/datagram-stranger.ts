/**
 * A tracker on a simulated network, and strangers who send it datagrams that they wrote by hand: a type, an id, a text. Nothing here
 * uses the program's own codec, so a mistake in that is found out.
 */

import type { DatagramHandlers, DatagramPort, DatagramSocket } from '../../common/ports/datagram.js';
import { SimClock } from '../../common/sim/sim-clock.js';
import type { DatagramFaults } from '../../common/sim/sim-datagrams.js';
import { type SimHost, SimNetwork } from '../../common/sim/sim-network.js';
import { SimRandom } from '../../common/sim/sim-random.js';
import { createTracker, type Tracker, type TrackerOptions } from '../create-tracker.js';
import { listLog } from './manual-ports.js';

const TRACKER_IP = '10.0.0.1';
const TRACKER_PORT = 4700;

/** Longer than any reply takes. */
const PATIENCE_MS = 20;

export function datagramOf(type: string, id: string, text: string): Buffer {
  return Buffer.concat([Buffer.from(type), Buffer.from(id, 'hex'), Buffer.from(text)]);
}

export class DatagramWorld {
  readonly clock = new SimClock();
  readonly network: SimNetwork;
  readonly log = listLog();
  tracker!: Tracker;
  host!: SimHost;
  /** The tracker's own end: what is given to it comes from wherever it says, as a forged datagram does. */
  handlers!: DatagramHandlers;

  private constructor(faults: DatagramFaults | undefined) {
    this.network = new SimNetwork(this.clock, faults === undefined ? {} : { datagramFaults: faults });
  }

  static async start(options: TrackerOptions = {}, faults?: DatagramFaults): Promise<DatagramWorld> {
    const world = new DatagramWorld(faults);
    world.host = world.network.host({ ip: TRACKER_IP, latencyMs: 1 });
    const { listenPort: listener } = world.host;
    const datagrams: DatagramPort = {
      connect: (to, handlers) => world.host.datagrams.connect(to, handlers),
      bind: (at, handlers) => {
        world.handlers = handlers;
        return world.host.datagrams.bind(at, handlers);
      },
    };
    const ports = { clock: world.clock, random: new SimRandom(1), listener, datagrams, log: world.log.log };
    world.tracker = await createTracker(ports, { port: TRACKER_PORT, ...options });
    return world;
  }

  /** Somebody at an address of his own. */
  async stranger(ip: string): Promise<Stranger> {
    const host = this.network.find(ip) === undefined ? this.network.host({ ip, latencyMs: 1 }) : undefined;
    const datagrams = (host ?? this.network.find(ip))?.datagrams;
    if (datagrams === undefined) throw new Error(`no host at ${ip}`);
    const stranger = new Stranger(this);
    stranger.socket = await datagrams.bind(
      { host: ip, port: 0 },
      { datagram: (bytes) => stranger.received.push(Buffer.from(bytes)), failed: () => undefined },
    );
    return stranger;
  }
}

export class Stranger {
  readonly received: Buffer[] = [];
  socket!: DatagramSocket;
  cookie = '';
  readonly #world: DatagramWorld;
  #lastId = 0;

  constructor(world: DatagramWorld) {
    this.#world = world;
  }

  /** Sends a datagram and does not wait. */
  send(bytes: Uint8Array): void {
    this.socket.send(bytes, { ip: TRACKER_IP, port: TRACKER_PORT });
  }

  /** The reply to a request without a cookie, type and text in one; empty where none came. */
  async ask(type: string, text: string): Promise<string> {
    this.#lastId += 1;
    const id = this.#lastId.toString(16).padStart(16, '0');
    const sentCount = this.received.length;
    this.send(datagramOf(type, id, text));
    await this.#world.clock.run({ untilMs: this.#world.clock.nowMs() + PATIENCE_MS });
    const reply = this.received.slice(sentCount).find((bytes) => bytes.toString('hex', 1, 9) === id);
    return reply === undefined ? '' : `${reply.toString('latin1', 0, 1)} ${reply.toString('utf8', 9)}`;
  }

  /** As `ask`, with the cookie that the tracker asks for. */
  async askProven(type: string, text: string): Promise<string> {
    const withCookie = (): string => `${text}${text === '' ? '' : ' '}cookie=${this.cookie.padEnd(16, '0')}`;
    const reply = await this.ask(type, withCookie());
    const cookie = /^E DENIED cookie=([0-9a-f]{16})$/.exec(reply)?.[1];
    if (cookie === undefined) return reply;
    this.cookie = cookie;
    return this.ask(type, withCookie());
  }
}
