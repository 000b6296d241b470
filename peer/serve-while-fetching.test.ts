/** Whole nodes on the loopback interface: what a fetch has is served while it runs, and nothing else is. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ShoalError } from '../common/core/errors.js';
import { CHUNK_BYTES } from '../common/core/limits.js';
import type { PeerAddress } from '../common/core/peer-address.js';
import { formatPeerAddress } from '../common/core/peer-address.js';
import { realRandom } from '../common/node/clock.js';
import { tcpDialer, tcpListener } from '../common/node/tcp.js';
import type { Disk, DiskFile } from '../common/ports/disk.js';
import { rejectionCode } from '../common/testkit/error-code.js';
import type { FetchEvent, FetchResult } from './fetch/fetch-events.js';
import { parseFetchSource } from './fetch/fetch-source.js';
import { createNode, type PeerNode } from './node.js';
import { realStorage, type StoragePorts } from './storage-ports.js';
import { linkOf } from './testkit/fetch-bench.js';
import { FullDisk } from './testkit/full-disk.js';
import { JumpClock } from './testkit/jump-clock.js';
import { RawClient } from './testkit/raw-client.js';
import { type Misbehaviour, ScriptedPeer } from './testkit/scripted-peer.js';
import { silentEvents } from './testkit/silent-events.js';
import { chunkOf, seededBytes, type TestContent, testContent, testFolder } from './testkit/test-content.js';
import { until } from './testkit/until.js';

const CHUNKS = 12;
const content = testContent(seededBytes(CHUNKS * CHUNK_BYTES - 5));

let root: string;
let closing: (() => unknown)[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'shoal-serve-'));
  closing = [];
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await rm(root, { recursive: true, force: true });
});

/** A node with a folder of its own, what it served, and what its fetch told. */
class Machine {
  readonly node: PeerNode;
  readonly name: string;
  readonly clock: JumpClock;
  readonly events: FetchEvent[] = [];
  readonly served: { bytes: number };
  /** Times that files were looked through to be hashed. */
  readonly scans: { count: number };
  readonly dialed: string[];
  readonly #stop = new AbortController();

  private constructor(made: Pick<Machine, 'name' | 'node' | 'clock' | 'served' | 'scans' | 'dialed'>) {
    this.name = made.name;
    this.node = made.node;
    this.clock = made.clock;
    this.served = made.served;
    this.scans = made.scans;
    this.dialed = made.dialed;
  }

  static async start(name: string, storage: StoragePorts = realStorage): Promise<Machine> {
    const clock = new JumpClock();
    const served = { bytes: 0 };
    const scans = { count: 0 };
    const dialed: string[] = [];
    const dialer: typeof tcpDialer = {
      dial: (to, timeoutMs, handlers) => {
        dialed.push(formatPeerAddress({ ip: to.host, port: to.port }));
        return tcpDialer.dial(to, timeoutMs, handlers);
      },
    };
    const events = silentEvents({
      scanned: () => {
        scans.count += 1;
      },
      served: (_content, bytes) => {
        served.bytes += bytes;
      },
    });
    const ports = { ...storage, dialer, listener: tcpListener, clock, random: realRandom, epochNowMs: () => 0 };
    const node = await createNode(ports, {
      host: '127.0.0.1',
      port: 0,
      trackers: [],
      hashName: 'blake3',
      isFolderOnly: false,
      cacheFolder: join(root, 'cache', name),
      threadCount: 1,
      events,
    });
    const machine = new Machine({ name, node, clock, served, scans, dialed });
    closing.push(() => node.close());
    return machine;
  }

  get address(): PeerAddress {
    return this.node.local;
  }

  /** Fetches from these peers, and goes on serving it. */
  fetch(what: TestContent, peers: readonly { readonly address: PeerAddress }[], out = this.path()): Promise<FetchResult> {
    const fetching = this.node.fetch({
      source: parseFetchSource(linkOf(what, peers)),
      shown: what.name,
      trackers: [],
      out,
      directory: undefined,
      isOverwrite: false,
      isFresh: false,
      patienceMs: 30_000,
      onEvent: (event) => this.events.push(event),
      signal: this.#stop.signal,
      isKept: true,
    });
    const settled = fetching.catch(() => undefined);
    closing.push(() => {
      this.#stop.abort(new ShoalError('STOPPED', 'local', 'The test is over.'));
      return settled;
    });
    return fetching;
  }

  path(): string {
    return join(root, this.name);
  }

  get doneBytes(): number {
    const last = this.events.findLast((event) => event.event === 'progress' && event.phase === 'fetch');
    return last?.event === 'progress' ? last.doneBytes : 0;
  }

  untilDone(bytes: number): Promise<void> {
    return until(`${this.name} has ${bytes} bytes`, () => this.doneBytes >= bytes);
  }

  told(...kinds: FetchEvent['event'][]): FetchEvent[] {
    return this.events.filter(({ event }) => kinds.includes(event));
  }

  /** A connection like that of any program. */
  ask(): RawClient {
    const client = new RawClient(this.node.local.port);
    closing.push(() => client.socket.destroy());
    return client;
  }
}

async function source(contents: readonly TestContent[], misbehaviour: Misbehaviour = {}): Promise<ScriptedPeer> {
  const peer = await ScriptedPeer.start(contents, misbehaviour);
  closing.push(() => peer.close());
  return peer;
}

/** A source that answers this many requests for chunks, and the others when it is opened. */
async function gatedSource(contents: readonly TestContent[], freeCount: number) {
  let leftCount = freeCount;
  let isOpen = false;
  const peer = await source(contents, {
    gate: async ({ verb }) => {
      if (verb !== 'GET_CHUNK') return;
      leftCount -= 1;
      if (leftCount < 0) await until('the source is opened', () => isOpen);
    },
  });
  const open = () => {
    isOpen = true;
  };
  closing.push(open);
  return { peer, open };
}

async function expectWhole(machine: Machine, what = content): Promise<void> {
  expect(Buffer.compare(await readFile(machine.path()), what.bytes)).toBe(0);
}

describe('a fetch that is half-way', () => {
  test('gives a second one exactly what it has, then the rest as it comes; the second is whole though it knows nobody else', async () => {
    const { peer, open } = await gatedSource([content], CHUNKS / 2);
    const [first, second] = [await Machine.start('first'), await Machine.start('second')];
    const fetchingFirst = first.fetch(content, [peer]);
    await first.untilDone((CHUNKS / 2 - 1) * CHUNK_BYTES);
    await until('no more is under way', () => peer.askedChunks().length > CHUNKS / 2);
    const halfBytes = first.doneBytes;
    const fetchingSecond = second.fetch(content, [first]);
    await second.untilDone(halfBytes);
    expect(second.doneBytes).toBeLessThan(content.bytes.length);
    expect(first.served.bytes).toBe(second.doneBytes);
    open();
    await fetchingFirst;
    await peer.close();
    const result = await fetchingSecond;
    await expectWhole(first);
    await expectWhole(second);
    expect(result.peers).toEqual([{ address: formatPeerAddress(first.address), bytes: content.bytes.length, chunks: CHUNKS }]);
    expect(result.wastedBytes).toBe(0);
    expect(second.told('peer-failed', 'peer-banned')).toEqual([]);
  });

  test('says over the wire which chunks it has, gives those alone, and tells of each that comes', async () => {
    const { peer, open } = await gatedSource([content], 3);
    const machine = await Machine.start('first');
    const fetching = machine.fetch(content, [peer]);
    await machine.untilDone(2 * CHUNK_BYTES);
    await until('no more is under way', () => peer.askedChunks().length > 3 && machine.doneBytes >= 3 * CHUNK_BYTES - 5);
    const had = peer.askedChunks().slice(0, 3);
    const client = machine.ask();
    client.socket.write(`HAVE @${content.root}\n`);
    const bits = await client.body();
    const has = (index: number) => ((bits[index >> 3] ?? 0) & (0x80 >> (index & 7))) !== 0;
    expect(Array.from({ length: 16 }, (_, index) => index).filter(has)).toEqual([...had].sort((left, right) => left - right));
    for (let index = 0; index < CHUNKS; index += 1) {
      client.socket.write(`GET_CHUNK @${content.root} ${index}\n`);
      if (had.includes(index)) expect(Buffer.compare(await client.body(), chunkOf(content.bytes, index))).toBe(0);
      else expect(await client.line()).toMatch(/^ERR NOT_FOUND /);
    }
    open();
    await fetching;
    const later = new Set<number>();
    while (later.size < CHUNKS - 3) {
      const ranges = (await client.line()).split(' ')[2] ?? '';
      for (const range of ranges.split(',')) {
        const [from = 0, to = from] = range.split('-').map(Number);
        for (let index = from; index <= to; index += 1) later.add(index);
      }
    }
    expect([...later, ...had].sort((left, right) => left - right)).toEqual(Array.from({ length: CHUNKS }, (_, index) => index));
  });

  test('FS6: and whose disk is full gives what it has all the same, and has the rest when there is room', async () => {
    const pool = realStorage.openHasher({ threadCount: 1 });
    const full = new FullDisk(realStorage.disk, pool);
    let landedCount = 0;
    full.fillAt((change) => {
      if (change === 'land') landedCount += 1;
      return landedCount > 5;
    });
    const first = await Machine.start('first', { ...realStorage, disk: full.disk, openHasher: () => full.hasher });
    const fetching = first.fetch(content, [await source([content])]);
    await until('the first waits for room', () => first.told('disk-full').length === 1);
    const second = await Machine.start('second');
    const late = second.fetch(content, [first]);
    await second.untilDone(4 * CHUNK_BYTES);
    expect(first.told('disk-room')).toEqual([]);
    full.free();
    first.clock.jump(5000);
    await fetching;
    await expectWhole(first);
    // What it fetches now it tells the second one, which still has its patience.
    await late;
    await expectWhole(second);
  });

  test('never serves what was not verified: a wrong chunk is in no HAVE, and is not given away', async () => {
    const liar = await source([content], {
      body: (index, { bytes }) => (index === 3 ? seededBytes(CHUNK_BYTES, 9) : chunkOf(bytes, index)),
    });
    // The honest one lacks chunk 3, and keeps the fetch from its end.
    const honest = await source([content], { holds: (index) => index !== 3 });
    const machine = await Machine.start('first');
    machine.fetch(content, [liar, honest]).catch(() => undefined);
    await until('the liar is banned', () => machine.told('peer-banned').length > 0);
    await machine.untilDone(content.bytes.length - CHUNK_BYTES);
    const client = machine.ask();
    client.socket.write(`HAVE @${content.root}\nGET_CHUNK @${content.root} 3\nGET_CHUNK @${content.root} 4\n`);
    expect([...(await client.body())]).toEqual([0b1110_1111, 0xf0]);
    expect(await client.line()).toMatch(/^ERR NOT_FOUND /);
    expect(Buffer.compare(await client.body(), chunkOf(content.bytes, 4))).toBe(0);
  });

  test('finds one that fetches the same and that nobody named, by what that one says when it asks', async () => {
    const even = await source([content], { holds: (index) => index % 2 === 0 });
    const odd = await source([content], { holds: (index) => index % 2 === 1 });
    const [first, second] = [await Machine.start('first'), await Machine.start('second')];
    const fetchingFirst = first.fetch(content, [even]);
    await first.untilDone(CHUNK_BYTES);
    await Promise.all([fetchingFirst, second.fetch(content, [first, odd])]);
    await expectWhole(first);
    await expectWhole(second);
    expect(first.dialed).toContain(formatPeerAddress(second.address));
    for (const { served } of [first, second]) expect(served.bytes).toBeGreaterThan(0);
  });
});

describe('a node that dials itself', () => {
  test('MT1: stops at once, and says nothing of it', async () => {
    const { peer, open } = await gatedSource([content], 1);
    const machine = await Machine.start('first');
    const own = formatPeerAddress(machine.address);
    const fetching = machine.fetch(content, [machine, peer]);
    await machine.untilDone(1);
    await until('it asked itself what it has', () => machine.dialed.filter((address) => address === own).length === 2);
    // Longer than any rest after one failure, shorter than the deadline of the source.
    machine.clock.jump(2000);
    machine.clock.jump(2000);
    open();
    const result = await fetching;
    await expectWhole(machine);
    // Once for the manifest, which it does not serve yet, and once for the chunks.
    expect(machine.dialed.filter((address) => address === own)).toHaveLength(2);
    expect(machine.told('peer-failed', 'peer-banned')).toEqual([]);
    expect(machine.told('peer-connected')).toEqual([{ event: 'peer-connected', address: formatPeerAddress(peer.address) }]);
    expect(result.peers).toHaveLength(1);
  });

  test('does not count as an honest peer: where all others lie, the fetch ends as one of liars', async () => {
    const liar = await source([content], { body: (index, { bytes }) => seededBytes(chunkOf(bytes, index).length, 9) });
    const machine = await Machine.start('first');
    const ending = rejectionCode(machine.fetch(content, [machine, liar]));
    const isBanned = () => machine.told('peer-banned').length > 0;
    await until('the liar is banned', isBanned);
    await until('it asked itself', () => machine.dialed.filter((one) => one === formatPeerAddress(machine.address)).length === 2);
    machine.clock.jump(3000);
    machine.clock.jump(3000);
    expect(await ending).toBe('VERIFY_FAILED');
  });
});

describe('a folder that is fetched', () => {
  const twice = seededBytes(2 * CHUNK_BYTES + 1, 7);
  const FILES: Record<string, Buffer> = {
    'a/empty': Buffer.alloc(0),
    'a/small': seededBytes(100, 2),
    'b.bin': seededBytes(3 * CHUNK_BYTES + 17, 3),
    'copy one': twice,
    'copy two': twice,
    'last empty': Buffer.alloc(0),
    small: seededBytes(CHUNK_BYTES, 4),
  };
  for (let at = 0; at < 60; at += 1) FILES[`many/${at}`] = seededBytes(10 + at, 100 + at);
  const folder = testFolder('my folder', FILES);
  const totalBytes = Object.values(FILES).reduce((sum, bytes) => sum + bytes.length, 0);

  async function expectFiles(machine: Machine): Promise<void> {
    for (const [path, bytes] of Object.entries(FILES)) {
      expect(Buffer.compare(await readFile(join(machine.path(), path)), bytes)).toBe(0);
    }
  }

  /** The folder's source, which answers `freeCount` requests for chunks of its files; the index comes at once. */
  async function folderSource(freeCount: number) {
    const indexCount = folder.index.chunkCount;
    return gatedSource(folder.all, freeCount + indexCount);
  }

  test('is given to a second one as far as it is there, file by file and chunk by chunk, copies too', async () => {
    const { peer, open } = await folderSource(35);
    const [first, second] = [await Machine.start('first'), await Machine.start('second')];
    const fetchingFirst = first.fetch(folder.index, [peer]);
    await until('the source holds back', () => peer.requests.filter(({ verb }) => verb === 'GET_CHUNK').length > 36);
    await first.untilDone(1);
    const fetchingSecond = second.fetch(folder.index, [first]);
    await until('the second has all that the first has', () => first.doneBytes > 0 && second.doneBytes === first.doneBytes);
    expect(second.doneBytes).toBeLessThan(totalBytes);
    open();
    await fetchingFirst;
    await peer.close();
    const result = await fetchingSecond;
    await expectFiles(second);
    expect(result.peers.map(({ address }) => address)).toEqual([formatPeerAddress(first.address)]);
    expect(second.told('peer-failed', 'peer-banned')).toEqual([]);
  });

  test('is served on after it was fetched in two runs, and nothing of it is hashed again', async () => {
    const { peer } = await folderSource(50);
    const before = await Machine.start('first');
    const cut = rejectionCode(before.fetch(folder.index, [peer]));
    await until('the source holds back', () => peer.requests.filter(({ verb }) => verb === 'GET_CHUNK').length > 51);
    await before.untilDone(1000);
    await before.node.close();
    for (const close of closing.splice(-1)) await close();
    expect(await cut).toBe('STOPPED');
    const { peer: rest, open } = await folderSource(0);
    const first = await Machine.start('first');
    const fetchingFirst = first.fetch(folder.index, [rest]);
    await until('it goes on', () => first.told('resumed').length > 0 && first.told('peer-connected').length > 0);
    const second = await Machine.start('second');
    const fetchingSecond = second.fetch(folder.index, [first]);
    // What the first run brought is served in the second, files of one chunk too, whose hashes nobody told.
    await until('the second has what the first run brought', () => second.doneBytes > 0 && second.doneBytes >= first.doneBytes);
    expect(second.told('peer-failed')).toEqual([]);
    open();
    const result = await fetchingFirst;
    expect(result.resumedBytes).toBeGreaterThan(0);
    await first.node.seed(result);
    expect(first.scans.count).toBe(0);
    await fetchingSecond;
    await expectFiles(first);
    await expectFiles(second);
  });
});

describe('what was fetched before', () => {
  test('and is there already is shared under its own name, whatever the file is called', async () => {
    const machine = await Machine.start('other name.bin');
    await writeFile(machine.path(), content.bytes);
    const peer = await source([content]);
    const result = await machine.fetch(content, [peer]);
    expect(result.isAlreadyThere).toBe(true);
    await machine.node.seed(result);
    const client = machine.ask();
    client.socket.write('GET_CHUNK file.bin 11\nGET_CHUNK other%20name.bin 11\n');
    expect(Buffer.compare(await client.body(), chunkOf(content.bytes, 11))).toBe(0);
    expect(await client.line()).toMatch(/^ERR NOT_FOUND /);
  });

  test('is served from its final place, and no more when the file there is another', async () => {
    const machine = await Machine.start('first');
    await machine.fetch(content, [await source([content])]);
    const client = machine.ask();
    client.socket.write(`GET_CHUNK file.bin 0\n`);
    expect(Buffer.compare(await client.body(), chunkOf(content.bytes, 0))).toBe(0);
    await writeFile(machine.path(), seededBytes(content.bytes.length, 5));
    client.socket.write(`GET_CHUNK @${content.root} 1\n`);
    expect(await client.line()).toMatch(/^ERR NOT_FOUND /);
  });
});

describe('a seeder whose disk cannot read one chunk', () => {
  test('FS7: says so of that one, gives all others, and whoever fetches has it from somebody else', async () => {
    const badChunk = 3;
    const isBad = (position: number) => Math.floor(position / CHUNK_BYTES) === badChunk;
    const failing: Disk = {
      ...realStorage.disk,
      async open(path, how, mode) {
        const file = await realStorage.disk.open(path, how, mode);
        const read: DiskFile['read'] = (into, position) =>
          isBad(position) ? Promise.reject(Object.assign(new Error('i/o error'), { code: 'EIO' })) : file.read(into, position);
        return { fd: file.fd, read, status: () => file.status(), close: () => file.close() } as DiskFile;
      },
    };
    const seeder = await Machine.start('file.bin', { ...realStorage, disk: failing });
    await writeFile(seeder.path(), content.bytes);
    await seeder.node.share([seeder.path()]);
    await until('it is shared', () => seeder.node.serves({ by: 'root', root: content.root }));
    const fetcher = await Machine.start('second');
    await fetcher.fetch(content, [seeder, await source([content], { holds: (index) => index === badChunk })]);
    await expectWhole(fetcher);
    const client = seeder.ask();
    client.socket.write(`GET_CHUNK file.bin ${badChunk}\nGET_CHUNK file.bin 4\n`);
    expect(await client.line()).toMatch(/^ERR IO /);
    expect(Buffer.compare(await client.body(), chunkOf(content.bytes, 4))).toBe(0);
  });
});
