import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, mkdtemp, realpath, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { folderFromRaw } from '../../common/core/folder-index.js';
import { CHUNK_BYTES, HASH_TRIES_COUNT } from '../../common/core/limits.js';
import { manifestFromRaw } from '../../common/core/manifest.js';
import { contentRoot } from '../../common/core/root.js';
import { epochNowMs } from '../../common/node/clock.js';
import { realDisk } from '../../common/node/disk.js';
import { hashFunction } from '../../common/node/hash.js';
import { realProcesses } from '../../common/node/processes.js';
import type { Clock } from '../../common/ports/clock.js';
import { unpackMsgpack } from '../../common/wire/msgpack.js';
import { HashCache } from '../hash/hash-cache.js';
import { HashPool } from '../hash/hash-pool.js';
import { hashChunks } from './folder-bytes.js';
import { type IndexCallbacks, Indexer, type IndexerPorts } from './indexer.js';
import { manifestParts } from './manifest-parts.js';
import { scanPaths } from './scan.js';

const hash = hashFunction('blake3');
/** Timers run at once: nothing here depends on how long a pause is. */
const hastyClock: Clock = {
  nowMs: () => 0,
  setTimer(_name, _delayMs, run) {
    const immediate = setImmediate(run);
    return { cancel: () => clearImmediate(immediate) };
  },
};
let pool: HashPool;
let folder: string;
let cache: HashCache;
let notes: string[];
let hashedBytes: { cached: number; read: number };
const callbacks: IndexCallbacks = {
  hashed: (bytes, isFromCache) => {
    if (isFromCache) hashedBytes.cached += bytes;
    else hashedBytes.read += bytes;
  },
  note: (text) => notes.push(text),
};

beforeAll(() => {
  pool = new HashPool({ threadCount: 2 });
});
afterAll(() => pool.close());
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'shoal-index-')));
  cache = await HashCache.open(
    { disk: realDisk, processes: realProcesses, epochNowMs },
    { folder: join(folder, '.cache'), note: (text) => notes.push(text) },
  );
  notes = [];
  hashedBytes = { cached: 0, read: 0 };
});
afterEach(async () => {
  await cache.close();
  await rm(folder, { recursive: true, force: true });
});

function indexer(ports: Partial<IndexerPorts> = {}): Indexer {
  return new Indexer({ disk: realDisk, pool, cache: async () => cache, clock: hastyClock, ...ports }, { hashName: 'blake3' });
}

async function makeOld(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, name);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, bytes);
  await utimes(path, 1_700_000_000, 1_700_000_000);
  return path;
}

async function indexOne(path: string, ports: Partial<IndexerPorts> = {}) {
  const { files } = await scanPaths(realDisk, [path], callbacks.note);
  const [file] = files;
  if (file === undefined) throw new Error('not scanned');
  return indexer(ports).indexFile(file, callbacks);
}

describe('indexer', () => {
  // Empty: no chunk. One byte, one short of a chunk, a chunk, one more. More than one segment, and not a whole number of them.
  test.each([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 8 * 1024 * 1024, 19 * CHUNK_BYTES + 5])(
    'PW10: a file of %d bytes has the hashes and the root that hashing it in one piece gives',
    async (sizeBytes) => {
      const bytes = randomBytes(sizeBytes);
      const content = await indexOne(await makeOld('file', bytes));
      const hashes = await hashChunks(bytes, hash);
      expect(content.manifest.hashes).toEqual(hashes);
      expect(content.root).toBe(contentRoot({ sizeBytes, chunkBytes: CHUNK_BYTES, hashes }, hash));
      expect(hashedBytes).toEqual({ cached: 0, read: sizeBytes });
      const manifest = manifestFromRaw(unpackMsgpack(Buffer.concat(manifestParts(content.manifest))));
      expect(manifest).toEqual(content.manifest);
    },
  );

  test('the second time nothing is read', async () => {
    const path = await makeOld('file', randomBytes(3 * CHUNK_BYTES));
    const first = await indexOne(path);
    const refuse = () => Promise.reject(new Error('the pool was asked'));
    const second = await indexOne(path, { pool: { hash: refuse, root: refuse, threadCount: 1 } });
    expect(second.root).toBe(first.root);
    expect(hashedBytes).toEqual({ cached: 3 * CHUNK_BYTES, read: 3 * CHUNK_BYTES });
  });

  test('a folder is one more content, whose bytes name every file with its root', async () => {
    for (let index = 0; index < 150; index += 1) await makeOld(`in/${index % 7}/file ${index}`, randomBytes(index));
    await makeOld('in/large', randomBytes(12 * CHUNK_BYTES + 1));
    const scan = await scanPaths(realDisk, [join(folder, 'in')], callbacks.note);
    const [scanned] = scan.folders;
    if (scanned === undefined) throw new Error('not scanned');
    const { content, files } = await indexer().indexFolder(scanned, callbacks);
    if (content.source.kind !== 'memory') throw new Error('a folder is in memory');
    const entries = folderFromRaw(unpackMsgpack(content.source.bytes));
    expect(entries).toHaveLength(151);
    expect(entries.map(({ path, root }) => [`in/${path}`, root])).toEqual(files.map(({ name, root }) => [name, root]));
    expect(entries.every((entry) => entry.mtimeMs === 1_700_000_000_000 && entry.mode !== undefined)).toBe(true);
    expect(content.manifest).toMatchObject({ name: 'in', type: 'application/x-shoal-folder' });
    expect(content.manifest.hashes).toEqual(await hashChunks(content.source.bytes, hash));
    // The index's own chunk, one of each file that has a byte, and those of the large one.
    expect([content.holding.chunkCount, content.holding.has(162), content.holding.has(163)]).toEqual([1 + 149 + 13, true, false]);
  });

  test('SY5: a file that changes while it is hashed is hashed again, and its content is that of one state', async () => {
    const path = await makeOld('file', randomBytes(CHUNK_BYTES));
    let changes = 0;
    const meddling: IndexerPorts['pool'] = {
      threadCount: 1,
      root: (input, name) => pool.root(input, name),
      hash: async (segments, name) => {
        changes += 1;
        if (changes <= 2) await appendFile(path, 'more');
        return pool.hash(segments, name);
      },
    };
    const content = await indexOne(path, { pool: meddling });
    expect(changes).toBe(3);
    expect(content.manifest.sizeBytes).toBe(CHUNK_BYTES + 8);
    expect(hashedBytes.read).toBe(CHUNK_BYTES + 8);
  });

  test('a file that never stops changing is an error where it was given, and left out with a note in a folder', async () => {
    const path = await makeOld('in/file', randomBytes(10));
    await makeOld('in/good', randomBytes(10));
    let calls = 0;
    const meddling: IndexerPorts['pool'] = {
      threadCount: 1,
      root: (input, name) => pool.root(input, name),
      hash: async (segments, name) => {
        calls += 1;
        await appendFile(path, 'more');
        return pool.hash(segments, name);
      },
    };
    await expect(indexOne(path, { pool: meddling })).rejects.toMatchObject({ code: 'CHANGED' });
    expect(calls).toBe(HASH_TRIES_COUNT);
    const { folders } = await scanPaths(realDisk, [join(folder, 'in')], callbacks.note);
    const [scanned] = folders;
    if (scanned === undefined) throw new Error('not scanned');
    const { files } = await indexer({ pool: meddling }).indexFolder(scanned, callbacks);
    expect(files.map((file) => file.name)).toEqual(['in/good']);
    expect(notes).toHaveLength(1);
  });

  test('a file that vanishes after the scan is NOT_FOUND', async () => {
    const path = await makeOld('file', randomBytes(10));
    const { files } = await scanPaths(realDisk, [path], callbacks.note);
    await rm(path);
    const [file] = files;
    if (file === undefined) throw new Error('not scanned');
    await expect(indexer().indexFile(file, callbacks)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
