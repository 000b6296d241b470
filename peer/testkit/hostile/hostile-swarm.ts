/**
 * One fetch from honest and hostile peers on the simulated network, or whatever else one does with them. The same inputs give the same
 * run, with the hostile ones and without.
 */
import { asShoalError, type ShoalError } from '../../../common/core/errors.js';
import { formatPeerAddress, type PeerAddress } from '../../../common/core/peer-address.js';
import type { Clock } from '../../../common/ports/clock.js';
import type { Dialer } from '../../../common/ports/net.js';
import type { Random } from '../../../common/ports/random.js';
import { SimClock } from '../../../common/sim/sim-clock.js';
import { type SimHost, SimNetwork } from '../../../common/sim/sim-network.js';
import { SimRandom } from '../../../common/sim/sim-random.js';
import type { DownloadReport } from '../../fetch/download-options.js';
import { SEEN_SOURCE } from '../../fetch/known-peers.js';
import type { SlotMemory } from '../../hash/slot-memory.js';
import { type MemorySeed, startMemorySeed } from '../memory-seed.js';
import { SimFetch } from '../sim-fetch.js';
import type { TestContent } from '../test-content.js';
import type { HostileKind } from './hostile-kinds.js';
import { HostilePeer } from './hostile-peer.js';

/** 100 Mbit/s up, four times that down: what both sides have, but for faster hostile ones. */
const LINE = { upBytesPerSecond: 12_500_000, downBytesPerSecond: 50_000_000 };
const LATENCY_LEAST_MS = 5;
const LATENCY_MORE_MS = 45;
const WINDOW_BYTES = 2 ** 20;
const LIMIT_MS = 3_600_000;

export interface HostileScenario {
  readonly content: TestContent;
  readonly seed: number;
  readonly honestCount: number;
  /** One hostile peer of each. */
  readonly hostile: readonly HostileKind[];
  /** How many times as fast as the honest lines those of the hostile ones are; default 1. */
  readonly hostileSpeed?: number;
  /** All hostile ones are at one IP address, at many ports. */
  readonly isOneHost?: boolean;
  /** See SimFetch. */
  readonly slots?: SlotMemory;
  readonly patienceMs?: number;
}

/** Where the one is who fetches. */
export interface FetcherPlace {
  readonly dialer: Dialer;
  readonly clock: Clock;
  readonly random: Random;
  readonly peers: readonly PeerAddress[];
}

/** What became of `T`, and of those who took part. */
export interface HostileRun<T> {
  readonly tookMs: number;
  readonly result: T | undefined;
  readonly error: ShoalError | undefined;
  readonly hostile: readonly HostilePeer[];
  readonly honest: readonly MemorySeed[];
  /** Addresses as text. */
  readonly honestAddresses: readonly string[];
}

export interface HostileOutcome extends HostileRun<DownloadReport> {
  /** When the manifest was there. */
  readonly manifestMs: number;
  readonly fetch: SimFetch;
}

/** The fetch of a whole content, as SimFetch does it. */
export async function runHostileSwarm(scenario: HostileScenario): Promise<HostileOutcome> {
  const { content, slots, patienceMs } = scenario;
  let fetch: SimFetch | undefined;
  let manifestMs = 0;
  const run = await runAmongHostile(scenario, ({ peers, ...ports }, announced) => {
    const made = new SimFetch({ ...ports, ...(slots === undefined ? {} : { slots }) }, content, peers, {
      ...(patienceMs === undefined ? {} : { patienceMs }),
    });
    fetch = made;
    announced((address) => made.peers.add([address], SEEN_SOURCE));
    const beganMs = ports.clock.nowMs();
    return made.run().finally(() => {
      manifestMs = (made.manifestMs ?? ports.clock.nowMs()) - beganMs;
    });
  });
  if (fetch === undefined) throw new Error('The fetch did not begin.');
  return { ...run, manifestMs, fetch };
}

/** Does `work` among those who take part. `announced` is given who is to hear of further addresses. Throws where it does not end. */
export async function runAmongHostile<T>(
  scenario: HostileScenario,
  work: (place: FetcherPlace, announced: (hear: (address: PeerAddress) => void) => void) => Promise<T>,
): Promise<HostileRun<T>> {
  const { content, seed, hostileSpeed = 1 } = scenario;
  const clock = new SimClock();
  const network = new SimNetwork(clock, { windowBytes: WINDOW_BYTES });
  const random = new SimRandom(seed);
  let hostCount = 0;
  const hostOf = (speed: number): SimHost => {
    hostCount += 1;
    const upBytesPerSecond = speed * LINE.upBytesPerSecond;
    const latencyMs = LATENCY_LEAST_MS + LATENCY_MORE_MS * random.unit();
    return network.host({ ip: `10.0.${hostCount}.1`, ...LINE, upBytesPerSecond, latencyMs });
  };
  const fetcher = hostOf(1);
  const honest: MemorySeed[] = [];
  for (let at = 0; at < scenario.honestCount; at += 1) {
    const host = hostOf(1);
    honest.push(await startMemorySeed({ listener: host.listenPort, clock }, content, host.ip));
  }
  let hear: (address: PeerAddress) => void = () => undefined;
  const hostile: HostilePeer[] = [];
  let host: SimHost | undefined;
  for (const kind of scenario.hostile) {
    host = scenario.isOneHost === true && host !== undefined ? host : hostOf(hostileSpeed);
    const ports = { listener: host.listenPort, clock, random: random.fork() };
    const announce = (address: PeerAddress) => hear(address);
    hostile.push(await HostilePeer.start(ports, { kind, content, host: host.ip, announce }));
  }
  const peers = shuffled(
    [...honest, ...hostile].map(({ address }) => address),
    random,
  );
  const beganMs = clock.nowMs();
  let end: { result?: T; error?: ShoalError } | undefined;
  work({ dialer: fetcher.dialer, clock, random: random.fork(), peers }, (one) => {
    hear = one;
  }).then(
    (result) => {
      end = { result };
    },
    (failure: unknown) => {
      end = { error: asShoalError(failure) };
    },
  );
  await clock.run({ untilMs: LIMIT_MS, isOver: () => end !== undefined });
  if (end === undefined) throw new Error(`It did not end within an hour of simulated time (seed ${seed}).`);
  const tookMs = clock.nowMs() - beganMs;
  for (const one of [...honest, ...hostile]) await one.close();
  // What is in the buffers of the network still comes, to nobody.
  await clock.run({ untilMs: clock.nowMs() + 1000 });
  const honestAddresses = honest.map(({ address }) => formatPeerAddress(address));
  return { tookMs, result: end.result, error: end.error, hostile, honest, honestAddresses };
}

function shuffled<T>(items: readonly T[], random: SimRandom): T[] {
  const left = [...items];
  const drawn: T[] = [];
  while (left.length > 0) drawn.push(...left.splice(random.below(left.length), 1));
  return drawn;
}
