/** A disk that fills up under a fetch: it pauses, keeps what it has, and goes on by itself when there is room. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ShoalError } from '../../common/core/errors.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { realDisk } from '../../common/node/disk.js';
import { FetchBench } from '../testkit/fetch-bench.js';
import { FullDisk } from '../testkit/full-disk.js';
import { seededBytes, testContent, testFolder } from '../testkit/test-content.js';
import { until } from '../testkit/until.js';

const CHUNKS = 6;
const content = testContent(seededBytes(CHUNKS * CHUNK_BYTES - 9), { mtimeMs: 1_600_000_000_000 });
const FILES = { 'a/one': seededBytes(CHUNK_BYTES + 1, 2), 'a/two': seededBytes(7, 3), 'b/empty': Buffer.alloc(0) };
const folder = testFolder('docs', FILES);

const bench = new FetchBench();
let full: FullDisk;
beforeEach(() => bench.begin());
afterEach(() => bench.end());
afterAll(() => bench.close());

function fillUp(code: string, isFullAt: Parameters<FullDisk['fillAt']>[0]): void {
  full = new FullDisk(realDisk, bench.pool, code);
  full.fillAt(isFullAt);
  bench.disk = full.disk;
  bench.hasher = full.hasher;
}

const isOf = (path: string, what: string) => path.endsWith(`.shoal-${what}`);
const pauses = () => bench.eventsOf('disk-full').length;

/** Lets time pass until the fetch has found its disk full, and then a minute. */
async function pausedForAMinute(fetching: Promise<unknown>): Promise<void> {
  fetching.catch(() => undefined);
  await until('it waits for room', () => pauses() > 0, 5000);
  const refusedBefore = full.refusals.length;
  const looked = until('it looked for room ten times', () => full.refusals.length >= refusedBefore + 10);
  await bench.jumpUntilOver(looked, 5000);
}

/** Gives it room, and resolves with what the fetch comes to within a minute. */
function finished<T>(fetching: Promise<T>): Promise<T> {
  full.free();
  const deadlineMs = bench.clock.nowMs() + 60_000;
  return bench.jumpUntilOver(fetching, 1000, () => bench.clock.nowMs() < deadlineMs);
}

describe('a disk that fills up', () => {
  test.each([
    ['where a chunk is written', 'ENOSPC', (change: string) => change === 'land'],
    ['where a quota ends', 'EDQUOT', (change: string) => change === 'land'],
    ['where the part is made', 'ENOSPC', (change: string, path: string) => change === 'create' && isOf(path, 'part')],
    ['where the part gets its size', 'ENOSPC', (change: string, path: string) => change === 'truncate' && isOf(path, 'part')],
    ['where data is made to last', 'ENOSPC', (change: string, path: string) => change === 'sync' && isOf(path, 'part')],
    ['where the claims are written', 'ENOSPC', nth(3, (change, path) => change === 'write' && isOf(path, 'journal'))],
    ['where the claims are made to last', 'EDQUOT', nth(2, (change, path) => change === 'sync' && isOf(path, 'journal'))],
    ['where it gets its name', 'ENOSPC', (change: string, path: string) => change === 'link' && path.endsWith('file.bin')],
    ['where its name is made to last', 'ENOSPC', nth(2, (change) => change === 'sync-folder')],
  ])('FS6: %s: it waits, asks nobody for more, and goes on within a minute of room', async (_where, code, isFullAt) => {
    const peer = await bench.peer(content);
    fillUp(code, isFullAt);
    const fetching = bench.fetch(content, [peer]);
    await pausedForAMinute(fetching);
    const askedCount = peer.askedChunks().length;
    expect(pauses()).toBe(1);
    expect(bench.eventsOf('disk-room')).toEqual([]);
    await finished(fetching);
    // What was under way when it was full is asked for again, and nothing else.
    expect(askedCount).toBeLessThanOrEqual(CHUNKS);
    expect(peer.askedChunks().length).toBeLessThanOrEqual(askedCount + CHUNKS);
    expect(bench.eventsOf('disk-room')).toHaveLength(1);
    expect(pauses()).toBe(1);
    expect(Buffer.compare(await bench.read('file.bin'), content.bytes)).toBe(0);
    expect(await bench.list()).toEqual(['file.bin']);
  });
});

describe('a disk that is full', () => {
  test('FS6: at the end of all chunks costs none of them, and stays as long as it is', async () => {
    const peer = await bench.peer(content);
    fillUp(
      'ENOSPC',
      nth(3, (change, path) => change === 'write' && isOf(path, 'journal')),
    );
    const fetching = bench.fetch(content, [peer]);
    await pausedForAMinute(fetching);
    await finished(fetching);
    expect(peer.askedChunks()).toHaveLength(CHUNKS);
  });

  test('FS6: and whose user has enough: what is verified is kept, and the next run goes on with it', async () => {
    const peer = await bench.peer(content);
    let landedCount = 0;
    fillUp('ENOSPC', (change) => {
      if (change === 'land') landedCount += 1;
      return landedCount > 2;
    });
    const stop = new AbortController();
    const fetching = bench.fetch(content, [peer], { signal: stop.signal });
    await pausedForAMinute(fetching);
    stop.abort(new ShoalError('STOPPED', 'local', 'Stopped by Ctrl-C.'));
    expect(await bench.failure(fetching)).toMatchObject({ code: 'STOPPED' });
    expect(bench.clock.timerCount).toBe(0);
    full.free();
    const { resumedBytes, fetchedBytes } = await bench.fetch(content, [peer]);
    expect(resumedBytes).toBeGreaterThanOrEqual(2 * CHUNK_BYTES - 9);
    expect(resumedBytes + fetchedBytes).toBe(content.bytes.length);
  });

  test('FS6: from the beginning is an error at once, before a byte is asked for', async () => {
    const peer = await bench.peer(content);
    bench.disk = { ...realDisk, freeBytes: async () => CHUNK_BYTES };
    expect(await bench.failure(bench.fetch(content, [peer]))).toMatchObject({ code: 'DISK_FULL', exitCode: 9 });
    expect(peer.askedChunks()).toEqual([]);
    expect(await bench.list()).toEqual([]);
  });

  test.each([
    ['a folder of it is made', (change: string, path: string) => change === 'make-folder' && path.endsWith('/b'), false],
    ['an empty file of it is made', (change: string, path: string) => change === 'create' && path.endsWith('empty'), false],
    ['it gets its name', (change: string, path: string) => change === 'rename' && path.endsWith('docs'), false],
    [
      'its second file is put among others',
      (change: string, path: string) => change === 'rename' && path.endsWith('docs/a/two'),
      true,
    ],
  ])('FS6: while %s: the folder is whole in the end', async (_when, isFullAt, isMerged) => {
    const peer = await bench.peer(folder.all);
    if (isMerged) {
      await mkdir(join(bench.folder, 'docs', 'a'), { recursive: true });
      await writeFile(join(bench.folder, 'docs', 'a', 'two'), 'old');
      await writeFile(join(bench.folder, 'docs', 'mine'), 'mine');
    }
    fillUp('ENOSPC', isFullAt);
    const fetching = bench.fetch(folder.index, [peer], { isOverwrite: isMerged });
    await pausedForAMinute(fetching);
    await finished(fetching);
    for (const [path, bytes] of Object.entries(FILES)) expect((await bench.read('docs', path)).equals(bytes)).toBe(true);
    if (isMerged) expect((await bench.read('docs', 'mine')).toString()).toBe('mine');
    expect(await bench.list()).toEqual(['docs']);
  });
});

/** Holds for the `wanted`th change of which `is` does. */
function nth(wanted: number, is: (change: string, path: string) => boolean) {
  let count = 0;
  return (change: string, path: string) => {
    if (is(change, path)) count += 1;
    return count === wanted && is(change, path);
  };
}
