/** A tracker on a machine of its own, which dies and is started again with nothing in memory. */
import { createLog } from '../../common/node/log.js';
import { livingDatagrams, livingDialer, livingListener } from '../../common/sim/living-network.js';
import type { SimClock } from '../../common/sim/sim-clock.js';
import { SimLife } from '../../common/sim/sim-life.js';
import type { SimHost, SimNetwork } from '../../common/sim/sim-network.js';
import type { SimRandom } from '../../common/sim/sim-random.js';
import { createTracker, type Tracker } from '../../tracker/create-tracker.js';
import type { TrackerPlan } from './scenario.js';

export const TRACKER_PORT = 4700;
const log = createLog('tracker', 'silent');

export class TrackerSite {
  readonly host: SimHost;
  readonly #clock: SimClock;
  readonly #random: SimRandom;
  readonly #intervalMs: number;
  #life: SimLife | undefined;
  #tracker: Promise<Tracker> | undefined;

  constructor(clock: SimClock, network: SimNetwork, ip: string, plan: TrackerPlan, random: SimRandom) {
    [this.#clock, this.#random, this.#intervalMs] = [clock, random, plan.intervalMs];
    this.host = network.host({ ip, ...plan.line });
  }

  get ip(): string {
    return this.host.ip;
  }

  get life(): SimLife | undefined {
    return this.#life;
  }

  async start(): Promise<void> {
    const life = new SimLife();
    const { host } = this;
    host.restart();
    this.#life = life;
    const ports = {
      clock: life.clock(this.#clock),
      random: this.#random.fork(),
      listener: livingListener(life, host.listenPort),
      datagrams: livingDatagrams(life, host.datagrams),
      dialer: livingDialer(life, host.dialer),
      log,
    };
    this.#tracker = createTracker(ports, { host: this.ip, port: TRACKER_PORT, intervalMs: this.#intervalMs });
    await this.#tracker;
  }

  crash(isPower: boolean): void {
    this.#life?.die();
    this.#life = undefined;
    this.#tracker = undefined;
    this.host.crash({ isSilent: isPower });
    if (!isPower) this.host.restart();
  }

  async close(): Promise<void> {
    await (await this.#tracker)?.close();
    this.#tracker = undefined;
  }
}
