/** Pushes as a stranger would offer them, fetched by the program's own fetch from peers that are honest or not. */
import { mkdir, readdir, readFile, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { ShoalError } from '../../common/core/errors.js';
import { CHUNK_BYTES, PUSH_KEPT_MS, PUSH_PATIENCE_MS } from '../../common/core/limits.js';
import type { PeerAddress } from '../../common/core/peer-address.js';
import { tcpDialer } from '../../common/node/tcp.js';
import { rejectionCode } from '../../common/testkit/error-code.js';
import type { PushState } from '../../common/wire/peer-documents.js';
import type { PushOffer } from '../../common/wire/peer-lines.js';
import { fetchContent } from '../fetch/fetch-content.js';
import { realStorage } from '../storage-ports.js';
import { FetchBench } from '../testkit/fetch-bench.js';
import type { ScriptedPeer } from '../testkit/scripted-peer.js';
import { seededBytes, type TestContent, testContent, testFolder } from '../testkit/test-content.js';
import { AllowList } from './allow-list.js';
import { PushFolder } from './push-folder.js';
import { type PushFetch, PushInbox, type SharedUnderName } from './push-inbox.js';
import type { PushPolicy } from './push-policy.js';

const bench = new FetchBench();
const ASKS_MAX_COUNT = 2000;
const FROM = { ip: '127.0.0.1' };
const content = testContent(seededBytes(3 * CHUNK_BYTES + 7), { name: 'a.bin' });

let inboxes: PushInbox[];
let told: string[];
let shared: SharedUnderName;
let seen: PeerAddress[];
let diskFreeBytes: number | undefined;

beforeEach(async () => {
  await bench.begin();
  [inboxes, told, seen, shared, diskFreeBytes] = [[], [], [], { kind: 'nothing' }, undefined];
});
afterEach(async () => {
  for (const inbox of inboxes) await inbox.close();
  await bench.end();
});
afterAll(() => bench.close());

async function open(policy: Partial<PushPolicy> = {}): Promise<PushInbox> {
  const folder = new PushFolder(realStorage, join(bench.folder, 'in'));
  const ports = {
    clock: bench.clock,
    folder: {
      open: () => folder.open(),
      measure: folder.measure.bind(folder),
      freeBytes: async () => diskFreeBytes ?? (await folder.freeBytes()),
      prepare: folder.prepare.bind(folder),
      discard: folder.discard.bind(folder),
      tidy: folder.tidy.bind(folder),
    },
    fetch: (how: PushFetch) =>
      fetchContent(
        { ...realStorage, dialer: tcpDialer, clock: bench.clock, random: bench.random, pool: bench.pool },
        { shown: '', trackers: [], out: undefined, isOverwrite: false, isFresh: false, ...how },
      ),
    shared: () => shared,
    peerSeen: (_root: string, address: PeerAddress) => seen.push(address),
  };
  const events = {
    pushReceived: ({ name }: PushOffer) => told.push(`received ${name}`),
    pushFailed: ({ name }: PushOffer, _ip: string, { code }: ShoalError) => told.push(`failed ${name} ${code}`),
  };
  const inbox = await PushInbox.open(
    ports,
    { folder: '', quotaBytes: 100 * CHUNK_BYTES, allow: new AllowList(['lan']), parallelCount: 2, ...policy },
    events,
  );
  inboxes.push(inbox);
  return inbox;
}

function offerOf(
  { name, root, bytes }: TestContent,
  peer: Pick<ScriptedPeer, 'address'>,
  more: Partial<PushOffer> = {},
): PushOffer {
  return { name, root, sizeBytes: bytes.length, port: peer.address.port, ...more };
}

/** Asks again and again, as whoever pushes does, until the answer is as it shall be; the clock goes `jumpMs` forward each time. */
async function answered(inbox: PushInbox, offer: PushOffer, isIt: (state: PushState) => boolean, jumpMs = 0): Promise<PushState> {
  // Bounded: a test that has failed by its time must not ask on and on behind those that follow.
  for (let asks = 0; asks < ASKS_MAX_COUNT; asks += 1) {
    const state = await inbox.push(offer, FROM);
    if (isIt(state)) return state;
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (jumpMs > 0) bench.clock.jump(jumpMs);
  }
  throw new Error(`${offer.name} is not as it shall be`);
}

function ended(inbox: PushInbox, offer: PushOffer, jumpMs = 0): Promise<PushState> {
  return answered(inbox, offer, ({ state }) => state === 'done' || state === 'failed', jumpMs);
}

/** Time goes on when the first chunk is here: a peer whose HAVE comes late counts as one that knows none, and is asked for all. */
async function cutOff(inbox: PushInbox, offer: PushOffer): Promise<PushState> {
  await answered(inbox, offer, ({ haveChunks }) => haveChunks === 1);
  return ended(inbox, offer, PUSH_PATIENCE_MS / 4);
}

const inFolder = (...parts: string[]) => join(bench.folder, 'in', ...parts);

describe('push inbox', () => {
  test('fetches what is offered, from where it is offered, and tells how far it is until it is done', async () => {
    const peer = await bench.peer(content);
    const inbox = await open();
    const offer = offerOf(content, peer);
    expect(await inbox.push(offer, FROM)).toMatchObject({ haveChunks: 0, chunkCount: 4 });
    expect(await ended(inbox, offer)).toEqual({ state: 'done', haveChunks: 4, chunkCount: 4 });
    expect(content.bytes.equals(await readFile(inFolder('a.bin')))).toBe(true);
    expect(told).toEqual(['received a.bin']);
    expect(inbox.acceptBytes).toBe(96 * CHUNK_BYTES + CHUNK_BYTES - 7);
    // The same again, by another process too, fetches nothing.
    expect(await inbox.push({ ...offer, id: 'a'.repeat(16) }, FROM)).toMatchObject({
      state: expect.stringMatching(/waiting|fetching/),
    });
    expect(await ended(inbox, { ...offer, id: 'a'.repeat(16) })).toMatchObject({ state: 'done' });
    expect(inbox.acceptBytes).toBe(96 * CHUNK_BYTES + CHUNK_BYTES - 7);
  });

  test('a folder is counted by what its files hold, and goes below the folders of its name', async () => {
    const { index: folder, files } = testFolder('set', {
      'x/1.bin': seededBytes(CHUNK_BYTES + 1, 2),
      '2.bin': seededBytes(5, 3),
    });
    const pushed = { ...folder, name: 'deep/down/set' as TestContent['name'] };
    const peer = await bench.peer([folder, ...files]);
    const small = await open({ quotaBytes: CHUNK_BYTES });
    expect(await ended(small, offerOf(pushed, peer))).toMatchObject({ state: 'failed', code: 'LIMIT' });
    expect(await readdir(inFolder())).toEqual([]);
    const inbox = await open();
    expect(await ended(inbox, offerOf(pushed, peer))).toMatchObject({ state: 'done' });
    expect((await readFile(inFolder('deep', 'down', 'set', 'x', '1.bin'))).length).toBe(CHUNK_BYTES + 1);
  });

  test('what the policy does not take is denied, before anything is looked at', async () => {
    const inbox = await open({ allow: new AllowList(['203.0.113.5', 'group:g']) });
    const offer = { name: content.name, root: content.root, sizeBytes: 5, port: 1 };
    expect(await rejectionCode(inbox.push(offer, FROM))).toBe('DENIED');
    expect(await rejectionCode(inbox.push({ ...offer, group: 'h' }, FROM))).toBe('DENIED');
    for (const name of ['.ssh', 'a/.profile', '.a.bin.0123456789ab.shoal-part'])
      expect(await rejectionCode(inbox.push({ ...offer, group: 'g', name: name as PushOffer['name'] }, FROM))).toBe('DENIED');
    expect(told).toEqual([]);
  });

  test('FS10: a folder that was taken away with all that is in it is made again for the next push', async () => {
    const peer = await bench.peer(content);
    const inbox = await open();
    await rm(inFolder(), { recursive: true });
    expect(await ended(inbox, offerOf(content, peer))).toMatchObject({ state: 'done' });
    expect(content.bytes.equals(await readFile(inFolder('a.bin')))).toBe(true);
    await rm(inFolder(), { recursive: true });
    await writeFile(inFolder(), 'something else');
    expect(await rejectionCode(inbox.push({ ...offerOf(content, peer), name: 'b.bin' as PushOffer['name'] }, FROM))).toBe(
      'TARGET_EXISTS',
    );
    expect(await readFile(inFolder(), 'utf8')).toBe('something else');
  });

  test('quota and disk count what is under way', async () => {
    const peer = await bench.peer(content, { stallAtByte: 0 });
    const inbox = await open({ quotaBytes: 2 * content.bytes.length });
    const other = { ...offerOf(content, peer), name: 'b.bin' as PushOffer['name'] };
    await inbox.push(offerOf(content, peer), FROM);
    await inbox.push(other, FROM);
    expect(inbox.acceptBytes).toBe(0);
    expect(await rejectionCode(inbox.push({ ...other, name: 'c.bin' as PushOffer['name'], sizeBytes: 1 }, FROM))).toBe('LIMIT');
    const roomy = await open();
    diskFreeBytes = content.bytes.length + 10;
    await roomy.push(offerOf(content, peer), FROM);
    expect(await rejectionCode(roomy.push({ ...other, sizeBytes: 11 }, FROM))).toBe('LIMIT');
    expect((await roomy.push({ ...other, sizeBytes: 10 }, FROM)).state).toMatch(/waiting|fetching/);
  });

  test('files that are deleted make room, after a while', async () => {
    const peer = await bench.peer(content);
    const inbox = await open({ quotaBytes: content.bytes.length });
    await ended(inbox, offerOf(content, peer));
    const other = testContent(seededBytes(100, 9), { name: 'b.bin' });
    const next = await bench.peer(other);
    expect(await rejectionCode(inbox.push(offerOf(other, next), FROM))).toBe('LIMIT');
    await unlink(inFolder('a.bin'));
    bench.clock.jump(10_000);
    expect(await ended(inbox, offerOf(other, next))).toMatchObject({ state: 'done' });
  });

  test('no more are fetched at once than are to be; the others wait for their turn', async () => {
    const peer = await bench.peer(content, { stallAtByte: 0 });
    const inbox = await open({ parallelCount: 1 });
    const second = { ...offerOf(content, peer), name: 'b.bin' as PushOffer['name'] };
    await inbox.push(offerOf(content, peer), FROM);
    await inbox.push(second, FROM);
    expect(await inbox.push(offerOf(content, peer), FROM)).toMatchObject({ state: 'fetching' });
    expect(await inbox.push(second, FROM)).toMatchObject({ state: 'waiting' });
    // Somebody else who has it is asked too.
    await inbox.push({ ...offerOf(content, peer), port: 77 }, FROM);
    expect(seen.at(-1)).toEqual({ ip: '127.0.0.1', port: 77 });
  });

  test('MP1: a sender of wrong bytes is found out; its push fails, leaves nothing and frees its quota', async () => {
    const liar = await bench.peer(content, { body: (_index, { bytes }) => Buffer.alloc(Math.min(CHUNK_BYTES, bytes.length)) });
    const inbox = await open();
    const state = await ended(inbox, offerOf(content, liar), 5000);
    // The last word is of whichever came last: that a chunk was wrong, or that nobody was left to ask.
    const code = expect.stringMatching(/^(VERIFY_FAILED|NETWORK)$/);
    expect(state).toMatchObject({ state: 'failed', code, text: expect.any(String) });
    expect(await readdir(inFolder())).toEqual([]);
    expect(inbox.acceptBytes).toBe(100 * CHUNK_BYTES);
    expect(told).toEqual([`failed a.bin ${state.code}`]);
  });

  test('MP7: a sender of a wrong size is found out', async () => {
    const peer = await bench.peer(content);
    const inbox = await open();
    const state = await ended(inbox, offerOf(content, peer, { sizeBytes: content.bytes.length + CHUNK_BYTES }), 5000);
    expect(state.state).toBe('failed');
    expect(await readdir(inFolder())).toEqual([]);
    expect(inbox.acceptBytes).toBe(100 * CHUNK_BYTES);
  });

  test('a sender that vanishes fails its push; what came stays to go on with, for as long as nobody needs the room', async () => {
    const peer = await bench.peer(content, { holds: (index) => index === 0 });
    const inbox = await open({ quotaBytes: content.bytes.length });
    const offer = offerOf(content, peer);
    expect(await cutOff(inbox, offer)).toMatchObject({ state: 'failed', code: 'NETWORK' });
    expect(inbox.acceptBytes).toBe(content.bytes.length - CHUNK_BYTES);
    expect((await readdir(inFolder())).length).toBeGreaterThan(0);
    const other = testContent(seededBytes(content.bytes.length, 5), { name: 'b.bin' });
    const honest = await bench.peer(other);
    expect(await ended(inbox, offerOf(other, honest))).toMatchObject({ state: 'done' });
    expect(await readdir(inFolder())).toEqual(['b.bin']);
  });

  test('what an unfinished push left is neither lost count of nor wasted by offers that are refused', async () => {
    const peer = await bench.peer(content, { holds: (index) => index === 0 });
    const inbox = await open({ quotaBytes: content.bytes.length + CHUNK_BYTES });
    const offer = offerOf(content, peer, { id: '1'.repeat(16) });
    await cutOff(inbox, offer);
    const left = await readdir(inFolder());
    expect(left.length).toBeGreaterThan(0);
    const tooLarge = { ...offer, name: 'huge.bin' as PushOffer['name'], sizeBytes: 1e12 };
    expect(await rejectionCode(inbox.push(tooLarge, FROM))).toBe('LIMIT');
    expect(await readdir(inFolder())).toEqual(left);
    const silent = await bench.peer(content, { stallAtByte: 0 });
    await inbox.push({ ...offerOf(content, silent), name: 'b.bin' as PushOffer['name'] }, FROM);
    expect(await rejectionCode(inbox.push({ ...offer, id: '2'.repeat(16) }, FROM))).toBe('LIMIT');
    expect(inbox.acceptBytes).toBe(0);
    const other = testContent(seededBytes(CHUNK_BYTES, 5), { name: 'c.bin' });
    expect(await ended(inbox, offerOf(other, await bench.peer(other)))).toMatchObject({ state: 'done' });
    expect((await readdir(inFolder())).filter((name) => left.includes(name))).toEqual([]);
  });

  test('what failed pushes left makes room from the oldest on, and no more of it than has to', async () => {
    const size = content.bytes.length;
    const inbox = await open({ quotaBytes: size + CHUNK_BYTES });
    for (const [seed, name] of ['old.bin', 'young.bin'].entries()) {
      const cut = testContent(seededBytes(size, 7 + seed), { name });
      const peer = await bench.peer(cut, { holds: (index) => index === 0 });
      expect(await cutOff(inbox, offerOf(cut, peer))).toMatchObject({ state: 'failed', code: 'NETWORK' });
    }
    const honest = await bench.peer(content);
    expect(await ended(inbox, offerOf(content, honest))).toMatchObject({ state: 'done' });
    const names = (await readdir(inFolder())).join(' ');
    expect([/old/, /young/, /a\.bin/].map((name) => name.test(names))).toEqual([false, true, true]);
  });

  test('a push that failed is told as such, tried anew by another process, and forgotten in the end', async () => {
    const liar = await bench.peer(content, { body: (_index, { bytes }) => Buffer.alloc(Math.min(CHUNK_BYTES, bytes.length)) });
    const inbox = await open();
    const offer = offerOf(content, liar, { id: '1'.repeat(16) });
    await ended(inbox, offer, 5000);
    expect(await inbox.push(offer, FROM)).toMatchObject({ state: 'failed' });
    const honest = await bench.peer(content);
    expect(await ended(inbox, offerOf(content, honest, { id: '2'.repeat(16) }))).toMatchObject({ state: 'done' });
    bench.clock.jump(PUSH_KEPT_MS + 60_000);
    expect(await ended(inbox, offerOf(content, honest, { id: '2'.repeat(16) }))).toMatchObject({ state: 'done' });
  });

  test('another file of that name is never touched, and no symlink is followed', async () => {
    const peer = await bench.peer(content);
    const inbox = await open();
    await writeFile(inFolder('a.bin'), 'mine');
    expect(await ended(inbox, offerOf(content, peer))).toMatchObject({ state: 'failed', code: 'TARGET_EXISTS' });
    expect(await readFile(inFolder('a.bin'), 'utf8')).toBe('mine');
    await mkdir(join(bench.folder, 'outside'));
    await symlink(join(bench.folder, 'outside'), inFolder('link'));
    const below = { ...offerOf(content, peer), name: 'link/a.bin' as PushOffer['name'] };
    expect(await ended(inbox, below)).toMatchObject({ state: 'failed', code: 'TARGET_EXISTS' });
    await symlink(join(bench.folder, 'outside', 'b.bin'), inFolder('b.bin'));
    const over = { ...offerOf(content, peer), name: 'b.bin' as PushOffer['name'] };
    expect(await ended(inbox, over)).toMatchObject({ state: 'failed', code: 'TARGET_EXISTS' });
    expect(await readdir(join(bench.folder, 'outside'))).toEqual([]);
  });

  test('what this node shares under the name is done where it is the same, and stays what it is where it is not', async () => {
    const inbox = await open();
    const offer = { name: content.name, root: content.root, sizeBytes: content.bytes.length, port: 1 };
    shared = { kind: 'whole', root: content.root };
    expect(await inbox.push(offer, FROM)).toEqual({ state: 'done', haveChunks: 4, chunkCount: 4 });
    shared = { kind: 'whole', root: 'f'.repeat(64) as PushOffer['root'] };
    expect(await inbox.push(offer, FROM)).toMatchObject({ state: 'failed', code: 'TARGET_EXISTS' });
    shared = { kind: 'below' };
    expect(await inbox.push(offer, FROM)).toMatchObject({ state: 'failed', code: 'TARGET_EXISTS' });
    shared = { kind: 'part' };
    expect(await rejectionCode(inbox.push(offer, FROM))).toBe('BUSY');
  });

  test('what a stop cut short goes on where it was', async () => {
    const slow = await bench.peer(content, { holds: (index) => index < 2 });
    const first = await open();
    await answered(first, offerOf(content, slow), ({ haveChunks }) => haveChunks === 2);
    await first.close();
    expect(await rejectionCode(first.push(offerOf(content, slow), FROM))).toBe('BUSY');
    const honest = await bench.peer(content);
    expect(await ended(await open(), offerOf(content, honest))).toMatchObject({ state: 'done' });
    expect(honest.askedChunks().sort()).toEqual([2, 3]);
    expect(content.bytes.equals(await readFile(inFolder('a.bin')))).toBe(true);
  });
});
