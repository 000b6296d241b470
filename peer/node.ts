/**
 * A peer, put together: hash pool and cache, share index, server, announcer, and fetches that serve what they have. Everything with
 * time, chance or a socket comes in through ports. Closed in reverse order of creation.
 */
import { invariant } from '../common/core/errors.js';
import type { FileName } from '../common/core/file-name.js';
import type { HashName } from '../common/core/hash.js';
import type { HostPort, PeerAddress } from '../common/core/peer-address.js';
import { formatPeerAddress } from '../common/core/peer-address.js';
import type { Clock } from '../common/ports/clock.js';
import type { DatagramPort } from '../common/ports/datagram.js';
import type { LoadPort } from '../common/ports/load.js';
import type { Dialer, ListenPort } from '../common/ports/net.js';
import type { Random } from '../common/ports/random.js';
import type { PeerStatus } from '../common/wire/peer-documents.js';
import type { ContentRef } from '../common/wire/peer-lines.js';
import { announcedPort, checkAnnounce } from './announce-option.js';
import { Announcer, type AnnouncerEvents, type AnnouncerOptions } from './discovery/announcer.js';
import type { FetchResult } from './fetch/fetch-events.js';
import { HashCache } from './hash/hash-cache.js';
import { KeptFetches, type NodeFetchOptions } from './kept-fetches.js';
import type { FrontDesk } from './net/front-desk.js';
import { drawProcessId } from './net/introduction.js';
import { type RateLimitOptions, RateLimits } from './net/rate-limits.js';
import { throttledDialer, throttledListener } from './net/throttle.js';
import { type NodeServerOptions, openNodeServer, type Shelf } from './node-server.js';
import { NodePush, type NodePushPorts, type PushContent, type PushOptions } from './push/node-push.js';
import type { ReceiverEnd } from './push/push-all.js';
import type { PushEvents } from './push/push-inbox.js';
import type { PushPolicy } from './push/push-policy.js';
import type { ReplicationOptions } from './push/replicator.js';
import { DamageLedger } from './scrub/damage-ledger.js';
import { settleHalfMended } from './scrub/half-mended.js';
import { Mender } from './scrub/mender.js';
import { Scrubber, type ScrubEvents, type ScrubOptions, type ScrubReport } from './scrub/scrubber.js';
import { ChunkReader } from './share/chunk-reader.js';
import { Indexer } from './share/indexer.js';
import { Introductions } from './share/introductions.js';
import { ShareIndex } from './share/share-index.js';
import type { ShareListing } from './share/share-place.js';
import type { SharedContent } from './share/shared-content.js';
import { type ShareNews, Sharing, type SharingEvents } from './share/sharing.js';
import type { StoragePorts } from './storage-ports.js';

export interface NodePorts extends StoragePorts {
  readonly dialer: Dialer;
  readonly listener: ListenPort;
  readonly clock: Clock;
  readonly random: Random;
  /** Where it is given, trackers are talked to over UDP, otherwise over TCP. */
  readonly datagrams?: DatagramPort | undefined;
  /** Milliseconds since 1970, for the age of files. */
  readonly epochNowMs: () => number;
  /** How busy the machine is, for what a fetch says of itself; left out, it does without. */
  readonly load?: LoadPort;
}

export interface NodeEvents extends SharingEvents, AnnouncerEvents, Partial<PushEvents>, Partial<ScrubEvents> {
  /** Bytes of a content that a fetcher took. */
  served(content: SharedContent, bytes: number): void;
}

export interface NodeOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly trackers: readonly HostPort[];
  /** `IP:port` or `*:port`; default `*:` and the port that is listened on. */
  readonly announce?: string;
  readonly hashName: HashName;
  /** The files of a folder are served, and only the folder is announced. */
  readonly isFolderOnly: boolean;
  /** What peers may send and be sent; default no limit. Trackers are not limited. */
  readonly limits?: RateLimitOptions;
  /** What it takes of what others push to it; left out, nothing. */
  readonly accept?: PushPolicy;
  /** The peers that it belongs to, as it says of itself. */
  readonly group?: string;
  /** How copies of what it shares are looked after; left out, they are not. */
  readonly replicate?: ReplicationOptions;
  /** What is known of damaged files, where that outlives the process. */
  readonly damage?: DamageLedger;
  readonly cacheFolder: string;
  /** Hash threads; default one a core. */
  readonly threadCount?: number;
  readonly events: NodeEvents;
}

export interface PeerNode {
  /** Where it listens. */
  readonly local: PeerAddress;
  /** Scans, hashes, serves and announces; tells `news` in place of the node's own events. Throws what stands against a path. */
  share(paths: readonly string[], news?: ShareNews): Promise<void>;
  /** Serves a path no longer, and takes it back from the trackers; returns whether it was shared. */
  unshare(path: string): boolean;
  /** The paths that are shared, in the order in which they were asked for. */
  shares(): readonly ShareListing[];
  /** Whether a content is served that a request by this name or root would be answered with, be it in part. */
  serves(content: ContentRef): boolean;
  /** Resolves when each tracker that answers was told what is shared now. */
  settled(): Promise<void>;
  /** Fetches a content, and serves what it has of it meanwhile. Throws as `fetchContent`. */
  fetch(options: NodeFetchOptions): Promise<FetchResult>;
  /** Goes on serving what was fetched with `isKept`; hashes it where its fetch did not tell all hashes. Throws as `share`. */
  seed(result: Pick<FetchResult, 'type' | 'path' | 'name'>, news?: ShareNews): Promise<void>;
  /** How busy it is, and what it serves, as it tells whoever asks. */
  status(): PeerStatus;
  /** What is shared whole under a name, as it can be pushed; `undefined` where nothing is. */
  pushable(name: FileName): PushContent | undefined;
  /** Pushes a content to others; resolves with an end for each. Throws as `NodePush.push`. */
  push(options: PushOptions): Promise<ReceiverEnd[]>;
  /** Reads what is shared again, serves no longer what is damaged, and mends it where that is asked for. Throws as `Scrubber.run`. */
  scrub(options: ScrubOptions): Promise<ScrubReport>;
  /** Puts in order what was being mended when an earlier process ended; to be called before anything is shared. */
  settleHalfMended(): Promise<void>;
  /** Unregisters and stops. Idempotent. */
  close(): Promise<void>;
}

/**
 * Throws `USAGE` for a bad `announce`, `NETWORK` or `DENIED` where the port cannot be had, and what stands against the folder that pushes
 * go to.
 */
export async function createNode(ports: NodePorts, options: NodeOptions): Promise<PeerNode> {
  if (options.announce !== undefined) checkAnnounce(options.announce);
  const { peerDialer, listener } = limitedPorts(ports, options.limits);
  // Made after what calls them.
  const later: { sharing?: Sharing; pushing?: NodePush; fetches?: KeptFetches; scrubber?: Scrubber } = {};
  const reader = new ChunkReader(ports.disk, {
    changed: (content) => later.sharing?.withdraw(content),
    unreadable: (content, span) => void later.scrubber?.suspect(content, span),
  });
  const shelf: Shelf = { index: new ShareIndex(), reader, introductions: new Introductions(), id: drawProcessId(ports.random) };
  // First what can fail and holds the process alive: nothing else has to be closed when the port cannot be had.
  const serving = { listener, clock: ports.clock };
  const { server, desk } = await openNodeServer(serving, serverOptionsOf(options), shelf, () => later.pushing?.inbox);
  const pool = ports.openHasher(options.threadCount === undefined ? {} : { threadCount: options.threadCount });
  const port = announcedPort(options.announce) ?? server.local.port;
  const ownAddresses = new Set<string>();
  const pushPorts: NodePushPorts = {
    ...ports,
    peerDialer,
    slots: pool.slots,
    index: shelf.index,
    fetch: (how) => made(later.fetches).fetch({ ...how, isKept: true }),
    seed: (result) => made(later.fetches).seed(result),
    peerSeen: (root, address) => shelf.introductions.seen(root, address),
    shares: () => made(later.sharing).list(),
    ownAddresses: () => ownAddresses,
  };
  // Before trackers hear of this peer, since they are told at once what it takes.
  const pushing = await NodePush.open(pushPorts, { ...options, port }).catch(async (error: unknown) => {
    await pool.close();
    await server.close();
    throw error;
  });
  later.pushing = pushing;
  const announcer = new Announcer(ports, announcerOptionsOf(options, server.local.port, desk, ownAddresses));
  const cache = new LateCache(ports, options);
  const { hashName, isFolderOnly, events, trackers, damage: ledger = new DamageLedger() } = options;
  const indexer = new Indexer({ ...ports, pool, cache: () => cache.open() }, { hashName });
  const sharing = new Sharing(
    { ...ports, ...shelf, indexer, announcer, damagedChunks: (content) => ledger.chunksOf(content) },
    { isFolderOnly, events },
  );
  later.sharing = sharing;
  const fetches = new KeptFetches({ ...ports, peerDialer, pool }, { shelf, announcer, sharing, port });
  later.fetches = fetches;
  const openCache = () => cache.open();
  const introduction = { port, id: shelf.id };
  const mender = new Mender({ ...ports, peerDialer, pool, cache: openCache, ledger }, { trackers, introduction });
  const scrubber = new Scrubber({
    ...ports,
    ...shelf,
    pool,
    cache: openCache,
    sharing,
    ledger,
    mender,
    events,
    note: events.note,
  });
  later.scrubber = scrubber;
  const close = async (): Promise<void> => {
    await pushing.close();
    sharing.close();
    scrubber.secondLooks.close();
    await announcer.close();
    await pool.close();
    await cache.close();
    await server.close();
    reader.close();
  };
  let closing: Promise<void> | undefined;
  return {
    local: server.local,
    share: (paths, news) => sharing.share(paths, news),
    unshare: (path) => fetches.unshare(path),
    shares: () => sharing.list(),
    serves: (content) => shelf.index.find(content) !== undefined,
    settled: () => announcer.settled(),
    fetch: (how) => fetches.fetch(how),
    seed: (result, news) => fetches.seed(result, news),
    status: () => desk.status(),
    pushable: (name) => pushing.pushable(name),
    push: (how) => pushing.push(how),
    scrub: (how) => scrubber.run(how),
    settleHalfMended: () => settleHalfMended({ ...ports, pool, cache: openCache, ledger }, hashName),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

/** What peers are talked to through. */
function limitedPorts({ dialer, listener, clock }: NodePorts, limits: RateLimitOptions | undefined) {
  if (limits === undefined) return { peerDialer: dialer, listener };
  const rates = new RateLimits(clock, limits);
  return { peerDialer: throttledDialer(dialer, rates), listener: throttledListener(listener, rates) };
}

function serverOptionsOf({ host, port, limits, accept, group, events }: NodeOptions): NodeServerOptions {
  const isAccepting = accept !== undefined;
  const served = events.served.bind(events);
  return { host, port, upBytesPerSecond: limits?.upBytesPerSecond, isAccepting, group, served };
}

/** `ownAddresses` takes in what trackers know this node by. */
function announcerOptionsOf(
  { trackers, announce, events }: NodeOptions,
  port: number,
  desk: FrontDesk,
  ownAddresses: Set<string>,
): AnnouncerOptions {
  return {
    trackers,
    address: announce ?? `*:${port}`,
    state: () => desk.status(),
    events: {
      registered: (content, address, tracker) => {
        if (address !== undefined) ownAddresses.add(formatPeerAddress(address));
        events.registered(content, address, tracker);
      },
      refused: events.refused.bind(events),
      trackerLost: events.trackerLost.bind(events),
      trackerBack: events.trackerBack.bind(events),
    },
  };
}

/** The hash cache, opened when it is first needed: a fetch has no use for it, and opening a large one takes time. */
class LateCache {
  readonly #open: () => Promise<HashCache>;
  #opening: Promise<HashCache> | undefined;

  constructor(ports: NodePorts, { cacheFolder: folder, events: { note } }: NodeOptions) {
    this.#open = () => HashCache.open(ports, { folder, note });
  }

  open(): Promise<HashCache> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async close(): Promise<void> {
    // What could not be opened was told to whoever asked for it.
    await (await this.#opening?.catch(() => undefined))?.close();
  }
}

/** What is made by the time that anybody can call for it. */
function made<Part>(part: Part | undefined): Part {
  invariant(part !== undefined, 'a node is whole before it takes a push');
  return part;
}
