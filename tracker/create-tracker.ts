/**
 * A whole tracker from its parts: registry, logic, front ends, and the timer that gives back the memory of ended leases.
 *
 * It never touches the system but through its ports, so that the simulator runs the same tracker. Everything it knows is in memory and
 * goes with it; peers register again by themselves.
 */
import { ShoalError } from '../common/core/errors.js';
import {
  TRACKER_CONNECTIONS_DEFAULT_COUNT,
  TRACKER_ENTRIES_DEFAULT_COUNT,
  TRACKER_LEASES_SWEEP_COUNT,
  TRACKER_LEASES_SWEEP_MS,
  TRACKER_SOURCE_CONNECTIONS_DEFAULT_COUNT,
  TRACKER_SOURCE_ENTRIES_DEFAULT_COUNT,
} from '../common/core/limits.js';
import { isLoopback, type PeerAddress } from '../common/core/peer-address.js';
import type { Log } from '../common/node/log.js';
import { packageVersion } from '../common/node/version.js';
import type { Clock, Timer } from '../common/ports/clock.js';
import type { DatagramPort } from '../common/ports/datagram.js';
import type { LanActivity, LanDiscovery } from '../common/ports/lan-discovery.js';
import type { Dialer, ListenPort } from '../common/ports/net.js';
import type { Random } from '../common/ports/random.js';
import type { TrackerFigures } from '../common/wire/tracker-replies.js';
import { type Frontends, openFrontends } from './frontend/open.js';
import { TrackerLogic } from './logic.js';
import { Prober } from './probe/prober.js';
import { Registry } from './registry/registry.js';

export interface TrackerPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly listener: ListenPort;
  /** Absent: it answers over TCP alone. */
  readonly datagrams?: DatagramPort;
  /** Absent: it asks no peer how it is. */
  readonly dialer?: Dialer;
  /** Absent: nobody on the local network hears of it. */
  readonly lan?: LanDiscovery;
  readonly log: Log;
}

export interface TrackerOptions {
  /** Address to listen at. Default `0.0.0.0`: every IPv4 address of the machine; `::` adds IPv6. */
  readonly host?: string;
  /** 0 to 65,535; 0 takes a free one. Default 4700. */
  readonly port?: number;
  /** Whether it answers over UDP too, on the same port. Default yes. */
  readonly isUdp?: boolean;
  /** Whether peers that do not report their load are asked for it, and dropped where they do not answer. Default yes. */
  readonly isProbing?: boolean;
  /** Whether it makes itself known on the local network, unless only this machine can reach it. Default yes. */
  readonly isMdns?: boolean;
  /** Milliseconds in which a peer shall register again or say ALIVE: whole seconds, 1 s to 1 h. Default 30 s. */
  readonly intervalMs?: number;
  /** Milliseconds after which it is forgotten without: whole seconds, more than `intervalMs`, at most 24 h. Default twice `intervalMs`. */
  readonly ttlMs?: number;
  /** Whether a source may speak for other IP addresses than its own. Default no. */
  readonly allowForeign?: boolean;
  /** Registrations kept, 1 to 100,000,000, at about 300 bytes each with names of 30 bytes. Default 1,000,000. */
  readonly entriesMaxCount?: number;
  /** Registrations kept of one source (an IPv4 address or an IPv6 /64), 1 or more. Default 100,000. */
  readonly sourceEntriesMaxCount?: number;
  /** Connections open at once, 1 to 1,000,000. Default 16,384. */
  readonly connectionsMaxCount?: number;
  /** Connections of one source, 1 or more; loopback is exempt. Default 256. */
  readonly sourceConnectionsMaxCount?: number;
}

export interface Tracker {
  /** Where it listens. */
  readonly local: PeerAddress;
  /** What it holds now, and has done; registrations that ended and are not yet swept are among them. */
  stats(): TrackerFigures;
  /** Stops accepting, sends what is queued, closes all connections. Idempotent; takes at most two seconds. */
  close(): Promise<void>;
}

/** Starts a tracker. Throws `USAGE` for a bad option, `NETWORK` or `DENIED` where it cannot listen. */
export async function createTracker(ports: TrackerPorts, options: TrackerOptions = {}): Promise<Tracker> {
  const settled = settleOptions(options);
  const { clock, log, listener } = ports;
  const registry = new Registry(ports, settled);
  const [startedMs, version] = [clock.nowMs(), packageVersion()];
  let frontends: Frontends | undefined;
  const surroundings = () => ({
    // Asked for early by a client of the one that is open while the other is being opened.
    connections: frontends?.tcp.connectionCount ?? 0,
    udp: frontends?.udp?.requestCount ?? 0,
    uptime: Math.floor((clock.nowMs() - startedMs) / 1000),
    version,
  });
  const logic = new TrackerLogic({ registry, log, surroundings }, settled);
  const datagrams = settled.isUdp ? ports.datagrams : undefined;
  frontends = await openFrontends({ listener, datagrams, random: ports.random, clock, log, logic }, settled);
  const { tcp, udp } = frontends;
  let sweepTimer: Timer;
  const armSweep = (): void => {
    sweepTimer = clock.setTimer('tracker leases', TRACKER_LEASES_SWEEP_MS, () => {
      registry.sweep(clock.nowMs(), TRACKER_LEASES_SWEEP_COUNT);
      armSweep();
    });
  };
  armSweep();
  const { dialer } = ports;
  const prober = dialer === undefined || !settled.isProbing ? undefined : new Prober({ registry, dialer, clock, log }, settled);
  const announcing = settled.isMdns ? announceOnLan(ports.lan, tcp.local) : undefined;
  const close = async (): Promise<void> => {
    await Promise.all([announcing?.then((announced) => announced?.close()), udp?.close(), tcp.close()]);
  };
  let closing: Promise<void> | undefined;
  return {
    local: tcp.local,
    stats: () => logic.figures(),
    close: () => {
      sweepTimer.cancel();
      prober?.close();
      closing ??= close();
      return closing;
    },
  };
}

/** Nothing waits for it: a tracker is there before everybody has heard of it. */
async function announceOnLan(lan: LanDiscovery | undefined, { ip, port }: PeerAddress): Promise<LanActivity | undefined> {
  if (isLoopback(ip)) return undefined;
  const isAnywhere = ip === '0.0.0.0' || ip === '::';
  return lan?.announce({ port, ...(isAnywhere ? {} : { ip }) });
}

/** Fills in defaults. Throws `USAGE` for an unknown key or a value out of bounds. */
export function settleOptions(options: TrackerOptions): Required<TrackerOptions> {
  const intervalMs = options.intervalMs ?? 30_000;
  const settled: Required<TrackerOptions> = {
    host: '0.0.0.0',
    port: 4700,
    isUdp: true,
    isMdns: true,
    isProbing: true,
    ttlMs: 2 * intervalMs,
    allowForeign: false,
    entriesMaxCount: TRACKER_ENTRIES_DEFAULT_COUNT,
    sourceEntriesMaxCount: TRACKER_SOURCE_ENTRIES_DEFAULT_COUNT,
    connectionsMaxCount: TRACKER_CONNECTIONS_DEFAULT_COUNT,
    sourceConnectionsMaxCount: TRACKER_SOURCE_CONNECTIONS_DEFAULT_COUNT,
    ...options,
    intervalMs,
  };
  for (const key of Object.keys(options)) check(Object.hasOwn(BOUNDS, key), `There is no tracker option "${key}"`);
  for (const [key, { isGood, rule }] of Object.entries(BOUNDS)) check(isGood(settled), `${key} must be ${rule}`);
  return settled;
}

interface Bound {
  readonly rule: string;
  isGood(settled: Required<TrackerOptions>): boolean;
}

const isWhole = (value: number, min: number, max: number): boolean => Number.isInteger(value) && value >= min && value <= max;
const isSeconds = (ms: number, minMs: number, maxMs: number): boolean => isWhole(ms, minMs, maxMs) && ms % 1000 === 0;

/** A rule for each option; the keys are also the list of options that there are. */
const BOUNDS: Readonly<Record<keyof TrackerOptions, Bound>> = {
  host: { rule: 'an address or a host name', isGood: ({ host }) => host !== '' },
  port: { rule: '0 to 65535', isGood: ({ port }) => isWhole(port, 0, 65_535) },
  isUdp: { rule: 'true or false', isGood: ({ isUdp }) => typeof isUdp === 'boolean' },
  isMdns: { rule: 'true or false', isGood: ({ isMdns }) => typeof isMdns === 'boolean' },
  isProbing: { rule: 'true or false', isGood: ({ isProbing }) => typeof isProbing === 'boolean' },
  intervalMs: { rule: 'whole seconds from 1 s to 1 h', isGood: ({ intervalMs }) => isSeconds(intervalMs, 1000, 3_600_000) },
  ttlMs: {
    rule: 'whole seconds, more than the interval and at most 24 h',
    isGood: ({ ttlMs, intervalMs }) => isSeconds(ttlMs, intervalMs + 1, 86_400_000),
  },
  allowForeign: { rule: 'true or false', isGood: ({ allowForeign }) => typeof allowForeign === 'boolean' },
  entriesMaxCount: { rule: '1 to 100000000', isGood: ({ entriesMaxCount }) => isWhole(entriesMaxCount, 1, 100_000_000) },
  sourceEntriesMaxCount: {
    rule: '1 to 100000000',
    isGood: ({ sourceEntriesMaxCount }) => isWhole(sourceEntriesMaxCount, 1, 100_000_000),
  },
  connectionsMaxCount: { rule: '1 to 1000000', isGood: ({ connectionsMaxCount }) => isWhole(connectionsMaxCount, 1, 1_000_000) },
  sourceConnectionsMaxCount: {
    rule: '1 to 1000000',
    isGood: ({ sourceConnectionsMaxCount }) => isWhole(sourceConnectionsMaxCount, 1, 1_000_000),
  },
};

function check(holds: boolean, rule: string): void {
  if (!holds) throw new ShoalError('USAGE', 'local', `${rule}.`);
}
