/** Parts that another program touches while they are written: they get no final name, and the next run mends them. */
import { mkdtemp, open, readFile, rename, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test } from '@jest/globals';
import { parseFileName } from '../../common/core/file-name.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { Catalog } from '../fetch/catalog.js';
import { HashPool } from '../hash/hash-pool.js';
import { realStorage } from '../storage-ports.js';
import { seededBytes, testContent } from '../testkit/test-content.js';
import { partPaths } from './part-paths.js';
import { PartStore } from './part-store.js';

const content = testContent(seededBytes(3 * CHUNK_BYTES + 5));
const UNITS = [0, 1, 2, 3];
const LAST = 3;
const { root, hashes } = content;
const ref = { by: 'root', root } as const;
const fileOf = (path?: string) => {
  const name = path === undefined ? undefined : parseFileName(path);
  return { path: name, sizeBytes: content.bytes.length, content: ref, root, hashName: 'blake3', hashes } as const;
};
const single = new Catalog([fileOf()]);
const pool = new HashPool({ threadCount: 1 });
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-guard-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));
afterAll(() => pool.close());

const target = () => join(folder, 'file.bin');
const paths = () => partPaths(target(), root);
const part = () => paths().part;

async function begin(catalog = single) {
  const options = { paths: paths(), root, name: 'file.bin', isFolder: catalog !== single };
  const store = await PartStore.open(realStorage, options);
  const { had } = await store.begin(catalog, false, pool, () => undefined);
  return { store, had };
}

/** Writes a unit as a worker does, through what the store has open. */
async function land(store: PartStore, unit: number, catalog = single): Promise<void> {
  const place = catalog.locate(unit);
  const fd = await store.acquire(place);
  const { position, lengthBytes } = place;
  const file = await open(`/proc/self/fd/${fd}`, 'r+');
  await file.write(content.bytes, position, lengthBytes, position).finally(() => file.close());
  store.release(place.fileIndex);
  store.wrote(unit);
}

/** What runs after something happened to the part: it is whole and right in the end. */
async function nextRunCompletes(): Promise<void> {
  const { store, had } = await begin();
  for (const unit of UNITS) if (!had.has(unit)) await land(store, unit);
  await store.publish(false);
  expect(content.bytes.equals(await readFile(target()))).toBe(true);
}

test.each([
  ['is cut', () => truncate(part(), CHUNK_BYTES)],
  ['grows', () => writeFile(part(), 'more', { flag: 'a' })],
  [
    'is replaced by a file of its size',
    async () => {
      await writeFile(`${part()}.x`, Buffer.alloc(content.bytes.length));
      await rename(`${part()}.x`, part());
    },
  ],
  ['is taken away', () => rm(part())],
])(
  'FS4, RS3: a part that %s when all of it was verified gets no name, and costs the next run what is wrong',
  async (_what, touch) => {
    if (process.platform !== 'linux') return;
    const { store } = await begin();
    for (const unit of UNITS) await land(store, unit);
    await store.checkpoint();
    await touch();
    await expect(store.publish(false)).rejects.toMatchObject({ code: 'CHANGED', message: expect.stringContaining(part()) });
    await store.close();
    await expect(stat(target())).rejects.toMatchObject({ code: 'ENOENT' });
    await nextRunCompletes();
  },
);

test('FS4: a symlink that takes the place of a part is not what gets the final name', async () => {
  if (process.platform !== 'linux') return;
  const { store } = await begin();
  for (const unit of UNITS) await land(store, unit);
  await writeFile(join(folder, 'elsewhere'), content.bytes);
  await rm(part());
  await symlink('elsewhere', part());
  await expect(store.publish(true)).rejects.toMatchObject({ code: 'CHANGED' });
  await store.close();
  await expect(stat(target())).rejects.toMatchObject({ code: 'ENOENT' });
});

test('RS3: a part that is cut is not made as long as before by its last chunk', async () => {
  if (process.platform !== 'linux') return;
  const { store } = await begin();
  for (const unit of [0, 1, 2]) await land(store, unit);
  await truncate(part(), 10);
  await expect(store.acquire(single.locate(LAST))).rejects.toMatchObject({ code: 'CHANGED' });
  await store.close();
  await nextRunCompletes();
});

test('RS3: what is whole and longer than it should be is cut, also where it has no time and no mode to get', async () => {
  const first = await begin();
  await first.store.close();
  await writeFile(part(), Buffer.concat([content.bytes, Buffer.from('more')]));
  const { store, had } = await begin();
  expect(had.count).toBe(UNITS.length);
  await store.publish(false);
  expect(content.bytes.equals(await readFile(target()))).toBe(true);
});

test('FS4: of a folder no file gets its name where one was replaced by a shorter one', async () => {
  if (process.platform !== 'linux') return;
  const album = new Catalog([fileOf('a'), fileOf('b')]);
  const { store } = await begin(album);
  for (let unit = 0; unit < album.unitCount; unit += 1) await land(store, unit, album);
  await rm(join(part(), 'a'));
  await writeFile(join(part(), 'a'), 'other');
  await expect(store.publish(false)).rejects.toMatchObject({ code: 'CHANGED' });
  await store.close();
  await expect(stat(target())).rejects.toMatchObject({ code: 'ENOENT' });
});
