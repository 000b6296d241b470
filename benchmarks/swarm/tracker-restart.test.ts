/** A real tracker and many real announcers on a simulated network, through restarts, deaths and a network that is cut in two. */
import { describe, expect, test } from '@jest/globals';
import { parseFileName } from '../../common/core/file-name.js';
import { parseContentRoot } from '../../common/core/root.js';
import { createLog } from '../../common/node/log.js';
import type { Dialer } from '../../common/ports/net.js';
import { SimClock } from '../../common/sim/sim-clock.js';
import { type SimHost, SimNetwork } from '../../common/sim/sim-network.js';
import { SimRandom } from '../../common/sim/sim-random.js';
import { Announcer } from '../../peer/discovery/announcer.js';
import { createTracker, type Tracker } from '../../tracker/create-tracker.js';

const INTERVAL_MS = 30_000;
const PORT = 4700;
const SECOND_MS = 1000;

/** One tracker that can be restarted, and peers that announce one content each. */
class Site {
  readonly clock = new SimClock();
  readonly #network = new SimNetwork(this.clock);
  readonly #random: SimRandom;
  readonly #trackerHost: SimHost;
  readonly peers: { readonly host: SimHost; readonly announcer: Announcer }[] = [];
  /** When each registration was told of, and how often a tracker was lost and back. */
  readonly registeredMs: number[] = [];
  dialCount = 0;
  lostCount = 0;
  backCount = 0;
  #tracker: Tracker | undefined;

  constructor(seed: number) {
    this.#random = new SimRandom(seed);
    this.#trackerHost = this.#network.host({ ip: '10.9.9.9', latencyMs: 10 });
  }

  get entryCount(): number {
    return this.#tracker?.stats().entries ?? 0;
  }

  async startTracker(): Promise<void> {
    const ports = { clock: this.clock, random: this.#random.fork(), listener: this.#trackerHost.listenPort };
    const log = createLog('tracker', 'silent');
    this.#tracker = await createTracker({ ...ports, log }, { host: '10.9.9.9', port: PORT, intervalMs: INTERVAL_MS });
  }

  stopTracker(): void {
    void this.#tracker?.close();
    this.#tracker = undefined;
  }

  addPeers(count: number): void {
    for (let n = 0; n < count; n += 1) {
      const host = this.#network.host({ ip: `10.0.${n >> 8}.${n & 255}`, latencyMs: 5 + (n % 50) });
      const announcer = new Announcer(
        { dialer: this.#counting(host.dialer), clock: this.clock, random: this.#random.fork() },
        {
          trackers: [{ host: '10.9.9.9', port: PORT }],
          address: '*:5000',
          state: () => ({ load: n % 100 }),
          events: {
            registered: () => this.registeredMs.push(this.clock.nowMs()),
            refused: () => undefined,
            trackerLost: () => {
              this.lostCount += 1;
            },
            trackerBack: () => {
              this.backCount += 1;
            },
          },
        },
      );
      announcer.announce([{ name: parseFileName(`file ${n}`), sizeBytes: n, root: parseContentRoot('ab'.repeat(32)) }]);
      this.peers.push({ host, announcer });
    }
  }

  #counting(dialer: Dialer): Dialer {
    return {
      dial: (...args) => {
        this.dialCount += 1;
        return dialer.dial(...args);
      },
    };
  }

  pass(ms: number): Promise<unknown> {
    return this.clock.run({ untilMs: this.clock.nowMs() + ms });
  }
}

/** The most that fall into one second. */
function mostInASecond(times: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const time of times) counts.set(Math.floor(time / SECOND_MS), (counts.get(Math.floor(time / SECOND_MS)) ?? 0) + 1);
  return Math.max(0, ...counts.values());
}

describe('a tracker and its peers', () => {
  test('TW20: after a restart everybody is there again within an interval, and they do not come at once', async () => {
    const site = new Site(1);
    await site.startTracker();
    site.addPeers(300);
    // Two intervals: chance has spread them.
    await site.pass(3 * INTERVAL_MS);
    expect(site.entryCount).toBe(300);
    site.registeredMs.length = 0;
    site.stopTracker();
    await site.pass(SECOND_MS);
    await site.startTracker();
    expect(site.entryCount).toBe(0);
    await site.pass(INTERVAL_MS + SECOND_MS);
    expect(site.entryCount).toBe(300);
    expect(site.registeredMs).toHaveLength(300);
    expect(mostInASecond(site.registeredMs)).toBeLessThan(60);
  });

  test('TW20: whoever died is forgotten after the ttl, whoever lives is not', async () => {
    const site = new Site(2);
    await site.startTracker();
    site.addPeers(40);
    await site.pass(5 * SECOND_MS);
    for (const { host, announcer } of site.peers.slice(0, 10)) {
      host.crash();
      void announcer.close();
    }
    await site.pass(10 * SECOND_MS);
    expect(site.entryCount).toBe(40);
    await site.pass(2 * INTERVAL_MS);
    expect(site.entryCount).toBe(30);
    await site.pass(10 * INTERVAL_MS);
    expect(site.entryCount).toBe(30);
    expect(site.lostCount).toBe(0);
  });

  test('NW5, NW6, NW8: peers that start before their tracker, 500 of them, find it soon after it starts and spread over seconds', async () => {
    const site = new Site(3);
    site.addPeers(500);
    await site.pass(10 * 60 * SECOND_MS);
    expect([site.lostCount, site.backCount]).toEqual([500, 0]);
    // It is no work to wait: in ten minutes each asked a few dozen times, and not once in a while.
    expect(site.dialCount / 500).toBeGreaterThan(15);
    expect(site.dialCount / 500).toBeLessThan(60);
    // Each tries again at pauses that grow up to an interval.
    await site.startTracker();
    await site.pass(INTERVAL_MS + SECOND_MS);
    expect([site.entryCount, site.backCount]).toEqual([500, 500]);
    expect(mostInASecond(site.registeredMs)).toBeLessThan(100);
  });
});
