/**
 * Several equal holders of one content, a real tracker, and fetchers that all begin at one moment: how evenly the holders are used. The
 * same inputs give the same run.
 */
import { createLog } from '../../common/node/log.js';
import { SimClock } from '../../common/sim/sim-clock.js';
import { type SimHost, SimNetwork } from '../../common/sim/sim-network.js';
import { SimRandom } from '../../common/sim/sim-random.js';
import { createTracker } from '../../tracker/create-tracker.js';
import { drawFetchers, type PeerLine, SEED_LINE } from './scenario.js';
import { SimPeer } from './sim-peer.js';
import { contentOf, LAND_MS, LIMIT_MS, READ_MS, WINDOW_BYTES } from './sim-swarm.js';
import { WireTracker } from './wire-tracker.js';

export interface SpreadScenario {
  readonly holderCount: number;
  readonly fetcherCount: number;
  readonly chunkCount: number;
  readonly seed: number;
}

export interface SpreadOutcome {
  /** Chunks that each holder sent. */
  readonly sentCounts: readonly number[];
  /** How far the one that is farthest from an even share is from it, as a part of that share. */
  readonly spread: number;
  /** How many of the fetchers got it all, and when the last of them had. */
  readonly doneCount: number;
  readonly lastDoneMs: number;
}

const TRACKER_LINE: PeerLine = { upBytesPerSecond: 12_500_000, downBytesPerSecond: 12_500_000, latencyMs: 20 };
const TRACKER = { host: '10.9.9.9', port: 4700 };

export async function runSimSpread({ holderCount, fetcherCount, chunkCount, seed }: SpreadScenario): Promise<SpreadOutcome> {
  const clock = new SimClock();
  const network = new SimNetwork(clock, { windowBytes: WINDOW_BYTES, copiesBodies: false });
  const random = new SimRandom(seed);
  const content = contentOf(chunkCount);
  const tracked = { name: content.manifest.name, sizeBytes: content.manifest.sizeBytes, root: content.root };
  const trackerHost = network.host({ ip: TRACKER.host, ...TRACKER_LINE });
  const { listenPort: listener, dialer } = trackerHost;
  const tracker = await createTracker(
    { clock, random: random.fork(), listener, dialer, log: createLog('tracker', 'silent') },
    TRACKER,
  );
  const peerAt = (host: SimHost, sending: () => void) => {
    const ports = { clock, random: random.fork(), dialer: host.dialer };
    let peer: SimPeer;
    const wire = new WireTracker(ports, TRACKER, tracked, () => peer.load);
    peer = new SimPeer(
      { clock, host, random: ports.random, tracker: wire },
      { content, landMs: LAND_MS, readMs: READ_MS, sending },
    );
    return peer;
  };
  const sentCounts: number[] = new Array(holderCount).fill(0);
  const holders = sentCounts.map((_, at) =>
    peerAt(network.host({ ip: `10.1.0.${at + 1}`, ...SEED_LINE }), () => {
      sentCounts[at] = (sentCounts[at] ?? 0) + 1;
    }),
  );
  await finish(clock, Promise.all(holders.map((holder) => holder.seed())));
  const beganMs = clock.nowMs();
  const lines = drawFetchers({ fetcherCount, chunkCount, seed, arrivalsMs: 0, leaverShare: 0, crasherShare: 0 }, random.fork());
  const fetches = lines.map((line, at) => peerAt(network.host({ ip: `10.2.0.${at + 1}`, ...line }), () => undefined).fetch());
  const ends = await finish(clock, Promise.allSettled(fetches));
  const lastDoneMs = clock.nowMs() - beganMs;
  await finish(clock, tracker.close());
  const evenCount = sentCounts.reduce((sum, count) => sum + count, 0) / holderCount;
  return {
    sentCounts,
    spread: Math.max(...sentCounts.map((count) => Math.abs(count - evenCount) / evenCount)),
    doneCount: ends.filter(({ status }) => status === 'fulfilled').length,
    lastDoneMs,
  };
}

/** Lets simulated time go on until a promise is settled. */
async function finish<T>(clock: SimClock, promise: Promise<T>): Promise<T> {
  let isOver = false;
  const noted = promise.finally(() => {
    isOver = true;
  });
  noted.catch(() => undefined);
  await clock.run({ isOver: () => isOver, untilMs: clock.nowMs() + LIMIT_MS });
  return noted;
}
