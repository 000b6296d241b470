import { mkdir, readdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ShoalError } from '../../common/core/errors.js';
import { parseFileName } from '../../common/core/file-name.js';
import { FOLDER_TYPE, folderToRaw } from '../../common/core/folder-index.js';
import { CHUNK_BYTES, CHUNKS_MAX_COUNT, FETCH_CHUNKS_MAX_COUNT } from '../../common/core/limits.js';
import { realDisk } from '../../common/node/disk.js';
import { rejectionCode } from '../../common/testkit/error-code.js';
import { packMsgpack } from '../../common/wire/msgpack.js';
import { partPaths } from '../store/part-paths.js';
import { FetchBench } from '../testkit/fetch-bench.js';
import { chunkOf, seededBytes, testContent, testFolder } from '../testkit/test-content.js';
import { readFolderIndex } from './fetch-folder.js';

const bench = new FetchBench();
beforeEach(() => bench.begin());
afterEach(() => bench.end());
afterAll(() => bench.close());

const FILES = {
  'a/b/c/deep.bin': seededBytes(3 * CHUNK_BYTES + 17, 3),
  'a/empty': Buffer.alloc(0),
  'a/one': seededBytes(1, 4),
  'b.txt': seededBytes(CHUNK_BYTES, 5),
  'z/last empty': Buffer.alloc(0),
};
const folder = testFolder('my folder', FILES, { mtimeMs: 1_500_000_000_000, mode: 0o640 });

async function expectFiles(files: Readonly<Record<string, Buffer>> = FILES, name = 'my folder'): Promise<void> {
  for (const [path, bytes] of Object.entries(files)) expect(Buffer.compare(await bench.read(name, path), bytes)).toBe(0);
}

describe('a folder', () => {
  test('arrives with nested paths, empty files, times and permission bits', async () => {
    const peers = [await bench.peer(folder.all), await bench.peer(folder.all)];
    const result = await bench.fetch(folder.index, peers);
    expect(result).toMatchObject({ type: 'folder', files: 5, verified: true });
    await expectFiles();
    expect(await bench.list()).toEqual(['my folder']);
    expect(((await readdir(join(bench.folder, 'my folder'), { recursive: true })) as string[]).length).toBe(9);
    for (const path of Object.keys(FILES)) {
      const stats = await stat(join(bench.folder, 'my folder', path));
      expect(stats.mtimeMs).toBe(1_500_000_000_000);
      expect(stats.mode & 0o777).toBe(0o640);
    }
  });

  test('MP7: whose manifest nobody gives is not saved as the file of its index', async () => {
    const large = Object.fromEntries(Array.from({ length: 6000 }, (_, at) => [`${'name'.repeat(20)} ${at}`, Buffer.alloc(0)]));
    for (const one of [folder, testFolder('my folder', large)]) {
      const error = await bench.failure(bench.fetch(one.index, [await bench.peer(one.all, { isBare: true })]));
      expect(error).toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('is a folder') });
      expect(await bench.list()).toEqual([]);
    }
    // What is left does not keep the whole from coming.
    await bench.fetch(folder.index, [await bench.peer(folder.all)]);
    await expectFiles();
  });

  test('keeps its times to the millisecond, so that what is shared from here has the same root', async () => {
    for (const mtimeMs of [0, 1, 999, 1_795_260_924_316, 1_795_260_924_323, 4_102_444_800_007]) {
      const timed = testFolder(`at ${mtimeMs}`, { x: Buffer.from('x') }, { mtimeMs });
      await bench.fetch(timed.index, [await bench.peer(timed.all)]);
      const { mtimeMs: nowMs } = await stat(join(bench.folder, `at ${mtimeMs}`, 'x'), { bigint: true });
      expect(Number(nowMs)).toBe(mtimeMs);
    }
  });

  test('FS2, FS3: of names that other systems do not take, and of the longest that this one does, arrives as it is', async () => {
    const longPart = `${'ä'.repeat(127)}x`;
    const longPath = `${'p'.repeat(204)}/${`${'q'.repeat(203)}/`.repeat(3)}`.padEnd(1024, 'r');
    const names = ['CON', 'nul.txt', 'COM1', 'a:b', 'dot.', 'space ', '?*<>|"', '-rf', '~', '__proto__', longPart, longPath];
    expect([Buffer.byteLength(longPart), Buffer.byteLength(longPath)]).toEqual([255, 1024]);
    const odd = Object.fromEntries(names.map((path, at) => [path, seededBytes(100 + at, at + 1)]));
    const taken = testFolder('odd', odd);
    await bench.fetch(taken.index, [await bench.peer(taken.all)]);
    await expectFiles(odd, 'odd');
    expect((await readdir(join(bench.folder, 'odd'))).length).toBe(names.length);
  });

  test('of more files than are kept open arrives whole', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 200 }, (_, at) => [`d${at % 7}/f${String(at).padStart(3, '0')}`, seededBytes(at * 31, at + 1)]),
    );
    const large = testFolder('many', many);
    const peers = [await bench.peer(large.all), await bench.peer(large.all)];
    await bench.fetch(large.index, peers);
    await expectFiles(many, 'many');
  });

  test('without any file is a folder without any file', async () => {
    const empty = testFolder('nothing', {});
    const result = await bench.fetch(empty.index, [await bench.peer(empty.all)]);
    expect(result).toMatchObject({ type: 'folder', files: 0 });
    expect(await readdir(join(bench.folder, 'nothing'))).toEqual([]);
  });

  test('that is there already is not fetched again; one changed byte and it is refused', async () => {
    const peer = await bench.peer(folder.all);
    await bench.fetch(folder.index, [peer]);
    const before = peer.askedChunks(folder.files[0]).length;
    expect(await bench.fetch(folder.index, [peer])).toMatchObject({ isAlreadyThere: true, fetchedBytes: 0 });
    expect(peer.askedChunks(folder.files[0]).length).toBe(before);
    expect(await bench.list()).toEqual(['my folder']);
    await writeFile(join(bench.folder, 'my folder', 'a/one'), '!');
    expect(await bench.failure(bench.fetch(folder.index, [peer]))).toMatchObject({ exitCode: 13 });
    expect((await bench.read('my folder', 'a/one')).toString()).toBe('!');
  });

  test('--overwrite replaces its files and leaves others alone', async () => {
    const peer = await bench.peer(folder.all);
    await mkdir(join(bench.folder, 'my folder', 'a'), { recursive: true });
    await writeFile(join(bench.folder, 'my folder', 'a/one'), 'mine');
    await writeFile(join(bench.folder, 'my folder', 'a/other'), 'stays');
    await bench.fetch(folder.index, [peer], { isOverwrite: true });
    await expectFiles();
    expect((await bench.read('my folder', 'a/other')).toString()).toBe('stays');
    expect(await bench.list()).toEqual(['my folder']);
  });

  test('FS4: --overwrite does not write through a symlink in it', async () => {
    const elsewhere = join(bench.folder, 'elsewhere');
    await mkdir(elsewhere);
    await mkdir(join(bench.folder, 'my folder'));
    await symlink(elsewhere, join(bench.folder, 'my folder', 'a'));
    const peer = await bench.peer(folder.all);
    expect(await bench.failure(bench.fetch(folder.index, [peer], { isOverwrite: true }))).toMatchObject({ exitCode: 13 });
    expect(await readdir(elsewhere)).toEqual([]);
  });

  test('FS4: a symlink among its unfinished folders is refused', async () => {
    const elsewhere = join(bench.folder, 'elsewhere');
    await mkdir(elsewhere);
    const { part } = partPaths(join(bench.folder, 'my folder'), folder.index.root);
    await mkdir(part);
    await symlink(elsewhere, join(part, 'a'));
    const peer = await bench.peer(folder.all);
    expect(await bench.failure(bench.fetch(folder.index, [peer]))).toMatchObject({ exitCode: 13 });
    expect(await readdir(elsewhere)).toEqual([]);
  });

  test.each([
    ['file', true],
    ['nothing', false],
  ])(
    'FS4: a symlink that takes the place of a folder just while a file in it is opened, and leads to %s, lets no byte out',
    async (_, isThere) => {
      const elsewhere = join(bench.folder, 'elsewhere');
      await mkdir(elsewhere);
      if (isThere) await writeFile(join(elsewhere, 'file'), 'precious');
      const files = { 'a/file': seededBytes(1000) };
      const small = testFolder('small', files);
      const inside = join(partPaths(join(bench.folder, 'small'), small.index.root).part, 'a');
      let swapCount = 0;
      bench.disk = {
        ...realDisk,
        open: async (path, how, mode) => {
          if (path !== join(inside, 'file')) return realDisk.open(path, how, mode);
          swapCount += 1;
          await rename(inside, `${inside}.away`);
          await symlink(elsewhere, inside);
          const opened = await realDisk.open(path, how, mode);
          await rm(inside);
          await rename(`${inside}.away`, inside);
          return opened;
        },
      };
      const peer = await bench.peer(small.all);
      const error = await bench.failure(bench.fetch(small.index, [peer]));
      expect(error).toMatchObject({ code: 'TARGET_EXISTS', exitCode: 13 });
      expect(swapCount).toBe(1);
      // A name may come to be there: that much is done before a system tells where a file is.
      expect(await readFile(join(elsewhere, 'file'), 'utf8')).toBe(isThere ? 'precious' : '');
      bench.disk = realDisk;
      await bench.fetch(small.index, [peer]);
      await expectFiles(files, 'small');
    },
  );

  test('RS2: a garbled index of an earlier run is fetched again', async () => {
    const { index } = partPaths(join(bench.folder, 'my folder'), folder.index.root);
    await writeFile(index, seededBytes(folder.index.bytes.length, 77));
    await bench.fetch(folder.index, [await bench.peer(folder.all)]);
    await expectFiles();
    expect(await bench.list()).toEqual(['my folder']);
  });

  test('RS6: goes on after an interruption, and asks neither for what it has nor for manifests that it knows', async () => {
    let seen = 0;
    const first = await bench.peer(folder.all, {
      gate: (request) => {
        if (request.verb !== 'GET_CHUNK') return Promise.resolve();
        const isDeep = request.content.by === 'root' && request.content.root === folder.files[0]?.root;
        return isDeep && ++seen > 2 ? new Promise(() => {}) : Promise.resolve();
      },
    });
    const controller = new AbortController();
    const stopped = bench.failure(bench.fetch(folder.index, [first], { signal: controller.signal }));
    await bench.untilFetched(2 * CHUNK_BYTES);
    controller.abort(new ShoalError('STOPPED', 'local', 'Stopped.'));
    expect(await stopped).toMatchObject({ exitCode: 7 });
    const second = await bench.peer(folder.all);
    const result = await bench.fetch(folder.index, [second]);
    expect(result.resumedBytes).toBeGreaterThanOrEqual(2 * CHUNK_BYTES);
    expect(result.resumedBytes + result.fetchedBytes).toBe(result.size);
    const askedBytes = folder.files.flatMap((file) => second.askedChunks(file).map((chunk) => chunkOf(file.bytes, chunk).length));
    expect(askedBytes.reduce((sum, bytes) => sum + bytes, 0)).toBe(result.fetchedBytes);
    const manifests = second.requests.filter(({ verb }) => verb === 'GET_MANIFEST');
    expect(manifests).toHaveLength(1);
    await expectFiles();
  });

  test('a time that no file can have is no reason to fail', async () => {
    const odd = testFolder('odd', { x: Buffer.from('x') }, { mtimeMs: 1e300 });
    await bench.fetch(odd.index, [await bench.peer(odd.all)]);
    await expectFiles({ x: Buffer.from('x') }, 'odd');
  });
});

describe('a folder index that lies', () => {
  const indexOf = (files: Parameters<typeof folderToRaw>[0]) =>
    testContent(Buffer.from(packMsgpack(folderToRaw(files))), { name: 'lies', type: FOLDER_TYPE });
  const root = testContent(Buffer.from('x')).root;
  const file = (path: string, sizeBytes = 1) => ({ path: path as ReturnType<typeof parseFileName>, sizeBytes, root });

  test.each([
    ['FS1: a path that climbs out', [file('../x')]],
    ['FS1: an absolute path', [file('/etc/x')]],
    ['FS1: a path that climbs out from below', [file('a/../../x')]],
    ['FS1: a path with an empty part', [file('a//x')]],
    ['FS1: a path that ends with a slash', [file('a/')]],
    ['FS1: no path', [file('')]],
    ['FS1: the folder itself', [file('.')]],
    ['FS1: a path of another system', [file('C:\\x')]],
    ['FS1: a path to another machine', [file('\\\\srv\\s')]],
    ['TW6: a path with a line feed', [file('a\nb')]],
    ['MF7: a path twice', [file('x'), file('x')]],
    ['MF7: a file that is a folder too', [file('a'), file('a/b')]],
    ['MF6: a file of 2^53 - 1 bytes', [file('x', Number.MAX_SAFE_INTEGER)]],
    ['MF6: files that add up to more than can be', Array.from({ length: 5 }, (_, at) => file(`f${at}`, 2 ** 40))],
  ])('%s is refused, and nothing is written outside', async (_title, files) => {
    const index = indexOf(files);
    const error = await bench.failure(bench.fetch(index, [await bench.peer(index)]));
    expect(['PROTOCOL', 'BAD_REQUEST']).toContain(error.code);
    expect((await bench.list()).filter((name) => !name.startsWith('.'))).toEqual([]);
  });

  test('an empty file with the root of something else is refused', async () => {
    const index = indexOf([{ path: parseFileName('x'), sizeBytes: 0, root }]);
    const error = await bench.failure(bench.fetch(index, [await bench.peer(index)]));
    expect(error).toMatchObject({ code: 'VERIFY_FAILED', exitCode: 32 });
  });
});

test('a folder on disk is told from another by its bytes, not by its times', async () => {
  const peer = await bench.peer(folder.all);
  await bench.fetch(folder.index, [peer]);
  await utimes(join(bench.folder, 'my folder', 'b.txt'), 1, 1);
  expect(await bench.fetch(folder.index, [peer])).toMatchObject({ isAlreadyThere: true });
});

test('an index may name as many chunks as a fetch may have, with its own, and none more', async () => {
  const indexBytes = seededBytes(CHUNK_BYTES + 1, 9);
  await writeFile(join(bench.folder, 'index'), indexBytes);
  const sizes = Array.from({ length: FETCH_CHUNKS_MAX_COUNT / CHUNKS_MAX_COUNT }, () => CHUNKS_MAX_COUNT * CHUNK_BYTES);
  const read = (lastBytes: number) => {
    const files = [...sizes.slice(1), lastBytes].map((sizeBytes, at) => ({
      path: parseFileName(`${at}`),
      sizeBytes,
      root: folder.index.root,
    }));
    return readFolderIndex({ disk: realDisk, pool: { readFolder: async () => files } }, join(bench.folder, 'index'));
  };
  const mostBytes = (CHUNKS_MAX_COUNT - 2) * CHUNK_BYTES;
  expect((await read(mostBytes)).files).toHaveLength(sizes.length);
  expect(await rejectionCode(read(mostBytes + 1))).toBe('PROTOCOL');
});
