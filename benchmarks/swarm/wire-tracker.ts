/** A real tracker as one peer of a simulated swarm sees it: over a connection from the peer's host, with the program's own client. */
import { formatPeerAddress, type HostPort, type PeerAddress } from '../../common/core/peer-address.js';
import { openTracker, type TrackerPorts } from '../../peer/discovery/open-tracker.js';
import type { TrackerClient } from '../../peer/discovery/tracker-client.js';
import type { SwarmTracker, TrackedContent } from './sim-tracker.js';

export class WireTracker implements SwarmTracker {
  readonly #client: TrackerClient;
  readonly #content: TrackedContent;
  readonly #load: () => number;

  /** `load` is what the peer says of itself, 0 to 100. */
  constructor(ports: TrackerPorts, tracker: HostPort, content: TrackedContent, load: () => number) {
    this.#client = openTracker(ports, tracker);
    this.#content = content;
    this.#load = load;
  }

  async register(address: PeerAddress, haveChunks: number | undefined): Promise<void> {
    const { root, ...content } = this.#content;
    const attributes = { root, haveChunks, load: this.#load() };
    const [result] = await this.#client.register([
      { verb: 'REGISTER', ...content, address: formatPeerAddress(address), attributes },
    ]);
    if (result instanceof Error) throw result;
  }

  async unregister(address: PeerAddress): Promise<void> {
    await this.#client.unregister(formatPeerAddress(address));
  }

  async lookup(): Promise<readonly PeerAddress[]> {
    const rows = await this.#client.lookup({ by: 'root', root: this.#content.root });
    return rows.map(({ address }) => address);
  }
}
