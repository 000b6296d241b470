/**
 * What all steps of one fetch share: the ports, the options, the trackers, the start time, and how a step is announced and aborted.
 */
import { abortable } from '../../common/core/abortable.js';
import { ShoalError } from '../../common/core/errors.js';
import type { HostPort } from '../../common/core/peer-address.js';
import type { Clock } from '../../common/ports/clock.js';
import type { DatagramPort } from '../../common/ports/datagram.js';
import type { Disk } from '../../common/ports/disk.js';
import type { LoadPort, LoadWatch } from '../../common/ports/load.js';
import type { Dialer } from '../../common/ports/net.js';
import type { Processes } from '../../common/ports/processes.js';
import type { Random } from '../../common/ports/random.js';
import { ContentFinder } from '../discovery/find-content.js';
import type { Hasher } from '../hash/hasher.js';
import { BanList } from './ban-list.js';
import { DialBudget } from './dial-budget.js';
import type { FetchEvent, FetchPhase } from './fetch-events.js';
import type { FetchSource } from './fetch-source.js';
import type { KnownPeers } from './known-peers.js';
import { MetadataFetch } from './metadata.js';
import type { OfferPorts } from './offer.js';
import { StageTimes } from './stage-times.js';
import type { SwarmPorts } from './swarm.js';
import { explain, type Why } from './verdict.js';

export interface FetchPorts {
  readonly dialer: Dialer;
  /** For peers; default `dialer`, which is for trackers too. */
  readonly peerDialer?: Dialer;
  readonly clock: Clock;
  readonly random: Random;
  /** Where it is given, trackers are talked to over UDP. */
  readonly datagrams?: DatagramPort | undefined;
  readonly pool: Hasher;
  readonly disk: Disk;
  readonly processes: Processes;
  /** Where what is fetched is served meanwhile; `undefined` where it is not. */
  readonly offering?: OfferPorts;
  /** How busy the machine is, for the verdict on what limited the fetch; left out, the verdict does without. */
  readonly load?: LoadPort;
}

export interface FetchOptions {
  readonly source: FetchSource;
  /** What the person typed, for messages. */
  readonly shown: string;
  /** In addition to those of a link. */
  readonly trackers: readonly HostPort[];
  readonly out: string | undefined;
  readonly directory: string | undefined;
  readonly isOverwrite: boolean;
  /** Forget an unfinished download of the same content. */
  readonly isFresh: boolean;
  readonly patienceMs: number;
  readonly onEvent: (event: FetchEvent) => void;
  /** Its reason is a `ShoalError`; what was verified is kept. */
  readonly signal: AbortSignal;
}

export class FetchSession {
  readonly ports: FetchPorts;
  readonly swarmPorts: SwarmPorts;
  readonly options: FetchOptions;
  readonly finder: ContentFinder;
  readonly startedMs: number;
  readonly times: StageTimes;
  readonly #load: LoadWatch | undefined;

  constructor(ports: FetchPorts, options: FetchOptions) {
    this.ports = ports;
    this.options = options;
    this.finder = new ContentFinder(ports, [...options.source.trackers, ...options.trackers]);
    this.startedMs = ports.clock.nowMs();
    this.times = new StageTimes(this.startedMs, ports.pool.slots.slotCount);
    this.#load = ports.load?.watch();
    const dialer = ports.peerDialer ?? ports.dialer;
    this.swarmPorts = {
      ...ports,
      dialer,
      slots: ports.pool.slots,
      watch: this.times,
      budget: new DialBudget(),
      bans: new BanList(),
    };
  }

  /** Where the time went until now. */
  why(): Why {
    return explain(this.times.report(this.ports.clock.nowMs()), this.#load?.read());
  }

  /** Ends what the session opened. Idempotent. */
  async close(): Promise<void> {
    this.#load?.close();
    await this.finder.close();
  }

  /** Announces a phase. Throws the signal's reason if the fetch is to stop. */
  phase(phase: FetchPhase, what: string, totalBytes = 0, doneBytes = 0): void {
    this.options.signal.throwIfAborted();
    this.times.enter(phase, this.ports.clock.nowMs());
    this.options.onEvent({ event: 'phase', phase, what, totalBytes, doneBytes });
  }

  /** The promise, or the signal's reason as soon as it comes. */
  abortable<T>(promise: Promise<T>): Promise<T> {
    return abortable(promise, this.options.signal);
  }

  /** Does `work` with connections to `peers`, which end with it. */
  async withMetadata<T>(peers: KnownPeers, work: (metadata: MetadataFetch) => Promise<T>): Promise<T> {
    const { onEvent, signal } = this.options;
    this.times.enter('connect', this.ports.clock.nowMs());
    const metadata = new MetadataFetch(this.swarmPorts, this.ports.pool, peers, {
      peerFailed: (address, reason) => onEvent({ event: 'peer-failed', address, reason }),
      peerBanned: (address, reason) => onEvent({ event: 'peer-banned', address, reason }),
    });
    const stop = () => metadata.close(signal.reason as ShoalError);
    signal.addEventListener('abort', stop, { once: true });
    try {
      signal.throwIfAborted();
      return await work(metadata);
    } finally {
      signal.removeEventListener('abort', stop);
      metadata.close(new ShoalError('STOPPED', 'local', 'The manifests are there.'));
    }
  }
}
