/**
 * The peers: found by address, in the order in which they became known, and each with a small number while it is known.
 *
 * Invariant: a peer is found by its address and by its slot from `add` to `remove`; the order may hold removed ones, fewer than others.
 */
import type { PeerAddress } from '../../common/core/peer-address.js';
import { RowIds } from './columns.js';
import type { Peer } from './peer.js';

/** Removed peers that the order may hold, whatever it holds besides. */
const GONE_MIN_COUNT = 64;

export class PeerTable {
  /** By IP address, then by port: the text of both would cost more to make than everything else here. Most addresses have one peer. */
  readonly #hosts = new Map<string, Peer | Map<number, Peer>>();
  readonly #bySlot: (Peer | undefined)[] = [];
  readonly #slots = new RowIds();
  #ordered: Peer[] = [];
  #lastSerial = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  find({ ip, port }: PeerAddress): Peer | undefined {
    const host = this.#hosts.get(ip);
    if (host instanceof Map) return host.get(port);
    return host?.address.port === port ? host : undefined;
  }

  /** The peer of a slot, which there must be. */
  at(slot: number): Peer {
    return this.#bySlot[slot] as Peer;
  }

  /** The first peer behind a serial number, or `undefined`; 0 begins. */
  after(serial: number): Peer | undefined {
    let [low, high] = [0, this.#ordered.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ordered[middle] as Peer).serial <= serial) low = middle + 1;
      else high = middle;
    }
    while (this.#ordered[low]?.isGone === true) low += 1;
    return this.#ordered[low];
  }

  add(peer: Peer): void {
    const { ip, port } = peer.address;
    const host = this.#hosts.get(ip);
    if (host === undefined) this.#hosts.set(ip, peer);
    else if (host instanceof Map) host.set(port, peer);
    else {
      this.#hosts.set(
        ip,
        new Map([
          [host.address.port, host],
          [port, peer],
        ]),
      );
    }
    this.#lastSerial += 1;
    peer.serial = this.#lastSerial;
    peer.slot = this.#slots.take();
    this.#bySlot[peer.slot] = peer;
    this.#ordered.push(peer);
    this.#count += 1;
  }

  remove(peer: Peer): void {
    const { ip, port } = peer.address;
    const host = this.#hosts.get(ip);
    if (host instanceof Map) host.delete(port);
    if (host === peer || (host instanceof Map && host.size === 0)) this.#hosts.delete(ip);
    this.#bySlot[peer.slot] = undefined;
    this.#slots.giveBack(peer.slot);
    peer.isGone = true;
    this.#count -= 1;
    const goneCount = this.#ordered.length - this.#count;
    if (goneCount > Math.max(GONE_MIN_COUNT, this.#count)) this.#ordered = this.#ordered.filter((one) => !one.isGone);
  }
}
