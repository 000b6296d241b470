import { describe, expect, test } from '@jest/globals';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { formatPeerAddress } from '../../common/core/peer-address.js';
import { SimClock } from '../../common/sim/sim-clock.js';
import { type SimHost, SimNetwork } from '../../common/sim/sim-network.js';
import { SimRandom } from '../../common/sim/sim-random.js';
import { SlotMemory } from '../hash/slot-memory.js';
import { HOSTILE_KINDS } from '../testkit/hostile/hostile-kinds.js';
import { HostilePeer } from '../testkit/hostile/hostile-peer.js';
import { ScriptedPeer } from '../testkit/scripted-peer.js';
import { SimFetch } from '../testkit/sim-fetch.js';
import { seededBytes, testContent } from '../testkit/test-content.js';

const CHUNKS = 40;
const LINE = { upBytesPerSecond: 12_500_000, downBytesPerSecond: 50_000_000, latencyMs: 10 };
const content = testContent(seededBytes(CHUNKS * CHUNK_BYTES - 100_000));
const slots = new SlotMemory(64);

/** A simulated world with a fetcher and room for peers, the same for the same seed. */
class World {
  readonly clock = new SimClock();
  readonly network = new SimNetwork(this.clock, { windowBytes: 2 ** 20 });
  readonly random: SimRandom;
  readonly fetcher: SimHost;
  #hostCount = 0;

  constructor(seed: number) {
    this.random = new SimRandom(seed);
    this.fetcher = this.host();
  }

  host(): SimHost {
    this.#hostCount += 1;
    return this.network.host({ ip: `10.0.0.${this.#hostCount}`, ...LINE });
  }

  honest(): Promise<ScriptedPeer> {
    const host = this.host();
    return ScriptedPeer.start([content], {}, { listener: host.listenPort, clock: this.clock, host: host.ip });
  }

  ports() {
    return { dialer: this.fetcher.dialer, clock: this.clock, random: this.random.fork(), slots };
  }

  /** What a promise comes to while simulated time passes. */
  async run<T>(work: Promise<T>): Promise<T> {
    let isOver = false;
    const noted = work.finally(() => {
      isOver = true;
    });
    noted.catch(() => undefined);
    await this.clock.run({ untilMs: 3_600_000, isOver: () => isOver });
    expect(isOver).toBe(true);
    return noted;
  }
}

describe('one hostile peer beside one honest one', () => {
  test.each(HOSTILE_KINDS.map((kind) => [`${kind.row}: ${kind.name}`, kind] as const))('%s', async (_title, kind) => {
    const world = new World(1);
    const host = world.host();
    const honest = await world.honest();
    const ports = { listener: host.listenPort, clock: world.clock, random: world.random.fork() };
    let fetch: SimFetch | undefined;
    const hostile = await HostilePeer.start(ports, {
      kind,
      content,
      host: host.ip,
      announce: (address) => fetch?.peers.add([address], 'seen'),
    });
    fetch = new SimFetch(world.ports(), content, [hostile.address, honest.address]);
    await world.run(fetch.run());
    const at = world.clock.nowMs();
    console.log(
      kind.name,
      kind.fate,
      Math.round(at),
      Math.round(fetch.manifestMs ?? 0),
      'banned',
      fetch.banned.length,
      'failed',
      fetch.failed.length,
      'dials',
      hostile.connectionCount,
      'req',
      hostile.requests.length,
      'MB',
      (fetch.receivedBytes / 1e6).toFixed(1),
      fetch.isExact,
    );
    void formatPeerAddress;
  });
});
