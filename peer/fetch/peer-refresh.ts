/** When trackers are asked for more peers while a fetch runs: now and then, and soon again when nobody is left. One question at a time. */
import type { PeerAddress } from '../../common/core/peer-address.js';

const LOOKUP_MS = 15_000;
const LOOKUP_AGAIN_MS = 2000;

export class PeerRefresh {
  readonly #findPeers: () => Promise<readonly PeerAddress[]>;
  readonly #take: (peers: readonly PeerAddress[]) => void;
  #lastMs: number;
  #isAsking = false;

  /** `findPeers` never throws; `take` gets what it found. The peers of the beginning count as asked for at `nowMs`. */
  constructor(findPeers: () => Promise<readonly PeerAddress[]>, nowMs: number, take: (peers: readonly PeerAddress[]) => void) {
    this.#findPeers = findPeers;
    this.#take = take;
    this.#lastMs = nowMs;
  }

  /** Asks if it is time. */
  tick(nowMs: number, isNobodyLeft: boolean): void {
    if (this.#isAsking || nowMs - this.#lastMs <= (isNobodyLeft ? LOOKUP_AGAIN_MS : LOOKUP_MS)) return;
    this.#isAsking = true;
    this.#lastMs = nowMs;
    void this.#findPeers().then((peers) => {
      this.#isAsking = false;
      this.#take(peers);
    });
  }
}
