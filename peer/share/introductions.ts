/**
 * Who wants to hear of peers that make themselves known, by content.
 *
 * Whoever asks for a content may say any port, as often as it likes: what one IP address can make a fetch dial is bounded, so that it
 * does not crowd out peers that trackers name.
 */
import { isLoopback, type PeerAddress } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';

/** Ports of one IP address, and IP addresses, that one who wants to hear of them is told. */
const PORTS_PER_IP_MAX_COUNT = 16;
const IPS_MAX_COUNT = 500;

type Take = (address: PeerAddress) => void;

/** One who wants to hear of peers, and whom it was told of. */
interface Watcher {
  readonly take: Take;
  readonly portsOfIp: Map<string, Set<number>>;
}

export class Introductions {
  readonly #watchers = new Map<ContentRoot, Set<Watcher>>();

  /** Calls `take` with each peer that serves the content. Returns how to end that. */
  watch(root: ContentRoot, take: Take): () => void {
    const watchers = this.#watchers.get(root) ?? new Set();
    this.#watchers.set(root, watchers);
    const watcher: Watcher = { take, portsOfIp: new Map() };
    watchers.add(watcher);
    return () => {
      watchers.delete(watcher);
      if (watchers.size === 0 && this.#watchers.get(root) === watchers) this.#watchers.delete(root);
    };
  }

  /** A peer said that it serves the content. */
  seen(root: ContentRoot, address: PeerAddress): void {
    for (const { take, portsOfIp } of this.#watchers.get(root) ?? []) if (isTaken(portsOfIp, address)) take(address);
  }
}

/** Whether there is room for the address; it is noted then. This machine's own are not bounded: many peers may run here. */
function isTaken(portsOfIp: Map<string, Set<number>>, { ip, port }: PeerAddress): boolean {
  if (isLoopback(ip)) return true;
  const ports = portsOfIp.get(ip) ?? new Set();
  const hasRoom = portsOfIp.has(ip) ? ports.size < PORTS_PER_IP_MAX_COUNT : portsOfIp.size < IPS_MAX_COUNT;
  if (!ports.has(port) && !hasRoom) return false;
  ports.add(port);
  portsOfIp.set(ip, ports);
  return true;
}
