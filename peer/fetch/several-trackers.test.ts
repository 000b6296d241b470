/** Whole fetches with several trackers, some of which are silent, late, failing or lying. */
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { FetchBench } from '../testkit/fetch-bench.js';
import { answerRows } from '../testkit/scripted-tracker.js';
import { seededBytes, testContent } from '../testkit/test-content.js';
import { until } from '../testkit/until.js';

const bench = new FetchBench();
beforeEach(() => bench.begin());
afterEach(() => bench.end());
afterAll(() => bench.close());

const content = testContent(seededBytes(2 * CHUNK_BYTES + 5));
const other = testContent(seededBytes(CHUNK_BYTES, 7));

describe('a fetch from several trackers', () => {
  test('is over before a silent one has failed, and does not speak of it', async () => {
    const peer = await bench.peer(content);
    const silent = await bench.tracker(() => undefined);
    const good = await bench.tracker(answerRows([{ content, peer: peer.address }]));
    const result = await bench.fetchText('file.bin', { trackers: [silent.address, good.address] });
    expect(result).toMatchObject({ verified: true, size: content.bytes.length });
    // It was asked, and had not answered when all was done.
    expect(silent.lines).toContain('LOOKUP file.bin');
    expect(bench.eventsOf('tracker-failed')).toEqual([]);
  });

  test('by a link that names peers waits for no tracker at all', async () => {
    const peer = await bench.peer(content);
    const silent = await bench.tracker(() => undefined);
    await bench.fetch(content, [peer], { trackers: [silent.address] });
    expect(bench.eventsOf('tracker-failed')).toEqual([]);
  });

  test('takes the peers of a late one too: where those of the first are all dead, it waits for the others', async () => {
    const [dead, alive] = [await bench.peer(content), await bench.peer(content)];
    await dead.close();
    const first = await bench.tracker(answerRows([{ content, peer: dead.address }]));
    const late = await bench.tracker(() => undefined);
    const fetching = bench.fetchText('file.bin', { trackers: [first.address, late.address] });
    await until('the dead peer was tried', () => bench.eventsOf('peer-failed').length > 0);
    late.tellAll(answerRows([{ content, peer: alive.address }])('LOOKUP x') ?? '');
    expect((await fetching).peers.map(({ address }) => address)).toEqual([`127.0.0.1:${alive.address.port}`]);
  });

  test('goes on with what it began, though a late one knows another content of the name', async () => {
    const [peer, stranger] = [await bench.peer(content, { gate: () => held }), await bench.peer(other)];
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const first = await bench.tracker(answerRows([{ content, peer: peer.address }]));
    const late = await bench.tracker(() => undefined);
    const fetching = bench.fetchText('file.bin', { trackers: [first.address, late.address] });
    await until('the fetch has begun', () => peer.requests.length > 0);
    late.tellAll(answerRows([{ content: other, peer: stranger.address }])('LOOKUP x') ?? '');
    release();
    expect(await fetching).toMatchObject({ root: content.root });
    expect(stranger.requests).toEqual([]);
  });

  test('MT4: a tracker that tells another size for the same root makes no second content of it', async () => {
    const peer = await bench.peer(content);
    const claim = { ...content, bytes: Buffer.alloc(7) };
    const liar = await bench.tracker(answerRows([{ content: claim, peer: peer.address }]));
    const honest = await bench.tracker(answerRows([{ content, peer: peer.address }]));
    const result = await bench.fetchText('file.bin', { trackers: [liar.address, honest.address] });
    expect(result.size).toBe(content.bytes.length);
  });

  test('MT5: peers that are known stay, though the tracker knows nobody any more, or fails for ever', async () => {
    let count = 0;
    // Chunks come when the tracker was asked again, and said both.
    const peer = await bench.peer(content, {
      gate: async ({ verb }) => (verb === 'GET_CHUNK' ? until('the tracker was asked again', () => count >= 3) : undefined),
    });
    const answer = answerRows([{ content, peer: peer.address }]);
    const flapping = await bench.tracker((line) => {
      count += 1;
      return count === 1 ? answer(line) : count % 2 === 0 ? 'OK 0\n' : 'ERR BUSY Not now.\n';
    });
    const fetching = bench.fetchText('file.bin', { trackers: [flapping.address] });
    const result = await bench.jumpUntilOver(fetching, 100, () => count < 3);
    expect(result).toMatchObject({ verified: true });
    expect(peer.connectionCount).toBeLessThanOrEqual(2);
  });

  test('MT6: what a tracker says reaches no terminal with its escapes', async () => {
    const peer = await bench.peer(content);
    const evil = await bench.tracker(() => 'ERR DENIED \u001b[31mgone\u0007\u202e\n');
    const good = await bench.tracker(answerRows([{ content, peer: peer.address }]));
    await bench.fetchText('file.bin', { trackers: [evil.address, good.address] });
    expect(bench.eventsOf('tracker-failed').map(({ reason }) => reason)).toEqual(['\\u001b[31mgone\\u0007\\u202e']);
    const failure = await bench.failure(bench.fetchText('file.bin', { trackers: [evil.address] }));
    expect(failure.message).toContain('\\u001b[31m');
    expect(failure.message).not.toMatch(/[\u0007\u001b\u202e]/);
  });
});
