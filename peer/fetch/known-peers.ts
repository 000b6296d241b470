/**
 * The peers of a fetch, as far as they are known: those of the link at once, those that a tracker names when it has answered. Each step
 * of the fetch hears of all of them, also of those that come while it runs, and again when one is named again: it may be back.
 *
 * Invariant: what one source names takes bounded memory; `isWhole` does not turn back.
 */
import { formatPeerAddress, type PeerAddress } from '../../common/core/peer-address.js';

/** Where an address was learnt, if no tracker named it: a person gave it, or the peer itself came. */
export const LINK_SOURCE = 'link';
export const SEEN_SOURCE = 'seen';

/** Addresses of one source that are kept for the steps to come. */
const KEPT_MAX_COUNT = 1000;

/** Hears of peers, and at last, with none, that no more are to come. `source` is one of the above, or names trackers. */
type Hear = (peers: readonly PeerAddress[], source: string) => void;

export class KnownPeers {
  /** By source, then by address. */
  readonly #known = new Map<string, Map<string, PeerAddress>>();
  /** Each address once, in the order in which they were learnt. */
  readonly #inOrder = new Map<string, PeerAddress>();
  readonly #listeners = new Set<Hear>();
  #isWhole: boolean;

  /** `isWhole`: no more are to come. */
  constructor(peers: readonly PeerAddress[] = [], isWhole = true) {
    this.#isWhole = isWhole;
    this.add(peers, LINK_SOURCE);
  }

  get count(): number {
    return this.#inOrder.size;
  }

  /** Whether nobody is left who may still name some. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  add(peers: readonly PeerAddress[], source: string): void {
    if (peers.length === 0) return;
    const known = this.#known.get(source) ?? new Map<string, PeerAddress>();
    this.#known.set(source, known);
    for (const address of peers) {
      if (known.size >= KEPT_MAX_COUNT) break;
      const key = formatPeerAddress(address);
      known.set(key, address);
      if (!this.#inOrder.has(key)) this.#inOrder.set(key, address);
    }
    this.#tell(peers, source);
  }

  /** No more are to come. Idempotent. */
  end(): void {
    if (this.#isWhole) return;
    this.#isWhole = true;
    this.#tell([], '');
  }

  /** Calls `hear` with all that are known, those of each source together, and then with each news. Returns how to end that. */
  watch(hear: Hear): () => void {
    for (const [source, peers] of this.#known) hear([...peers.values()], source);
    this.#listeners.add(hear);
    return () => void this.#listeners.delete(hear);
  }

  /** The one that was learnt after `index` others; waits as long as some may come, and is `undefined` where none does. */
  async at(index: number): Promise<PeerAddress | undefined> {
    while (index >= this.#inOrder.size && !this.#isWhole) {
      await new Promise<void>((resolve) => {
        const hear = () => {
          this.#listeners.delete(hear);
          resolve();
        };
        this.#listeners.add(hear);
      });
    }
    return [...this.#inOrder.values()][index];
  }

  #tell(peers: readonly PeerAddress[], source: string): void {
    for (const hear of [...this.#listeners]) hear(peers, source);
  }
}
