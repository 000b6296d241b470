/** Runs a node that shares paths until a signal comes, and what `peer share` and `peer fetch` have in common as nodes. */

import { networkInterfaces } from 'node:os';
import { untilAborted } from '../../common/core/abortable.js';
import { asShoalError } from '../../common/core/errors.js';
import type { HashName } from '../../common/core/hash.js';
import { formatHostPort, type HostPort, isLoopback } from '../../common/core/peer-address.js';
import { epochNowMs, realClock } from '../../common/node/clock.js';
import { realLoad } from '../../common/node/load.js';
import { tcpListener } from '../../common/node/tcp.js';
import { cacheFolder } from '../../common/node/user-folders.js';
import type { RateLimitOptions } from '../net/rate-limits.js';
import { createNode, type NodeOptions, type PeerNode } from '../node.js';
import { realStorage } from '../storage-ports.js';
import { createProgress } from './progress.js';
import { ShareReport } from './share-report.js';
import type { StopSignal } from './stop-signal.js';
import { trackerPorts } from './tracker-ports.js';

export interface ShareRunOptions {
  readonly paths: readonly string[];
  readonly trackers: readonly HostPort[];
  readonly host: string;
  readonly port: number;
  readonly announce: string | undefined;
  readonly limits: RateLimitOptions | undefined;
  readonly isUdp: boolean;
  readonly hashName: HashName;
  readonly isFolderOnly: boolean;
  readonly isJson: boolean;
  readonly isQuiet: boolean;
}

/** A node on this machine's sockets, clock and folders. Throws as `createNode`. */
export async function startNode(
  options: Omit<NodeOptions, 'cacheFolder' | 'announce' | 'limits'> & {
    readonly announce: string | undefined;
    readonly limits: RateLimitOptions | undefined;
    readonly isUdp: boolean;
  },
): Promise<PeerNode> {
  const { announce, limits, isUdp, ...rest } = options;
  const ports = { ...(await trackerPorts(isUdp)), ...realStorage, listener: tcpListener, epochNowMs, load: realLoad };
  const folder = process.env['SHOAL_CACHE_DIR'] ?? cacheFolder;
  const named = { ...(announce === undefined ? {} : { announce }), ...(limits === undefined ? {} : { limits }) };
  return createNode(ports, { ...rest, ...named, cacheFolder: folder });
}

/** Resolves with the exit code after `stop` came and everything was taken back. Throws what stands against a path or the port. */
export async function runSharing(options: ShareRunOptions, stop: StopSignal): Promise<number> {
  const { isJson, isQuiet, trackers, announce, limits, isUdp, paths, host, port, hashName, isFolderOnly } = options;
  const progress = await createProgress({ isQuiet, isJson });
  // Whoever reads our output may leave; that ends no sharing.
  process.stdout.on('error', () => undefined);
  const print = (text: string) => progress.result(text);
  const report = new ShareReport({ isJson, isQuiet, trackers, progress, print, nowMs: () => realClock.nowMs() });
  const node = await startNode({ host, port, announce, limits, isUdp, trackers, hashName, isFolderOnly, events: report });
  if (!isQuiet) noteLoopback(trackers, (text) => report.note(text));
  const sharing = node.share(paths).then(
    () => report.hashedAll(),
    (error: unknown) => {
      // Work that the end cut short failed for no reason that anybody needs to hear.
      if (!stop.signal.aborted) throw asShoalError(error);
    },
  );
  const stopped = untilAborted(stop.signal);
  try {
    await Promise.race([stopped, sharing.then(() => stopped)]);
  } finally {
    report.hashedAll();
    await node.close();
  }
  return 0;
}

/** Says that a link to this machine's own loopback address is of no use elsewhere. */
export function noteLoopback(trackers: readonly HostPort[], note: (text: string) => void): void {
  const isLocal = ({ host }: HostPort) => host === 'localhost' || isLoopback(host);
  const [tracker] = trackers;
  if (tracker === undefined || !trackers.every(isLocal)) return;
  const lan = lanAddress();
  const advice =
    lan === undefined ? '' : ` Use --tracker ${formatHostPort({ host: lan, port: tracker.port })} for others to fetch it.`;
  note(`The tracker ${formatHostPort(tracker)} can be reached from this machine only, and so can what the link names.${advice}`);
}

/** The first address of this machine that others on its network may reach. */
function lanAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find((address) => !address.internal && address.family === 'IPv4')?.address;
}
