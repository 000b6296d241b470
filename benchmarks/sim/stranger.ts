/** A hostile peer in a scenario: it says to the trackers that it has a content, and gives those who come something else. */
import { parseFileName } from '../../common/core/file-name.js';
import type { SimHost } from '../../common/sim/sim-network.js';
import type { SimRandom } from '../../common/sim/sim-random.js';
import { Announcer } from '../../peer/discovery/announcer.js';
import { HostilePeer } from '../../peer/testkit/hostile/hostile-peer.js';
import { testContent } from '../../peer/testkit/test-content.js';
import type { Goods } from './goods.js';
import type { HostilePlan, Line } from './scenario.js';
import { TRACKER_PORT } from './tracker-site.js';
import type { World } from './world.js';

const HOSTILE_PORT = 4666;

export interface StrangerOptions {
  readonly ip: string;
  readonly plan: HostilePlan & { readonly line: Line };
  readonly goods: Goods;
  readonly random: SimRandom;
}

export class Stranger {
  readonly #world: Pick<World, 'clock' | 'trackers' | 'record'>;
  readonly #options: StrangerOptions;
  readonly #host: SimHost;
  readonly #announcers: Announcer[] = [];
  #peer: Promise<HostilePeer> | undefined;

  constructor(world: Pick<World, 'clock' | 'network' | 'trackers' | 'record'>, options: StrangerOptions) {
    [this.#world, this.#options] = [world, options];
    this.#host = world.network.host({ ip: options.ip, ...options.plan.line });
    // Of a folder it would have to know the index.
    if (!options.goods.plan.isFolder) world.clock.setTimer('stranger', 0, () => this.#start());
  }

  #start(): void {
    const { plan, goods, random } = this.#options;
    const { clock, record } = this.#world;
    const content = testContent(Buffer.from(goods.bytesOf(0)), { name: goods.plan.name, hashName: goods.plan.hashName });
    record.count(`hostile: ${plan.kind.name}`);
    record.note(this.#host.ip, `is hostile: ${plan.kind.name}`);
    this.#peer = HostilePeer.start(
      { listener: this.#host.listenPort, clock, random: random.fork() },
      { kind: plan.kind, content, host: this.#host.ip, port: HOSTILE_PORT, announce: ({ port }) => this.#announce(port) },
    );
  }

  #announce(port: number): void {
    const { goods, random } = this.#options;
    const { clock, trackers } = this.#world;
    const nothing = () => undefined;
    const announcer = new Announcer(
      { dialer: this.#host.dialer, clock, random: random.fork() },
      {
        trackers: trackers.map(({ ip }) => ({ host: ip, port: TRACKER_PORT })),
        address: `*:${port}`,
        events: { registered: nothing, refused: nothing, trackerLost: nothing, trackerBack: nothing },
      },
    );
    const root = goods.roots[0];
    if (root !== undefined) announcer.announce([{ name: parseFileName(goods.plan.name), sizeBytes: goods.sizeBytes, root }]);
    this.#announcers.push(announcer);
  }

  async close(): Promise<void> {
    for (const announcer of this.#announcers) void announcer.close();
    void (await this.#peer)?.close();
  }
}
