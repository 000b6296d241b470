import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ShoalError } from '../../common/core/errors.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import type { PeerRequest } from '../../common/wire/peer-lines.js';
import { FetchBench } from '../testkit/fetch-bench.js';
import type { ScriptedPeer } from '../testkit/scripted-peer.js';
import { answerRows } from '../testkit/scripted-tracker.js';
import { seededBytes, testContent } from '../testkit/test-content.js';
import { until } from '../testkit/until.js';

const bench = new FetchBench();
beforeEach(() => bench.begin());
afterEach(() => bench.end());
afterAll(() => bench.close());

describe('a fetch from honest peers', () => {
  const sizes = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 8 * 1024 * 1024];
  test.each(sizes.flatMap((size) => [[size, 'blake3'] as const, [size, 'sha256'] as const]))(
    'PW10: %i bytes hashed with %s arrive, and nothing else is left in the folder',
    async (size, hashName) => {
      const content = testContent(seededBytes(size), { hashName, mtimeMs: 1_600_000_000_000 });
      const peers = [await bench.peer(content), await bench.peer(content)];
      const result = await bench.fetch(content, peers);
      expect(result).toMatchObject({ verified: true, size, fetchedBytes: size, resumedBytes: 0, isAlreadyThere: false });
      expect(Buffer.compare(await bench.read('file.bin'), content.bytes)).toBe(0);
      expect(await bench.list()).toEqual(['file.bin']);
    },
  );

  test('every peer brings a part, and what it brought is told', async () => {
    const content = testContent(seededBytes(16 * CHUNK_BYTES));
    const peers: ScriptedPeer[] = [];
    const areAsked = () => peers.every((peer) => peer.askedChunks().length > 0);
    const gate = ({ verb }: PeerRequest) => (verb === 'GET_CHUNK' ? until('all are asked', areAsked) : Promise.resolve());
    for (let count = 0; count < 4; count += 1) peers.push(await bench.peer(content, { gate }));
    const result = await bench.fetch(content, peers);
    expect(result.peers).toHaveLength(4);
    expect(result.peers.reduce((sum, peer) => sum + peer.chunks, 0)).toBe(16);
    expect(result.peers.reduce((sum, peer) => sum + peer.bytes, 0)).toBe(content.bytes.length);
    for (const peer of peers) expect(peer.askedChunks().length).toBeGreaterThan(0);
  });

  test('a name is looked up at all trackers, and a dead one is told and costs nothing', async () => {
    const content = testContent(seededBytes(2 * CHUNK_BYTES + 5), { name: 'a b/c d.bin' });
    const peer = await bench.peer(content);
    const tracker = await bench.tracker(answerRows([{ content, peer: peer.address }]));
    const dead = await bench.tracker(() => 'hang-up');
    const result = await bench.fetchText('a b/c d.bin', { trackers: [dead.address, tracker.address] });
    expect(result).toMatchObject({ verified: true, root: content.root });
    expect(Buffer.compare(await bench.read('c d.bin'), content.bytes)).toBe(0);
    expect(bench.eventsOf('tracker-failed')).toHaveLength(1);
    expect(tracker.lines).toEqual(['LOOKUP a%20b/c%20d.bin']);
  });

  test('MT4: a size that a tracker claims wrongly does not count', async () => {
    const content = testContent(seededBytes(CHUNK_BYTES + 9));
    const peer = await bench.peer(content);
    const claim = { ...content, bytes: Buffer.alloc(7) };
    const tracker = await bench.tracker(answerRows([{ content: claim, peer: peer.address }]));
    const result = await bench.fetchText('file.bin', { trackers: [tracker.address] });
    expect(result.size).toBe(content.bytes.length);
  });
});

describe('what is asked for cannot be had', () => {
  test('nobody has it: exit code 3', async () => {
    const tracker = await bench.tracker(() => 'OK 0\n');
    const error = await bench.failure(bench.fetchText('nothing.bin', { trackers: [tracker.address] }));
    expect(error).toMatchObject({ code: 'NOT_FOUND', exitCode: 3 });
    expect(await bench.list()).toEqual([]);
  });

  test('no tracker answers: exit code 6', async () => {
    const tracker = await bench.tracker(() => undefined);
    await tracker.close();
    const error = await bench.failure(bench.fetchText('nothing.bin', { trackers: [tracker.address] }));
    expect(error).toMatchObject({ code: 'NETWORK', exitCode: 6 });
  });

  test('two contents under one name: both roots are listed, none is fetched', async () => {
    const one = testContent(seededBytes(100, 1));
    const two = testContent(seededBytes(200, 2));
    const peer = await bench.peer([one, two]);
    const rows = [one, two].map((content) => ({ content, peer: peer.address }));
    const tracker = await bench.tracker(answerRows(rows));
    const error = await bench.failure(bench.fetchText('file.bin', { trackers: [tracker.address] }));
    expect(error).toMatchObject({ code: 'USAGE', exitCode: 2 });
    expect(error.message).toContain(`@${one.root}`);
    expect(error.message).toContain(`@${two.root}`);
    expect(peer.requests).toEqual([]);
    const result = await bench.fetchText(`@${two.root}`, { trackers: [tracker.address] });
    expect(result.size).toBe(200);
  });

  test('only dead peers: exit code 6, after a few tries each', async () => {
    const content = testContent(seededBytes(10));
    const peers = [await bench.peer(content), await bench.peer(content)];
    for (const peer of peers) await peer.close();
    const error = await bench.failure(bench.fetch(content, peers), 500);
    expect(error).toMatchObject({ code: 'NETWORK', exitCode: 6 });
    expect(await bench.list()).toEqual([]);
  });

  test('MP10: a peer that closes every connection at once is dialed a few times, then left alone', async () => {
    const content = testContent(seededBytes(10));
    const peer = await bench.peer(content, { isClosing: true });
    const error = await bench.failure(bench.fetch(content, [peer]), 500);
    expect(error).toMatchObject({ code: 'NETWORK', exitCode: 6 });
    expect(peer.connectionCount).toBe(4);
  });
});

describe('a stranger without manifest', () => {
  test('with a root, what it sent is verified as a whole at the end', async () => {
    const content = testContent(seededBytes(3 * CHUNK_BYTES + 1));
    const peer = await bench.peer(content, { isBare: true });
    expect(await bench.fetch(content, [peer])).toMatchObject({ verified: true });
    expect(Buffer.compare(await bench.read('file.bin'), content.bytes)).toBe(0);
    expect(bench.eventsOf('unverified')).toHaveLength(1);
  });

  test.each([0, 1, CHUNK_BYTES, 2 * CHUNK_BYTES])('with a root made by sha256, %i bytes are verified too', async (size) => {
    const content = testContent(seededBytes(size), { hashName: 'sha256' });
    const peer = await bench.peer(content, { isBare: true });
    expect(await bench.fetch(content, [peer])).toMatchObject({ verified: true, size });
    expect(Buffer.compare(await bench.read('file.bin'), content.bytes)).toBe(0);
  });

  test('with a root and a wrong chunk: it is thrown away, and the next peer is tried', async () => {
    const content = testContent(seededBytes(2 * CHUNK_BYTES));
    const liar = await bench.peer(content, { isBare: true, body: () => seededBytes(CHUNK_BYTES, 7) });
    const honest = await bench.peer(content, { isBare: true });
    expect(await bench.fetch(content, [liar, honest])).toMatchObject({ verified: true });
    expect(Buffer.compare(await bench.read('file.bin'), content.bytes)).toBe(0);
  });

  test('only wrong ones: exit code 32 and nothing under the name', async () => {
    const content = testContent(seededBytes(2 * CHUNK_BYTES));
    const liar = await bench.peer(content, { isBare: true, body: () => seededBytes(CHUNK_BYTES, 7) });
    expect(await bench.failure(bench.fetch(content, [liar]))).toMatchObject({ code: 'VERIFY_FAILED', exitCode: 32 });
    expect(await bench.list()).toEqual([]);
  });

  test('without any root it is fetched by name, and everything says that it is unverified', async () => {
    const content = testContent(seededBytes(CHUNK_BYTES + 1));
    const peer = await bench.peer(content, { isBare: true });
    const tracker = await bench.tracker(answerRows([{ content, peer: peer.address, isRootless: true }]));
    const result = await bench.fetchText('file.bin', { trackers: [tracker.address] });
    expect(result).toMatchObject({ verified: false, root: null });
    expect(bench.eventsOf('content')).toMatchObject([{ verified: false, root: null }]);
    expect(bench.eventsOf('unverified')).toHaveLength(1);
    expect(Buffer.compare(await bench.read('file.bin'), content.bytes)).toBe(0);
  });

  test('a size that nobody can have is refused before memory is taken for it', async () => {
    const content = testContent(seededBytes(1));
    const peer = await bench.peer(content, { isBare: true });
    const tracker = await bench.tracker(() => `OK 1\n127.0.0.1:${peer.address.port} 9007199254740991 -\n`);
    const error = await bench.failure(bench.fetchText('file.bin', { trackers: [tracker.address] }));
    expect(error.code).not.toBe('INTERNAL');
    expect(error.message).toContain('larger');
    expect(await bench.list()).toEqual([]);
  });
});

describe('an interrupted fetch', () => {
  /** A peer that hangs from the request number `count` on, until `open` is called. */
  function gateAfter(count: number) {
    let seen = 0;
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    return {
      open,
      gate: (request: { verb: string }) => (request.verb === 'GET_CHUNK' && ++seen > count ? gate : Promise.resolve()),
    };
  }

  test('RS6: goes on where it stopped, from another peer, and asks for nothing that it had', async () => {
    // Where a fetch begins is chance; here it begins at the first chunk.
    bench.random = { below: () => 0 };
    const content = testContent(seededBytes(12 * CHUNK_BYTES + 3));
    const { gate } = gateAfter(6);
    const first = await bench.peer(content, { gate });
    const controller = new AbortController();
    const reason = bench.failure(bench.fetch(content, [first], { signal: controller.signal }));
    await bench.untilFetched(6 * CHUNK_BYTES);
    controller.abort(new ShoalError('INTERRUPTED', 'local', 'Interrupted.'));
    expect(await reason).toMatchObject({ code: 'INTERRUPTED', exitCode: 130 });
    expect((await bench.list()).filter((name) => !name.startsWith('.'))).toEqual([]);

    const second = await bench.peer(content);
    const result = await bench.fetch(content, [second]);
    expect(result).toMatchObject({ resumedBytes: 6 * CHUNK_BYTES, fetchedBytes: 6 * CHUNK_BYTES + 3 });
    expect(second.askedChunks().sort((a, b) => a - b)).toEqual([6, 7, 8, 9, 10, 11, 12]);
    expect(Buffer.compare(await bench.read('file.bin'), content.bytes)).toBe(0);
    expect(await bench.list()).toEqual(['file.bin']);
  });
});
