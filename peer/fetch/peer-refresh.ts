/**
 * When trackers are asked for more peers while a fetch runs: soon at its beginning, when others begin too, then now and then, and soon
 * again when nobody is left. One question at a time.
 */
import type { PeerAddress } from '../../common/core/peer-address.js';

/** Whoever begins at the same moment is named by the second answer, and holds nothing that is worth it much later. */
const LOOKUP_FIRST_MS = 200;
const LOOKUP_MAX_MS = 15_000;
const LOOKUP_AGAIN_MS = 2000;

export class PeerRefresh {
  readonly #findPeers: () => Promise<readonly PeerAddress[]>;
  readonly #take: (peers: readonly PeerAddress[]) => void;
  #lastMs: number;
  #pauseMs = LOOKUP_FIRST_MS;
  #isAsking = false;

  /** `findPeers` never throws; `take` gets what it found. The peers of the beginning count as asked for at `nowMs`. */
  constructor(findPeers: () => Promise<readonly PeerAddress[]>, nowMs: number, take: (peers: readonly PeerAddress[]) => void) {
    this.#findPeers = findPeers;
    this.#take = take;
    this.#lastMs = nowMs;
  }

  /** Asks if it is time. */
  tick(nowMs: number, isNobodyLeft: boolean): void {
    if (this.#isAsking || nowMs - this.#lastMs <= (isNobodyLeft ? LOOKUP_AGAIN_MS : this.#pauseMs)) return;
    this.#isAsking = true;
    this.#lastMs = nowMs;
    this.#pauseMs = Math.min(LOOKUP_MAX_MS, 2 * this.#pauseMs);
    void this.#findPeers().then((peers) => {
      this.#isAsking = false;
      this.#take(peers);
    });
  }
}
