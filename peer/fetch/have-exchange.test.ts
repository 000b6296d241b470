/** Fetches from peers that say what they have: honestly, falsely, or not at all. */
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { CHUNK_BYTES, FETCH_CHUNKS_MAX_COUNT } from '../../common/core/limits.js';
import { formatPeerAddress } from '../../common/core/peer-address.js';
import { formatBodyHeader } from '../../common/wire/peer-lines.js';
import { FetchBench } from '../testkit/fetch-bench.js';
import type { Misbehaviour, ScriptedPeer } from '../testkit/scripted-peer.js';
import { seededBytes, testContent } from '../testkit/test-content.js';
import { until } from '../testkit/until.js';

const bench = new FetchBench();
beforeEach(() => bench.begin());
afterEach(() => bench.end());
afterAll(() => bench.close());

const CHUNKS = 12;
const content = testContent(seededBytes(CHUNKS * CHUNK_BYTES));
const all = Array.from({ length: CHUNKS }, (_, index) => index);

/** A bitfield of these bytes, as a reply. */
const bitfield = (...bytes: number[]) => Buffer.concat([Buffer.from(formatBodyHeader(bytes.length)), Buffer.from(bytes)]);
const news = (ranges: string) => `HAVE @${content.root} ${ranges}`;

const isBanned = (peer: ScriptedPeer) =>
  bench.eventsOf('peer-banned').some(({ address }) => address === formatPeerAddress(peer.address));
const failureCount = (peer: ScriptedPeer) =>
  bench.eventsOf('peer-failed').filter(({ address }) => address === formatPeerAddress(peer.address)).length;
const hasAsked = (peer: ScriptedPeer, verb: string) => peer.requests.some((request) => request.verb === verb);

/** Holds chunks back until `isTime`. */
function chunksAfter(isTime: () => boolean): Misbehaviour {
  return { gate: async ({ verb }) => (verb === 'GET_CHUNK' ? until('it is time', isTime) : undefined) };
}

async function expectWhole(): Promise<void> {
  expect(Buffer.compare(await bench.read('file.bin'), content.bytes)).toBe(0);
}

describe('peers that have a part each', () => {
  test('are asked for nothing else, and together they bring it', async () => {
    const parts = [0, 1, 2];
    const peers = await Promise.all(parts.map((part) => bench.peer(content, { holds: (index) => index % 3 === part })));
    const result = await bench.fetch(content, peers);
    await expectWhole();
    expect(result.wastedBytes).toBe(0);
    for (const [part, peer] of peers.entries()) {
      expect(peer.askedChunks().sort((left, right) => left - right)).toEqual(all.filter((index) => index % 3 === part));
    }
  });

  test('are asked for more as soon as they tell of it', async () => {
    let hadCount = 2;
    const peer = await bench.peer(content, { holds: (index) => index < hadCount });
    const fetching = bench.fetch(content, [peer]);
    await bench.untilFetched(2 * CHUNK_BYTES);
    expect(peer.askedChunks()).toHaveLength(2);
    hadCount = 5;
    peer.tell(news('2-4'));
    await bench.untilFetched(5 * CHUNK_BYTES);
    hadCount = CHUNKS;
    // What was told before may be told again.
    peer.tell(news('0-5,7,9'));
    peer.tell(news('6,8,10-11'));
    await fetching;
    await expectWhole();
    expect(new Set(peer.askedChunks()).size).toBe(peer.askedChunks().length);
  });

  test('are believed what comes in the same read as their bitfield', async () => {
    const both = Buffer.concat([Buffer.from(`${news('3')}\n`), bitfield(0x80, 0), Buffer.from(`${news('1-2,4-11')}\n`)]);
    const peer = await bench.peer(content, { haveReply: () => both });
    await bench.fetch(content, [peer]);
    await expectWhole();
    expect(failureCount(peer)).toBe(0);
  });

  test.each(['BUSY', 'NOT_FOUND', 'LIMIT'])(
    'are greeted again where they answer %s at first, and are not taken to have everything',
    async (code) => {
      let refusedCount = 0;
      const refuseOnce = () => (refusedCount++ === 0 ? `ERR ${code} Not now.\n` : undefined);
      const partial = await bench.peer(content, { holds: (index) => index < 6, haveReply: refuseOnce });
      const other = await bench.peer(content, { holds: (index) => index >= 6 });
      const fetching = bench.fetch(content, [partial, other]);
      await until('it refused', () => failureCount(partial) === 1);
      await bench.untilFetched(6 * CHUNK_BYTES);
      bench.clock.jump(1300);
      await fetching;
      await expectWhole();
      expect(partial.askedChunks().sort((left, right) => left - right)).toEqual([0, 1, 2, 3, 4, 5]);
      expect(partial.requests.filter(({ verb }) => verb === 'HAVE')).toHaveLength(2);
    },
  );
});

describe('a stranger that knows no HAVE', () => {
  test.each([
    ['says so', 'ERR UNKNOWN_COMMAND What?\n'],
    ['calls it a bad request', 'ERR BAD_REQUEST What?\n'],
    ['says something of its own', 'ERROR what is that\n'],
  ])('and %s is asked for everything, on the same connection', async (_how, line) => {
    const stranger = await bench.peer(content, { haveReply: () => line });
    await bench.fetch(content, [stranger]);
    await expectWhole();
    expect(failureCount(stranger)).toBe(0);
    // One for the manifest, one for the chunks.
    expect(stranger.connectionCount).toBe(2);
  });

  test('and ends the connection over it is asked for everything at the next one, a second later', async () => {
    const stranger = await bench.peer(content, { haveReply: () => 'hang-up' });
    const fetching = bench.fetch(content, [stranger]);
    await until('it hung up', () => failureCount(stranger) === 1);
    bench.clock.jump(1300);
    await fetching;
    await expectWhole();
    expect(failureCount(stranger)).toBe(1);
  });

  test('and never answers it is left within twelve seconds, and asked for everything at the next connection', async () => {
    const stranger = await bench.peer(content, {
      gate: ({ verb }) => (verb === 'HAVE' ? new Promise(() => undefined) : Promise.resolve()),
    });
    const fetching = bench.fetch(content, [stranger]);
    await until('it was greeted', () => hasAsked(stranger, 'HAVE'));
    const sinceMs = bench.clock.nowMs();
    // Until it is left, only the clock counts; the connection after that takes the machine's time, in which the clock goes on.
    let leftMs: number | undefined;
    await bench.jumpUntilOver(fetching, 250, () => {
      if (failureCount(stranger) > 0) leftMs ??= bench.clock.nowMs();
      return !hasAsked(stranger, 'GET_CHUNK');
    });
    await expectWhole();
    expect(failureCount(stranger)).toBe(1);
    expect((leftMs ?? Number.POSITIVE_INFINITY) - sinceMs).toBeLessThan(12_000);
  });
});

describe('what a peer says of itself is not believed', () => {
  const lies: readonly (readonly [string, Misbehaviour])[] = [
    ['a bitfield that is too short', { haveReply: () => bitfield(0xff) }],
    ['a bitfield that is too long', { haveReply: () => bitfield(0xff, 0xf0, 0) }],
    ['a bitfield that is empty', { haveReply: () => bitfield() }],
    ['a bitfield of 10 GB', { haveReply: () => '10737418240\n' }],
    ['news of a chunk that is not', { haveReply: () => Buffer.concat([bitfield(0, 0), Buffer.from(`${news('12')}\n`)]) }],
    [
      'news of all chunks there could ever be',
      { haveReply: () => Buffer.concat([bitfield(0, 0), Buffer.from(`${news(`0-${FETCH_CHUNKS_MAX_COUNT - 1}`)}\n`)]) },
    ],
    ['news that are none', { haveReply: () => Buffer.concat([bitfield(0, 0), Buffer.from('HAVE some more\n')]) }],
    ['news without end, before it answers', { haveReply: () => Buffer.from(`${news('0-11')}\n`.repeat(5000)) }],
    [
      'news without end of what it has',
      { haveReply: () => Buffer.concat([bitfield(0xff, 0xe0), Buffer.from(`${news('0-10')}\n`.repeat(5000))]) },
    ],
    [
      'news without end of another content',
      { haveReply: () => Buffer.concat([bitfield(0, 0), Buffer.from(`HAVE @${'ab'.repeat(32)} 0,2,4\n`.repeat(5000))]) },
    ],
    ['something that nobody asked for', { haveReply: () => Buffer.concat([bitfield(0, 0), Buffer.from('5\nabcde')]) }],
  ];

  test.each(lies)('%s: it is banned, and another brings it', async (_title, misbehaviour) => {
    const liar = await bench.peer(content, { ...misbehaviour, ...chunksAfter(() => false) });
    const honest = await bench.peer(
      content,
      chunksAfter(() => isBanned(liar)),
    );
    const fetching = bench.fetch(content, [liar, honest]);
    await bench.jumpUntilOver(fetching, 100, () => !isBanned(liar) && hasAsked(liar, 'HAVE'));
    await expectWhole();
    expect(isBanned(liar)).toBe(true);
    expect(isBanned(honest)).toBe(false);
  });

  test('spare bits claim nothing', async () => {
    const peer = await bench.peer(content, { haveReply: () => bitfield(0xff, 0xff) });
    await bench.fetch(content, [peer]);
    await expectWhole();
    expect(peer.askedChunks().every((index) => index < CHUNKS)).toBe(true);
  });

  test('news of another content are no news', async () => {
    const foreign = `HAVE @${'ab'.repeat(32)} 0-100000`;
    const peer = await bench.peer(content, {
      haveReply: () => Buffer.concat([bitfield(0xff, 0xf0), Buffer.from(`${foreign}\n`)]),
    });
    await bench.fetch(content, [peer]);
    await expectWhole();
    expect(isBanned(peer)).toBe(false);
  });

  test('one that claims everything and refuses it is asked at most once for each, and others bring it', async () => {
    const liar = await bench.peer(content, { refuse: () => 'NOT_FOUND' });
    const honest = await bench.peer(
      content,
      chunksAfter(() => liar.askedChunks().length > 0),
    );
    await bench.fetch(content, [liar, honest]);
    await expectWhole();
    expect(new Set(liar.askedChunks()).size).toBe(liar.askedChunks().length);
  });
});
