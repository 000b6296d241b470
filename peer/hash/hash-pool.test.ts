import { execFileSync } from 'node:child_process';
import { mkdtemp, open, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import * as realPiscina from 'piscina';
import { HASH_BYTES } from '../../common/core/hash.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { contentRoot } from '../../common/core/root.js';
import { breathe } from '../../common/node/clock.js';
import { realDisk } from '../../common/node/disk.js';
import { hashFunction } from '../../common/node/hash.js';
import { chunkOf, seededBytes, testContent } from '../testkit/test-content.js';
import { identityOf } from './file-identity.js';
import type { Landing } from './worker-task.js';

/** The worker that new pools run; the real one unless a test says otherwise. */
let workerUrl: string | undefined;
jest.unstable_mockModule('piscina', () => ({
  ...realPiscina,
  Piscina: class extends realPiscina.Piscina {
    constructor(options: ConstructorParameters<typeof realPiscina.Piscina>[0]) {
      // A worker of the test's own has little memory, so that running out of it takes little time.
      const own = { filename: workerUrl ?? '', resourceLimits: { maxOldGenerationSizeMb: 48 } };
      super({ ...options, ...(workerUrl === undefined ? {} : own) });
    }
  },
}));
const { HashPool } = await import('./hash-pool.js');
const { hashFileRoot, hashWholeFile } = await import('./file-root.js');

let folder: string;
let pool: InstanceType<typeof HashPool>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-pool-'));
  pool = new HashPool({ threadCount: 2 });
});
afterAll(async () => {
  await pool.close();
  await rm(folder, { recursive: true, force: true });
});

const content = testContent(seededBytes(3 * CHUNK_BYTES + 7));

async function fileOf(name: string, bytes: Buffer): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

describe('hashing files', () => {
  test.each([0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 20 * CHUNK_BYTES + 1])(
    'a file of %i bytes has the root of its bytes',
    async (size) => {
      for (const hashName of ['blake3', 'sha256'] as const) {
        const expected = testContent(seededBytes(size), { hashName });
        const path = await fileOf(`whole-${size}`, expected.bytes);
        const seen: number[] = [];
        const hashes = await hashWholeFile(pool, path, size, hashName, (doneBytes) => seen.push(doneBytes));
        expect(Buffer.compare(hashes ?? Buffer.alloc(1), expected.hashes)).toBe(0);
        expect(await hashFileRoot(pool, path, size, hashName)).toBe(expected.root);
        expect(seen).toEqual([...seen].sort((a, b) => a - b));
        if (size > 0) expect(seen.at(-1)).toBe(size);
      }
    },
  );

  test('FS11: a file that is shorter, was changed, or is gone has no hashes', async () => {
    const path = await fileOf('changing', content.bytes);
    const identity = identityOf(await realDisk.lstat(path));
    const segment = { path, sizeBytes: content.bytes.length, firstChunk: 0, chunkCount: 4 };
    const kindOf = async (extra = {}) => (await pool.hash([{ ...segment, ...extra }], 'blake3'))[0]?.kind;
    expect(await kindOf({ identity })).toBe('hashed');
    expect(await kindOf({ identity: { ...identity, mtimeNs: identity.mtimeNs + 1n } })).toBe('changed');
    await truncate(path, content.bytes.length - 1);
    expect(await kindOf()).toBe('changed');
    expect(await kindOf({ identity })).toBe('changed');
    expect(await hashFileRoot(pool, path, content.bytes.length, 'blake3')).toBeUndefined();
    await rm(path);
    expect((await pool.hash([segment], 'blake3'))[0]).toMatchObject({ kind: 'failed', code: 'ENOENT' });
  });

  test('FS5: a FIFO, a symlink or a folder in place of a file fails and does not hang; the others of its task are hashed', async () => {
    const good = await fileOf('good', content.bytes);
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    await symlink(good, join(folder, 'link'));
    const paths = [join(folder, 'fifo'), join(folder, 'link'), folder, good];
    const results = await pool.hash(
      paths.map((path) => ({ path, sizeBytes: content.bytes.length, firstChunk: 0, chunkCount: 1 })),
      'blake3',
    );
    expect(results.map(({ kind }) => kind === 'hashed')).toEqual([false, false, false, true]);
  });

  test('a hole is passed over where that is asked for, and its hash is zero', async () => {
    const bytes = Buffer.from(content.bytes);
    bytes.fill(0, CHUNK_BYTES, CHUNK_BYTES + 4096);
    const path = await fileOf('holes', bytes);
    const [result] = await pool.hash(
      [{ path, sizeBytes: bytes.length, firstChunk: 0, chunkCount: 3, skipHoles: true }],
      'blake3',
    );
    const hashes = result?.kind === 'hashed' ? Buffer.from(result.hashes) : Buffer.alloc(0);
    expect(hashes.subarray(0, HASH_BYTES).equals(content.hashes.subarray(0, HASH_BYTES))).toBe(true);
    expect(hashes.subarray(HASH_BYTES, 2 * HASH_BYTES).every((byte) => byte === 0)).toBe(true);
  });
});

describe('landing chunks', () => {
  async function land(index: number, change: (landing: Landing) => Landing, spoil = false, position = 100) {
    const slot = pool.slots.take();
    if (slot === undefined) throw new Error('no slot is free');
    const chunk = chunkOf(content.bytes, index);
    slot.bytes.set(chunk, 64);
    if (spoil) slot.bytes[64 + 5] = (slot.bytes[64 + 5] ?? 0) ^ 1;
    const path = join(folder, 'landed');
    const handle = await open(path, 'w+');
    try {
      const hash = content.hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
      const landing: Landing = {
        slotOffset: slot.chunkOffset,
        lengthBytes: chunk.length,
        expectation: { by: 'hash', hash },
        fd: handle.fd,
        position,
      };
      const result = await pool.land(change(landing), 'blake3');
      const file = position > 100 ? Buffer.alloc(chunk.length) : await readFile(path);
      if (position > 100) await handle.read(file, 0, file.length, position);
      return { result, file, chunk, sizeBytes: (await handle.stat()).size };
    } finally {
      await handle.close();
      pool.slots.release(slot);
    }
  }

  test('a right chunk is written where it belongs', async () => {
    const { result, file, chunk } = await land(3, (landing) => landing);
    expect(result.kind).toBe('landed');
    expect(file.subarray(100).equals(chunk)).toBe(true);
  });

  test.each([2 ** 31 - 3, 2 ** 32 - 3, 2 ** 32 + 1, 2 ** 40])('FS12: a right chunk lands at %d, too', async (position) => {
    const { result, file, chunk, sizeBytes } = await land(3, (landing) => landing, false, position);
    expect(result.kind).toBe('landed');
    expect(file.equals(chunk)).toBe(true);
    expect(sizeBytes).toBe(position + chunk.length);
  });

  test('MP1: a wrong one never touches the disk', async () => {
    for (const by of ['hash', 'root'] as const) {
      const { root } = testContent(Buffer.from(chunkOf(content.bytes, 3)));
      const change = (landing: Landing): Landing => (by === 'hash' ? landing : { ...landing, expectation: { by, root } });
      const { result, file } = await land(3, change, true);
      expect(result).toEqual({ kind: 'mismatch' });
      expect(file.length).toBe(0);
    }
  });

  test.each(['blake3', 'sha256'] as const)('the only chunk of a content is known by its root, made by %s', async (hashName) => {
    const { root } = testContent(Buffer.from(chunkOf(content.bytes, 0)), { hashName });
    const { result } = await land(0, (landing) => ({ ...landing, expectation: { by: 'root', root } }));
    expect(result.kind).toBe('landed');
  });

  test('of what nothing is known, the hash comes back', async () => {
    const { result, chunk } = await land(1, (landing) => ({ ...landing, expectation: { by: 'nothing' } }));
    expect(result.kind === 'landed' && Buffer.from(result.hash).equals(Buffer.from(hashFunction('blake3')(chunk)))).toBe(true);
  });

  test('a descriptor that cannot be written to is told, and harms nothing else', async () => {
    const { result } = await land(1, (landing) => ({ ...landing, fd: 99_999 }));
    expect(result).toMatchObject({ kind: 'failed', code: 'EBADF' });
  });

  test('many at once land, each in its place, of both hash functions', async () => {
    const large = seededBytes(24 * 1000, 6);
    const path = join(folder, 'many');
    const handle = await open(path, 'w+');
    await Promise.all(
      Array.from({ length: 24 }, async (_, index) => {
        const slot = pool.slots.take();
        if (slot === undefined) throw new Error('no slot is free');
        const chunk = large.subarray(index * 1000, (index + 1) * 1000);
        slot.bytes.set(chunk, 64);
        const hashName = index % 3 === 0 ? 'sha256' : 'blake3';
        const expectation = { by: 'hash', hash: hashFunction(hashName)(chunk) } as const;
        const landing = { slotOffset: slot.chunkOffset, lengthBytes: 1000, expectation, fd: handle.fd, position: index * 1000 };
        expect((await pool.land(landing, hashName)).kind).toBe('landed');
        pool.slots.release(slot);
      }),
    );
    await handle.close();
    expect((await readFile(path)).equals(large)).toBe(true);
  });
});

describe('roots', () => {
  test.each([0, 1, 2048, 2049])(
    'of %i chunks: the same on this thread, where there are few, and on a worker',
    async (chunkCount) => {
      const input = {
        sizeBytes: chunkCount * CHUNK_BYTES,
        chunkBytes: CHUNK_BYTES,
        hashes: seededBytes(chunkCount * HASH_BYTES),
      };
      for (const hashName of ['blake3', 'sha256'] as const)
        expect(await pool.root(input, hashName)).toBe(contentRoot(input, hashFunction(hashName)));
    },
  );

  test('the root of a GiB is known where no worker can start, a larger one is not', async () => {
    workerUrl = pathToFileURL(join(folder, 'there-is-none.mjs')).href;
    const broken = new HashPool({ threadCount: 1 });
    workerUrl = undefined;
    const rootOf = (chunkCount: number) =>
      broken.root({ sizeBytes: 0, chunkBytes: CHUNK_BYTES, hashes: seededBytes(chunkCount * HASH_BYTES) }, 'blake3');
    expect(await rootOf(2048)).toHaveLength(64);
    await expect(rootOf(2049)).rejects.toMatchObject({ code: 'INTERNAL' });
    await broken.close();
  });
});

describe('workers that die', () => {
  let dyingCount = 0;
  const DEATHS = {
    exits: 'process.exit(3);',
    throws: "throw new Error('told to throw');",
    'throws later': "setImmediate(() => { throw new Error('told to throw'); }); return new Promise(() => {});",
    'runs out of memory': 'const all = []; for (;;) all.push(new Array(1e5).fill(all.length));',
    hangs: 'for (;;);',
  };

  /** A worker that dies at its first `count` tasks, counted in a file, and then does the real work. */
  async function dyingWorker(count: number, death: string): Promise<{ url: string; tries: () => Promise<number> }> {
    dyingCount += 1;
    const log = join(folder, `tries-${dyingCount}`);
    const source = `
      import { appendFileSync, readFileSync } from 'node:fs';
      import { runTask as run } from ${JSON.stringify(new URL('./worker.js', import.meta.url).href)};
      export function runTask(task) {
        appendFileSync(${JSON.stringify(log)}, 'x');
        if (readFileSync(${JSON.stringify(log)}).length <= ${count}) { ${death} }
        return run(task);
      }`;
    const path = join(folder, `dying-${dyingCount}.mjs`);
    await writeFile(path, source);
    return { url: pathToFileURL(path).href, tries: async () => (await readFile(log)).length };
  }

  test.each([
    ['exits', 2],
    ['exits', 3],
    ['throws', 2],
    ['throws', 3],
    ['throws later', 2],
    ['runs out of memory', 2],
    ['runs out of memory', 3],
  ] as const)('CR6: a task whose worker %s %i times is done by a fresh one, three tries in all', async (how, count) => {
    const isDone = count < 3;
    const { url, tries } = await dyingWorker(count, DEATHS[how]);
    workerUrl = url;
    const dying = new HashPool({ threadCount: 1 });
    workerUrl = undefined;
    try {
      const path = await fileOf('dying', content.bytes);
      const hashing = dying.hash([{ path, sizeBytes: content.bytes.length, firstChunk: 0, chunkCount: 4 }], 'blake3');
      if (isDone) expect(await hashing).toEqual([{ kind: 'hashed', hashes: new Uint8Array(content.hashes) }]);
      else await expect(hashing).rejects.toMatchObject({ code: 'INTERNAL' });
      expect(await tries()).toBe(Math.min(3, count + 1));
    } finally {
      await dying.close();
    }
  });

  test('CR6: a worker that hangs is waited for as a slow disk is, nothing of it counts, and a stop ends it', async () => {
    const { url, tries } = await dyingWorker(1, DEATHS.hangs);
    workerUrl = url;
    const hanging = new HashPool({ threadCount: 1 });
    workerUrl = undefined;
    const path = await fileOf('hanging', content.bytes);
    const hashing = hanging.hash([{ path, sizeBytes: content.bytes.length, firstChunk: 0, chunkCount: 4 }], 'blake3');
    const outcome = hashing.then(
      () => 'hashed',
      (error: { code?: string }) => error.code,
    );
    while ((await tries().catch(() => 0)) === 0) await breathe();
    await hanging.close();
    expect(await outcome).toBe('STOPPED');
  });

  test('CR6: where no worker can start, tasks fail and do not wait for ever', async () => {
    workerUrl = pathToFileURL(join(folder, 'there-is-none.mjs')).href;
    const broken = new HashPool({ threadCount: 2 });
    workerUrl = undefined;
    const path = await fileOf('unread', content.bytes);
    const hashing = broken.hash([{ path, sizeBytes: content.bytes.length, firstChunk: 0, chunkCount: 4 }], 'blake3');
    await expect(hashing).rejects.toMatchObject({ code: 'INTERNAL' });
    await broken.close();
  });

  test('closed while it is busy, what is under way fails, and what comes later too', async () => {
    const path = await fileOf('busy', seededBytes(8 * CHUNK_BYTES));
    const busy = new HashPool({ threadCount: 1 });
    const segment = { path, sizeBytes: 8 * CHUNK_BYTES, firstChunk: 0, chunkCount: 8 };
    const hashing = Array.from({ length: 20 }, () => busy.hash([segment], 'sha256'));
    const settled = Promise.allSettled(hashing);
    await busy.close();
    await busy.close();
    const outcomes = await settled;
    expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true);
    for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'STOPPED' });
    await expect(busy.hash([segment], 'blake3')).rejects.toMatchObject({ code: 'STOPPED' });
  });
});
