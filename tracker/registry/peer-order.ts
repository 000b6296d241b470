/**
 * Peers in the order in which they became known, in blocks: neither adding nor removing one among a million moves the others.
 *
 * Invariant: serials ascend over all blocks; no block is empty; a block holds no more removed peers than others, or no more than GONE_MAX_COUNT.
 */
import type { Peer } from './peer.js';

const BLOCK_PEERS_COUNT = 1024;
/** Removed peers that a block may hold, whatever it holds besides. */
const GONE_MAX_COUNT = 64;

interface Block {
  peers: Peer[];
  goneCount: number;
}

export class PeerOrder {
  readonly #blocks: Block[] = [];

  /** Adds a peer whose serial is above all others. */
  add(peer: Peer): void {
    const last = this.#blocks.at(-1);
    if (last !== undefined && last.peers.length < BLOCK_PEERS_COUNT) last.peers.push(peer);
    else this.#blocks.push({ peers: [peer], goneCount: 0 });
  }

  /** A peer that is here is gone: its `isGone` says so. */
  remove(peer: Peer): void {
    const place = this.#placeOf(peer.serial);
    const block = this.#blocks[place];
    if (block === undefined) return;
    block.goneCount += 1;
    const liveCount = block.peers.length - block.goneCount;
    if (liveCount === 0) this.#blocks.splice(place, 1);
    else if (block.goneCount > Math.max(GONE_MAX_COUNT, liveCount)) {
      block.peers = block.peers.filter((one) => !one.isGone);
      block.goneCount = 0;
    }
  }

  /** The first peer behind a serial number, or `undefined`. */
  after(serial: number): Peer | undefined {
    for (let place = Math.max(0, this.#placeOf(serial)); place < this.#blocks.length; place += 1) {
      const peers = (this.#blocks[place] as Block).peers;
      let at = firstBehind(peers, (peer) => peer.serial > serial);
      while (peers[at]?.isGone === true) at += 1;
      if (peers[at] !== undefined) return peers[at];
    }
    return undefined;
  }

  /** The last block that begins at or before a serial number; -1 where all begin behind it. */
  #placeOf(serial: number): number {
    return firstBehind(this.#blocks, ({ peers }) => (peers[0] as Peer).serial > serial) - 1;
  }
}

/** The first of which `isBehind` holds, which must hold of all after it; their number where it holds of none. */
function firstBehind<T>(all: readonly T[], isBehind: (one: T) => boolean): number {
  let [low, high] = [0, all.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBehind(all[middle] as T)) high = middle;
    else low = middle + 1;
  }
  return low;
}
