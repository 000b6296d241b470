/** Who takes part in a simulated swarm: lines, arrivals and departures, all drawn from one seed. */
import type { SimRandom } from '../../common/sim/sim-random.js';

const BYTES_PER_SECOND_OF_MBIT = 1e6 / 8;

export interface SwarmScenario {
  readonly fetcherCount: number;
  readonly chunkCount: number;
  readonly seed: number;
  /** Fetchers come one after the other at chance intervals (a Poisson process), about this long for all of them; 0: all at once. */
  readonly arrivalsMs: number;
  /** Of the fetchers: those that leave as soon as they are done; the others go on serving. */
  readonly leaverShare: number;
  /** Of the fetchers: those whose host crashes somewhere in the middle. */
  readonly crasherShare: number;
}

/** A line, and how far its end is from the middle of the network. */
export interface PeerLine {
  readonly upBytesPerSecond: number;
  readonly downBytesPerSecond: number;
  readonly latencyMs: number;
}

export interface FetcherSpec extends PeerLine {
  readonly arrivalMs: number;
  readonly isLeaver: boolean;
  /** It crashes when it has this many chunks. */
  readonly crashesAtChunks: number | undefined;
}

/** The line of the seed: the best of those that fetchers have. */
export const SEED_LINE: PeerLine = {
  upBytesPerSecond: 100 * BYTES_PER_SECOND_OF_MBIT,
  downBytesPerSecond: 400 * BYTES_PER_SECOND_OF_MBIT,
  latencyMs: 20,
};

/** Fetchers in the order in which they come. Up 10 to 100 Mbit/s, down four times that, latency 5 to 50 ms, each drawn evenly. */
export function drawFetchers(scenario: SwarmScenario, random: SimRandom): FetcherSpec[] {
  const { fetcherCount, chunkCount, arrivalsMs, leaverShare, crasherShare } = scenario;
  const intervalMs = arrivalsMs / fetcherCount;
  let arrivalMs = 0;
  return Array.from({ length: fetcherCount }, () => {
    arrivalMs += -Math.log(1 - random.unit()) * intervalMs;
    const upBytesPerSecond = (10 + 90 * random.unit()) * BYTES_PER_SECOND_OF_MBIT;
    const latencyMs = 5 + 45 * random.unit();
    const isLeaver = random.unit() < leaverShare;
    const crashesAtChunks = random.unit() < crasherShare ? 1 + random.below(chunkCount - 1) : undefined;
    return { upBytesPerSecond, downBytesPerSecond: 4 * upBytesPerSecond, latencyMs, arrivalMs, isLeaver, crashesAtChunks };
  });
}
