/** Gives back the memory of what is past its lease, a bounded piece at a time, round and round over all peers. */
import type { Peer } from './peer.js';
import type { Records } from './records.js';

export class Sweeper {
  readonly #records: Records;
  #peer: Peer | undefined;
  #place = -1;

  constructor(records: Records) {
    this.#records = records;
  }

  /** Looks at no more than `budgetCount` registrations and peers; ends early at the end of a round. */
  sweep(tick: number, budgetCount: number): void {
    for (let budget = budgetCount; budget > 0; budget -= 1) {
      const holding = this.#peer?.holdings[this.#place];
      this.#place -= 1;
      if (holding !== undefined) {
        if (!this.#records.isLive(holding, tick)) this.#records.remove(holding);
      } else if (this.#place < 0 && !this.#nextPeer(tick)) return;
    }
  }

  /** Goes on to the next peer; false at the end of a round. */
  #nextPeer(tick: number): boolean {
    const peer = this.#records.peers.after(this.#peer?.serial ?? 0);
    this.#peer = peer;
    this.#place = (peer?.holdings.length ?? 0) - 1;
    if (peer !== undefined && !peer.isJoined(tick, this.#records.ttlTicks)) this.#records.leave(peer);
    return peer !== undefined;
  }
}
