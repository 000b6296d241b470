/**
 * One simulated swarm: a seed and its fetchers, from the first arrival until the last one is done. The same inputs give the same run.
 */
import { parseFileName } from '../../common/core/file-name.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import type { ContentRoot } from '../../common/core/root.js';
import { SimClock } from '../../common/sim/sim-clock.js';
import { type SimHost, SimNetwork } from '../../common/sim/sim-network.js';
import { SimRandom } from '../../common/sim/sim-random.js';
import type { DownloadReport } from '../../peer/fetch/download-options.js';
import { fluidBoundMs } from './fluid-bound.js';
import { drawFetchers, type FetcherSpec, type PeerLine, SEED_LINE, type SwarmScenario } from './scenario.js';
import { SimPeer, type SimPeerOptions, type SwarmContent } from './sim-peer.js';
import { SimTracker } from './sim-tracker.js';

/** A stream's top speed over the longest way, 100 ms, is 10 MB/s: no line here is held up by it. */
export const WINDOW_BYTES = 2 ** 20;
/** Checking and writing a chunk, and reading one: a usual machine. */
export const LAND_MS = 2;
export const READ_MS = 1;
/** Simulated time after which a swarm counts as stuck. */
export const LIMIT_MS = 6 * 3_600_000;

export interface SwarmOutcome {
  /** When the last one was done that did not crash, and the longest time that one took from its own arrival. */
  readonly lastDoneMs: number;
  readonly longestStayMs: number;
  /** What a fluid would need for those that did not crash, had they come at once. */
  readonly boundMs: number;
  readonly doneCount: number;
  /** That should have been done and were not. */
  readonly failedCount: number;
  /** Of all bytes that were received: those that arrived twice. */
  readonly wastedShare: number;
  /** Chunks that the seed sent, and those of them that were not the first of their kind. */
  readonly seedSentCount: number;
  readonly seedAgainCount: number;
  readonly eventCount: number;
  /** Of the seed's line: how much it carried of what it could have until the last was done. */
  readonly seedUseShare: number;
}

export async function runSimSwarm(scenario: SwarmScenario): Promise<SwarmOutcome> {
  const swarm = new SimSwarm(scenario);
  return swarm.run();
}

class SimSwarm {
  readonly #clock = new SimClock();
  readonly #network = new SimNetwork(this.#clock, { windowBytes: WINDOW_BYTES, copiesBodies: false });
  readonly #random: SimRandom;
  readonly #tracker: SimTracker;
  readonly #content: SwarmContent;
  readonly #specs: readonly FetcherSpec[];
  readonly #seedSends: Uint32Array;
  #hostCount = 0;
  #openCount = 0;
  #failedCount = 0;
  #lastDoneMs = 0;
  #longestStayMs = 0;
  readonly #reports: DownloadReport[] = [];

  constructor(scenario: SwarmScenario) {
    this.#random = new SimRandom(scenario.seed);
    this.#content = contentOf(scenario.chunkCount);
    const { name, sizeBytes } = this.#content.manifest;
    this.#tracker = new SimTracker(this.#clock, this.#random.fork(), { name, sizeBytes, root: this.#content.root });
    this.#specs = drawFetchers(scenario, this.#random.fork());
    this.#seedSends = new Uint32Array(scenario.chunkCount);
  }

  async run(): Promise<SwarmOutcome> {
    const seedHost = this.#host(SEED_LINE);
    await this.#peer(seedHost, {
      sending: (chunkIndex) => {
        this.#seedSends[chunkIndex] = (this.#seedSends[chunkIndex] ?? 0) + 1;
      },
    }).seed();
    this.#openCount = this.#specs.length;
    for (const spec of this.#specs) this.#clock.setTimer('arrival', spec.arrivalMs, () => void this.#takePart(spec));
    await this.#clock.run({ untilMs: LIMIT_MS, isOver: () => this.#openCount === 0 });
    const { sizeBytes } = this.#content.manifest;
    const staying = this.#specs.filter((spec) => spec.crashesAtChunks === undefined);
    const fetchedBytes = this.#reports.reduce((sum, report) => sum + report.fetchedBytes, 0);
    const wastedBytes = this.#reports.reduce((sum, report) => sum + report.wastedBytes, 0);
    const seedSentCount = this.#seedSends.reduce((sum, count) => sum + count, 0);
    return {
      lastDoneMs: this.#lastDoneMs,
      longestStayMs: this.#longestStayMs,
      boundMs: fluidBoundMs(sizeBytes, SEED_LINE.upBytesPerSecond, staying),
      doneCount: this.#reports.length,
      failedCount: this.#failedCount + this.#openCount,
      wastedShare: wastedBytes / (fetchedBytes + wastedBytes),
      seedSentCount,
      seedAgainCount: this.#seedSends.reduce((sum, count) => sum + Math.max(0, count - 1), 0),
      eventCount: this.#clock.eventCount,
      seedUseShare: (1000 * seedHost.uplink.carriedBytes) / (SEED_LINE.upBytesPerSecond * this.#lastDoneMs),
    };
  }

  /** One fetcher, from its arrival to its end. */
  async #takePart(spec: FetcherSpec): Promise<void> {
    const { crashesAtChunks } = spec;
    let isCrashed = false;
    const peer = this.#peer(this.#host(spec), {
      landed: (haveChunks) => {
        if (haveChunks !== crashesAtChunks) return;
        isCrashed = true;
        this.#clock.setTimer('crash', 0, () => void peer.crash());
      },
    });
    try {
      this.#reports.push(await peer.fetch());
      this.#lastDoneMs = this.#clock.nowMs();
      this.#longestStayMs = Math.max(this.#longestStayMs, this.#lastDoneMs - spec.arrivalMs);
      if (spec.isLeaver) await peer.leave();
    } catch {
      if (!isCrashed) this.#failedCount += 1;
    }
    this.#openCount -= 1;
  }

  #host({ upBytesPerSecond, downBytesPerSecond, latencyMs }: PeerLine): SimHost {
    this.#hostCount += 1;
    const ip = `10.${this.#hostCount >> 16}.${(this.#hostCount >> 8) & 255}.${this.#hostCount & 255}`;
    return this.#network.host({ ip, upBytesPerSecond, downBytesPerSecond, latencyMs });
  }

  #peer(host: SimHost, events: Pick<SimPeerOptions, 'sending' | 'landed'>): SimPeer {
    const ports = { clock: this.#clock, host, random: this.#random.fork(), tracker: this.#tracker };
    return new SimPeer(ports, { content: this.#content, landMs: LAND_MS, readMs: READ_MS, ...events });
  }
}

/** A file of so many whole chunks, whose hashes nobody looks at. */
export function contentOf(chunkCount: number): SwarmContent {
  const manifest = {
    name: parseFileName('file.bin'),
    sizeBytes: chunkCount * CHUNK_BYTES,
    chunkBytes: CHUNK_BYTES,
    hashName: 'blake3' as const,
    hashes: new Uint8Array(32 * chunkCount),
  };
  return { manifest, root: 'a'.repeat(64) as ContentRoot };
}
