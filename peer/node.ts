/**
 * A peer, put together: hash pool and cache, share index, server, announcer. Everything with time, chance or a socket comes in
 * through ports. Closed in reverse order of creation.
 */
import { ShoalError } from '../common/core/errors.js';
import type { HashName } from '../common/core/hash.js';
import type { HostPort, PeerAddress } from '../common/core/peer-address.js';
import { parsePeerAddress, parsePort } from '../common/core/peer-address.js';
import type { Clock } from '../common/ports/clock.js';
import type { Dialer, ListenPort } from '../common/ports/net.js';
import type { Random } from '../common/ports/random.js';
import { Announcer, type AnnouncerEvents } from './discovery/announcer.js';
import { HashCache } from './hash/hash-cache.js';
import { HashPool } from './hash/hash-pool.js';
import { ChunkServer } from './net/server.js';
import { ChunkReader } from './share/chunk-reader.js';
import { Indexer } from './share/indexer.js';
import { ShareIndex } from './share/share-index.js';
import type { SharedContent } from './share/shared-content.js';
import { Sharing, type SharingEvents } from './share/sharing.js';

export interface NodePorts {
  readonly dialer: Dialer;
  readonly listener: ListenPort;
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds since 1970, for the age of files. */
  readonly epochNowMs: () => number;
}

export interface NodeEvents extends SharingEvents, AnnouncerEvents {
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
  readonly cacheFolder: string;
  /** Hash threads; default one a core. */
  readonly threadCount?: number;
  readonly events: NodeEvents;
}

export interface PeerNode {
  /** Where it listens. */
  readonly local: PeerAddress;
  /** Scans, hashes, serves and announces. Throws what stands against a path. */
  share(paths: readonly string[]): Promise<void>;
  /** Unregisters and stops. Idempotent. */
  close(): Promise<void>;
}

/** Throws `USAGE` for a bad `announce`, `NETWORK` or `DENIED` where the port cannot be had. */
export async function createNode(ports: NodePorts, options: NodeOptions): Promise<PeerNode> {
  if (options.announce !== undefined) checkAnnounce(options.announce);
  const { events, hashName, host, port, cacheFolder, threadCount } = options;
  const index = new ShareIndex();
  let sharing: Sharing | undefined;
  const reader = new ChunkReader({ changed: (content) => sharing?.withdraw(content) });
  // First what can fail and holds the process alive: nothing else has to be closed when the port cannot be had.
  const server = await ChunkServer.listen(
    { listener: ports.listener, clock: ports.clock, index, reader },
    { host, port, served: (content, bytes) => events.served(content, bytes) },
  );
  const cache = await HashCache.open({ folder: cacheFolder, epochNowMs: ports.epochNowMs, note: events.note });
  const pool = new HashPool(threadCount === undefined ? {} : { threadCount });
  const address = options.announce ?? `*:${server.local.port}`;
  const announcer = new Announcer(ports, { trackers: options.trackers, address, events });
  const indexer = new Indexer({ pool, cache, clock: ports.clock }, { hashName });
  const made = new Sharing(
    { clock: ports.clock, indexer, index, reader, announcer },
    { isFolderOnly: options.isFolderOnly, events },
  );
  sharing = made;

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    made.close();
    await announcer.close();
    await pool.close();
    await cache.close();
    await server.close();
    reader.close();
  };
  return {
    local: server.local,
    share: (paths) => made.share(paths),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
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
