import { afterEach, describe, expect, test } from '@jest/globals';
import { Bitfield } from '../../common/core/bitfield.js';
import { ShoalError } from '../../common/core/errors.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { realRandom } from '../../common/node/clock.js';
import { tcpDialer } from '../../common/node/tcp.js';
import type { Hasher } from '../hash/hasher.js';
import { SlotMemory } from '../hash/slot-memory.js';
import type { LandingResult } from '../hash/worker-task.js';
import type { LostUnits, PartStore } from '../store/part-store.js';
import { JumpClock } from '../testkit/jump-clock.js';
import { type Misbehaviour, ScriptedPeer } from '../testkit/scripted-peer.js';
import { seededBytes, testContent } from '../testkit/test-content.js';
import { turn, until } from '../testkit/until.js';
import { Catalog } from './catalog.js';
import { Download } from './download.js';
import { KnownPeers } from './known-peers.js';
import { Plan } from './plan.js';

const CHUNKS = 4;
const LANDED: LandingResult = { kind: 'landed', hash: new Uint8Array(32), hashMs: 0, writeMs: 0 };
const content = testContent(seededBytes(CHUNKS * CHUNK_BYTES));
const peers: ScriptedPeer[] = [];
afterEach(async () => {
  for (const peer of peers.splice(0)) await peer.close();
});

const lostUnits = (units: readonly number[]) => ({ units, error: new ShoalError('IO', 'environment', 'i/o error') });

/** A store in which only the syncing can be made to fail. */
class FakeStore {
  written: number[] = [];
  checkpoints: number[][] = [];
  /** What the next checkpoints resolve with, oldest first; by default nothing is lost, at once. */
  results: Promise<LostUnits | undefined>[] = [];

  acquire = async () => 0;
  release = () => {};
  pathOf = () => 'part';
  wrote = (unit: number) => void this.written.push(unit);
  checkpoint = () => {
    this.checkpoints.push(this.written);
    this.written = [];
    return this.results.shift() ?? Promise.resolve(undefined);
  };
}

async function start(store: FakeStore, landing: LandingResult | (() => Promise<LandingResult>) = LANDED, how: Misbehaviour = {}) {
  const peer = await ScriptedPeer.start([content], how);
  peers.push(peer);
  const clock = new JumpClock();
  const lost: number[] = [];
  const catalog = new Catalog([
    {
      path: undefined,
      sizeBytes: content.bytes.length,
      content: { by: 'root', root: content.root },
      root: content.root,
      hashName: 'blake3',
      hashes: content.hashes,
    },
  ]);
  const download = new Download(
    { dialer: tcpDialer, clock, random: realRandom, slots: new SlotMemory(8) },
    {
      catalog,
      plan: new Plan(new Bitfield(CHUNKS), { below: () => 0 }),
      store: store as unknown as PartStore,
      pool: { land: async () => (typeof landing === 'function' ? landing() : landing) } as unknown as Hasher,
      peers: new KnownPeers([peer.address]),
      lookups: [async () => true],
      onLanded: () => {},
      patienceMs: 30_000,
      events: {
        progress: () => {},
        peerConnected: () => {},
        peerFailed: () => {},
        peerBanned: () => {},
        syncFailed: (count) => lost.push(count),
      },
    },
  );
  return { peer, clock, lost, download };
}

describe('download', () => {
  test('everything that is reported was in a checkpoint', async () => {
    const store = new FakeStore();
    const { download } = await start(store);
    expect(await download.run()).toMatchObject({ fetchedBytes: content.bytes.length, wastedBytes: 0 });
    expect(store.checkpoints.flat().sort()).toEqual([0, 1, 2, 3]);
    expect(store.written).toEqual([]);
  });

  test('FS8: chunks that a sync lost are fetched again, once', async () => {
    const store = new FakeStore();
    const { gate, open } = gateAfter(2);
    const { download, clock, lost, peer } = await start(store, undefined, { gate });
    store.results = [Promise.resolve(lostUnits([0, 1]))];
    const running = download.run();
    await until('two are written', () => store.written.length === 2);
    clock.jump(2500);
    await until('the loss was told', () => lost.length === 1);
    open();
    await running;
    expect(peer.askedChunks().sort()).toEqual([0, 0, 1, 1, 2, 3]);
    expect(lost).toEqual([2]);
  });

  test('FS8: a chunk that was being written while a sync failed is fetched again, since it may be lost too', async () => {
    const store = new FakeStore();
    const { gate, open } = gateAfter(3);
    let landingCount = 0;
    let finish = (_result: LandingResult) => {};
    const third = new Promise<LandingResult>((resolve) => {
      finish = resolve;
    });
    const land = async () => (++landingCount === 3 ? third : LANDED);
    const { download, clock, lost, peer } = await start(store, land, { gate });
    store.results = [Promise.resolve(lostUnits([0, 1]))];
    const running = download.run();
    await until('two are written, and a third is on its way', () => store.written.length === 2 && landingCount === 3);
    clock.jump(2500);
    await until('the loss was told', () => lost.length === 1);
    finish(LANDED);
    open();
    expect(await running).toMatchObject({ wastedBytes: CHUNK_BYTES });
    expect(peer.askedChunks().sort()).toEqual([0, 0, 1, 1, 2, 2, 3]);
  });

  test('FS6: a disk that takes longer than the patience with peers is waited for', async () => {
    let landingCount = 0;
    let finish = (_result: LandingResult) => {};
    const slow = new Promise<LandingResult>((resolve) => {
      finish = resolve;
    });
    const land = () => {
      landingCount += 1;
      return slow;
    };
    const { download, clock } = await start(new FakeStore(), land);
    const running = download.run();
    running.catch(() => undefined);
    await until('all are being written', () => landingCount === CHUNKS);
    clock.jump(40_000);
    finish(LANDED);
    expect(await running).toMatchObject({ fetchedBytes: content.bytes.length });
  });

  /** A download whose last chunks land while a checkpoint is under way, which then ends as `settle` says. */
  async function endWithCheckpoint(settle: (lose: (lost: LostUnits) => void, fail: (error: ShoalError) => void) => void) {
    const store = new FakeStore();
    const { gate, open } = gateAfter(2);
    const { download, clock } = await start(store, undefined, { gate });
    let settleNow = () => {};
    store.results = [
      new Promise((resolve, reject) => {
        settleNow = () => settle(resolve, reject);
      }),
    ];
    const running = download.run();
    running.catch(() => undefined);
    await until('two are written', () => store.written.length === 2);
    clock.jump(2500);
    await until('the checkpoint is under way', () => store.checkpoints.length === 1);
    open();
    await until('the rest is written', () => store.written.length === 2);
    await turn();
    settleNow();
    return running;
  }

  test('FS8: a sync that fails while the last chunk comes is no success', async () => {
    await expect(endWithCheckpoint((lose) => lose(lostUnits([0, 1])))).rejects.toMatchObject({ code: 'IO' });
  });

  test('FS6: a disk that turns out to be full while the last chunk comes is no success', async () => {
    // The store has disowned its chunks by now: to go on would publish holes.
    const full = new ShoalError('DISK_FULL', 'environment', 'No space left.');
    await expect(endWithCheckpoint((_lose, fail) => fail(full))).rejects.toMatchObject({ code: 'DISK_FULL' });
  });

  test('FS6: a disk that is full ends it with its own code, and blames nobody', async () => {
    const { download } = await start(new FakeStore(), { kind: 'failed', code: 'ENOSPC', message: 'no space' });
    await expect(download.run()).rejects.toMatchObject({ code: 'DISK_FULL', fault: 'environment', exitCode: 9 });
  });

  test('stopped, it ends with the reason, after a last checkpoint', async () => {
    const store = new FakeStore();
    const { gate } = gateAfter(2);
    const { download } = await start(store, undefined, { gate });
    const running = download.run();
    running.catch(() => undefined);
    await until('two are written', () => store.written.length === 2);
    download.stop(new ShoalError('INTERRUPTED', 'local', 'Interrupted.'));
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(store.checkpoints).toEqual([[0, 1]]);
  });
});

/** Lets so many chunks through, and the others when it is opened. */
function gateAfter(count: number) {
  let seen = 0;
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open: () => open(), gate: () => (++seen > count ? opened : Promise.resolve()) };
}
