/**
 * One fetch from honest and hostile peers on the simulated network, and the same one without the hostile ones. The same inputs give the
 * same run.
 */
import { asShoalError, type ShoalError } from '../../../common/core/errors.js';
import { formatPeerAddress } from '../../../common/core/peer-address.js';
import { SimClock } from '../../../common/sim/sim-clock.js';
import { type SimHost, SimNetwork } from '../../../common/sim/sim-network.js';
import { SimRandom } from '../../../common/sim/sim-random.js';
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

export interface HostileOutcome {
  readonly tookMs: number;
  /** When the manifest was there. */
  readonly manifestMs: number;
  readonly error: ShoalError | undefined;
  readonly fetch: SimFetch;
  readonly hostile: readonly HostilePeer[];
  readonly honest: readonly MemorySeed[];
  /** Addresses as text. */
  readonly honestAddresses: readonly string[];
}

export async function runHostileSwarm(scenario: HostileScenario): Promise<HostileOutcome> {
  const { content, seed, slots, hostileSpeed = 1, patienceMs } = scenario;
  const clock = new SimClock();
  const network = new SimNetwork(clock, { windowBytes: WINDOW_BYTES });
  const random = new SimRandom(seed);
  let hostCount = 0;
  const hostOf = (speed: number): SimHost => {
    hostCount += 1;
    const up = speed * LINE.upBytesPerSecond;
    const latencyMs = LATENCY_LEAST_MS + LATENCY_MORE_MS * random.unit();
    return network.host({ ip: `10.0.${hostCount}.1`, ...LINE, upBytesPerSecond: up, latencyMs });
  };
  const fetcher = hostOf(1);
  const honest: MemorySeed[] = [];
  for (let at = 0; at < scenario.honestCount; at += 1) {
    const host = hostOf(1);
    honest.push(await startMemorySeed({ listener: host.listenPort, clock }, content, host.ip));
  }
  const hostile: HostilePeer[] = [];
  let fetch: SimFetch | undefined;
  let shared: SimHost | undefined;
  for (const kind of scenario.hostile) {
    const host: SimHost = scenario.isOneHost === true ? (shared ?? hostOf(hostileSpeed)) : hostOf(hostileSpeed);
    shared = host;
    const ports = { listener: host.listenPort, clock, random: random.fork() };
    const announce: NonNullable<Parameters<typeof HostilePeer.start>[1]['announce']> = (address) =>
      fetch?.peers.add([address], 'seen');
    hostile.push(await HostilePeer.start(ports, { kind, content, host: host.ip, announce }));
  }
  const addresses = shuffled(
    [...honest, ...hostile].map(({ address }) => address),
    random,
  );
  const ports = { dialer: fetcher.dialer, clock, random: random.fork(), ...(slots === undefined ? {} : { slots }) };
  fetch = new SimFetch(ports, content, addresses, { ...(patienceMs === undefined ? {} : { patienceMs }) });
  const beganMs = clock.nowMs();
  let isOver = false;
  let error: ShoalError | undefined;
  const running = fetch.run().then(
    () => undefined,
    (failure: unknown) => {
      error = asShoalError(failure);
    },
  );
  void running.then(() => {
    isOver = true;
  });
  await clock.run({ untilMs: LIMIT_MS, isOver: () => isOver });
  if (!isOver) throw new Error(`The fetch did not end within an hour of simulated time (seed ${seed}).`);
  const tookMs = clock.nowMs() - beganMs;
  for (const one of [...honest, ...hostile]) await one.close();
  // What is in the buffers of the network still comes, to nobody.
  await clock.run({ untilMs: clock.nowMs() + 1000 });
  const honestAddresses = honest.map(({ address }) => formatPeerAddress(address));
  return { tookMs, manifestMs: (fetch.manifestMs ?? clock.nowMs()) - beganMs, error, fetch, hostile, honest, honestAddresses };
}

function shuffled<T>(items: readonly T[], random: SimRandom): T[] {
  const left = [...items];
  const drawn: T[] = [];
  while (left.length > 0) drawn.push(...left.splice(random.below(left.length), 1));
  return drawn;
}
