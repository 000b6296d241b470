/**
 * Who has it: asks all trackers at once and merges what they say.
 *
 * Peers are grouped by (size, root), never by name alone: two contents under one name are two contents, and "most peers agree" is no
 * proof of which is meant. A tracker that does not answer costs the others nothing: as soon as one has named enough to begin with, the
 * others have a short grace, and what they say after that is told when it comes. That nobody has it is said only when all have
 * answered or failed.
 */
import { asShoalError, type ShoalError } from '../../common/core/errors.js';
import { formatHostPort, formatPeerAddress, type HostPort, type PeerAddress } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { Timer } from '../../common/ports/clock.js';
import type { ContentRef } from '../../common/wire/peer-lines.js';
import type { LookupRow } from '../../common/wire/tracker-replies.js';
import { openTracker, type TrackerPorts } from './open-tracker.js';
import type { TrackerClient } from './tracker-client.js';

/** Milliseconds that the others have when one tracker has named enough: two trackers that are well answer within it of each other. */
const LOOKUP_GRACE_MS = 100;

/** One content that is shared under the name or root that was looked up. */
export interface FoundContent {
  readonly sizeBytes: number;
  /** `undefined` where nobody gave one: it cannot be verified. */
  readonly root: ContentRoot | undefined;
  /** Best first, those of each tracker in turn. */
  readonly peers: readonly PeerAddress[];
}

export interface TrackerFailure {
  readonly tracker: string;
  readonly error: ShoalError;
}

/** What trackers said. */
export interface Lookup {
  readonly contents: readonly FoundContent[];
  /** Trackers that could not be asked, or refused. */
  readonly failures: readonly TrackerFailure[];
}

/** How a lookup goes on while trackers answer. */
export interface LookupOptions {
  /** Whether what was found so far is enough to begin with. Asked at the beginning too, when nothing is. */
  readonly isEnough: (contents: readonly FoundContent[]) => boolean;
  /** Told of each tracker that answered or failed after the result, with what that one alone said. */
  readonly late: (source: string, answer: Lookup) => void;
  /** All have answered or failed. Called once, after everything else. */
  readonly over: () => void;
}

/** One tracker, as somebody to ask who has a content. */
export class TrackerSource {
  /** `host:port`. */
  readonly name: string;
  readonly #client: TrackerClient;

  constructor(client: TrackerClient) {
    this.name = formatHostPort(client.tracker);
    this.#client = client;
  }

  /** Throws what stands against asking it. */
  async lookup(content: ContentRef): Promise<LookupRow[]> {
    try {
      return await this.#client.lookup(content);
    } catch (error) {
      // A tracker may say in words that nobody has it.
      if (asShoalError(error).code === 'NOT_FOUND') return [];
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

/** Keeps its connections to the trackers, for looking up again while a fetch runs. */
export class ContentFinder {
  /** Each tracker once. */
  readonly sources: readonly TrackerSource[];
  readonly #ports: TrackerPorts;

  constructor(ports: TrackerPorts, trackers: readonly HostPort[]) {
    const byName = new Map(trackers.map((tracker) => [formatHostPort(tracker), tracker]));
    this.#ports = ports;
    this.sources = [...byName.values()].map((tracker) => new TrackerSource(openTracker(ports, tracker)));
  }

  /** Asks every tracker. Never throws: what failed is in the answer. */
  lookup(content: ContentRef, options: LookupOptions): Promise<Lookup> {
    return new Promise((resolve) => {
      const answers: LookupRow[][] = [];
      const failures: TrackerFailure[] = [];
      const contents = () => groupRows(inTurn(answers));
      let openCount = this.sources.length;
      let isTold = false;
      let grace: Timer | undefined;
      const tell = () => {
        grace?.cancel();
        isTold = true;
        resolve({ contents: contents(), failures });
      };
      const look = () => {
        if (!isTold && openCount === 0) tell();
        else if (!isTold && grace === undefined && options.isEnough(contents()))
          grace = this.#ports.clock.setTimer('lookup grace', LOOKUP_GRACE_MS, tell);
        if (openCount === 0) options.over();
      };
      const take = (source: string, rows: LookupRow[], failed: TrackerFailure[]) => {
        openCount -= 1;
        if (isTold) options.late(source, { contents: groupRows(rows), failures: failed });
        answers.push(rows);
        failures.push(...failed);
        look();
      };
      for (const { name, rows } of this.sources.map((source) => ({ name: source.name, rows: source.lookup(content) }))) {
        rows.then(
          (found) => take(name, found, []),
          (error: unknown) => take(name, [], [{ tracker: name, error: asShoalError(error) }]),
        );
      }
      look();
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.sources.map((source) => source.close()));
  }
}

/** The first of each list, then the second of each, and so on: a tracker that names many hides none of those that another names. */
function inTurn<T>(lists: readonly (readonly T[])[]): T[] {
  const longest = Math.max(0, ...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, at) => lists.flatMap((list) => list.slice(at, at + 1))).flat();
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
