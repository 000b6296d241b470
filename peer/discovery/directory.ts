/**
 * What the trackers know, as one: all are asked at once, page by page, and what they say is merged.
 *
 * A tracker that does not answer costs the others nothing. Peers register at several trackers, so holders are not added up: the most that
 * any tracker names count.
 */
import { asShoalError, type ShoalError } from '../../common/core/errors.js';
import { PAGE_ROWS_MAX_COUNT } from '../../common/core/limits.js';
import { formatPeerAddress, type HostPort } from '../../common/core/peer-address.js';
import type { Page } from '../../common/wire/peer-documents.js';
import type { ContentRef } from '../../common/wire/peer-lines.js';
import type { ContentInfo, PeerInfo } from '../../common/wire/tracker-replies.js';
import { openTracker, type TrackerPorts } from './open-tracker.js';
import type { TrackerClient } from './tracker-client.js';
import { type PageRequest, walkPages } from './walk-pages.js';

export interface Answer<Row> {
  readonly rows: readonly Row[];
  /** There are more than were asked for. */
  readonly isCut: boolean;
  /** Trackers that did not answer. */
  readonly failures: readonly { readonly tracker: HostPort; readonly error: ShoalError }[];
}

/** Asks for a page of a tracker. */
type AskPage<Row> = (client: TrackerClient, page: PageRequest) => Promise<Page<Row>>;

export class Directory {
  readonly #clients: readonly TrackerClient[];

  constructor(ports: TrackerPorts, trackers: readonly HostPort[]) {
    this.#clients = trackers.map((tracker) => openTracker(ports, tracker));
  }

  /** The contents of a name or a root. Never throws, as the others: what failed is in the answer. */
  info(content: ContentRef, maxCount: number): Promise<Answer<ContentInfo>> {
    const ask: AskPage<ContentInfo> = async (client) => {
      const rows = await client.info(content, Math.min(maxCount, PAGE_ROWS_MAX_COUNT));
      return { rows, next: undefined };
    };
    return this.#ask(ask, maxCount, mergeContents);
  }

  /** Contents whose name holds a text. */
  search(text: string, maxCount: number): Promise<Answer<ContentInfo>> {
    return this.#ask((client, page) => client.search(text, page), maxCount, mergeContents);
  }

  list(maxCount: number): Promise<Answer<ContentInfo>> {
    return this.#ask((client, page) => client.list(page), maxCount, mergeContents);
  }

  peers(maxCount: number, group?: string): Promise<Answer<PeerInfo>> {
    return this.#ask((client, page) => client.peers({ ...page, group }), maxCount, mergePeers);
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  async #ask<Row>(ask: AskPage<Row>, maxCount: number, merge: (rows: readonly Row[]) => Row[]): Promise<Answer<Row>> {
    const found: Row[] = [];
    const failures: { tracker: HostPort; error: ShoalError }[] = [];
    let isCut = false;
    await Promise.all(
      this.#clients.map(async (client) => {
        try {
          const pages = await walkPages((page) => ask(client, page), maxCount);
          found.push(...pages.rows);
          isCut ||= pages.isCut;
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
