/**
 * Whom the tracker names first, and so has to know the load of. Being named counts as load until the peer says something again.
 *
 * Invariant: the set holds the peers whose `namedCount` is not 0, in the order in which they are next to be looked at.
 */
import type { Peer } from './peer.js';

/** Peers looked at for each that is wanted: a look at all of them would take long where there are many. */
const LOOKS_PER_PEER_COUNT = 16;

export class HandedOut {
  readonly #named = new Set<Peer>();

  named(peer: Peer): void {
    peer.namedCount += 1;
    if (peer.namedCount === 1) this.#named.add(peer);
  }

  /** The peer said something at `tick`, with its load or without. */
  heard(peer: Peer, tick: number, load: number | undefined): void {
    if (peer.namedCount > 0) this.#named.delete(peer);
    peer.hear(tick, load);
  }

  /** The peer was asked, and answered with its load or without. */
  probed(peer: Peer, tick: number, load: number | undefined): void {
    this.#named.delete(peer);
    peer.namedCount = 0;
    peer.reportTick = tick;
    if (load !== undefined) peer.load = load;
  }

  forget(peer: Peer): void {
    this.#named.delete(peer);
  }

  /** Peers named since they last said something, whose load was told, or asked for here, `ageTicks` ago or longer. */
  stale(tick: number, ageTicks: number, maxCount: number): Peer[] {
    const stale: Peer[] = [];
    let looks = Math.min(this.#named.size, maxCount * LOOKS_PER_PEER_COUNT);
    for (const peer of this.#named) {
      if (looks === 0 || stale.length >= maxCount) break;
      looks -= 1;
      this.#named.delete(peer);
      this.#named.add(peer);
      if (tick < peer.reportTick + ageTicks) continue;
      peer.reportTick = tick;
      stale.push(peer);
    }
    return stale;
  }
}
