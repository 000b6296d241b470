import { randomBytes } from 'node:crypto';
import { appendFile, chmod, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { HASH_BYTES } from '../../common/core/hash.js';
import { CHUNK_BYTES, HASH_CACHE_SETTLE_MS } from '../../common/core/limits.js';
import { freshName } from '../../common/node/atomic-write.js';
import { realDisk } from '../../common/node/disk.js';
import { realProcesses } from '../../common/node/processes.js';
import { SimClock } from '../../common/sim/sim-clock.js';
import { SimDisk } from '../../common/sim/sim-disk.js';
import { SimRandom } from '../../common/sim/sim-random.js';
import type { FileIdentity } from './file-identity.js';
import { HashCache } from './hash-cache.js';

const NOW_MS = 1_800_000_000_000;
let folder: string;
let notes: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-cache-'));
  notes = [];
});
afterEach(async () => {
  await chmod(folder, 0o700).catch(() => undefined);
  await rm(folder, { recursive: true, force: true });
});

function openCache(maxBytes?: number, at = folder, nowMs = NOW_MS): Promise<HashCache> {
  const note = (text: string) => notes.push(text);
  const ports = { disk: realDisk, processes: realProcesses, epochNowMs: () => nowMs };
  return HashCache.open(ports, { folder: at, note, ...(maxBytes === undefined ? {} : { maxBytes }) });
}

/** A file that was last written long ago; nanoseconds that no double can hold. */
function fileOf(ino: number, chunks = 1, mtimeNs = 1_700_000_000_123_456_789n): FileIdentity {
  return { dev: 2049n, ino: BigInt(ino), sizeBytes: chunks * CHUNK_BYTES, mtimeNs };
}

const logPath = () => join(folder, 'hashes.log');

describe('hash cache', () => {
  test('FS6: one that cannot be begun on a full disk leaves no file open and none behind', async () => {
    const clock = new SimClock({ isAutomatic: true });
    const disk = new SimDisk(clock, new SimRandom(1));
    disk.plantFolder('/cache');
    disk.setCapacity(disk.usedBytes);
    const mount = disk.mount();
    const ports = { disk: mount, processes: realProcesses, epochNowMs: () => NOW_MS };
    const cache = await HashCache.open(ports, { folder: '/cache', note: (text) => notes.push(text) });
    await cache.close();
    expect([mount.openCount, disk.names('/cache')]).toEqual([0, []]);
    expect(notes).toEqual([expect.stringContaining('is not used')]);
  });

  test('CR5: a new log that a killed process had not finished is removed', async () => {
    const nobody = { token: '1 1', isAlive: () => false };
    await writeFile(freshName(nobody, logPath()), randomBytes(1000));
    await writeFile(freshName(realProcesses, logPath()), randomBytes(1000));
    await (await openCache()).close();
    expect(await readdir(folder)).toEqual(['hashes.log']);
    expect(notes).toEqual([]);
  });

  test('gives back what an earlier run stored, and nothing for another state of the file or another hash', async () => {
    const hashes = randomBytes(3 * HASH_BYTES);
    const first = await openCache();
    await first.store(fileOf(7, 3), 'blake3', hashes);
    await first.close();
    const second = await openCache();
    expect(await second.lookup(fileOf(7, 3), 'blake3')).toEqual(Uint8Array.from(hashes));
    expect(await second.lookup(fileOf(7, 3), 'sha256')).toBeUndefined();
    expect(await second.lookup({ ...fileOf(7, 3), mtimeNs: 1_700_000_000_123_456_788n }, 'blake3')).toBeUndefined();
    expect(await second.lookup({ ...fileOf(7, 3), sizeBytes: 3 * CHUNK_BYTES - 1 }, 'blake3')).toBeUndefined();
    expect(await second.lookup(fileOf(8, 3), 'blake3')).toBeUndefined();
    await second.close();
    expect(notes).toEqual([]);
  });

  test('keeps records that are larger than one read', async () => {
    const hashes = randomBytes(20_000 * HASH_BYTES);
    const small = randomBytes(HASH_BYTES);
    const first = await openCache();
    await first.store(fileOf(1), 'blake3', small);
    await first.store(fileOf(2, 20_000), 'blake3', hashes);
    await first.store(fileOf(3), 'blake3', small);
    await first.close();
    const second = await openCache();
    expect(Buffer.compare((await second.lookup(fileOf(2, 20_000), 'blake3')) ?? Buffer.alloc(0), hashes)).toBe(0);
    expect(await second.lookup(fileOf(3), 'blake3')).toEqual(Uint8Array.from(small));
    await second.close();
  });

  test('NW9: an hour back, the time of day makes it forget nothing and remember nothing new; an hour forth, only what is as it was', async () => {
    const hashes = randomBytes(HASH_BYTES);
    const [old, fresh] = [fileOf(1), fileOf(2, 1, BigInt(NOW_MS) * 1_000_000n)];
    const before = await openCache();
    await before.store(old, 'blake3', hashes);
    await before.close();
    const back = await openCache(undefined, folder, NOW_MS - 3_600_000);
    expect(await back.lookup(old, 'blake3')).toEqual(Uint8Array.from(hashes));
    await back.store(fresh, 'blake3', hashes);
    await back.close();
    const forth = await openCache(undefined, folder, NOW_MS + 3_600_000);
    expect(await forth.lookup(fresh, 'blake3')).toBeUndefined();
    await forth.store(fresh, 'blake3', hashes);
    await forth.close();
    const last = await openCache();
    // What is written to it from now on has the new time.
    const rewritten = { ...fresh, mtimeNs: fresh.mtimeNs + 3_600_000_000_000n };
    expect(await last.lookup(rewritten, 'blake3')).toBeUndefined();
    expect(await last.lookup(fresh, 'blake3')).toEqual(Uint8Array.from(hashes));
    await last.close();
  });

  test('does not remember a file that was written a moment ago: it could change without its times telling', async () => {
    const atLimit = BigInt(NOW_MS - HASH_CACHE_SETTLE_MS) * 1_000_000n;
    const first = await openCache();
    await first.store(fileOf(1, 1, atLimit), 'blake3', randomBytes(HASH_BYTES));
    await first.store(fileOf(2, 1, atLimit + 1_000_000n), 'blake3', randomBytes(HASH_BYTES));
    await first.close();
    const second = await openCache();
    expect(await second.lookup(fileOf(1, 1, atLimit), 'blake3')).toBeDefined();
    expect(await second.lookup(fileOf(2, 1, atLimit + 1_000_000n), 'blake3')).toBeUndefined();
    await second.close();
  });

  test.each([
    ['torn', async () => truncate(logPath(), (await stat(logPath())).size - 5)],
    ['garbled', () => appendFile(logPath(), randomBytes(700))],
    ['zeros', () => appendFile(logPath(), Buffer.alloc(5000))],
  ])('CR5: a tail that is %s is cut off, what is before it stays, and the log goes on there', async (_kind, spoil) => {
    const first = await openCache();
    await first.store(fileOf(1), 'blake3', randomBytes(HASH_BYTES));
    await first.store(fileOf(2), 'blake3', randomBytes(HASH_BYTES));
    await first.close();
    await spoil();
    const second = await openCache();
    expect(await second.lookup(fileOf(1), 'blake3')).toBeDefined();
    await second.store(fileOf(3), 'blake3', randomBytes(HASH_BYTES));
    await second.close();
    const third = await openCache();
    expect(await third.lookup(fileOf(1), 'blake3')).toBeDefined();
    expect(await third.lookup(fileOf(3), 'blake3')).toBeDefined();
    await third.close();
    expect(notes).toEqual([]);
  });

  test('CR5: a log of another version or of nonsense is begun anew', async () => {
    await writeFile(logPath(), randomBytes(3000));
    const first = await openCache();
    await first.store(fileOf(1), 'blake3', randomBytes(HASH_BYTES));
    await first.close();
    const second = await openCache();
    expect(await second.lookup(fileOf(1), 'blake3')).toBeDefined();
    await second.close();
  });

  test('two processes that append at once lose nothing', async () => {
    const [left, right] = [await openCache(), await openCache()];
    const rounds = Array.from({ length: 40 }, (_, index) => index);
    for (const index of rounds) {
      await left.store(fileOf(2 * index), 'blake3', randomBytes(HASH_BYTES));
      await right.store(fileOf(2 * index + 1), 'blake3', randomBytes(HASH_BYTES));
      await Promise.all([left.flush(), right.flush()]);
    }
    await Promise.all([left.close(), right.close()]);
    const third = await openCache();
    for (const index of rounds) {
      expect(await third.lookup(fileOf(2 * index), 'blake3')).toBeDefined();
      expect(await third.lookup(fileOf(2 * index + 1), 'blake3')).toBeDefined();
    }
    await third.close();
  });

  test('is compacted when most of it is old states of the same files, and keeps the newest', async () => {
    for (let round = 0; round < 20; round += 1) {
      const cache = await openCache(64 * 1024);
      await cache.store(fileOf(1, 40, BigInt(1_700_000_000_000_000_000 + round * 1024)), 'blake3', randomBytes(40 * HASH_BYTES));
      await cache.close();
    }
    const newestState = fileOf(1, 40, BigInt(1_700_000_000_000_000_000 + 19 * 1024));
    const cache = await openCache(64 * 1024);
    expect(await cache.lookup(newestState, 'blake3')).toBeDefined();
    await cache.close();
    expect((await readFile(logPath())).length).toBeLessThan(20 * 40 * HASH_BYTES);
  });

  test('beyond its cap the oldest half goes', async () => {
    const first = await openCache();
    for (let ino = 0; ino < 100; ino += 1) await first.store(fileOf(ino, 10), 'blake3', randomBytes(10 * HASH_BYTES));
    await first.close();
    const maxBytes = (await stat(logPath())).size - 1;
    const second = await openCache(maxBytes);
    expect(await second.lookup(fileOf(0, 10), 'blake3')).toBeUndefined();
    expect(await second.lookup(fileOf(99, 10), 'blake3')).toBeDefined();
    expect((await stat(logPath())).size).toBeLessThanOrEqual(maxBytes / 2 + 8);
    await second.close();
  });

  test('a cache folder that cannot be used costs one note and nothing else', async () => {
    await writeFile(join(folder, 'file'), '');
    const cache = await openCache(undefined, join(folder, 'file', 'cache'));
    await cache.store(fileOf(1), 'blake3', randomBytes(HASH_BYTES));
    await cache.flush();
    expect(await cache.lookup(fileOf(1), 'blake3')).toBeUndefined();
    await cache.close();
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain('hashes.log');
  });
});
