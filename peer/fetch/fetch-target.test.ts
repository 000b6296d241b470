import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { link, mkdir, readdir, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { realDisk } from '../../common/node/disk.js';
import { realStorage } from '../storage-ports.js';
import { partPaths } from '../store/part-paths.js';
import { TargetLock } from '../store/target-lock.js';
import { FetchBench } from '../testkit/fetch-bench.js';
import { answerRows } from '../testkit/scripted-tracker.js';
import { seededBytes, testContent } from '../testkit/test-content.js';
import { checkFreeSpace, inspectTarget, resolveTarget } from './target.js';

const bench = new FetchBench();
beforeEach(() => bench.begin());
afterEach(() => bench.end());
afterAll(() => bench.close());

const content = testContent(seededBytes(2 * CHUNK_BYTES + 100));
const target = () => join(bench.folder, 'file.bin');
const parts = () => partPaths(target(), content.root);

describe('the target is there already', () => {
  test('CR4: the same content, named and not cleaned up behind: nothing is fetched, and leftovers are', async () => {
    const peer = await bench.peer(content);
    await writeFile(target(), content.bytes);
    await writeFile(parts().journal, 'left over');
    await link(target(), parts().part);
    const result = await bench.fetch(content, [peer]);
    expect(result).toMatchObject({ isAlreadyThere: true, fetchedBytes: 0, verified: true });
    expect(peer.askedChunks()).toEqual([]);
    expect(await bench.list()).toEqual(['file.bin']);
    expect(Buffer.compare(await bench.read('file.bin'), content.bytes)).toBe(0);
  });

  test('the same content where leftovers cannot be cleaned up: it is there all the same', async () => {
    const peer = await bench.peer(content);
    await writeFile(target(), content.bytes);
    // A live process holds the lock, which is like a folder that may not be written to, also for root.
    const lock = await TargetLock.take(realStorage, parts().lock);
    expect(await bench.fetch(content, [peer])).toMatchObject({ isAlreadyThere: true, fetchedBytes: 0 });
    await lock.release();
  });

  test('the same size and other bytes: it is not touched, exit code 13', async () => {
    const peer = await bench.peer(content);
    const mine = seededBytes(content.bytes.length, 5);
    await writeFile(target(), mine);
    const error = await bench.failure(bench.fetch(content, [peer]));
    expect(error).toMatchObject({ code: 'TARGET_EXISTS', exitCode: 13 });
    expect(error.message).toContain('--overwrite');
    expect(Buffer.compare(await bench.read('file.bin'), mine)).toBe(0);
    expect(await bench.list()).toEqual(['file.bin']);
  });

  test('--overwrite replaces it', async () => {
    const peer = await bench.peer(content);
    await writeFile(target(), 'mine');
    await bench.fetch(content, [peer], { isOverwrite: true });
    expect(Buffer.compare(await bench.read('file.bin'), content.bytes)).toBe(0);
    expect(await bench.list()).toEqual(['file.bin']);
  });

  test('--overwrite of the same content fetches nothing', async () => {
    const peer = await bench.peer(content);
    await writeFile(target(), content.bytes);
    expect(await bench.fetch(content, [peer], { isOverwrite: true })).toMatchObject({ isAlreadyThere: true });
  });

  test('CR4: --overwrite does not write into the target through a part that is the same file', async () => {
    await writeFile(target(), seededBytes(content.bytes.length, 5));
    await link(target(), parts().part);
    await writeFile(join(bench.folder, 'other name'), '');
    const keep = join(bench.folder, 'kept');
    await link(target(), keep);
    const peer = await bench.peer(content);
    await bench.fetch(content, [peer], { isOverwrite: true });
    expect(Buffer.compare(await bench.read('file.bin'), content.bytes)).toBe(0);
    expect(Buffer.compare(await bench.read('kept'), seededBytes(content.bytes.length, 5))).toBe(0);
  });

  test('it appears while the fetch runs: it is not touched either, and what was fetched is kept', async () => {
    const peer = await bench.peer(content, {
      gate: async (request) => {
        if (request.verb === 'GET_CHUNK') await writeFile(target(), 'came first');
      },
    });
    expect(await bench.failure(bench.fetch(content, [peer]))).toMatchObject({ exitCode: 13 });
    expect((await bench.read('file.bin')).toString()).toBe('came first');
    expect(Buffer.compare(await bench.read(basename(parts().part)), content.bytes)).toBe(0);
  });

  test.each([false, true])('FS4: a symlink is not followed (overwrite: %s)', async (isOverwrite) => {
    const victim = join(bench.folder, 'victim');
    await writeFile(victim, 'precious');
    await symlink(victim, target());
    const peer = await bench.peer(content);
    const fetching = bench.fetch(content, [peer], { isOverwrite });
    if (isOverwrite) await fetching;
    else expect(await bench.failure(fetching)).toMatchObject({ exitCode: 13 });
    expect((await bench.read('victim')).toString()).toBe('precious');
    if (!isOverwrite) expect(await readlink(target())).toBe(victim);
    else expect((await inspectTarget(realDisk, target())).kind).toBe('file');
  });

  test.each([false, true])('FS5: a FIFO does not hang it, and stays (overwrite: %s)', async (isOverwrite) => {
    execFileSync('mkfifo', [target()]);
    const peer = await bench.peer(content);
    expect(await bench.failure(bench.fetch(content, [peer], { isOverwrite }))).toMatchObject({ exitCode: 13 });
    expect((await stat(target())).isFIFO()).toBe(true);
  });

  test('FS5: a device in its place is told apart, and never opened', async () => {
    expect(await inspectTarget(realDisk, '/dev/null')).toEqual({ kind: 'other' });
    // A disk that would be a device wherever it is looked at: what is real is not put at risk.
    const { mode, ...rest } = await realDisk.lstat('/dev/null');
    const touched: string[] = [];
    const forbid = (call: string) => () => Promise.reject(new Error(touched.push(call).toString()));
    const isTarget = (path: string) => path === target();
    bench.disk = {
      ...realDisk,
      lstat: (path) => (isTarget(path) ? Promise.resolve({ mode, ...rest }) : realDisk.lstat(path)),
      open: (path, how, bits) => (isTarget(path) ? forbid('open')() : realDisk.open(path, how, bits)),
      rename: (from, to) => (isTarget(to) ? forbid('rename')() : realDisk.rename(from, to)),
      link: (from, to) => (isTarget(to) ? forbid('link')() : realDisk.link(from, to)),
    };
    for (const isOverwrite of [false, true]) {
      const error = await bench.failure(bench.fetch(content, [await bench.peer(content)], { isOverwrite }));
      expect(error).toMatchObject({ code: 'TARGET_EXISTS', exitCode: 13 });
    }
    expect(touched).toEqual([]);
  });

  test('FS5: a file that may not be written to is replaced with --overwrite alone', async () => {
    await writeFile(target(), 'mine', { mode: 0o444 });
    const peer = await bench.peer(content);
    expect(await bench.failure(bench.fetch(content, [peer]))).toMatchObject({ exitCode: 13 });
    expect((await bench.read('file.bin')).toString()).toBe('mine');
    await bench.fetch(content, [peer], { isOverwrite: true });
    expect(Buffer.compare(await bench.read('file.bin'), content.bytes)).toBe(0);
  });

  test.each([false, true])('FS5: a folder is not replaced by a file (overwrite: %s)', async (isOverwrite) => {
    await mkdir(join(bench.folder, 'in'));
    await mkdir(join(bench.folder, 'in', 'file.bin'));
    const peer = await bench.peer(content);
    const options = { isOverwrite, directory: join(bench.folder, 'in') };
    expect(await bench.failure(bench.fetch(content, [peer], options))).toMatchObject({ exitCode: 13 });
    expect((await inspectTarget(realDisk, join(bench.folder, 'in', 'file.bin'))).kind).toBe('folder');
  });
});

describe('what is in the way of the unfinished file', () => {
  test('FS4: a symlink in its place is refused, not followed', async () => {
    const victim = join(bench.folder, 'victim');
    await writeFile(victim, 'precious');
    await symlink(victim, parts().part);
    const peer = await bench.peer(content);
    expect(await bench.failure(bench.fetch(content, [peer]))).toMatchObject({ exitCode: 13 });
    expect((await bench.read('victim')).toString()).toBe('precious');
    expect(existsSync(target())).toBe(false);
  });

  test('FS4: a hard link in its place is not written through', async () => {
    const victim = join(bench.folder, 'victim');
    await writeFile(victim, 'precious');
    await link(victim, parts().part);
    const peer = await bench.peer(content);
    await bench.fetch(content, [peer]);
    expect((await bench.read('victim')).toString()).toBe('precious');
    expect(Buffer.compare(await bench.read('file.bin'), content.bytes)).toBe(0);
  });

  test.each(['journal', 'part'] as const)('FS5: a FIFO in place of the %s does not hang it', async (which) => {
    execFileSync('mkfifo', [parts()[which]]);
    const peer = await bench.peer(content);
    const fetching = bench.fetch(content, [peer]);
    if (which === 'part') expect(await bench.failure(fetching)).toMatchObject({ exitCode: 13 });
    else {
      await fetching;
      expect(await bench.list()).toEqual(['file.bin']);
    }
  });

  test('FS4: a symlink or hard link in place of the journal is replaced, and what it points to stays', async () => {
    const victim = join(bench.folder, 'victim');
    await writeFile(victim, 'precious');
    await symlink(victim, parts().journal);
    const peer = await bench.peer(content);
    await bench.fetch(content, [peer]);
    expect((await bench.read('victim')).toString()).toBe('precious');
    expect(await bench.list()).toEqual(['file.bin', 'victim']);
  });
});

describe('found out before a byte is fetched', () => {
  test('a folder that is not there', async () => {
    const peer = await bench.peer(content);
    const error = await bench.failure(bench.fetch(content, [peer], { out: join(bench.folder, 'no', 'x.bin') }));
    expect(error).toMatchObject({ code: 'USAGE', exitCode: 2 });
    expect(peer.askedChunks()).toEqual([]);
  });

  test('FS6: too little space: exit code 9, nothing is fetched and nothing is left behind', async () => {
    // The largest content that may be: 1 TiB less one chunk, more than is free where tests run.
    const peer = await bench.peer(content, { isBare: true });
    const sizeBytes = 2 ** 40;
    const rows = answerRows([
      { content: { ...content, bytes: { length: sizeBytes } as Buffer }, peer: peer.address, isRootless: true },
    ]);
    const tracker = await bench.tracker(rows);
    const error = await bench.failure(bench.fetchText('file.bin', { trackers: [tracker.address] }));
    expect(error).toMatchObject({ code: 'DISK_FULL', exitCode: 9 });
    expect(peer.askedChunks()).toEqual([]);
    expect(await bench.list()).toEqual([]);
  });

  test('FS10: a file system that is read-only, exit code 24', async () => {
    const peer = await bench.peer(content);
    const readOnly = Object.assign(new Error('read-only file system'), { code: 'EROFS' });
    bench.disk = {
      ...realDisk,
      checkAccess: (path, what) => (what === 'write-folder' ? Promise.reject(readOnly) : realDisk.checkAccess(path, what)),
    };
    const error = await bench.failure(bench.fetch(content, [peer]));
    expect(error).toMatchObject({ code: 'DENIED', exitCode: 24 });
    expect(error.message).toContain('is on a read-only file system');
    expect(peer.askedChunks()).toEqual([]);
    expect(await bench.list()).toEqual([]);
  });

  test('free space is compared with what is needed', async () => {
    await checkFreeSpace(realDisk, bench.folder, 0);
    await expect(checkFreeSpace(realDisk, bench.folder, Number.MAX_SAFE_INTEGER)).rejects.toMatchObject({ code: 'DISK_FULL' });
  });

  test('FS3: names up to the limit of the file system, and one byte past it', async () => {
    const long = testContent(seededBytes(10), { name: `${'ä'.repeat(127)}x` });
    const peer = await bench.peer(long);
    await bench.fetch(long, [peer]);
    expect(await bench.list()).toEqual([long.name]);
    const asked = peer.requests.length;
    const out = join(bench.folder, 'y'.repeat(256));
    expect(await bench.failure(bench.fetch(long, [peer], { out }))).toMatchObject({ code: 'USAGE' });
    // Letters of two bytes: 128 of them are one byte too many.
    const wide = join(bench.folder, 'ä'.repeat(128));
    expect(await bench.failure(bench.fetch(long, [peer], { out: wide }))).toMatchObject({ code: 'USAGE' });
    expect(peer.requests.slice(asked).filter(({ verb }) => verb === 'GET_CHUNK')).toEqual([]);
  });

  test('FS3: a path that is longer than the system takes is an error before a byte is fetched, and nothing is left', async () => {
    let deep = bench.folder;
    for (let level = 0; level < 15; level += 1) deep = join(deep, 'd'.repeat(240));
    await mkdir(deep, { recursive: true });
    const peer = await bench.peer(content);
    const out = join(deep, 'z'.repeat(255), 'file.bin');
    expect(await bench.failure(bench.fetch(content, [peer], { out }))).toMatchObject({ code: 'USAGE' });
    // The target itself fits, and what lies beside it while it is fetched does not.
    const tight = join(deep, 'e'.repeat(4095 - Buffer.byteLength(deep) - 2));
    const error = await bench.failure(bench.fetch(content, [peer], { out: tight }));
    expect(['USAGE', 'IO']).toContain(error.code);
    expect(error.message).toContain('e'.repeat(20));
    expect(peer.askedChunks()).toEqual([]);
    expect(await readdir(deep)).toEqual([]);
  });

  test('--out is a file name, an existing folder, or a folder with a slash', async () => {
    const at = (out: string | undefined) => resolveTarget(realDisk, { out, directory: bench.folder, baseName: 'b.bin' });
    expect(await at(undefined)).toBe(join(bench.folder, 'b.bin'));
    expect(await at(join(bench.folder, 'new.bin'))).toBe(join(bench.folder, 'new.bin'));
    expect(await at(bench.folder)).toBe(join(bench.folder, 'b.bin'));
    expect(await at(`${bench.folder}/`)).toBe(join(bench.folder, 'b.bin'));
    await expect(at(join(bench.folder, 'none/'))).rejects.toMatchObject({ code: 'USAGE' });
    await writeFile(join(bench.folder, 'plain'), '');
    await expect(at(join(bench.folder, 'plain', 'x'))).rejects.toMatchObject({ code: 'USAGE' });
  });
});
