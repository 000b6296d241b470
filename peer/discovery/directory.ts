/**
 * What the trackers know, as one: all are asked at once, page by page, and what they say is merged.
 *
 * A tracker that does not answer costs the others nothing. Peers register at several trackers, so holders are not added up: the most that
 * any tracker names count.
 */
import { asShoalError, type ShoalError } from '../../common/core/errors.js';
import { LOOKUP_ROWS_MAX_COUNT, PAGE_ROWS_MAX_COUNT } from '../../common/core/limits.js';
import { formatPeerAddress, type HostPort } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { ContentRef } from '../../common/wire/peer-lines.js';
import type { ContentInfo, LookupRow, PeerInfo } from '../../common/wire/tracker-replies.js';
import { openTracker, type TrackerPorts } from './open-tracker.js';
import type { TrackerClient } from './tracker-client.js';
import { type Walk, walkPages } from './walk-pages.js';

export interface Answer<Row> {
  readonly rows: readonly Row[];
  /** There are more than were asked for. */
  readonly isCut: boolean;
  /** Trackers that did not answer. */
  readonly failures: readonly { readonly tracker: HostPort; readonly error: ShoalError }[];
}

export class Directory {
  readonly #clients: readonly TrackerClient[];

  constructor(ports: TrackerPorts, trackers: readonly HostPort[]) {
    this.#clients = trackers.map((tracker) => openTracker(ports, tracker));
  }

  /** The contents of a name or a root. Never throws, as the others: what failed is in the answer. */
  info(content: ContentRef, maxCount: number): Promise<Answer<ContentInfo>> {
    const ask = async (client: TrackerClient) => {
      return { rows: await client.info(content, Math.min(maxCount, PAGE_ROWS_MAX_COUNT)), isCut: false };
    };
    return this.#ask(ask, maxCount, mergeContents);
  }

  /** Contents whose name holds a text. */
  search(text: string, maxCount: number): Promise<Answer<ContentInfo>> {
    return this.#ask((client) => walkPages((page) => client.search(text, page), maxCount), maxCount, mergeContents);
  }

  list(maxCount: number): Promise<Answer<ContentInfo>> {
    return this.#ask((client) => walkPages((page) => client.list(page), maxCount), maxCount, mergeContents);
  }

  peers(maxCount: number, group?: string): Promise<Answer<PeerInfo>> {
    return this.#ask((client) => walkPages((page) => client.peers({ ...page, group }), maxCount), maxCount, mergePeers);
  }

  /** Who has a content, be it in part. */
  holders(root: ContentRoot): Promise<Answer<LookupRow>> {
    const ask = async (client: TrackerClient) => {
      return { rows: await client.lookup({ by: 'root', root }, LOOKUP_ROWS_MAX_COUNT), isCut: false };
    };
    return this.#ask(ask, Number.POSITIVE_INFINITY, mergeHolders);
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  async #ask<Row>(
    ask: (client: TrackerClient) => Promise<Walk<Row>>,
    maxCount: number,
    merge: (rows: readonly Row[]) => Row[],
  ): Promise<Answer<Row>> {
    const found: Row[] = [];
    const failures: { tracker: HostPort; error: ShoalError }[] = [];
    let isCut = false;
    await Promise.all(
      this.#clients.map(async (client) => {
        try {
          const told = await ask(client);
          found.push(...told.rows);
          isCut ||= told.isCut;
        } catch (error) {
          const shoal = asShoalError(error);
          // A tracker may say in words that there is nothing.
          if (shoal.code !== 'NOT_FOUND') failures.push({ tracker: client.tracker, error: shoal });
        }
      }),
    );
    const rows = merge(found);
    return { rows: rows.slice(0, maxCount), isCut: isCut || rows.length > maxCount, failures };
  }
}

/** By name, and of one name the content that most have first. */
export function mergeContents(rows: readonly ContentInfo[]): ContentInfo[] {
  const merged = new Map<string, ContentInfo>();
  for (const row of rows) {
    const key = `${row.root ?? '-'} ${row.sizeBytes} ${row.name}`;
    const former = merged.get(key);
    merged.set(key, {
      ...row,
      type: former?.type ?? row.type,
      checksum: former?.checksum ?? row.checksum,
      completeCount: Math.max(former?.completeCount ?? 0, row.completeCount),
      partialCount: Math.max(former?.partialCount ?? 0, row.partialCount),
    });
  }
  const order = (left: ContentInfo, right: ContentInfo) =>
    left.name === right.name ? right.completeCount - left.completeCount : left.name < right.name ? -1 : 1;
  return [...merged.values()].sort(order);
}

/** By address; of each what was heard last. */
export function mergePeers(rows: readonly PeerInfo[]): PeerInfo[] {
  const merged = new Map<string, PeerInfo>();
  for (const row of rows) {
    const key = formatPeerAddress(row.address);
    const former = merged.get(key);
    if (former === undefined || row.seenMs < former.seenMs)
      merged.set(key, { ...row, fileCount: Math.max(row.fileCount, former?.fileCount ?? 0) });
    else merged.set(key, { ...former, fileCount: Math.max(row.fileCount, former.fileCount) });
  }
  return [...merged].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, peer]) => peer);
}

/** By address; as whole where one tracker says so. */
export function mergeHolders(rows: readonly LookupRow[]): LookupRow[] {
  const merged = new Map<string, LookupRow>();
  for (const row of rows) {
    const key = formatPeerAddress(row.address);
    if (!merged.has(key) || row.haveChunks === undefined) merged.set(key, row);
  }
  return [...merged.values()];
}
