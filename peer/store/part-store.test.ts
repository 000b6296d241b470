import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { realDisk } from '../../common/node/disk.js';
import { watchedDisk } from '../../common/testkit/watched-disk.js';
import { Catalog } from '../fetch/catalog.js';
import { HashPool } from '../hash/hash-pool.js';
import { realStorage } from '../storage-ports.js';
import { seededBytes, testContent } from '../testkit/test-content.js';
import { readJournal } from './journal.js';
import { partPaths } from './part-paths.js';
import { PartStore } from './part-store.js';

const content = testContent(seededBytes(4 * CHUNK_BYTES));
const pool = new HashPool({ threadCount: 1 });
let folder: string;
/** Called at the next sync, which then fails. */
let failSync: (() => void) | undefined;
let syncCount = 0;
/** Whether syncing a folder finds no file handle. */
let failFolder = () => false;
let isJournalFull = false;
const disk = watchedDisk(realDisk, async (change, path, half) => {
  if (change === 'sync-folder' && failFolder()) throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
  if (change === 'write' && isJournalFull && path.endsWith('journal')) {
    await half?.();
    throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
  }
  if (change !== 'sync') return;
  syncCount += 1;
  const meanwhile = failSync;
  if (meanwhile === undefined) return;
  failSync = undefined;
  meanwhile();
  throw Object.assign(new Error('i/o error'), { code: 'EIO' });
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-store-'));
  [failSync, syncCount, isJournalFull] = [undefined, 0, false];
  failFolder = () => false;
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});
afterAll(() => pool.close());

const paths = () => partPaths(join(folder, 'file.bin'), content.root);

const { root, hashes } = content;
const catalog = new Catalog([
  { path: undefined, sizeBytes: content.bytes.length, content: { by: 'root', root }, root, hashName: 'blake3', hashes },
]);

async function begin() {
  const store = await PartStore.open({ ...realStorage, disk }, { paths: paths(), root, name: 'file.bin', isFolder: false });
  const { had } = await store.begin(catalog, false, pool, () => {});
  return { store, had };
}

/** A worker's part: the bytes are in the file, and the store is not told. */
async function write(store: PartStore, unit: number): Promise<void> {
  const handle = await open(paths().part, 'r+').catch(() => open(paths().part, 'w+'));
  await store.acquire(catalog.locate(unit));
  await handle.write(content.bytes, unit * CHUNK_BYTES, CHUNK_BYTES, unit * CHUNK_BYTES).finally(() => handle.close());
  store.release(0);
}

const claims = async () => (await readJournal(disk, paths().journal))?.runs ?? [];

describe('part store', () => {
  test('RS2: what an earlier run wrote and did not claim is claimed by the next checkpoint', async () => {
    const first = (await begin()).store;
    for (const unit of [0, 2]) await write(first, unit);
    first.wrote(0);
    await first.checkpoint();
    await first.close();
    expect(await claims()).toEqual([[0, 1]]);
    const { store, had } = await begin();
    expect(had.runs()).toEqual([
      [0, 1],
      [2, 1],
    ]);
    expect(await store.checkpoint()).toBeUndefined();
    await store.close();
    expect(await claims()).toEqual([
      [0, 1],
      [2, 1],
    ]);
  });

  test('FS8: a failed sync costs what an earlier run wrote and did not claim, and not what it claimed', async () => {
    const first = (await begin()).store;
    for (const unit of [0, 2]) await write(first, unit);
    first.wrote(0);
    await first.checkpoint();
    await first.close();
    const { store } = await begin();
    failSync = () => {};
    expect(await store.checkpoint()).toMatchObject({ units: [2] });
    await store.close();
    const again = await begin();
    expect(again.had.runs()).toEqual([[0, 1]]);
    await again.store.close();
  });

  test.each<[string, () => Promise<void>]>([
    ['is gone', () => rm(paths().journal)],
    [
      'claims what is damaged',
      async () => {
        const handle = await open(paths().part, 'r+');
        await handle.write(Buffer.alloc(CHUNK_BYTES, 7), 0, CHUNK_BYTES, 0).finally(() => handle.close());
      },
    ],
  ])('FS8: so it does where the journal of that run %s', async (_what, spoil) => {
    const first = (await begin()).store;
    for (const unit of [0, 2]) await write(first, unit);
    first.wrote(0);
    await first.checkpoint();
    await first.close();
    await spoil();
    const { store } = await begin();
    failSync = () => {};
    expect((await store.checkpoint())?.units).toContain(2);
    await store.close();
    const again = await begin();
    expect(again.had.has(2)).toBe(false);
    await again.store.close();
  });

  test('FS8: a failed sync costs also what was written while it ran', async () => {
    const { store } = await begin();
    for (const unit of [0, 1]) await write(store, unit);
    store.wrote(0);
    failSync = () => store.wrote(1);
    expect(await store.checkpoint()).toMatchObject({ units: [0, 1] });
    expect(await store.checkpoint()).toBeUndefined();
    await store.close();
    expect(await claims()).toEqual([]);
  });

  test('FS9: where no file handle is left for the folder, the claims wait for one', async () => {
    const { store } = await begin();
    await write(store, 0);
    store.wrote(0);
    let failuresLeft = 5;
    failFolder = () => {
      failuresLeft -= 1;
      return failuresLeft >= 0;
    };
    expect(await store.checkpoint()).toBeUndefined();
    await store.close();
    expect(failuresLeft).toBe(-1);
    expect(await claims()).toEqual([[0, 1]]);
  });

  test('FS6: claims for which there was no room are made when there is', async () => {
    const { store } = await begin();
    await write(store, 0);
    store.wrote(0);
    isJournalFull = true;
    await expect(store.checkpoint()).rejects.toMatchObject({ code: 'DISK_FULL' });
    await expect(store.reserve([1])).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(await claims()).toEqual([]);
    isJournalFull = false;
    await store.reserve([1]);
    await store.close();
    expect(await claims()).toEqual([[0, 1]]);
    // What only has room is no chunk.
    const again = await begin();
    expect(again.had.runs()).toEqual([[0, 1]]);
    await again.store.close();
  });

  test('FS8: a file whose sync failed belongs to the next sync too', async () => {
    const { store } = await begin();
    await write(store, 0);
    store.wrote(0);
    failSync = () => {};
    expect(await store.checkpoint()).toMatchObject({ units: [0] });
    const before = syncCount;
    store.wrote(0);
    expect(await store.checkpoint()).toBeUndefined();
    // The data's, and the journal's.
    expect(syncCount - before).toBe(2);
    await store.close();
  });
});
