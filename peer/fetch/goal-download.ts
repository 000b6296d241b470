/**
 * How a goal is downloaded: by one `Download`, or by one after another where the disk is full in between. Each begins with what is here,
 * and with connections of its own: nobody is kept waiting for a disk that may stay full for long.
 */
import { chunkCount } from '../../common/core/chunks.js';
import type { ShoalError } from '../../common/core/errors.js';
import type { PartStore } from '../store/part-store.js';
import { untilRoom } from './disk-room.js';
import { Download } from './download.js';
import type { DownloadReport } from './download-options.js';
import type { FetchSession } from './fetch-session.js';
import type { Goal } from './goal.js';
import type { SwarmContent } from './greeting.js';
import { type KnownPeers, SEEN_SOURCE } from './known-peers.js';
import { lookupsOf, noMore } from './peer-lookups.js';
import { Plan } from './plan.js';
import { timedPool, timedStore } from './timed-disk.js';

/** Missing chunks for which there must be room before peers are asked again, so that it does not stop at the first one that comes. */
const RESERVED_MAX_COUNT = 16;

/** How a goal is downloaded. */
export interface DownloadWay {
  readonly store: PartStore;
  /** The units that are here; it is kept up to date. */
  readonly had: Plan['had'];
  /** Folder of the target. */
  readonly folder: string;
  readonly peers: KnownPeers;
  /** Whether chunks of several peers may be put together. */
  readonly isMixable: boolean;
  /** Whether peers are asked what they have. */
  readonly isSwarm: boolean;
  readonly onLanded: (unit: number, hash: Uint8Array) => void;
}

/** Fetches what is missing; waits where the disk is full. Throws as `Download.run`, but for that. */
export async function downloadGoal(session: FetchSession, goal: Goal, way: DownloadWay): Promise<DownloadReport> {
  const { store, had, folder } = way;
  const tryOut = () => store.reserve(firstMissing(had));
  let report: DownloadReport = { fetchedBytes: 0, wastedBytes: 0, peers: [] };
  for (let isOver = false; !isOver; ) {
    const one = openDownload(session, goal, way);
    const error = await runDownload(session, goal, one).catch((thrown: unknown) => thrown);
    report = added(report, one.download.report());
    isOver = error === undefined;
    if (!isOver) await untilRoom(session, { error, folder, tryOut });
  }
  return report;
}

function firstMissing(had: Plan['had']): number[] {
  const units: number[] = [];
  for (let unit = had.nextMissing(0); unit < had.length && units.length < RESERVED_MAX_COUNT; unit = had.nextMissing(unit + 1))
    units.push(unit);
  return units;
}

interface OpenDownload {
  readonly download: Download;
  readonly swarm: SwarmContent | undefined;
}

function openDownload(session: FetchSession, goal: Goal, way: DownloadWay): OpenDownload {
  const { onEvent, patienceMs } = session.options;
  const { clock, pool, random } = session.ports;
  const { catalog } = goal;
  const { store, had, peers, isMixable, isSwarm, onLanded } = way;
  const swarm = isSwarm ? swarmContent(session, goal) : undefined;
  const download = new Download(session.swarmPorts, {
    catalog,
    plan: new Plan(had, random),
    peers,
    onLanded,
    store: timedStore(store, clock, session.times),
    pool: timedPool(pool, clock, session.times),
    ...(swarm === undefined ? {} : { swarm }),
    patienceMs,
    lookups: isMixable ? lookupsOf(session.finder, session.options.source, goal) : [noMore],
    events: {
      progress: (doneBytes, peerCount) =>
        onEvent({ event: 'progress', phase: 'fetch', doneBytes, totalBytes: catalog.totalBytes, peers: peerCount }),
      peerConnected: (address) => onEvent({ event: 'peer-connected', address }),
      peerFailed: (address, reason) => onEvent({ event: 'peer-failed', address, reason }),
      peerBanned: (address, reason) => onEvent({ event: 'peer-banned', address, reason }),
      syncFailed: (chunks) => onEvent({ event: 'sync-failed', chunks }),
    },
  });
  return { download, swarm };
}

async function runDownload(session: FetchSession, goal: Goal, { download, swarm }: OpenDownload): Promise<void> {
  const { signal } = session.options;
  const stop = () => download.stop(signal.reason as ShoalError);
  const forget = swarm && session.ports.offering?.onPeerSeen(swarm.root, (address) => goal.peers.add([address], SEEN_SOURCE));
  signal.addEventListener('abort', stop, { once: true });
  try {
    signal.throwIfAborted();
    await download.run();
  } finally {
    forget?.();
    signal.removeEventListener('abort', stop);
  }
}

/** What peers are asked about: of a folder the units come behind the chunks of its index. */
function swarmContent(session: FetchSession, { root, folder }: Goal): SwarmContent | undefined {
  if (root === undefined) return undefined;
  const skippedCount = folder === undefined ? 0 : chunkCount(folder.manifest.sizeBytes);
  return { root, skippedCount, introduction: session.ports.offering?.introduction ?? {} };
}

/** Two reports as one: who brought something in both is in it once. */
function added(left: DownloadReport, right: DownloadReport): DownloadReport {
  const peers = new Map(left.peers.map((peer) => [peer.address, peer]));
  for (const { address, bytes, chunks } of right.peers) {
    const before = peers.get(address);
    peers.set(address, { address, bytes: bytes + (before?.bytes ?? 0), chunks: chunks + (before?.chunks ?? 0) });
  }
  return {
    fetchedBytes: left.fetchedBytes + right.fetchedBytes,
    wastedBytes: left.wastedBytes + right.wastedBytes,
    peers: [...peers.values()],
  };
}
