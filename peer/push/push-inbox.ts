/**
 * What others push to this peer: checked against its policy, put in a queue, fetched by its own fetch, told about, and forgotten.
 *
 *     PUSH ──► policy ──► here already? ──► room (quota, disk) ──► table (waiting ──► fetching ──► done or failed)
 *
 * It decides nothing about bytes: that they are right is the fetch's business, that they fit the table's, where they go the folder's.
 * Whoever pushes is asked for the content at the IP address that it is seen at, and nowhere else.
 */

import { chunkCount } from '../../common/core/chunks.js';
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import type { FileName } from '../../common/core/file-name.js';
import { PUSH_PATIENCE_MS } from '../../common/core/limits.js';
import type { PeerAddress } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { Clock, Timer } from '../../common/ports/clock.js';
import type { PushState } from '../../common/wire/peer-documents.js';
import type { PushOffer } from '../../common/wire/peer-lines.js';
import type { FetchEvent, FetchResult } from '../fetch/fetch-events.js';
import type { FetchSource } from '../fetch/fetch-source.js';
import type { PushFolder } from './push-folder.js';
import { checkOffer, type PushPolicy } from './push-policy.js';
import { isOver, PushTable, pushStateOf } from './push-table.js';

/** Milliseconds for which a measure of the folder is good where there is no room: whoever deletes files there waits no longer. */
const MEASURE_MS = 10_000;
/** Milliseconds between two looks for what is to be forgotten. */
const FORGET_MS = 60_000;

export interface PushFetch {
  readonly source: FetchSource;
  readonly directory: string;
  readonly patienceMs: number;
  readonly onEvent: (event: FetchEvent) => void;
  readonly signal: AbortSignal;
}

/** What this node serves under a name. */
export type SharedUnderName =
  /** Nothing, nor below it. */
  | { readonly kind: 'nothing' }
  /** All of one content. */
  | { readonly kind: 'whole'; readonly root: ContentRoot }
  /** Contents whose names begin with it, as those of a folder do. */
  | { readonly kind: 'below' }
  /** Part of one. */
  | { readonly kind: 'part' };

/** What the fetch of a push came to. */
export type ReceivedPush = Pick<FetchResult, 'type' | 'path' | 'size' | 'fetchedBytes' | 'isAlreadyThere'>;

/** What a peer that takes pushes tells; `ip` is where the offer came from. */
export interface PushEvents {
  /** An offer was taken and waits. */
  pushOffered(offer: PushOffer, ip: string): void;
  /** It is at `result.path`, checked, and shared from there on. */
  pushReceived(offer: PushOffer, ip: string, result: ReceivedPush): void;
  pushFailed(offer: PushOffer, ip: string, error: ShoalError): void;
}

export interface PushInboxPorts {
  readonly clock: Clock;
  readonly folder: Pick<PushFolder, 'open' | 'measure' | 'freeBytes' | 'prepare' | 'discard' | 'tidy'>;
  /** Fetches a content and goes on sharing it. Throws as `fetchContent`. */
  readonly fetch: (fetch: PushFetch) => Promise<ReceivedPush>;
  readonly shared: (name: FileName) => SharedUnderName;
  /** Somebody serves a content that is being fetched. */
  readonly peerSeen: (root: ContentRoot, address: PeerAddress) => void;
}

export class PushInbox {
  readonly #ports: PushInboxPorts;
  readonly #policy: PushPolicy;
  readonly #events: Partial<PushEvents>;
  readonly #table: PushTable;
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #measuring: Promise<void> | undefined;
  #measuredMs = Number.NEGATIVE_INFINITY;
  /** What the disk had left at the last look. */
  #freeBytes = 0;
  #timer: Timer | undefined;

  /** Makes the folder where it is missing. Throws `DENIED`, `DISK_FULL` or `IO`. */
  static async open(ports: PushInboxPorts, policy: PushPolicy, events: Partial<PushEvents>): Promise<PushInbox> {
    const inbox = new PushInbox(ports, policy, events);
    await ports.folder.open();
    await inbox.#measure();
    inbox.#scheduleForgetting();
    return inbox;
  }

  private constructor(ports: PushInboxPorts, policy: PushPolicy, events: Partial<PushEvents>) {
    this.#ports = ports;
    this.#policy = policy;
    this.#events = events;
    this.#table = new PushTable(policy);
  }

  /** Bytes that are still taken, as far as is known; 0 where nothing is. */
  get acceptBytes(): number {
    if (this.#stop.signal.aborted || !this.#table.hasPlace) return 0;
    return Math.max(0, Math.min(this.#table.roomBytes, this.#freeBytes - this.#table.unwrittenBytes));
  }

  /**
   * Takes an offer, or tells what became of it: the same content under the same name is the same push. One that is over is tried anew
   * where another process (`id`) offers it. Throws `DENIED`, `LIMIT` or `BUSY`, and as `PushFolder.open`.
   */
  async push(offer: PushOffer, { ip }: { readonly ip: string }): Promise<PushState> {
    this.#refuseIfStopped();
    checkOffer(this.#policy, offer, ip);
    const told = this.#known(offer, ip) ?? this.#sharedState(offer);
    if (told !== undefined) return told;
    await this.#makeRoom(offer);
    this.#refuseIfStopped();
    // The same may have been offered by somebody else meanwhile.
    const late = this.#known(offer, ip);
    if (late !== undefined) return late;
    const record = this.#table.admit(offer, ip);
    this.#events.pushOffered?.(offer, ip);
    this.#beginNext();
    return pushStateOf(record);
  }

  /** Stops what is fetched; what is verified stays on disk, and the same push goes on with it. Idempotent. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#stop.abort(new ShoalError('STOPPED', 'local', 'Stopped.'));
    await Promise.all(this.#running);
  }

  /** Throws `BUSY`. */
  #refuseIfStopped(): void {
    if (this.#stop.signal.aborted) throw new ShoalError('BUSY', 'local', 'This peer is about to stop.');
  }

  #known(offer: PushOffer, ip: string): PushState | undefined {
    const record = this.#table.find(offer);
    if (record === undefined) return undefined;
    // It stays known until the next try is taken: what it left on disk must be counted, and can be taken away.
    if (isOver(record) && record.offer.id !== offer.id) return undefined;
    if (record.phase.kind === 'fetching') this.#ports.peerSeen(offer.root, { ip, port: offer.port });
    return pushStateOf(record);
  }

  /** What there is to say where this node serves something under the name; `undefined` where nothing. Throws `BUSY`. */
  #sharedState({ name, root, sizeBytes }: PushOffer): PushState | undefined {
    const shared = this.#ports.shared(name);
    const count = chunkCount(sizeBytes);
    switch (shared.kind) {
      case 'nothing':
        return undefined;
      case 'whole':
        return shared.root === root ? { state: 'done', haveChunks: count, chunkCount: count } : nameTaken(count);
      case 'below':
        return nameTaken(count);
      case 'part':
        throw new ShoalError('BUSY', 'local', 'This peer is fetching under this name already; try again later.');
    }
  }

  /** Sees to it that an offer fits, as far as that can be. Throws `LIMIT`, and as `PushFolder.open`. */
  async #makeRoom(wanted: PushOffer): Promise<void> {
    const { sizeBytes } = wanted;
    // Whoever clears it may take the folder away, too.
    await this.#ports.folder.open();
    const isTooSmall = () => sizeBytes > this.#table.roomFor(wanted);
    const isStale = this.#ports.clock.nowMs() - this.#measuredMs >= MEASURE_MS;
    if (isTooSmall() && isStale) await this.#measure();
    // What failed pushes left is only there to go on with: the oldest goes first, and no more than has to.
    for (const record of this.#table.leftovers(wanted)) {
      if (!isTooSmall()) break;
      // It may have been tried anew meanwhile.
      if (this.#table.find(record.offer) !== record) continue;
      await this.#ports.folder.discard(record.offer);
      this.#table.forget(record.offer);
    }
    await this.#lookAtDisk();
    if (sizeBytes > this.#freeBytes - this.#table.unwrittenBytes)
      throw new ShoalError('LIMIT', 'local', 'The disk of this peer has no room for it.');
  }

  #measure(): Promise<void> {
    this.#measuring ??= this.#measureOnce().finally(() => {
      this.#measuring = undefined;
    });
    return this.#measuring;
  }

  async #measureOnce(): Promise<void> {
    const before = this.#table.addedBytes;
    const bytes = await this.#ports.folder.measure([...this.#table.records()].map(({ offer }) => offer));
    // What came in meanwhile may or may not have been seen.
    this.#table.measured(bytes + this.#table.addedBytes - before);
    this.#measuredMs = this.#ports.clock.nowMs();
    await this.#lookAtDisk();
  }

  async #lookAtDisk(): Promise<void> {
    this.#freeBytes = await this.#ports.folder.freeBytes();
  }

  #beginNext(): void {
    for (let record = this.#table.begin(); record !== undefined; record = this.#table.begin()) {
      const { offer, ip } = record;
      const run = this.#receive(offer, ip).finally(() => {
        this.#running.delete(run);
        if (!this.#stop.signal.aborted) this.#beginNext();
      });
      this.#running.add(run);
    }
  }

  /** Fetches one; never throws. */
  async #receive(offer: PushOffer, ip: string): Promise<void> {
    const { clock, folder } = this.#ports;
    try {
      const directory = await folder.prepare(offer);
      const result = await this.#fetch(offer, ip, directory);
      this.#table.ended(offer, { kind: 'done', addedBytes: result.isAlreadyThere ? 0 : result.size }, clock.nowMs());
      this.#events.pushReceived?.(offer, ip, result);
    } catch (thrown) {
      const error = asShoalError(thrown);
      const isStopped = this.#stop.signal.aborted;
      const { doneBytes = 0 } = this.#table.find(offer) ?? {};
      // Before it counts as failed, since from then on it may be tried anew.
      await (doneBytes === 0 && !isStopped ? folder.discard(offer) : folder.tidy(offer)).catch(() => undefined);
      this.#table.ended(offer, { kind: 'failed', error }, clock.nowMs());
      if (!isStopped) this.#events.pushFailed?.(offer, ip, error);
    }
  }

  async #fetch(offer: PushOffer, ip: string, directory: string) {
    const { name, root, sizeBytes, port } = offer;
    const controller = new AbortController();
    const stop = () => controller.abort(this.#stop.signal.reason);
    this.#stop.signal.addEventListener('abort', stop, { once: true });
    if (this.#stop.signal.aborted) stop();
    const onEvent = (event: FetchEvent) => {
      if (event.event === 'progress' && event.phase === 'fetch') this.#table.progressed(offer, event.doneBytes);
      if (event.event !== 'content') return;
      try {
        this.#table.sized(offer, event.size);
      } catch (error) {
        controller.abort(error);
      }
    };
    try {
      return await this.#ports.fetch({
        source: { content: { by: 'root', root }, root, name, sizeBytes, trackers: [], peers: [{ ip, port }] },
        directory,
        patienceMs: PUSH_PATIENCE_MS,
        onEvent,
        signal: controller.signal,
      });
    } finally {
      this.#stop.signal.removeEventListener('abort', stop);
    }
  }

  #scheduleForgetting(): void {
    this.#timer = this.#ports.clock.setTimer('forget pushes', FORGET_MS, () => {
      const left = this.#table.forgetOld(this.#ports.clock.nowMs()).filter(({ phase }) => phase.kind === 'failed');
      for (const { offer } of left) void this.#ports.folder.discard(offer).catch(() => undefined);
      void this.#lookAtDisk().catch(() => undefined);
      this.#scheduleForgetting();
    });
  }
}

/** Whatever is served under a name must not become something else because somebody pushes. */
function nameTaken(count: number): PushState {
  const text = 'This peer shares something else under this name; push it under another one.';
  return { state: 'failed', haveChunks: 0, chunkCount: count, code: 'TARGET_EXISTS', text };
}
