/** The UDP index between the real tracker and the real client, on a simulated network that loses, doubles and holds up datagrams. */
import { describe, expect, test } from '@jest/globals';
import { asShoalError } from '../common/core/errors.js';
import { parseFileName } from '../common/core/file-name.js';
import { SimClock } from '../common/sim/sim-clock.js';
import type { DatagramFaults } from '../common/sim/sim-datagrams.js';
import { SimNetwork } from '../common/sim/sim-network.js';
import { SimRandom } from '../common/sim/sim-random.js';
import { settled } from '../common/testkit/settled.js';
import type { TrackerRequest } from '../common/wire/tracker-requests.js';
import { TcpChannel } from '../peer/discovery/tcp-channel.js';
import type { TrackerChannel } from '../peer/discovery/tracker-channel.js';
import { TrackerClient } from '../peer/discovery/tracker-client.js';
import { UdpChannel } from '../peer/discovery/udp-channel.js';
import { createTracker } from '../tracker/create-tracker.js';

const TRACKER = { host: '10.0.0.1', port: 4700 };
const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const NAMES = ['a', 'b', 'c', 'd'];

class World {
  readonly clock = new SimClock();
  readonly random: SimRandom;
  readonly udp: UdpChannel;
  readonly tcp: TrackerClient;
  readonly #network: SimNetwork;

  constructor(seed: number, faults: Omit<DatagramFaults, 'random'>) {
    this.random = new SimRandom(seed);
    this.#network = new SimNetwork(this.clock, { datagramFaults: { ...faults, random: this.random.fork() } });
    const { datagrams, dialer } = this.#network.host({ ip: '10.0.0.7', latencyMs: 5 });
    this.udp = new UdpChannel({ datagrams, clock: this.clock, random: this.random.fork() }, TRACKER);
    this.tcp = new TrackerClient(new TcpChannel({ dialer, clock: this.clock }, TRACKER));
  }

  async start(): Promise<void> {
    const { listenPort: listener, datagrams } = this.#network.host({ ip: TRACKER.host });
    const ports = { clock: this.clock, random: this.random.fork(), listener, datagrams, log };
    // No lease ends in these tests, but by what is asked for.
    await createTracker(ports, { intervalMs: 3_600_000 });
  }

  /** Lets time pass until a promise has settled. */
  settled<T>(promise: Promise<T>): Promise<T> {
    return settled(this.clock, promise);
  }
}

const send = (channel: TrackerChannel, request: TrackerRequest) => channel.request(request, () => true);

/** A request by chance, and which names it says are there, and which are not. */
function anyIntent(random: SimRandom): { readonly request: TrackerRequest; readonly puts: string[]; readonly takes: string[] } {
  const name = NAMES[random.below(NAMES.length)] ?? '';
  const about = { name: parseFileName(name), address: '*:5000' };
  const kind = random.below(10);
  if (kind < 5) return { request: { verb: 'REGISTER', ...about, sizeBytes: 6, attributes: {} }, puts: [name], takes: [] };
  if (kind < 8) return { request: { verb: 'WITHDRAW', ...about }, puts: [], takes: [name] };
  if (kind < 9) return { request: { verb: 'UNREGISTER', address: '*:5000' }, puts: [], takes: NAMES };
  return { request: { verb: 'ALIVE', address: '*:5000', load: random.below(100) }, puts: [], takes: [] };
}

const HARD = { lossShare: 0.3, duplicateShare: 0.2, delayMaxMs: 4000 };

/** Plays forty requests, some at once; gives what should be there and what is there, for each name whose last request was answered. */
async function play(
  seed: number,
  faults = HARD,
): Promise<{ readonly wanted: string; readonly found: string; readonly failedCount: number }> {
  const world = new World(seed, faults);
  await world.start();
  const wanted = new Map<string, boolean | undefined>(NAMES.map((name) => [name, false]));
  const open: Promise<void>[] = [];
  let failedCount = 0;
  let intentCount = 0;
  /** Of each name, the number of the last intent that was about it. */
  const last = new Map<string, number>();
  for (; intentCount < 40; intentCount += 1) {
    const { request, puts, takes } = anyIntent(world.random);
    const number = intentCount;
    for (const name of [...puts, ...takes]) last.set(name, number);
    for (const name of puts) wanted.set(name, true);
    for (const name of takes) wanted.set(name, false);
    const answered = send(world.udp, request).catch((error: unknown) => {
      if (asShoalError(error).code === 'NOT_FOUND') return;
      expect(asShoalError(error).code).toBe('NETWORK');
      failedCount += 1;
      for (const name of [...puts, ...takes]) if (last.get(name) === number) wanted.set(name, undefined);
    });
    open.push(answered);
    if (world.random.below(3) === 0) await world.clock.run({ untilMs: world.clock.nowMs() + world.random.below(3000) });
  }
  await world.settled(Promise.all(open));
  // Whatever is still on the way arrives.
  await world.clock.run({ untilMs: world.clock.nowMs() + 10_000 });
  const known = NAMES.filter((name) => wanted.get(name) !== undefined);
  const rows = known.map(async (name) => (await world.tcp.lookup({ by: 'name', name: parseFileName(name) })).length > 0);
  const found = await world.settled(Promise.all(rows));
  await Promise.all([world.udp.close(), world.tcp.close()]);
  return { wanted: JSON.stringify(known.map((name) => wanted.get(name))), found: JSON.stringify(found), failedCount };
}

describe('the UDP index', () => {
  test('UD5, NW1: three in ten lost, some doubled, late by seconds: the end is what was asked for last, for 200 seeds', async () => {
    let failedCount = 0;
    for (let seed = 1; seed <= 200; seed += 1) {
      const result = await play(seed);
      expect({ seed, end: result.found }).toEqual({ seed, end: result.wanted });
      failedCount += result.failedCount;
    }
    // Of 8,000 requests so few have no answer after all their tries that the rest proves something.
    expect(failedCount).toBeLessThan(400);
  });

  test.each([0.01, 0.05, 0.1])(
    'NW1: with a share of %d lost, late by up to 200 ms and out of order, nothing at all fails',
    async (lossShare) => {
      for (let seed = 1; seed <= 40; seed += 1) {
        const { found, wanted, failedCount } = await play(seed, { lossShare, duplicateShare: 0.05, delayMaxMs: 200 });
        expect({ seed, failedCount, end: found }).toEqual({ seed, failedCount: 0, end: wanted });
      }
    },
  );

  test('UD3: a list longer than a datagram comes in pages of one, each name once, to who has a cookie', async () => {
    const world = new World(1, {});
    await world.start();
    const client = new TrackerClient(world.udp);
    const names = Array.from({ length: 500 }, (_, at) => `folder/file-${String(at).padStart(4, '0')}.bin`);
    const attributes = {};
    await world.settled(
      client.register(
        names.map((name) => ({
          verb: 'REGISTER' as const,
          name: parseFileName(name),
          sizeBytes: 6,
          address: '*:5000',
          attributes,
        })),
      ),
    );
    const found: string[] = [];
    let pageCount = 0;
    for (let after: string | undefined; pageCount === 0 || after !== undefined; pageCount += 1) {
      const page = await world.settled(client.list({ maxCount: 1000, ...(after === undefined ? {} : { after }) }));
      expect(page.rows.length).toBeGreaterThan(0);
      found.push(...page.rows.map(({ name }) => name));
      after = page.next;
    }
    expect(found.sort()).toEqual(names);
    // About thirty rows fit.
    expect(pageCount).toBeGreaterThan(10);
    await Promise.all([world.udp.close(), world.tcp.close()]);
  });

  test('UD9: TCP and UDP see one registry at every moment', async () => {
    const world = new World(2, {});
    await world.start();
    const name = parseFileName('a');
    const udp = new TrackerClient(world.udp);
    const both = () => Promise.all([udp, world.tcp].map((client) => client.lookup({ by: 'name', name })));
    const request = { verb: 'REGISTER', name, sizeBytes: 6, address: '*:5000', attributes: {} } as const;
    const row = { address: { ip: '10.0.0.7', port: 5000 }, sizeBytes: 6, root: undefined };
    await world.settled(world.tcp.register([request]));
    expect(await world.settled(both())).toMatchObject([[row], [row]]);
    await world.settled(udp.unregister('*:5000'));
    expect(await world.settled(both())).toEqual([[], []]);
    await world.settled(udp.register([request]));
    expect(await world.settled(both())).toMatchObject([[row], [row]]);
    await Promise.all([world.udp.close(), world.tcp.close()]);
  });
});
