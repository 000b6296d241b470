import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { formatPeerAddress } from '../../common/core/peer-address.js';
import { tcpDialer } from '../../common/node/tcp.js';
import type { Dialer, StreamHandlers } from '../../common/ports/net.js';
import { SimRandom } from '../../common/sim/sim-random.js';
import { packMsgpack, unpackMsgpack } from '../../common/wire/msgpack.js';
import { FetchBench } from '../testkit/fetch-bench.js';
import type { Misbehaviour, ScriptedPeer } from '../testkit/scripted-peer.js';
import { chunkOf, seededBytes, type TestContent, testContent } from '../testkit/test-content.js';
import { until } from '../testkit/until.js';

const bench = new FetchBench();
beforeEach(() => bench.begin());
afterEach(() => bench.end());
afterAll(() => bench.close());

const CHUNKS = 12;
const content = testContent(seededBytes(CHUNKS * CHUNK_BYTES));
const other = testContent(seededBytes(CHUNKS * CHUNK_BYTES, 2));

/** Peers that serve nothing until `isTime`: so the hostile one gets its turn. */
function honestAfter(isTime: () => boolean, verb = 'GET_CHUNK'): Misbehaviour {
  return { gate: async (request) => (request.verb === verb ? until('the hostile peer acted', isTime) : undefined) };
}

const isBanned = (peer: ScriptedPeer) =>
  bench.eventsOf('peer-banned').some(({ address }) => address === formatPeerAddress(peer.address));
const hasFailed = (peer: ScriptedPeer) =>
  bench.eventsOf('peer-failed').some(({ address }) => address === formatPeerAddress(peer.address));

async function expectWhole(): Promise<void> {
  expect(Buffer.compare(await bench.read('file.bin'), content.bytes)).toBe(0);
  expect(await bench.list()).toEqual(['file.bin']);
}

/** As long as a chunk, and what an unpacker would take for the beginning of something packed. */
const PACKED = Buffer.concat([gzipSync(Buffer.alloc(CHUNK_BYTES)), Buffer.alloc(CHUNK_BYTES)]).subarray(0, CHUNK_BYTES);
const wrongBytes = (_index: number) => seededBytes(CHUNK_BYTES, 99);
const documentOf = (bytes: Uint8Array) => Buffer.concat([Buffer.from(`${bytes.length}\n`), bytes]);
const withHeader = (line: string): Misbehaviour => ({ header: () => line });

/** The manifest of a content with any text as its name: everything that its root binds is right. */
function manifestNamed({ manifest }: TestContent, name: string): Uint8Array {
  return packMsgpack(Object.fromEntries([...(unpackMsgpack(manifest) as Map<string, unknown>), ['name', name]]));
}

/** The real dialer, and `received` hears every piece of bytes that comes. */
function countingDialer(received: (bytes: Uint8Array) => void): Dialer {
  const counting = (handlers: StreamHandlers): StreamHandlers =>
    new Proxy(handlers, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          if (key === 'data') received(args[0] as Uint8Array);
          return value.apply(target, args);
        };
      },
    });
  return {
    dial: (to, timeoutMs, make, signal) => tcpDialer.dial(to, timeoutMs, (stream) => counting(make(stream)), signal),
  };
}

describe('a liar among honest peers is banned, and the fetch completes', () => {
  const lies: readonly (readonly [string, Misbehaviour])[] = [
    ['MP1: wrong bytes of the right length', { body: wrongBytes }],
    ['MP2: the bytes of another chunk', { body: (index, { bytes }) => chunkOf(bytes, (index + 1) % CHUNKS) }],
    [
      'MP3: right bytes until chunk 5, wrong ones from there',
      { body: (i, { bytes }) => (i < 5 ? chunkOf(bytes, i) : wrongBytes(i)) },
    ],
    ['PW3: a sign in the header', withHeader(`+${CHUNK_BYTES}\n`)],
    ['PW3: letters in the header', withHeader(`${CHUNK_BYTES}abc\n`)],
    ['PW3: a negative header', withHeader('-1\n')],
    ['PW3: an empty header', withHeader('\n')],
    ['PW3: a header of twenty digits', withHeader('12345678901234567890\n')],
    ['PW3: a header without end', withHeader('9'.repeat(4096))],
    ['PW4: a header of 10 GB', withHeader('10737418240\n')],
    ['NW7: a web server that has the port now', withHeader('HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n')],
    ['NW7: a shell that has the port now', withHeader('SSH-2.0-OpenSSH_9.6\r\n')],
    ['PW5: a header and a body that are too small', { body: () => Buffer.alloc(CHUNK_BYTES - 1) }],
    [
      'MP11: a body that is packed, shorter than what it stands for',
      { body: (index) => gzipSync(Buffer.alloc(CHUNK_BYTES, index)) },
    ],
    ['MP11: a body of the right length that is packed', { body: () => PACKED }],
    ['PW6: a body that goes on without end', { isEndless: true }],
    ['PW8: every reply twice', { body: twice, header: () => `${CHUNK_BYTES}\n` }],
  ];

  function twice(index: number): Buffer {
    const chunk = chunkOf(content.bytes, index);
    return Buffer.concat([chunk, Buffer.from(`${CHUNK_BYTES}\n`), chunk]);
  }

  test.each(lies)('%s', async (_title, misbehaviour) => {
    const liar = await bench.peer(content, misbehaviour);
    const honest = honestAfter(() => isBanned(liar));
    const peers = [liar, await bench.peer(content, honest), await bench.peer(content, honest)];
    await bench.fetch(content, peers);
    await expectWhole();
    expect(isBanned(liar)).toBe(true);
    for (const peer of peers.slice(1)) expect(isBanned(peer) || hasFailed(peer)).toBe(false);
    // One for the manifest, one for the chunks, and none after the ban.
    expect(liar.connectionCount).toBeLessThanOrEqual(2);
  });

  const manifestLies: readonly (readonly [string, Misbehaviour['manifestReply']])[] = [
    [
      'MP7, MF8: the manifest of another content',
      () => Buffer.concat([Buffer.from(`${other.manifest.length}\n`), other.manifest]),
    ],
    ['MF6: a manifest that claims a terabyte', () => '1099511627776\n'],
    ['MF1: a manifest of nonsense', () => '5\n\xdd\xff\xff\xff\xff'],
    ['FS1: a manifest whose name climbs out', (one) => documentOf(manifestNamed(one, '../../escaped'))],
    ['TW6: a manifest whose name ends a line', (one) => documentOf(manifestNamed(one, 'a\nREGISTER b 1 *:5'))],
    ['MF10: a manifest with a byte behind it', ({ manifest }) => documentOf(Buffer.concat([manifest, Buffer.of(0)]))],
    ['MF10: a manifest that is cut off', ({ manifest }) => Buffer.concat([Buffer.from('40\n'), manifest.subarray(0, 40)])],
  ];

  test.each(manifestLies)('%s', async (_title, manifestReply) => {
    const liar = await bench.peer(content, manifestReply === undefined ? {} : { manifestReply, body: wrongBytes });
    const honest = await bench.peer(
      content,
      honestAfter(() => isBanned(liar), 'GET_MANIFEST'),
    );
    const fetching = bench.fetch(content, [liar, honest]);
    // Which is asked first is chance: the honest one answers only when the liar was asked, and gives way otherwise.
    const asks = until('either was asked', () => isBanned(liar) || honest.requests.length > 0);
    await asks;
    if (!isBanned(liar)) honest.misbehaviour = {};
    if (!isBanned(liar)) honest.cutAll();
    await fetching;
    await expectWhole();
    expect(isBanned(liar)).toBe(true);
  });

  test('MP9: three liars of four, all at once', async () => {
    const liars = await Promise.all([0, 1, 2].map(() => bench.peer(content, { body: wrongBytes })));
    const honest = await bench.peer(
      content,
      honestAfter(() => liars.every(isBanned)),
    );
    await bench.fetch(content, [...liars, honest]);
    await expectWhole();
  });
});

describe('a peer that fails costs its chunks a retry elsewhere, and nobody is banned', () => {
  const failures: readonly (readonly [string, Misbehaviour])[] = [
    ['PW7: half a chunk, then FIN', { cutBodyBytes: CHUNK_BYTES / 2 }],
    ['PW7: the header only, then FIN', { cutBodyBytes: 0 }],
    ['NW2: a reset in the middle of the third chunk', { resetAtByte: 2 * CHUNK_BYTES + 1000 }],
    ['NW2: a reset at the first byte', { resetAtByte: 0 }],
    ['MP10: accepted, then closed', { isClosing: true }],
  ];

  test.each(failures)('%s', async (_title, misbehaviour) => {
    const flaky = await bench.peer(content, misbehaviour);
    const honest = await bench.peer(
      content,
      honestAfter(() => hasFailed(flaky)),
    );
    await bench.fetch(content, [flaky, honest]);
    await expectWhole();
    expect(bench.eventsOf('peer-banned')).toEqual([]);
  });

  test('NW2: two peers that reset at any byte, every two megabytes, bring it whole; a fifth is fetched twice at most', async () => {
    const large = testContent(seededBytes(48 * CHUNK_BYTES));
    const random = new SimRandom(1);
    let receivedBytes = 0;
    bench.dialer = countingDialer((bytes) => {
      receivedBytes += bytes.length;
    });
    const nextReset = () => 3 * CHUNK_BYTES + random.below(2 * CHUNK_BYTES);
    const peers = await Promise.all([0, 1].map(() => bench.peer(large, { resetAtByte: nextReset() })));
    let resetCount = 0;
    const isTime = () => {
      const isDown = peers.every((peer) => peer.openCount === 0);
      // The next connections end elsewhere.
      if (isDown) for (const peer of peers) peer.misbehaviour = { resetAtByte: nextReset() };
      if (isDown) resetCount += 1;
      return isDown;
    };
    await bench.jumpUntilOver(bench.fetch(large, peers), 100, isTime);
    expect(Buffer.compare(await bench.read('file.bin'), large.bytes)).toBe(0);
    expect(resetCount).toBeGreaterThan(3);
    expect(receivedBytes).toBeGreaterThan(large.bytes.length);
    expect(receivedBytes).toBeLessThan(1.2 * large.bytes.length);
  });

  test.each(['NOT_FOUND', 'ERROR not found\n', 'ERR\n'])('PW11: "%s" in place of a size is a refusal', async (refusal) => {
    const refusing = await bench.peer(content, { refuse: () => refusal });
    const honest = await bench.peer(
      content,
      honestAfter(() => refusing.askedChunks().length >= 4),
    );
    const result = await bench.fetch(content, [refusing, honest]);
    await expectWhole();
    expect(isBanned(refusing)).toBe(false);
    expect(result.peers.map((peer) => peer.address)).toEqual([formatPeerAddress(honest.address)]);
  });

  test('a peer is never asked again for a chunk that it said it lacks', async () => {
    const partial = await bench.peer(content, { refuse: (index) => (index % 2 === 0 ? 'NOT_FOUND' : undefined) });
    const honest = await bench.peer(
      content,
      honestAfter(() => partial.askedChunks().length >= CHUNKS - 4),
    );
    await bench.fetch(content, [partial, honest]);
    await expectWhole();
    const asked = partial.askedChunks();
    expect(new Set(asked).size).toBe(asked.length);
  });

  test('MP6: a peer that refuses nearly everything is left alone for a while', async () => {
    const large = testContent(seededBytes(48 * CHUNK_BYTES));
    const refusing = await bench.peer(large, { refuse: () => 'NOT_FOUND' });
    const honest = await bench.peer(
      large,
      honestAfter(() => hasFailed(refusing)),
    );
    await bench.fetch(large, [refusing, honest]);
    expect(Buffer.compare(await bench.read('file.bin'), large.bytes)).toBe(0);
    expect(refusing.askedChunks().length).toBeLessThanOrEqual(40);
  });

  test('BUSY is no lack: the chunk is asked for again a second later, on the same connection', async () => {
    let busyCount = 2;
    const peer = await bench.peer(content, { refuse: () => (busyCount-- > 0 ? 'BUSY' : undefined) });
    const fetching = bench.fetch(content, [peer]);
    await until('all else is there', () => peer.askedChunks().length === content.chunkCount);
    const { connectionCount } = peer;
    bench.clock.jump(1100);
    await fetching;
    await expectWhole();
    expect(peer.connectionCount).toBe(connectionCount);
    expect(bench.eventsOf('peer-failed')).toEqual([]);
  });

  test('BUSY of a stranger that knows no HAVE is no lack: it is asked again when it had its rest', async () => {
    let busyCount = 2;
    const peer = await bench.peer(content, { isPlain: true, refuse: () => (busyCount-- > 0 ? 'BUSY' : undefined) });
    const fetching = bench.fetch(content, [peer]);
    await until('it was busy', () => hasFailed(peer));
    bench.clock.jump(1100);
    await fetching;
    await expectWhole();
  });

  test('a peer that is busy when it is asked for the manifest is asked again, and trusted as before', async () => {
    let busyCount = 1;
    const honestReply = () => Buffer.concat([Buffer.from(`${content.manifest.length}\n`), content.manifest]);
    const peer = await bench.peer(content, { manifestReply: () => (busyCount-- > 0 ? 'ERR BUSY Later.\n' : honestReply()) });
    const fetching = bench.fetch(content, [peer]);
    await until('it was busy', () => hasFailed(peer));
    bench.clock.jump(1100);
    await fetching;
    await expectWhole();
    expect(bench.eventsOf('unverified')).toEqual([]);
  });
});

test('MT3: peers that take all places, promise everything and put off every chunk give way to one that brings it', async () => {
  const promising = await Promise.all(Array.from({ length: 32 }, () => bench.peer(content, { refuse: () => 'BUSY' })));
  const honest = await bench.peer(content);
  await bench.jumpUntilOver(bench.fetch(content, [...promising, honest]), 100);
  await expectWhole();
  expect(new Set(honest.askedChunks()).size).toBe(CHUNKS);
});

describe('a peer that is slow', () => {
  const stallByte = content.manifest.length + CHUNK_BYTES + 5000;

  test('MP5: one that was fast stalls in a chunk: after its deadline, another brings what it held', async () => {
    const stalling = await bench.peer(content, { stallAtByte: stallByte });
    const honest = await bench.peer(
      content,
      honestAfter(() => stalling.stalledCount > 0),
    );
    const fetching = bench.fetch(content, [stalling, honest]);
    await until('it fell silent', () => stalling.stalledCount > 0);
    await bench.jumpUntilOver(fetching, 500);
    await expectWhole();
  });

  test('MP5: one byte a second from the start: another brings what it held at once', async () => {
    const dripping = await bench.peer(content, { dripMs: 1000 });
    // The manifest comes from the honest one, whichever was asked first: a drip there would be waited for.
    const honest = await bench.peer(
      content,
      honestAfter(() => dripping.stalledCount > 0),
    );
    dripping.misbehaviour = {};
    const fetching = bench.fetch(content, [dripping, honest]);
    await until('the manifest is there', () => bench.eventsOf('content').length > 0);
    dripping.misbehaviour = { dripMs: 1000 };
    await fetching;
    await expectWhole();
  });

  test('NW3: the last chunk of a slow peer is asked for at a fast one too', async () => {
    let open = () => {};
    const never = new Promise<void>((resolve) => {
      open = resolve;
    });
    const slow = await bench.peer(content, { gate: (request) => (request.verb === 'GET_CHUNK' ? never : Promise.resolve()) });
    const fast = await bench.peer(content);
    const fetching = bench.fetch(content, [slow, fast]);
    const startMs = bench.clock.nowMs();
    const result = await bench.jumpUntilOver(fetching, 100, () => slow.askedChunks().length > 0);
    expect(bench.clock.nowMs() - startMs).toBeLessThan(20_000);
    open();
    await expectWhole();
    expect(new Set(fast.askedChunks()).size).toBe(CHUNKS);
    expect(result.wastedBytes).toBe(0);
  });

  test('NW4: the only peer falls silent: it is cut off after the deadline, and tried again', async () => {
    const peer = await bench.peer(content, { stallAtByte: stallByte });
    const fetching = bench.fetch(content, [peer]);
    await until('it fell silent', () => peer.stalledCount > 0);
    await bench.untilFetched(CHUNK_BYTES);
    peer.misbehaviour = {};
    bench.clock.jump(20_000);
    await until('it was cut off', () => hasFailed(peer));
    bench.clock.jump(2000);
    await fetching;
    await expectWhole();
    expect(bench.eventsOf('peer-failed')[0]?.reason).toContain('stopped sending');
  });

  test('MP5: the only peer drips: it is cut off, though it is never idle', async () => {
    // Chunks wait until the manifest is there, so that only they drip.
    const peer = await bench.peer(
      content,
      honestAfter(() => bench.eventsOf('content').length > 0),
    );
    const fetching = bench.fetch(content, [peer]);
    await until('the manifest is there', () => bench.eventsOf('content').length > 0);
    peer.misbehaviour = { dripMs: 10 };
    await until('it drips', () => peer.stalledCount > 0);
    bench.clock.jump(20_000);
    await until('it was cut off', () => bench.eventsOf('peer-failed').some(({ reason }) => reason.includes('stopped sending')));
    peer.misbehaviour = {};
    bench.clock.jump(4000);
    await fetching;
    await expectWhole();
  });
});

describe('when nobody honest is left', () => {
  test('only liars: exit code 32, and nothing under the final name', async () => {
    const liars = [await bench.peer(content, { body: wrongBytes }), await bench.peer(content, { body: wrongBytes })];
    const fetching = bench.failure(bench.fetch(content, liars));
    await until('both are banned', () => liars.every(isBanned));
    bench.clock.jump(3000);
    expect(await fetching).toMatchObject({ code: 'VERIFY_FAILED', exitCode: 32 });
    expect((await bench.list()).filter((name) => !name.startsWith('.'))).toEqual([]);
  });

  test('MP12: a chunk that only a liar offers: an honest failure that names it, and the rest is kept', async () => {
    const liar = await bench.peer(content, { body: wrongBytes });
    const partial = await bench.peer(content, { refuse: (index) => (index === 3 ? 'NOT_FOUND' : undefined) });
    const fetching = bench.failure(bench.fetch(content, [liar, partial]));
    await bench.untilFetched((CHUNKS - 1) * CHUNK_BYTES);
    await until('the liar is banned', () => isBanned(liar));
    bench.clock.jump(31_000);
    const error = await fetching;
    expect(error).toMatchObject({ code: 'NETWORK', exitCode: 6 });
    expect(error.message).toContain('1 of 12 chunks are missing (the first is 3)');
    const honest = await bench.peer(content);
    const result = await bench.fetch(content, [honest]);
    expect(honest.askedChunks()).toEqual([3]);
    expect(result.fetchedBytes).toBe(CHUNK_BYTES);
    await expectWhole();
  });
});
