/** A simulated network with programs that listen and talk, of which a test sees both ends. */
import { SimClock } from '../sim/sim-clock.js';
import { type SimHost, SimNetwork, type SimNetworkOptions } from '../sim/sim-network.js';
import { RecordingEnd } from './recording-end.js';

/** Where those who listen do so. */
export const PORT = 4701;

export interface Link {
  readonly near: RecordingEnd;
  readonly far: RecordingEnd;
}

/** Hosts, and streams between them. `far` is the accepted end. */
export class Scene {
  readonly clock: SimClock;
  readonly network: SimNetwork;
  readonly #accepted: RecordingEnd[] = [];

  constructor(options: SimNetworkOptions = {}, observe?: (nowMs: number, name: string) => void) {
    this.clock = new SimClock(observe === undefined ? {} : { observe });
    this.network = new SimNetwork(this.clock, options);
  }

  async listen(host: SimHost): Promise<void> {
    await host.listenPort.listen({ host: host.ip, port: PORT, connectionsMaxCount: 100 }, (stream) => {
      const end = new RecordingEnd(stream);
      this.#accepted.push(end);
      return end;
    });
  }

  async connect(from: SimHost, to: SimHost): Promise<Link> {
    let near: RecordingEnd | undefined;
    const dial = from.dialer.dial({ host: to.ip, port: PORT }, 10_000, (stream) => {
      near = new RecordingEnd(stream);
      return near;
    });
    await this.clock.run({ isOver: () => near !== undefined });
    await dial;
    const far = this.#accepted.at(-1);
    if (near === undefined || far === undefined) throw new Error('no stream was made');
    return { near, far };
  }
}
