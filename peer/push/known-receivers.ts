/** What the trackers know of peers that might take a push, and of who has a content already; without any of them there is nothing to go by. */
import { ShoalError } from '../../common/core/errors.js';
import { PEERS_WALK_MAX_COUNT } from '../../common/core/limits.js';
import { formatHostPort, type HostPort } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { LookupRow, PeerInfo } from '../../common/wire/tracker-replies.js';
import { type Answer, Directory } from '../discovery/directory.js';
import type { TrackerPorts } from '../discovery/open-tracker.js';

export class KnownReceivers {
  readonly #directory: Directory;
  readonly #trackerCount: number;

  constructor(ports: TrackerPorts, trackers: readonly HostPort[]) {
    this.#directory = new Directory(ports, trackers);
    this.#trackerCount = trackers.length;
  }

  /** At most PEERS_WALK_MAX_COUNT peers, or those of a group. Throws `NETWORK` where no tracker could be asked. */
  async peers(group: string | undefined): Promise<readonly PeerInfo[]> {
    return this.#rowsOf(await this.#directory.peers(PEERS_WALK_MAX_COUNT, group));
  }

  /** Who has a content, be it in part. Throws as `peers`. */
  async holders(root: ContentRoot): Promise<readonly LookupRow[]> {
    return this.#rowsOf(await this.#directory.holders(root));
  }

  /** What is asked fails. Idempotent. */
  close(): Promise<void> {
    return this.#directory.close();
  }

  #rowsOf<Row>({ rows, failures }: Answer<Row>): readonly Row[] {
    const first = failures[0];
    if (first === undefined || failures.length < this.#trackerCount) return rows;
    const text = `The tracker ${formatHostPort(first.tracker)} could not be asked for peers. ${first.error.message}`;
    throw new ShoalError('NETWORK', 'environment', text, first.error);
  }
}
