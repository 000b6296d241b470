/** What walks over lists may cost, and whose they are. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseFileName } from '../../common/core/file-name.js';
import type { PeerAddress } from '../../common/core/peer-address.js';
import { parseContentRoot } from '../../common/core/root.js';
import { SimClock } from '../../common/sim/sim-clock.js';
import { SimNetwork } from '../../common/sim/sim-network.js';
import { formatSharedPage, formatSharedRow } from '../../common/wire/peer-documents.js';
import { Registry } from '../registry/registry.js';
import { listLog, seededRandom } from '../testkit/manual-ports.js';
import { ListWalks } from './list-walks.js';

const PORT = 4701;
const root = parseContentRoot('a'.repeat(64));
/** A page of as much as one may hold, of names that nobody registered, which says that there is more. */
const ENDLESS = page(
  Array.from({ length: 600 }, (_, at) => `x${at}`),
  '1',
);

let clock: SimClock;
let network: SimNetwork;
let registry: Registry;
let walks: ListWalks;
let asked: string[];

beforeEach(() => {
  clock = new SimClock();
  network = new SimNetwork(clock);
  registry = new Registry({ random: seededRandom(1) }, { ttlMs: 3_600_000, entriesMaxCount: 1e6, sourceEntriesMaxCount: 1e6 });
  const { dialer } = network.host({ ip: '192.0.2.1', latencyMs: 1 });
  walks = new ListWalks({ registry, dialer, clock, log: listLog().log });
  asked = [];
});
afterEach(() => walks.close());

function page(names: readonly string[], next?: string): string {
  const rows = names.map((name) => formatSharedRow({ name: parseFileName(name), sizeBytes: 5, root }));
  const body = formatSharedPage(rows, next);
  return `${body.length}\n${body}`;
}

/** A peer that registered one file and answers LIST so; an empty text says nothing. */
async function peer(ip: string, reply: string, port = PORT): Promise<PeerAddress> {
  const host = network.find(ip) ?? network.host({ ip, latencyMs: 1 });
  await host.listenPort.listen({ host: ip, port, connectionsMaxCount: 1000 }, (stream) => ({
    data: () => {
      asked.push(`${ip}:${port}`);
      stream.write(reply);
    },
    ended: () => stream.end(),
    closed: () => undefined,
  }));
  const address = { ip, port };
  const content = { name: parseFileName('a'), sizeBytes: 5, root, haveChunks: undefined, load: undefined };
  registry.register({ ...content, address, source: ip }, clock.nowMs());
  await run(1000);
  return address;
}

const run = (ms: number) => clock.run({ untilMs: clock.nowMs() + ms });

/** A look, to its end. */
async function look(address: PeerAddress): Promise<void> {
  void walks.look(address, 0);
  await run(60_000);
}

describe('walks over lists', () => {
  test('withdraw what is not listed, and leave what is', async () => {
    const [gone, kept] = [await peer('198.51.100.1', page([])), await peer('198.51.100.2', page(['a']))];
    await look(gone);
    await look(kept);
    expect(registry.lookup({ by: 'root', root }, 50, clock.nowMs()).map((row) => row.peer.key)).toEqual(['198.51.100.2:4701']);
  });

  test('read so much of one source in an interval, and no more until the next', async () => {
    const address = await peer('198.51.100.1', ENDLESS);
    await look(address);
    const count = asked.length;
    expect(count * ENDLESS.length).toBeGreaterThan(8 * 2 ** 20);
    expect((count - 1) * ENDLESS.length).toBeLessThanOrEqual(8 * 2 ** 20);
    await look(address);
    await look(await peer('198.51.100.1', ENDLESS, PORT + 1));
    expect(asked).toHaveLength(count);
    walks.renew();
    await look(address);
    expect(asked).toHaveLength(2 * count);
    expect(registry.counts.entries).toBe(2);
  });

  test('read so much of all sources in an interval', async () => {
    const sources = Array.from({ length: 8 }, (_, at) => `198.51.100.${at + 1}`);
    for (const ip of sources) await look(await peer(ip, ENDLESS));
    expect(new Set(asked).size).toBe(4);
    expect(asked.length * ENDLESS.length).toBeLessThan(33 * 2 ** 20);
  });

  test('are few at once, and one of a source; one that drips ends at its deadline', async () => {
    const silent: PeerAddress[] = [];
    for (let at = 1; at <= 6; at += 1) silent.push(await peer(`198.51.100.${at}`, '100\n'));
    const sibling = await peer('198.51.100.1', '100\n', PORT + 1);
    for (const address of [silent[0], sibling, ...silent.slice(1)]) if (address !== undefined) void walks.look(address, 0);
    await run(10_000);
    expect(asked).toEqual(silent.slice(0, 4).map(({ ip }) => `${ip}:${PORT}`));
    await run(60_000);
    void walks.look(sibling, 0);
    await run(10_000);
    expect(asked).toHaveLength(5);
    expect(registry.counts.entries).toBe(7);
  });

  test('end with the tracker, and then change nothing', async () => {
    const address = await peer('198.51.100.1', page([]).slice(0, -1));
    void walks.look(address, 0);
    await run(1000);
    walks.close();
    await run(60_000);
    void walks.look(address, 0);
    await run(60_000);
    expect([asked.length, registry.counts.entries]).toEqual([1, 1]);
  });
});
