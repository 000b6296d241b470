/** Who a push goes to: what a person asked for, and which peers that is. Pure. */
import { ShoalError } from '../../common/core/errors.js';
import { RECEIVERS_MAX_COUNT } from '../../common/core/limits.js';
import { formatPeerAddress, type PeerAddress, parsePeerAddress } from '../../common/core/peer-address.js';
import type { PeerInfo } from '../../common/wire/tracker-replies.js';

/** What `--to` asks for; what is given several times adds up. */
export interface ReceiverWish {
  readonly addresses: readonly PeerAddress[];
  /** Everybody who takes pushes. */
  readonly isAll: boolean;
  /** So many of those who take pushes and do not have it yet. */
  readonly count: number;
}

export interface Receivers {
  readonly chosen: readonly PeerAddress[];
  /** Those that are taken for a number, as text: any other peer would do as well. Whoever was named by its address is none of them. */
  readonly replaceable: ReadonlySet<string>;
  /** Who may take the place of a replaceable one that fails; best first. */
  readonly spare: readonly PeerAddress[];
}

/** Each text is a peer address, `all` or a number. Throws `USAGE`. */
export function parseReceivers(texts: readonly string[]): ReceiverWish {
  const addresses = new Map<string, PeerAddress>();
  let isAll = false;
  let count = 0;
  for (const text of texts) {
    if (text === 'all') isAll = true;
    else if (/^\d+$/.test(text)) count += parseCountOf(text);
    else {
      const address = parseAddress(text);
      addresses.set(formatPeerAddress(address), address);
    }
  }
  if (!isAll && count === 0 && addresses.size === 0)
    throw new ShoalError('USAGE', 'local', 'Say to whom: --to 192.168.1.7:4701, --to all, or --to 3 for any three peers.');
  return { addresses: [...addresses.values()], isAll, count };
}

function parseCountOf(text: string): number {
  const count = Number(text);
  if (count < 1 || count > RECEIVERS_MAX_COUNT)
    throw new ShoalError('USAGE', 'local', `--to takes a number from 1 to ${RECEIVERS_MAX_COUNT}, not "${text}".`);
  return count;
}

function parseAddress(text: string): PeerAddress {
  try {
    return parsePeerAddress(text);
  } catch (error) {
    if (/^(0\.0\.0\.0|\[::\]):/.test(text))
      throw new ShoalError(
        'USAGE',
        'local',
        `${text} stands for all addresses of that machine; --to takes one, which "peer peers" shows.`,
        error,
      );
    const takes = 'a peer address (192.168.1.7:4701), all, or a number of peers';
    throw new ShoalError('USAGE', 'local', `--to takes ${takes}, not "${text}".`, error);
  }
}

/** Whether the peers that trackers know have to be asked for. */
export function needsPeers({ isAll, count }: ReceiverWish): boolean {
  return isAll || count > 0;
}

/**
 * The receivers for a content of `sizeBytes`: of `count`, the least loaded that have room and are not `holders` (addresses as text). Throws
 * `NOT_FOUND` where there is nobody, or there are fewer than `count`; it names the `group` that `peers` are of.
 */
export function chooseReceivers(
  wish: ReceiverWish,
  peers: readonly PeerInfo[],
  holders: ReadonlySet<string>,
  sizeBytes: number,
  group?: string,
): Receivers {
  const chosen = new Map(wish.addresses.map((address) => [formatPeerAddress(address), address]));
  const willing = peers.filter(({ acceptBytes }) => (acceptBytes ?? 0) > 0);
  if (wish.isAll) for (const { address } of willing) chosen.set(formatPeerAddress(address), address);
  const free = leastLoaded(
    willing.filter(({ address, acceptBytes }) => {
      const key = formatPeerAddress(address);
      return (acceptBytes ?? 0) >= sizeBytes && !holders.has(key) && !chosen.has(key);
    }),
  ).map(({ address }) => address);
  if (free.length < wish.count && !wish.isAll) {
    const haveCount = willing.filter(({ address }) => holders.has(formatPeerAddress(address))).length;
    const others = haveCount === 0 ? '' : ` ${haveCount} that take pushes have it already.`;
    const found = free.length === 0 ? 'nobody who does is' : `only ${free.length} of them ${free.length === 1 ? 'is' : 'are'}`;
    throw new ShoalError(
      'NOT_FOUND',
      'remote',
      `--to ${wish.count} needs ${wish.count === 1 ? 'a peer that takes pushes, has room and does' : `${wish.count} peers that take pushes, have room and do`} not have it yet; ${found} known to the tracker.${others}`,
    );
  }
  for (const address of free.slice(0, wish.count)) chosen.set(formatPeerAddress(address), address);
  if (chosen.size === 0)
    throw new ShoalError(
      'NOT_FOUND',
      'remote',
      group === undefined
        ? 'No peer that the tracker knows takes pushes; start one with peer serve --accept.'
        : `No peer of the group "${group}" that the tracker knows takes pushes; start one with peer serve --accept --group ${group}.`,
    );
  return {
    chosen: [...chosen.values()],
    replaceable: wish.count > 0 ? new Set(free.map(formatPeerAddress)) : new Set(),
    spare: wish.count > 0 ? free.slice(wish.count) : [],
  };
}

/** Least loaded first, then those with most room; who does not tell its load counts as half loaded. */
export function leastLoaded(peers: readonly PeerInfo[]): PeerInfo[] {
  const loadOf = ({ load = 50 }: PeerInfo) => load;
  return [...peers].sort((left, right) => loadOf(left) - loadOf(right) || (right.acceptBytes ?? 0) - (left.acceptBytes ?? 0));
}
