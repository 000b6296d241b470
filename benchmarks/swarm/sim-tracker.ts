/** The tracker of a simulated swarm: its real registry, asked without a connection, an answer a round trip later. */
import type { FileName } from '../../common/core/file-name.js';
import { LOOKUP_ROWS_DEFAULT_COUNT } from '../../common/core/limits.js';
import type { PeerAddress } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { Clock } from '../../common/ports/clock.js';
import type { Random } from '../../common/ports/random.js';
import { Registry } from '../../tracker/registry/registry.js';

export interface TrackedContent {
  readonly name: FileName;
  readonly sizeBytes: number;
  readonly root: ContentRoot;
}

/** A tracker as a peer of a simulated swarm uses it, for the one content that there is. */
export interface SwarmTracker {
  /** `haveChunks`: how many of the chunks are there; `undefined` for all of them. */
  register(address: PeerAddress, haveChunks: number | undefined): Promise<void>;
  unregister(address: PeerAddress): Promise<void>;
  lookup(): Promise<readonly PeerAddress[]>;
}

/** From a peer to the tracker and back. */
const ROUND_TRIP_MS = 40;
/** Longer than any run: nobody has to say that it is alive. */
const TTL_MS = 86_400_000;

export class SimTracker implements SwarmTracker {
  readonly #registry: Registry;
  readonly #clock: Clock;
  readonly #content: TrackedContent;

  constructor(clock: Clock, random: Random, content: TrackedContent) {
    this.#clock = clock;
    this.#content = content;
    const most = Number.MAX_SAFE_INTEGER;
    this.#registry = new Registry({ random }, { ttlMs: TTL_MS, entriesMaxCount: most, sourceEntriesMaxCount: most });
  }

  async register(address: PeerAddress, haveChunks: number | undefined): Promise<void> {
    const registration = { ...this.#content, haveChunks, load: undefined, address, source: address.ip };
    this.#registry.register(registration, this.#clock.nowMs());
  }

  async unregister(address: PeerAddress): Promise<void> {
    this.#registry.unregister(address, this.#clock.nowMs());
  }

  lookup(): Promise<readonly PeerAddress[]> {
    return new Promise((resolve) => {
      this.#clock.setTimer('lookup', ROUND_TRIP_MS, () => {
        const ref = { by: 'root', root: this.#content.root } as const;
        const found = this.#registry.lookup(ref, LOOKUP_ROWS_DEFAULT_COUNT, this.#clock.nowMs());
        resolve(found.map(({ peer }) => peer.address));
      });
    });
  }
}
