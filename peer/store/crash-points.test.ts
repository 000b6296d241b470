import { randomBytes } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { realDisk } from '../../common/node/disk.js';
import { type DiskChange, watchedDisk } from '../../common/testkit/watched-disk.js';
import { FetchBench } from '../testkit/fetch-bench.js';
import { seededBytes, testContent, testFolder } from '../testkit/test-content.js';
import { watchedHasher } from '../testkit/watched-hasher.js';

type Change = DiskChange | 'land';

/** Called before everything that changes the disk or makes it last; may throw what that is to fail with. */
let before: (change: Change, path: string) => Promise<void> = async () => {};

const bench = new FetchBench();
beforeEach(async () => {
  await bench.begin();
  bench.disk = watchedDisk(realDisk, (change, path) => before(change, path));
  bench.hasher = watchedHasher(bench.pool, async () => {
    try {
      await before('land', 'chunk');
      return undefined;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return { kind: 'failed', code: code ?? '', message };
    }
  });
});
afterEach(async () => {
  before = async () => {};
  await bench.end();
});
afterAll(() => bench.close());

const content = testContent(seededBytes(3 * CHUNK_BYTES + 9), { mtimeMs: 1_600_000_000_000 });
const FILES = { 'a/one': seededBytes(CHUNK_BYTES + 1, 2), 'a/two': seededBytes(7, 3), 'b/empty': Buffer.alloc(0) };
const folder = testFolder('docs', FILES);
const DEAD_LOCK = '999999999 1';

/** The folder as a process that dies now would leave it: its locks then belong to nobody that lives. */
async function snapshot(to: string): Promise<void> {
  await cp(bench.folder, to, { recursive: true });
  await endLocks(to);
}

async function endLocks(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const [, key] = /^(\.[0-9a-f]{12})\.\d+%20\d+\.\d+\.shoal-lock$/.exec(name) ?? [];
    if (key !== undefined)
      await rename(join(directory, name), join(directory, `${key}.${encodeURIComponent(DEAD_LOCK)}.1.shoal-lock`));
    else if (name.endsWith('.shoal-lock')) await writeFile(join(directory, name), DEAD_LOCK);
  }
}

const expectFile = async (at: string, bytes: Buffer) => expect(Buffer.compare(await readFile(at), bytes)).toBe(0);

describe('killed before any call that changes the disk', () => {
  test('CR1: a file: the final name is absent or exact, the next run completes and leaves nothing else', async () => {
    const peer = await bench.peer(content);
    const copies: string[] = [];
    before = async (change) => {
      const to = `${bench.folder}-${copies.length}-${change}`;
      copies.push(to);
      await snapshot(to);
    };
    await bench.fetch(content, [peer]);
    before = async () => {};
    expect(copies.length).toBeGreaterThan(10);
    for (const copy of copies) {
      const names = await readdir(copy);
      if (names.includes('file.bin')) await expectFile(join(copy, 'file.bin'), content.bytes);
      await bench.fetch(content, [peer], { directory: copy });
      await expectFile(join(copy, 'file.bin'), content.bytes);
      expect(await readdir(copy)).toEqual(['file.bin']);
    }
  });

  test('CR1: a folder: absent or whole, and the next run completes', async () => {
    const peer = await bench.peer(folder.all);
    const copies: string[] = [];
    before = async (change) => {
      const to = `${bench.folder}-${copies.length}-${change}`;
      copies.push(to);
      await snapshot(to);
    };
    await bench.fetch(folder.index, [peer]);
    before = async () => {};
    for (const copy of copies) {
      const isWhole = (await readdir(copy)).includes('docs');
      if (isWhole) for (const [path, bytes] of Object.entries(FILES)) await expectFile(join(copy, 'docs', path), bytes);
      await bench.fetch(folder.index, [peer], { directory: copy });
      for (const [path, bytes] of Object.entries(FILES)) await expectFile(join(copy, 'docs', path), bytes);
      expect(await readdir(copy)).toEqual(['docs']);
    }
  });

  test('CR3: a folder with an empty file between two that are there goes on, though nothing of the empty one is', async () => {
    const files = { a: seededBytes(9, 4), b: Buffer.alloc(0), c: seededBytes(8, 5), d: seededBytes(7, 6) };
    const gaps = testFolder('gaps', files);
    const peer = await bench.peer(gaps.all);
    const copy = `${bench.folder}-copy`;
    let isTaken = false;
    before = async (change) => {
      if (change !== 'sync') return;
      const part = (await readdir(bench.folder)).find((name) => name.endsWith('.shoal-part')) ?? 'none';
      // The index has a part of its own before, which is a file.
      const names = await readdir(join(bench.folder, part)).catch(() => []);
      // All chunks are written, and the empty file is not made before the end.
      if (isTaken || names.sort().join() !== 'a,c,d') return;
      isTaken = true;
      await snapshot(copy);
    };
    await bench.fetch(gaps.index, [peer]);
    before = async () => {};
    const part = (await readdir(copy)).find((name) => name.endsWith('.shoal-part')) ?? 'none';
    await rm(join(copy, part, 'd'));
    const result = await bench.fetch(gaps.index, [peer], { directory: copy });
    expect(result).toMatchObject({ resumedBytes: 17, fetchedBytes: 7 });
    for (const [path, bytes] of Object.entries(files)) await expectFile(join(copy, 'gaps', path), bytes);
  });

  test('RS5: killed between the last chunk and the final name, the next run fetches no chunk', async () => {
    const peer = await bench.peer(content);
    const copy = `${bench.folder}-copy`;
    before = async (change) => {
      if (change === 'link') {
        const isLock = !(await readdir(bench.folder)).some((name) => name.endsWith('.shoal-part'));
        if (!isLock) await snapshot(copy);
      }
    };
    await bench.fetch(content, [peer]);
    before = async () => {};
    const asked = peer.askedChunks().length;
    const result = await bench.fetch(content, [peer], { directory: copy });
    expect(result).toMatchObject({ fetchedBytes: 0, resumedBytes: content.bytes.length });
    expect(peer.askedChunks().length).toBe(asked);
  });

  test('CR3: what an earlier run wrote is synced before it gets its final name', async () => {
    const peer = await bench.peer(content);
    const copy = `${bench.folder}-copy`;
    before = async (change) => {
      if (change === 'sync' && (await readdir(bench.folder)).some((name) => name.endsWith('part'))) {
        await rm(copy, { recursive: true, force: true });
        await snapshot(copy);
      }
    };
    await bench.fetch(content, [peer]);
    for (const name of await readdir(copy)) if (name.endsWith('journal')) await rm(join(copy, name));
    const calls: string[] = [];
    before = async (change, path) => void calls.push(`${change} ${path.split('-').at(-1)}`);
    await bench.fetch(
      { ...content, manifest: testContent(content.bytes).manifest },
      [await bench.peer(testContent(content.bytes))],
      {
        directory: copy,
      },
    );
    // Both syncs come before the claim in the journal and before the link: data, then what is said of it.
    const claim = calls.lastIndexOf('write journal');
    const name = calls.findLastIndex((call) => call.startsWith('link ') && call.endsWith('file.bin'));
    expect(calls.slice(0, claim)).toContain('sync part');
    expect(calls.slice(claim, name)).toContain('sync journal');
  });
});

describe('a disk that fails at any call', () => {
  test.each(['ENOSPC', 'EIO', 'EACCES'])(
    'FS6: %s at each call in turn: no wrong byte under the name, and the next run completes',
    async (code) => {
      const peer = await bench.peer(content);
      let callCount = 0;
      before = async () => {
        callCount += 1;
      };
      await bench.fetch(content, [peer], { directory: await fresh('count') });
      const total = callCount;
      expect(total).toBeGreaterThan(20);
      for (let failing = 1; failing <= total; failing += 1) {
        const directory = await fresh(String(failing));
        callCount = 0;
        before = async (change) => {
          callCount += 1;
          if (callCount === failing) throw Object.assign(new Error(`${code}: told to fail ${change}`), { code });
        };
        const outcome = await bench.jumpUntilOver(bench.fetch(content, [peer], { directory }), 5000, isWaiting).then(
          () => undefined,
          (error: { exitCode?: number }) => error,
        );
        before = async () => {};
        if (outcome !== undefined) expect([1, 9, 24]).toContain(outcome.exitCode);
        await endLocks(directory);
        const names = await readdir(directory);
        if (names.includes('file.bin')) await expectFile(join(directory, 'file.bin'), content.bytes);
        await bench.fetch(content, [peer], { directory });
        await expectFile(join(directory, 'file.bin'), content.bytes);
      }
    },
  );

  const isWaiting = () => bench.eventsOf('disk-full').length > bench.eventsOf('disk-room').length;

  async function fresh(name: string): Promise<string> {
    const directory = `${bench.folder}-${name}-${randomBytes(3).toString('hex')}`;
    await mkdir(directory);
    return directory;
  }
});
