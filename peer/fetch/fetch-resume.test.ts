import { copyFile, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ShoalError } from '../../common/core/errors.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { partPaths } from '../store/part-paths.js';
import { FetchBench } from '../testkit/fetch-bench.js';
import { seededBytes, testContent } from '../testkit/test-content.js';
import { until } from '../testkit/until.js';

const bench = new FetchBench();
beforeEach(async () => {
  await bench.begin();
  // Where a fetch begins is chance; here it begins at the first chunk.
  bench.random = { below: () => 0 };
});
afterEach(() => bench.end());
afterAll(() => bench.close());

const CHUNKS = 20;
const HAD = 13;
const content = testContent(seededBytes(CHUNKS * CHUNK_BYTES));
const parts = () => partPaths(join(bench.folder, 'file.bin'), content.root);
const indexes = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at);

/** A fetch that was stopped when the first HAD chunks were there. */
async function interrupted(): Promise<void> {
  let seen = 0;
  const peer = await bench.peer(content, {
    gate: (request) => (request.verb === 'GET_CHUNK' && ++seen > HAD ? new Promise(() => {}) : Promise.resolve()),
  });
  const controller = new AbortController();
  const stopped = bench.failure(bench.fetch(content, [peer], { signal: controller.signal }));
  await bench.untilFetched(HAD * CHUNK_BYTES);
  controller.abort(new ShoalError('STOPPED', 'local', 'Stopped.'));
  expect(await stopped).toMatchObject({ code: 'STOPPED', exitCode: 7 });
  bench.events = [];
}

/** Goes on, and returns the chunks that were asked for. */
async function goOn(options = {}): Promise<number[]> {
  const peer = await bench.peer(content);
  await bench.fetch(content, [peer], options);
  expect(Buffer.compare(await bench.read('file.bin'), content.bytes)).toBe(0);
  expect(await bench.list()).toEqual(['file.bin']);
  return peer.askedChunks().sort((a, b) => a - b);
}

async function overwrite(position: number, bytes: Buffer): Promise<void> {
  const handle = await open(parts().part, 'r+');
  await handle.write(bytes, 0, bytes.length, position);
  await handle.close();
}

describe('resume', () => {
  test('fetches what is missing and nothing else', async () => {
    await interrupted();
    expect(await goOn()).toEqual(indexes(HAD, CHUNKS));
    expect(bench.eventsOf('resumed')).toEqual([{ event: 'resumed', bytes: HAD * CHUNK_BYTES, chunks: HAD, damaged: 0 }]);
  });

  test('--no-resume starts afresh', async () => {
    await interrupted();
    expect(await goOn({ isFresh: true })).toEqual(indexes(0, CHUNKS));
  });

  test('RS1: chunks that the journal claims and that are wrong or zero are found, told, and fetched again', async () => {
    await interrupted();
    await overwrite(2 * CHUNK_BYTES + 77, Buffer.from('!'));
    await overwrite(5 * CHUNK_BYTES, Buffer.alloc(CHUNK_BYTES));
    expect(await goOn()).toEqual([2, 5, ...indexes(HAD, CHUNKS)]);
    expect(bench.eventsOf('resumed')).toMatchObject([{ damaged: 2, chunks: HAD - 2 }]);
  });

  test.each([
    ['deleted', () => rm(parts().journal)],
    ['empty', () => truncate(parts().journal, 0)],
    ['torn', async () => truncate(parts().journal, (await stat(parts().journal)).size - 3)],
    ['garbage', () => writeFile(parts().journal, seededBytes(3000, 9))],
    ['of another version', async () => writeFile(parts().journal, (await readFile(parts().journal)).fill(9, 7, 8))],
  ])('RS2: with a journal that is %s, what is on disk is found all the same', async (_title, spoil) => {
    await interrupted();
    await spoil();
    expect(await goOn()).toEqual(indexes(HAD, CHUNKS));
  });

  test('RS2: with the journal of another content, what is on disk is found', async () => {
    await interrupted();
    const other = testContent(seededBytes(3 * CHUNK_BYTES, 8));
    const others = partPaths(join(bench.folder, 'file.bin'), other.root);
    await copyFile(parts().journal, others.journal);
    const peer = await bench.peer(other);
    await bench.fetch(other, [peer], { out: join(bench.folder, 'other.bin') });
    await rm(others.journal);
    await rm(join(bench.folder, 'other.bin'));
    expect(await goOn()).toEqual(indexes(HAD, CHUNKS));
  });

  test.each([
    ['shorter, in the middle of a chunk', 5.5 * CHUNK_BYTES, indexes(5, CHUNKS)],
    ['shorter, at the end of a chunk', 6 * CHUNK_BYTES, indexes(6, CHUNKS)],
    ['longer', CHUNKS * CHUNK_BYTES + 12_345, indexes(HAD, CHUNKS)],
    ['empty', 0, indexes(0, CHUNKS)],
  ])('RS3: with a part file that is %s, the good chunks of it are kept', async (_title, size, missing) => {
    await interrupted();
    await truncate(parts().part, size);
    expect(await goOn()).toEqual(missing);
  });

  test('RS3: with a part file that is gone, all is fetched', async () => {
    await interrupted();
    await rm(parts().part);
    expect(await goOn()).toEqual(indexes(0, CHUNKS));
  });

  test('RS5: with every chunk there, nothing is fetched', async () => {
    await interrupted();
    await writeFile(parts().part, content.bytes);
    expect(await goOn()).toEqual([]);
  });

  test('RS5: with every chunk there, nobody is needed; with one too few, or one that is wrong, somebody is', async () => {
    await interrupted();
    for (const bytes of [content.bytes.subarray(0, (CHUNKS - 1) * CHUNK_BYTES), Buffer.alloc(content.bytes.length)]) {
      await writeFile(parts().part, bytes);
      expect(await bench.failure(bench.fetch(content, []))).toMatchObject({ code: 'NOT_FOUND' });
    }
    await writeFile(parts().part, content.bytes);
    expect(await bench.fetch(content, [])).toMatchObject({ verified: true, fetchedBytes: 0 });
    expect(Buffer.compare(await bench.read('file.bin'), content.bytes)).toBe(0);
    expect(await bench.list()).toEqual(['file.bin']);
  });

  test('another content under the same name does not touch it', async () => {
    await interrupted();
    const other = testContent(seededBytes(3 * CHUNK_BYTES, 8));
    const peer = await bench.peer(other);
    await bench.fetch(other, [peer]);
    await rm(join(bench.folder, 'file.bin'));
    expect(await goOn()).toEqual(indexes(HAD, CHUNKS));
  });

  test('from a peer that gives no manifest, the journal has the hashes: nothing is thrown away', async () => {
    await interrupted();
    const bare = await bench.peer(content, { isBare: true });
    const result = await bench.fetch(content, [bare]);
    expect(bare.askedChunks().sort((a, b) => a - b)).toEqual(indexes(HAD, CHUNKS));
    expect(result).toMatchObject({ verified: true, resumedBytes: HAD * CHUNK_BYTES });
    expect(bench.eventsOf('unverified')).toEqual([]);
  });

  test('RS4: with another content under its name since, nothing of the old one gets into the new, which stays for who wants it', async () => {
    await interrupted();
    // Half of its chunks are as they were, at the same places.
    const bytes = Buffer.from(content.bytes);
    for (let at = 0; at < CHUNKS; at += 2) bytes[at * CHUNK_BYTES + 5] = (bytes[at * CHUNK_BYTES + 5] ?? 0) ^ 1;
    const changed = testContent(bytes);
    const peer = await bench.peer(changed);
    await bench.fetch(changed, [peer]);
    expect(Buffer.compare(await bench.read('file.bin'), bytes)).toBe(0);
    await rm(join(bench.folder, 'file.bin'));
    expect(await goOn()).toEqual(indexes(HAD, CHUNKS));
  });

  test("RS4: a part that belongs to another content, named as this one's, gives the chunks that fit and no other", async () => {
    const bytes = Buffer.from(content.bytes);
    for (let at = 0; at < CHUNKS; at += 2) bytes[at * CHUNK_BYTES + 5] = (bytes[at * CHUNK_BYTES + 5] ?? 0) ^ 1;
    await writeFile(parts().part, bytes);
    const changedChunks = indexes(0, CHUNKS).filter((at) => at % 2 === 0);
    expect(await goOn()).toEqual(changedChunks);
  });

  test('RS7: stopped a hundred times, each after a hundredth: every chunk is fetched once, and nothing piles up', async () => {
    const large = testContent(seededBytes(100 * CHUNK_BYTES));
    const asked: number[] = [];
    for (let at = 1; at < 100; at += 1) {
      let seen = 0;
      const peer = await bench.peer(large, {
        gate: (request) => (request.verb === 'GET_CHUNK' && ++seen > 1 ? new Promise(() => {}) : Promise.resolve()),
      });
      const controller = new AbortController();
      const stopped = bench.failure(bench.fetch(large, [peer], { signal: controller.signal }));
      // How far it is it tells a few times a second.
      await until('one more is here', () => {
        bench.clock.jump(25);
        return bench.eventsOf('progress').some(({ phase, doneBytes }) => phase === 'fetch' && doneBytes >= at * CHUNK_BYTES);
      });
      controller.abort(new ShoalError('STOPPED', 'local', 'Stopped.'));
      await stopped;
      asked.push(...peer.askedChunks().slice(0, 1));
      bench.events = [];
      expect((await bench.list()).length).toBe(2);
      await peer.close();
    }
    const last = await bench.peer(large);
    await bench.fetch(large, [last]);
    asked.push(...last.askedChunks());
    expect(asked.sort((a, b) => a - b)).toEqual(indexes(0, 100));
    expect(Buffer.compare(await bench.read('file.bin'), large.bytes)).toBe(0);
    expect(await bench.list()).toEqual(['file.bin']);
  });
});
