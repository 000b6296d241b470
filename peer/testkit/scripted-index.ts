/** A tracker's UDP index on a simulated network that answers as a test says, and the channel of one who asks it. */
import type { DatagramAddress, DatagramSocket } from '../../common/ports/datagram.js';
import { SimClock } from '../../common/sim/sim-clock.js';
import type { DatagramFaults } from '../../common/sim/sim-datagrams.js';
import { type SimHost, SimNetwork } from '../../common/sim/sim-network.js';
import { SimRandom } from '../../common/sim/sim-random.js';
import { settled } from '../../common/testkit/settled.js';
import { decodeRequest, encodeReply, type RequestDatagram } from '../../common/wire/index-datagrams.js';
import { UdpChannel } from '../discovery/udp-channel.js';
import { yes } from './scripted-tracker.js';

const INDEX_IP = '10.0.0.1';
const INDEX_PORT = 4700;

/** The reply to a request, lines with their LF, or bytes as they stand; `undefined` says nothing. */
type IndexScript = (request: RequestDatagram) => string | Uint8Array | undefined;

export class ScriptedIndex {
  readonly clock = new SimClock();
  readonly network: SimNetwork;
  readonly requests: (RequestDatagram & { readonly atMs: number; readonly from: DatagramAddress })[] = [];
  readonly channel: UdpChannel;
  readonly host: SimHost;
  script: IndexScript = ({ line }) => yes(line);
  socket!: DatagramSocket;

  private constructor(faults?: DatagramFaults) {
    this.network = new SimNetwork(this.clock, faults === undefined ? {} : { datagramFaults: faults });
    this.host = this.network.host({ ip: INDEX_IP, latencyMs: 5 });
    const { datagrams } = this.network.host({ ip: '10.0.0.7' });
    const ports = { datagrams, clock: this.clock, random: new SimRandom(3) };
    this.channel = new UdpChannel(ports, { host: INDEX_IP, port: INDEX_PORT });
  }

  static async start(faults?: DatagramFaults): Promise<ScriptedIndex> {
    const index = new ScriptedIndex(faults);
    await index.listen();
    return index;
  }

  async listen(): Promise<void> {
    const datagram = (bytes: Uint8Array, from: DatagramAddress): void => {
      const request = decodeRequest(bytes);
      if (request?.kind !== 'request') throw new Error('the channel sent what is no request');
      this.requests.push({ ...request, atMs: this.clock.nowMs(), from });
      const reply = this.script(request);
      if (reply !== undefined) this.socket.send(typeof reply === 'string' ? encodeReply(request.id, reply) : reply, from);
    };
    this.socket = await this.host.datagrams.bind({ host: INDEX_IP, port: INDEX_PORT }, { datagram, failed: () => undefined });
  }

  /** Lets time pass until a promise has settled; gives its value. Throws what it throws. */
  settled<T>(promise: Promise<T>): Promise<T> {
    return settled(this.clock, promise);
  }
}
