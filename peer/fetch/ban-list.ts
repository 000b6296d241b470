/**
 * Who lied in one fetch, through all its steps: each dials for itself, and whoever was banned in one is in the next.
 *
 * A ban holds an address and port. Whoever lies from several ports of one IP address is not listened to at others of them either, though
 * not on the strength of one: behind a home router many honest peers have one address. An IPv6 customer has addresses without end, and so
 * may have the hosts of a whole office: there it takes more. This machine's own ports are each for themselves.
 */
import { formatPeerAddress, isLan, isLoopback, type PeerAddress, sourceOf } from '../../common/core/peer-address.js';

/** Liars of one IP address, and of one IPv6 network that is not local, after which no others from there are taken. */
const STRIKES_MAX_COUNT = 3;
const NETWORK_STRIKES_MAX_COUNT = 16;

export class BanList {
  /** By address as text: whether it sent wrong data, or broke the protocol. */
  readonly #banned = new Map<string, boolean>();
  readonly #strikes = new Map<string, number>();

  /** Bans an address. `isLiar`: it sent wrong data. */
  ban(address: PeerAddress, isLiar: boolean): void {
    const key = formatPeerAddress(address);
    if (!this.#banned.has(key) && !isLoopback(address.ip))
      for (const from of new Set([address.ip, sourceOf(address.ip)])) this.#strikes.set(from, this.#countOf(from) + 1);
    this.#banned.set(key, isLiar || this.isLiar(address));
  }

  isBanned(address: PeerAddress): boolean {
    return this.#banned.has(formatPeerAddress(address));
  }

  /** Whether it sent wrong data. */
  isLiar(address: PeerAddress): boolean {
    return this.#banned.get(formatPeerAddress(address)) === true;
  }

  /** Whether so many liars came from where an address is that no other one from there is taken. */
  isStruck(ip: string): boolean {
    return this.#countOf(ip) >= STRIKES_MAX_COUNT || (!isLan(ip) && this.#countOf(sourceOf(ip)) >= NETWORK_STRIKES_MAX_COUNT);
  }

  #countOf(from: string): number {
    return this.#strikes.get(from) ?? 0;
  }
}
