import { afterEach, describe, expect, test } from '@jest/globals';
import { ShoalError } from '../../common/core/errors.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { tcpDialer } from '../../common/node/tcp.js';
import type { ContentRef } from '../../common/wire/peer-lines.js';
import { SLOT_HEAD_BYTES, type Slot, SlotMemory } from '../hash/slot-memory.js';
import { JumpClock } from '../testkit/jump-clock.js';
import { type Misbehaviour, ScriptedPeer } from '../testkit/scripted-peer.js';
import { chunkOf, seededBytes, testContent } from '../testkit/test-content.js';
import { turn, until } from '../testkit/until.js';
import { PeerConnection } from './peer-connection.js';
import { RateLimits } from './rate-limits.js';
import { throttledDialer } from './throttle.js';

const content = testContent(seededBytes(6 * CHUNK_BYTES + 10));
const ref: ContentRef = { by: 'root', root: content.root };
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function connect(slots: SlotMemory, misbehaviour: Misbehaviour = {}, downBytesPerSecond?: number) {
  const peer = await ScriptedPeer.start([content], misbehaviour);
  const clock = new JumpClock(true);
  const limits = downBytesPerSecond && new RateLimits(clock, { downBytesPerSecond, isLanLimited: true });
  const dialer = limits ? throttledDialer(tcpDialer, limits) : tcpDialer;
  const connection = await PeerConnection.connect({ dialer, clock, slots }, peer.address, 5000);
  closing.push(
    () => peer.close(),
    () => connection.close(new ShoalError('STOPPED', 'local', 'The test is over.')),
  );
  return { peer, clock, connection };
}

function expectChunk(slot: Slot, index: number): void {
  const chunk = chunkOf(content.bytes, index);
  expect(Buffer.compare(Buffer.from(slot.bytes.subarray(SLOT_HEAD_BYTES, SLOT_HEAD_BYTES + chunk.length)), chunk)).toBe(0);
}

const getChunk = (connection: PeerConnection, index: number) =>
  connection.getChunk(ref, index, chunkOf(content.bytes, index).length);

describe('peer connection', () => {
  test('pipelined requests of both kinds are answered in order, refusals between them', async () => {
    const { connection } = await connect(new SlotMemory(8), { refuse: (index) => (index === 2 ? 'DENIED' : undefined) });
    const results = await Promise.allSettled([
      getChunk(connection, 0),
      connection.getManifest(ref, 100_000),
      getChunk(connection, 2),
      getChunk(connection, 6),
      connection.getManifest({ by: 'name', name: 'none' as never }, 100_000),
      getChunk(connection, 1),
    ]);
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    for (const [at, index] of [
      [0, 0],
      [3, 6],
      [5, 1],
    ] as const) {
      const result = results[at];
      if (result?.status === 'fulfilled') expectChunk(result.value as Slot, index);
    }
    expect(results[2]).toMatchObject({ reason: { code: 'DENIED', fault: 'remote' } });
    expect(results[4]).toMatchObject({ reason: { code: 'NOT_FOUND' } });
  });

  test('with one slot for all, every reply comes, each when the one before was released', async () => {
    const slots = new SlotMemory(1);
    const { connection } = await connect(slots);
    const asked = [0, 1, 2, 3, 4, 5, 6].map(async (index) => {
      const slot = await getChunk(connection, index);
      expectChunk(slot, index);
      await turn();
      slots.release(slot);
    });
    await Promise.all(asked);
  });

  test('who waits for a slot takes one wake-up, however many requests it has: the others get theirs', async () => {
    const slots = new SlotMemory(3);
    const own = [slots.take(), slots.take(), slots.take()];
    const first = await connect(slots);
    const second = await connect(slots);
    // The first asks many times while it is starved, the second once, behind it.
    const many = [0, 1, 2].map((index) => getChunk(first.connection, index));
    const one = getChunk(second.connection, 3);
    await until('all were asked', () => first.peer.requests.length === 3 && second.peer.requests.length === 1);
    // Two slots come free: one for each.
    for (const slot of own.splice(0, 2)) if (slot !== undefined) slots.release(slot);
    const [slotOfFirst, slotOfSecond] = await Promise.all([many[0], one]);
    if (slotOfFirst !== undefined) expectChunk(slotOfFirst, 0);
    if (slotOfSecond !== undefined) expectChunk(slotOfSecond, 3);
    for (const promise of many) promise.catch(() => undefined);
  });

  test('a connection that ends while it waits passes its wake-up on', async () => {
    const slots = new SlotMemory(1);
    const own = slots.take();
    const first = await connect(slots);
    const second = await connect(slots);
    const lost = getChunk(first.connection, 0);
    const kept = getChunk(second.connection, 1);
    first.connection.close(new ShoalError('STOPPED', 'local', 'Enough.'));
    await expect(lost).rejects.toMatchObject({ code: 'STOPPED' });
    if (own !== undefined) slots.release(own);
    expectChunk(await kept, 1);
  });

  test('while it waits for our own slot, the peer is not the one to blame', async () => {
    const slots = new SlotMemory(1);
    const own = slots.take();
    const { connection, clock } = await connect(slots);
    const asked = getChunk(connection, 0);
    expect(connection.head).toBeUndefined();
    clock.jump(60_000);
    if (own !== undefined) slots.release(own);
    expect(connection.head).toMatchObject({ sinceMs: 60_000 });
    expectChunk(await asked, 0);
    expect(connection.head).toBeUndefined();
  });

  test('NW4: what is due, since when, and how much of it is there', async () => {
    const { connection, clock, peer } = await connect(new SlotMemory(2), { stallAtByte: 1007 });
    const asked = getChunk(connection, 0);
    asked.catch(() => undefined);
    await until('it fell silent and all of it is here', () => peer.stalledCount === 1 && connection.head?.gotBytes === 1007);
    clock.jump(5000);
    expect(connection.head).toEqual({ sinceMs: 0, gotBytes: 1007, beganMs: 0 });
  });

  test.each([
    ['PW7: an end', { cutBodyBytes: 100 }, 'NETWORK'],
    ['PW7: a reset', { resetAtByte: 100 }, 'NETWORK'],
    ['PW5: a wrong header', { header: () => '7\n' }, 'PROTOCOL'],
  ])('%s fails everything that is open, once, and gives the slot back', async (_title, misbehaviour, code) => {
    const slots = new SlotMemory(1);
    const { connection } = await connect(slots, misbehaviour);
    const results = await Promise.allSettled([getChunk(connection, 0), getChunk(connection, 1), connection.getManifest(ref, 9)]);
    for (const result of results) expect(result).toMatchObject({ status: 'rejected', reason: { code } });
    expect(connection.failure?.code).toBe(code);
    await expect(getChunk(connection, 2)).rejects.toMatchObject({ code });
    expect(slots.take()).toBeDefined();
  });

  test('PW8: a reply to nobody ends the connection', async () => {
    const { connection, peer } = await connect(new SlotMemory(1), { isEndless: true });
    await getChunk(connection, 0);
    await until('the connection ended', () => connection.failure !== undefined);
    expect(connection.failure?.code).toBe('PROTOCOL');
    await until('the peer noticed', () => peer.openCount === 0);
  });

  test('a peer is not older for a rate limit of ours: only time in which it is read counts', async () => {
    const { clock, connection } = await connect(new SlotMemory(8), {}, 100_000);
    let isHere = false;
    const chunk = getChunk(connection, 0).finally(() => {
      isHere = true;
    });
    await until('the burst is used up', () => (connection.head?.gotBytes ?? 0) >= 22_500);
    while (!isHere) {
      clock.jump(70);
      await turn();
    }
    expectChunk(await chunk, 0);
    clock.jump(1000);
    getChunk(connection, 1).catch(() => undefined);
    await until('the burst is used up again', () => (connection.head?.gotBytes ?? 0) >= 22_500);
    // Held until the burst is paid for: an age of which nothing is the peer's.
    clock.jump(10);
    clock.jump(9);
    expect(clock.nowMs() - (connection.head?.sinceMs ?? Number.NaN)).toBeCloseTo(0);
  });
});
