/** The pushing half of a node: takes what others push where a policy allows it, and pushes what it shares, or knows of, to others. */
import { asShoalError } from '../../common/core/errors.js';
import type { FileName } from '../../common/core/file-name.js';
import { formatPeerAddress, type HostPort, type PeerAddress } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { Clock } from '../../common/ports/clock.js';
import type { Disk } from '../../common/ports/disk.js';
import type { Dialer } from '../../common/ports/net.js';
import type { Processes } from '../../common/ports/processes.js';
import type { Random } from '../../common/ports/random.js';
import type { PushOffer } from '../../common/wire/peer-lines.js';
import type { FetchEvent, FetchResult } from '../fetch/fetch-events.js';
import type { FetchOptions } from '../fetch/fetch-session.js';
import type { SlotMemory } from '../hash/slot-memory.js';
import { drawProcessId } from '../net/introduction.js';
import type { ShareIndex } from '../share/share-index.js';
import type { ShareListing } from '../share/share-place.js';
import { KnownReceivers } from './known-receivers.js';
import { type PushAllEvents, pushToAll, type ReceiverEnd } from './push-all.js';
import { PushFolder } from './push-folder.js';
import { type PushEvents, type PushFetch, PushInbox, type SharedUnderName } from './push-inbox.js';
import type { PushPolicy } from './push-policy.js';
import { pushToPeer } from './push-to-peer.js';
import { chooseReceivers, needsPeers, type ReceiverWish } from './receivers.js';
import { type ReplicationOptions, Replicator } from './replicator.js';

/** How long a receiver of a copy that is gone or busy is tried again, before another one is chosen. */
const COPY_TIMEOUT_MS = 30_000;
/** How long one may take the offer and get no further: ten others that never come may be before it, at a minute each. */
const COPY_STALL_MS = 600_000;

export interface NodePushPorts {
  /** For trackers. */
  readonly dialer: Dialer;
  readonly peerDialer: Dialer;
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly processes: Processes;
  readonly slots: SlotMemory;
  readonly index: Pick<ShareIndex, 'find' | 'contents'>;
  /** Fetches and goes on serving what came. */
  readonly fetch: (options: FetchOptions) => Promise<FetchResult>;
  readonly seed: (result: FetchResult) => Promise<void>;
  readonly peerSeen: (root: ContentRoot, address: PeerAddress) => void;
  /** What this node was asked to share, or keeps. */
  readonly shares: () => readonly Pick<ShareListing, 'name' | 'sizeBytes'>[];
  /** Under which addresses trackers know this node. */
  readonly ownAddresses: () => ReadonlySet<string>;
}

export interface NodePushOptions {
  readonly trackers: readonly HostPort[];
  /** Where others reach what this node serves. */
  readonly port: number;
  /** Left out, nothing is taken. */
  readonly accept?: PushPolicy;
  /** What it says of itself when it pushes, and whom it keeps copies with. */
  readonly group?: string;
  /** Left out, no copies are looked after. */
  readonly replicate?: ReplicationOptions;
  readonly events: Partial<PushEvents> & { readonly note: (text: string) => void };
}

/** A content to be pushed. */
export interface PushContent extends Pick<PushOffer, 'name' | 'root' | 'sizeBytes' | 'type'> {
  /** Of a folder what its files hold, as far as that is known. */
  readonly totalBytes: number;
}

export interface PushEventsForAll extends PushAllEvents {
  /** Who it goes to. */
  chosen(receivers: readonly PeerAddress[]): void;
}

export interface PushOptions {
  readonly content: PushContent;
  readonly receivers: ReceiverWish;
  /** Only peers of this group are found by `all` and by a number. */
  readonly group: string | undefined;
  /** How long a receiver that is gone or busy is tried again. */
  readonly timeoutMs: number;
  readonly events: PushEventsForAll;
  readonly signal: AbortSignal;
}

export class NodePush {
  readonly #ports: NodePushPorts;
  readonly #options: NodePushOptions;
  #replicator: Replicator | undefined;
  #known: KnownReceivers | undefined;
  /** What takes pushes; `undefined` where nothing does. */
  readonly inbox: PushInbox | undefined;

  /** Throws what stands against the folder that pushes go to: `DENIED`, `DISK_FULL` or `IO`. */
  static async open(ports: NodePushPorts, options: NodePushOptions): Promise<NodePush> {
    const inbox = options.accept === undefined ? undefined : await openInbox(ports, options, options.accept);
    return new NodePush(ports, options, inbox);
  }

  private constructor(ports: NodePushPorts, options: NodePushOptions, inbox: PushInbox | undefined) {
    this.#ports = ports;
    this.#options = options;
    this.inbox = inbox;
    if (options.replicate !== undefined) this.#startReplicating(options.replicate);
  }

  /** A content that was asked to be shared and is here whole, by its name; `undefined` where there is none. */
  pushable(name: FileName): PushContent | undefined {
    const listing = this.#ports.shares().find((share) => share.name === name);
    return listing === undefined ? undefined : this.#contentOf(listing);
  }

  /**
   * Pushes a content, and resolves with what became of it at each receiver. Throws `NETWORK` where no tracker could be asked for
   * receivers, `NOT_FOUND` where there are not as many as are wanted, and the signal's reason.
   */
  async push({ content, receivers: wish, group, timeoutMs, events, signal }: PushOptions): Promise<ReceiverEnd[]> {
    const receivers = await this.#receivers(wish, content.root, group, content.totalBytes);
    signal.throwIfAborted();
    events.chosen(receivers.chosen);
    const offer = this.#offer(content, group);
    return pushToAll(this.#connecting, { offer, receivers, timeoutMs, events, signal });
  }

  /** Stops what is being taken, and copied. Idempotent. */
  async close(): Promise<void> {
    // A look that waits for a tracker which does not answer ends with its connection.
    await Promise.all([this.#replicator?.close(), this.#known?.close()]);
    await this.inbox?.close();
  }

  #contentOf({ name, sizeBytes: totalBytes }: Pick<ShareListing, 'name' | 'sizeBytes'>): PushContent | undefined {
    const content = this.#ports.index.find({ by: 'name', name });
    if (content === undefined || !content.holding.isWhole) return undefined;
    const { sizeBytes, type } = content.manifest;
    return { name, root: content.root, sizeBytes, totalBytes, ...(type === undefined ? {} : { type }) };
  }

  get #connecting() {
    const { clock, peerDialer, slots } = this.#ports;
    return { dialer: peerDialer, clock, slots };
  }

  /** Each is a push of its own, so that what failed before is tried anew. */
  #offer({ totalBytes: _, ...what }: PushContent, group: string | undefined): PushOffer {
    const id = drawProcessId(this.#ports.random);
    return { ...what, port: this.#options.port, id, ...(group === undefined ? {} : { group }) };
  }

  #startReplicating(replicate: ReplicationOptions): void {
    const { clock, random, shares, ownAddresses } = this.#ports;
    const { trackers, group, events } = this.#options;
    const known = new KnownReceivers(this.#ports, trackers);
    this.#known = known;
    const push = (content: PushContent, address: PeerAddress, signal: AbortSignal) => {
      const offer = this.#offer(content, group);
      const patience = { timeoutMs: COPY_TIMEOUT_MS, stallMs: COPY_STALL_MS };
      return pushToPeer(this.#connecting, { address, offer, signal, ...patience, onState: () => undefined });
    };
    this.#replicator = new Replicator(
      {
        clock,
        random,
        ownAddresses,
        contents: () => shares().flatMap((listing) => this.#contentOf(listing) ?? []),
        members: () => known.peers(group),
        holders: (root) => known.holders(root),
        push,
        note: events.note,
      },
      replicate,
    );
  }

  async #receivers(wish: ReceiverWish, root: ContentRoot, group: string | undefined, totalBytes: number) {
    if (!needsPeers(wish)) return chooseReceivers(wish, [], new Set(), totalBytes);
    const known = new KnownReceivers(this.#ports, this.#options.trackers);
    try {
      const [peers, holders] = await Promise.all([known.peers(group), wish.count > 0 ? known.holders(root) : []]);
      return chooseReceivers(wish, peers, new Set(holders.map(({ address }) => formatPeerAddress(address))), totalBytes, group);
    } finally {
      await known.close();
    }
  }
}

function openInbox(ports: NodePushPorts, options: NodePushOptions, policy: PushPolicy): Promise<PushInbox> {
  const { clock, peerSeen, index } = ports;
  const inboxPorts = {
    clock,
    peerSeen,
    folder: new PushFolder(ports, policy.folder),
    fetch: (how: PushFetch) => receive(ports, options, how),
    shared: (name: FileName) => sharedUnder(index, name),
  };
  return PushInbox.open(inboxPorts, policy, options.events);
}

async function receive(ports: NodePushPorts, { trackers, events }: NodePushOptions, how: PushFetch): Promise<FetchResult> {
  const shown = how.source.name ?? `@${how.source.root}`;
  const onEvent = (event: FetchEvent) => {
    if (event.event === 'disk-full')
      events.note(`"${shown}" is pushed here and waits for room: the disk of ${event.folder} is full.`);
    if (event.event === 'disk-room') events.note(`There is room for "${shown}" again: it goes on.`);
    how.onEvent(event);
  };
  const result = await ports.fetch({ ...how, onEvent, shown, trackers, out: undefined, isOverwrite: false, isFresh: false });
  // What was there already is hashed first, which whoever pushed it does not have to wait for.
  ports.seed(result).catch((error: unknown) => {
    events.note(`"${shown}" was pushed here and is not shared: ${asShoalError(error).message}`);
  });
  return result;
}

function sharedUnder(index: NodePushPorts['index'], name: FileName): SharedUnderName {
  const content = index.find({ by: 'name', name });
  if (content !== undefined) return content.holding.isWhole ? { kind: 'whole', root: content.root } : { kind: 'part' };
  for (const other of index.contents()) if (other.name.startsWith(`${name}/`)) return { kind: 'below' };
  return { kind: 'nothing' };
}
