/** What the trackers know of peers and of who has a content: asked at all of them at once, and merged. */
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import { LOOKUP_ROWS_MAX_COUNT, PEERS_WALK_MAX_COUNT } from '../../common/core/limits.js';
import { formatHostPort, formatPeerAddress, type HostPort } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { LookupRow, PeerInfo } from '../../common/wire/tracker-replies.js';
import { openTracker, type TrackerPorts } from '../discovery/open-tracker.js';
import type { TrackerClient } from '../discovery/tracker-client.js';

export class KnownReceivers {
  readonly #clients: readonly TrackerClient[];

  constructor(ports: TrackerPorts, trackers: readonly HostPort[]) {
    this.#clients = trackers.map((tracker) => openTracker(ports, tracker));
  }

  /**
   * Peers that the trackers know, or those of a group; each once, as the tracker tells that heard of it last. At most
   * PEERS_WALK_MAX_COUNT. Throws `NETWORK` where no tracker could be asked.
   */
  async peers(group: string | undefined): Promise<PeerInfo[]> {
    const found = new Map<string, PeerInfo>();
    for (const info of (await this.#askAll((client) => walk(client, group))).flat()) {
      const key = formatPeerAddress(info.address);
      const known = found.get(key);
      if (known === undefined || info.seenMs < known.seenMs) found.set(key, info);
    }
    return [...found.values()];
  }

  /** Who has a content, each address once; as whole where one tracker says so. Throws as `peers`. */
  async holders(root: ContentRoot): Promise<LookupRow[]> {
    const found = new Map<string, LookupRow>();
    const rows = await this.#askAll((client) => client.lookup({ by: 'root', root }, LOOKUP_ROWS_MAX_COUNT).catch(noneIfNotFound));
    for (const row of rows.flat()) {
      const key = formatPeerAddress(row.address);
      if (found.get(key) === undefined || row.haveChunks === undefined) found.set(key, row);
    }
    return [...found.values()];
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  /** The answers of those that answer. */
  async #askAll<Answer>(ask: (client: TrackerClient) => Promise<Answer>): Promise<Answer[]> {
    const answers = await Promise.allSettled(this.#clients.map(ask));
    const good = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    if (good.length > 0 || answers.length === 0) return good;
    const error = asShoalError(answers.find((answer) => answer.status === 'rejected')?.reason);
    const tracker = this.#clients[0]?.tracker;
    const at = tracker === undefined ? 'that was named' : formatHostPort(tracker);
    throw new ShoalError('NETWORK', 'environment', `The tracker ${at} could not be asked for peers. ${error.message}`, error);
  }
}

async function walk(client: TrackerClient, group: string | undefined): Promise<PeerInfo[]> {
  const peers: PeerInfo[] = [];
  let after: string | undefined;
  do {
    const page = await client.peers({ group, ...(after === undefined ? {} : { after }) });
    peers.push(...page.rows);
    after = page.next;
  } while (after !== undefined && peers.length < PEERS_WALK_MAX_COUNT);
  return peers;
}

/** A tracker may say in words that nobody has it. */
function noneIfNotFound(error: unknown): LookupRow[] {
  if (asShoalError(error).code === 'NOT_FOUND') return [];
  throw error;
}
