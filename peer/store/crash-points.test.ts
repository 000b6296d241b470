import { randomBytes } from 'node:crypto';
import * as real from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';

/** Called before every call that changes the disk or makes it last; may throw what the call is to fail with. */
let before: (operation: string) => Promise<void> = async () => {};

const HANDLE_CALLS = ['appendFile', 'truncate', 'datasync', 'sync', 'write', 'chmod', 'writeFile'];

function watchHandle(handle: real.FileHandle): real.FileHandle {
  return new Proxy(handle, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      if (!HANDLE_CALLS.includes(String(key))) return value.bind(target);
      return async (...args: unknown[]) => {
        await before(`handle.${String(key)}`);
        return value.apply(target, args);
      };
    },
  });
}

const { link, rename, rm, mkdir, utimes, writeFile } = real;
const watched = Object.fromEntries(
  Object.entries({ link, rename, rm, mkdir, utimes, writeFile }).map(([name, call]) => [
    name,
    async (...args: unknown[]) => {
      await before(name);
      return (call as (...all: unknown[]) => Promise<unknown>)(...args);
    },
  ]),
);
jest.unstable_mockModule('node:fs/promises', () => ({
  ...real,
  ...watched,
  open: async (...args: Parameters<typeof real.open>) => watchHandle(await real.open(...args)),
}));

const { FetchBench } = await import('../testkit/fetch-bench.js');
const { seededBytes, testContent, testFolder } = await import('../testkit/test-content.js');
const { CHUNK_BYTES } = await import('../../common/core/limits.js');

const bench = new FetchBench();
beforeEach(() => bench.begin());
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
  await real.cp(bench.folder, to, { recursive: true });
  await endLocks(to);
}

async function endLocks(directory: string): Promise<void> {
  for (const name of await real.readdir(directory)) {
    if (/\.shoal-lock\.\d+\.\d+$/.test(name)) await real.rm(join(directory, name));
    else if (/\.shoal-lock/.test(name)) await real.writeFile(join(directory, name), DEAD_LOCK);
  }
}

const expectFile = async (at: string, bytes: Buffer) => expect(Buffer.compare(await real.readFile(at), bytes)).toBe(0);

describe('killed before any call that changes the disk', () => {
  test('CR1: a file: the final name is absent or exact, the next run completes and leaves nothing else', async () => {
    const peer = await bench.peer(content);
    const copies: string[] = [];
    before = async (operation) => {
      const to = `${bench.folder}-${copies.length}-${operation}`;
      copies.push(to);
      await snapshot(to);
    };
    await bench.fetch(content, [peer]);
    before = async () => {};
    expect(copies.length).toBeGreaterThan(10);
    for (const copy of copies) {
      const names = await real.readdir(copy);
      if (names.includes('file.bin')) await expectFile(join(copy, 'file.bin'), content.bytes);
      await bench.fetch(content, [peer], { directory: copy });
      await expectFile(join(copy, 'file.bin'), content.bytes);
      expect(await real.readdir(copy)).toEqual(['file.bin']);
    }
  });

  test('CR1: a folder: absent or whole, and the next run completes', async () => {
    const peer = await bench.peer(folder.all);
    const copies: string[] = [];
    before = async (operation) => {
      const to = `${bench.folder}-${copies.length}-${operation}`;
      copies.push(to);
      await snapshot(to);
    };
    await bench.fetch(folder.index, [peer]);
    before = async () => {};
    for (const copy of copies) {
      const isWhole = (await real.readdir(copy)).includes('docs');
      if (isWhole) for (const [path, bytes] of Object.entries(FILES)) await expectFile(join(copy, 'docs', path), bytes);
      await bench.fetch(folder.index, [peer], { directory: copy });
      for (const [path, bytes] of Object.entries(FILES)) await expectFile(join(copy, 'docs', path), bytes);
      expect(await real.readdir(copy)).toEqual(['docs']);
    }
  });

  test('CR3: a folder with an empty file between two that are there goes on, though nothing of the empty one is', async () => {
    const files = { a: seededBytes(9, 4), b: Buffer.alloc(0), c: seededBytes(8, 5), d: seededBytes(7, 6) };
    const gaps = testFolder('gaps', files);
    const peer = await bench.peer(gaps.all);
    const copy = `${bench.folder}-copy`;
    let isTaken = false;
    before = async (operation) => {
      if (operation !== 'handle.datasync') return;
      const part = (await real.readdir(bench.folder)).find((name) => name.endsWith('.shoal-part')) ?? 'none';
      // The index has a part of its own before, which is a file.
      const names = await real.readdir(join(bench.folder, part)).catch(() => []);
      // All chunks are written, and the empty file is not made before the end.
      if (isTaken || names.sort().join() !== 'a,c,d') return;
      isTaken = true;
      await snapshot(copy);
    };
    await bench.fetch(gaps.index, [peer]);
    before = async () => {};
    const part = (await real.readdir(copy)).find((name) => name.endsWith('.shoal-part')) ?? 'none';
    await real.rm(join(copy, part, 'd'));
    const result = await bench.fetch(gaps.index, [peer], { directory: copy });
    expect(result).toMatchObject({ resumedBytes: 17, fetchedBytes: 7 });
    for (const [path, bytes] of Object.entries(files)) await expectFile(join(copy, 'gaps', path), bytes);
  });

  test('RS5: killed between the last chunk and the final name, the next run fetches no chunk', async () => {
    const peer = await bench.peer(content);
    const copy = `${bench.folder}-copy`;
    before = async (operation) => {
      if (operation === 'link') {
        const isLock = !(await real.readdir(bench.folder)).some((name) => name.endsWith('.shoal-part'));
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
    before = async (operation) => {
      if (operation === 'handle.datasync' && (await real.readdir(bench.folder)).some((name) => name.endsWith('part'))) {
        await real.rm(copy, { recursive: true, force: true });
        await snapshot(copy);
      }
    };
    await bench.fetch(content, [peer]);
    for (const name of await real.readdir(copy)) if (name.endsWith('journal')) await real.rm(join(copy, name));
    const calls: string[] = [];
    before = async (operation) => void calls.push(operation);
    await bench.fetch(
      { ...content, manifest: testContent(content.bytes).manifest },
      [await bench.peer(testContent(content.bytes))],
      {
        directory: copy,
      },
    );
    // Both syncs come before the claim in the journal and before the link: data, then what is said of it.
    const claim = calls.lastIndexOf('handle.appendFile');
    const name = calls.lastIndexOf('link');
    expect(calls.slice(0, claim)).toContain('handle.datasync');
    expect(claim).toBeLessThan(name);
    const syncs = calls.filter((call, at) => call === 'handle.datasync' && at < name);
    expect(syncs.length).toBeGreaterThanOrEqual(3);
  });
});

describe('a disk that fails at any call', () => {
  test.each(['ENOSPC', 'EIO', 'EACCES'])(
    'FS6: %s at each call in turn: no wrong byte under the name, and the next run completes',
    async (code) => {
      const peer = await bench.peer(content);
      let callCount = 0;
      await bench.fetch(content, [peer], { directory: await fresh('count') });
      const total = callCount;
      for (let failing = 1; failing <= total; failing += 1) {
        const directory = await fresh(String(failing));
        callCount = 0;
        before = async (operation) => {
          callCount += 1;
          if (callCount === failing) throw Object.assign(new Error(`${code}: told to fail ${operation}`), { code });
        };
        const outcome = await bench.fetch(content, [peer], { directory }).then(
          () => undefined,
          (error: { exitCode?: number }) => error,
        );
        before = async () => {};
        if (outcome !== undefined) expect([1, 9, 24]).toContain(outcome.exitCode);
        await endLocks(directory);
        const names = await real.readdir(directory);
        if (names.includes('file.bin')) await expectFile(join(directory, 'file.bin'), content.bytes);
        await bench.fetch(content, [peer], { directory });
        await expectFile(join(directory, 'file.bin'), content.bytes);
      }
    },
  );

  async function fresh(name: string): Promise<string> {
    const directory = `${bench.folder}-${name}-${randomBytes(3).toString('hex')}`;
    await real.mkdir(directory);
    return directory;
  }
});
