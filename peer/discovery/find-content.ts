/**
 * Who has it: asks all trackers at once and merges what they say.
 *
 * Peers are grouped by (size, root), never by name alone: two contents under one name are two contents, and "most peers agree" is no
 * proof of which is meant. A tracker that does not answer costs the others nothing.
 */
import { asShoalError, type ShoalError } from '../../common/core/errors.js';
import { formatHostPort, formatPeerAddress, type HostPort, type PeerAddress } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { Clock } from '../../common/ports/clock.js';
import type { Dialer } from '../../common/ports/net.js';
import type { ContentRef } from '../../common/wire/peer-lines.js';
import type { LookupRow } from '../../common/wire/tracker-replies.js';
import { TcpChannel } from './tcp-channel.js';
import { TrackerClient } from './tracker-client.js';

export interface FinderPorts {
  readonly dialer: Dialer;
  readonly clock: Clock;
}

/** One content that is shared under the name or root that was looked up. */
export interface FoundContent {
  readonly sizeBytes: number;
  /** `undefined` where nobody gave one: it cannot be verified. */
  readonly root: ContentRoot | undefined;
  /** Best first. */
  readonly peers: readonly PeerAddress[];
}

export interface Lookup {
  readonly contents: readonly FoundContent[];
  /** Trackers that did not answer. */
  readonly failures: readonly { readonly tracker: string; readonly error: ShoalError }[];
}

/** Keeps its connections to the trackers, for looking up again while a fetch runs. */
export class ContentFinder {
  readonly #clients: readonly { readonly name: string; readonly client: TrackerClient }[];

  constructor(ports: FinderPorts, trackers: readonly HostPort[]) {
    const byName = new Map(trackers.map((tracker) => [formatHostPort(tracker), tracker]));
    this.#clients = [...byName].map(([name, tracker]) => ({ name, client: new TrackerClient(new TcpChannel(ports, tracker)) }));
  }

  /** Asks every tracker. Never throws: what failed is in the answer. */
  async lookup(content: ContentRef): Promise<Lookup> {
    const rows: LookupRow[] = [];
    const failures: { tracker: string; error: ShoalError }[] = [];
    await Promise.all(
      this.#clients.map(async ({ name, client }) => {
        try {
          rows.push(...(await client.lookup(content)));
        } catch (error) {
          const shoal = asShoalError(error);
          // A tracker may say in words that nobody has it.
          if (shoal.code !== 'NOT_FOUND') failures.push({ tracker: name, error: shoal });
        }
      }),
    );
    return { contents: groupRows(rows), failures };
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map(({ client }) => client.close()));
  }
}

/** Rows grouped into contents; peers keep the order of their first row. */
export function groupRows(rows: readonly LookupRow[]): FoundContent[] {
  const groups = new Map<string, { sizeBytes: number; root: ContentRoot | undefined; peers: Map<string, PeerAddress> }>();
  for (const row of rows) {
    const key = `${row.sizeBytes} ${row.root ?? '-'}`;
    const group = groups.get(key) ?? { sizeBytes: row.sizeBytes, root: row.root, peers: new Map() };
    group.peers.set(formatPeerAddress(row.address), row.address);
    groups.set(key, group);
  }
  return [...groups.values()].map((group) => ({ ...group, peers: [...group.peers.values()] }));
}
