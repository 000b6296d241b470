/**
 * A peer, put together: hash pool and cache, share index, server, announcer, and fetches that serve what they have. Everything with
 * time, chance or a socket comes in through ports. Closed in reverse order of creation.
 */
import { ShoalError } from '../common/core/errors.js';
import type { FileName } from '../common/core/file-name.js';
import type { HashName } from '../common/core/hash.js';
import { UPLOAD_SLOTS_MIN_COUNT } from '../common/core/limits.js';
import type { HostPort, PeerAddress } from '../common/core/peer-address.js';
import { formatPeerAddress, parsePeerAddress, parsePort } from '../common/core/peer-address.js';
import type { Clock } from '../common/ports/clock.js';
import type { DatagramPort } from '../common/ports/datagram.js';
import type { LoadPort } from '../common/ports/load.js';
import type { Dialer, ListenPort } from '../common/ports/net.js';
import type { Random } from '../common/ports/random.js';
import type { PeerStatus } from '../common/wire/peer-documents.js';
import type { ContentRef } from '../common/wire/peer-lines.js';
import { Announcer, type AnnouncerEvents } from './discovery/announcer.js';
import { fetchContent } from './fetch/fetch-content.js';
import type { FetchResult } from './fetch/fetch-events.js';
import type { FetchOptions } from './fetch/fetch-session.js';
import type { OfferPorts } from './fetch/offer.js';
import { HashCache } from './hash/hash-cache.js';
import { HashPool } from './hash/hash-pool.js';
import { drawProcessId } from './net/introduction.js';
import { createNodeDesk } from './net/node-desk.js';
import { type RateLimitOptions, RateLimits } from './net/rate-limits.js';
import { ChunkServer } from './net/server.js';
import { throttledDialer, throttledListener } from './net/throttle.js';
import { NodePush, type PushContent, type PushOptions } from './push/node-push.js';
import type { ReceiverEnd } from './push/push-all.js';
import type { PushEvents, PushInbox } from './push/push-inbox.js';
import type { PushPolicy } from './push/push-policy.js';
import type { ReplicationOptions } from './push/replicator.js';
import { ChunkReader } from './share/chunk-reader.js';
import { Indexer } from './share/indexer.js';
import { Introductions } from './share/introductions.js';
import { ShareIndex } from './share/share-index.js';
import type { ShareListing } from './share/share-place.js';
import type { SharedContent } from './share/shared-content.js';
import { type ShareNews, Sharing, type SharingEvents } from './share/sharing.js';

export interface NodePorts {
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

export interface NodeEvents extends SharingEvents, AnnouncerEvents, Partial<PushEvents> {
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
  /** Unregisters and stops. Idempotent. */
  close(): Promise<void>;
}

export type NodeFetchOptions = FetchOptions & {
  /** Whether it is served on when it is there. */
  readonly isKept: boolean;
};

/**
 * Throws `USAGE` for a bad `announce`, `NETWORK` or `DENIED` where the port cannot be had, and what stands against the folder that pushes
 * go to.
 */
export async function createNode(ports: NodePorts, options: NodeOptions): Promise<PeerNode> {
  if (options.announce !== undefined) checkAnnounce(options.announce);
  const { events, hashName, host, port, cacheFolder, threadCount } = options;
  const limits = options.limits === undefined ? undefined : new RateLimits(ports.clock, options.limits);
  const peerDialer = limits === undefined ? ports.dialer : throttledDialer(ports.dialer, limits);
  const listener = limits === undefined ? ports.listener : throttledListener(ports.listener, limits);
  const index = new ShareIndex();
  const introductions = new Introductions();
  const id = drawProcessId(ports.random);
  let sharing: Sharing | undefined;
  const reader = new ChunkReader({ changed: (content) => sharing?.withdraw(content) });
  let pushing: NodePush | undefined;
  const receiver = {
    push: async (...offer: Parameters<PushInbox['push']>) => (pushing?.inbox ?? notYet()).push(...offer),
    acceptBytes: () => pushing?.inbox?.acceptBytes ?? 0,
  };
  const desk = createNodeDesk({
    load: () => server.load,
    fileCount: () => index.count,
    upBytesPerSecond: options.limits?.upBytesPerSecond,
    ...(options.accept === undefined ? {} : { receiver }),
    ...(options.group === undefined ? {} : { group: options.group }),
  });
  // First what can fail and holds the process alive: nothing else has to be closed when the port cannot be had.
  const server = await ChunkServer.listen(
    { listener, clock: ports.clock, index, reader },
    {
      host,
      port,
      id,
      desk,
      // A link that is known to be narrow is full with the fewest.
      ...(options.limits?.upBytesPerSecond === undefined ? {} : { uploadSlotCount: UPLOAD_SLOTS_MIN_COUNT }),
      served: (content, bytes) => events.served(content, bytes),
      peerSeen: (root, address) => introductions.seen(root, address),
    },
  );
  // A fetch has no use for the cache, and opening a large one takes time.
  let opening: Promise<HashCache> | undefined;
  const cache = () => {
    opening ??= HashCache.open({ folder: cacheFolder, epochNowMs: ports.epochNowMs, note: events.note });
    return opening;
  };
  const pool = new HashPool(threadCount === undefined ? {} : { threadCount });
  const ownAddresses = new Set<string>();
  const servedPort = announcedPort(options.announce) ?? server.local.port;
  const pushPorts = {
    ...ports,
    peerDialer,
    slots: pool.slots,
    index,
    fetch: (how: FetchOptions) => fetch({ ...how, isKept: true }),
    seed: (result: FetchResult) => seed(result),
    peerSeen: introductions.seen.bind(introductions),
    shares: () => made.list(),
    ownAddresses: () => ownAddresses,
  };
  // Before trackers hear of this peer, since they are told at once what it takes.
  const opened = await NodePush.open(pushPorts, { ...options, port: servedPort }).catch(async (error: unknown) => {
    await pool.close();
    await server.close();
    throw error;
  });
  pushing = opened;
  const announcer = new Announcer(ports, {
    trackers: options.trackers,
    address: options.announce ?? `*:${server.local.port}`,
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
  });
  const indexer = new Indexer({ pool, cache, clock: ports.clock }, { hashName });
  const made = new Sharing(
    { clock: ports.clock, indexer, index, reader, announcer },
    { isFolderOnly: options.isFolderOnly, events },
  );
  sharing = made;
  const kept = new Set<string>();
  const keep: OfferPorts['keep'] = (kind, path, contents) => {
    kept.add(path);
    made.keep(kind, path, contents);
  };
  const offering = {
    index: {
      add: (content: SharedContent) => index.add(content),
      remove: (content: SharedContent) => {
        // A later fetch may put another file where this one was.
        reader.forget(content);
        return index.remove(content);
      },
    },
    announcer,
    introduction: { port: servedPort, id },
    onPeerSeen: introductions.watch.bind(introductions),
  };

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await pushing?.close();
    made.close();
    await announcer.close();
    await pool.close();
    await (await opening)?.close();
    await server.close();
    reader.close();
  };
  const fetch: PeerNode['fetch'] = ({ isKept, ...fetchOptions }) => {
    const offered = { ...offering, keep: isKept ? keep : undefined };
    return fetchContent({ ...ports, peerDialer, pool, offering: offered }, fetchOptions);
  };
  const seed: PeerNode['seed'] = async ({ type, path, name }, news) => {
    if (!kept.has(path)) await made.shareAs(type, path, name, news);
  };
  return {
    local: server.local,
    share: (paths, news) => made.share(paths, news),
    fetch,
    unshare: (path) => {
      kept.delete(path);
      return made.unshare(path);
    },
    shares: () => made.list(),
    serves: (content) => index.find(content) !== undefined,
    settled: () => announcer.settled(),
    status: () => desk.status(),
    seed,
    pushable: (name) => opened.pushable(name),
    push: (pushOptions) => opened.push(pushOptions),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

function notYet(): never {
  throw new ShoalError('BUSY', 'local', 'This peer is just starting.');
}

/** The port that others reach this peer at, where it is not the one that is listened on. */
function announcedPort(announce: string | undefined): number | undefined {
  return announce === undefined ? undefined : parsePort(announce.slice(announce.lastIndexOf(':') + 1));
}

/** Throws `USAGE`. Names are not resolved: a tracker never would, and an address that is wrong tomorrow is of no use. */
function checkAnnounce(text: string): void {
  const refuse = (): never => {
    const example = '203.0.113.5:4701, [2001:db8::5]:4701 or *:4701';
    throw new ShoalError('USAGE', 'local', `--announce takes an IP address and a port (${example}), not "${text}".`);
  };
  if (text.startsWith('*:')) {
    if (parsePort(text.slice(2)) === undefined) refuse();
    return;
  }
  try {
    parsePeerAddress(text);
  } catch {
    refuse();
  }
}
