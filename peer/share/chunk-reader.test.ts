import { randomBytes } from 'node:crypto';
import { appendFile, mkdtemp, open, realpath, rename, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { chunkCount, chunkSpan } from '../../common/core/chunks.js';
import { parseFileName } from '../../common/core/file-name.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import type { ContentRoot } from '../../common/core/root.js';
import { realDisk } from '../../common/node/disk.js';
import { rejectionCode } from '../../common/testkit/error-code.js';
import { identityOf } from '../hash/file-identity.js';
import { turn } from '../testkit/until.js';
import { ChunkReader } from './chunk-reader.js';
import { fullHolding } from './holding.js';
import type { FileSource, SharedContent } from './shared-content.js';

let folder: string;
let changed: SharedContent[];
let reader: ChunkReader;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'shoal-read-')));
  changed = [];
  reader = new ChunkReader(realDisk, { changed: (content) => changed.push(content), openFilesMaxCount: 2 });
});
afterEach(async () => {
  reader.close();
  await rm(folder, { recursive: true, force: true });
});

async function share(name: string, bytes: Uint8Array): Promise<SharedContent> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return contentAt(path, name, bytes.length);
}

async function contentAt(path: string, name: string, sizeBytes: number): Promise<SharedContent> {
  const identity = identityOf(await realDisk.lstat(path));
  const manifest = {
    name: parseFileName(name),
    sizeBytes,
    chunkBytes: CHUNK_BYTES,
    hashName: 'blake3' as const,
    hashes: new Uint8Array(0),
  };
  const root = '0'.repeat(64) as ContentRoot;
  return {
    name: manifest.name,
    root,
    manifest,
    source: { kind: 'file', path, identity },
    holding: fullHolding(chunkCount(sizeBytes)),
  };
}

const memory = () => new Uint8Array(CHUNK_BYTES);
const readChunk = (content: SharedContent, chunkIndex: number, into = memory()) =>
  reader.read(content, chunkSpan(chunkIndex, content.manifest.sizeBytes), into);

describe('chunk reader', () => {
  test('reads whole chunks, the short last one, and chunks of a content in memory', async () => {
    const bytes = randomBytes(2 * CHUNK_BYTES + 7);
    const content = await share('file', bytes);
    const into = memory();
    await readChunk(content, 1, into);
    expect(Buffer.compare(into, bytes.subarray(CHUNK_BYTES, 2 * CHUNK_BYTES))).toBe(0);
    await readChunk(content, 2, into);
    expect(into.subarray(0, 7)).toEqual(Uint8Array.from(bytes.subarray(2 * CHUNK_BYTES)));
    await readChunk({ ...content, source: { kind: 'memory', bytes } }, 2, into.fill(0));
    expect(into.subarray(0, 8)).toEqual(Uint8Array.of(...bytes.subarray(2 * CHUNK_BYTES), 0));
  });

  test('waits while this process itself mends the file, and reads it in its new state', async () => {
    const bytes = randomBytes(CHUNK_BYTES + 7);
    const content = await share('file', bytes);
    const source = content.source as FileSource;
    let over = () => {};
    source.mending = new Promise<void>((resolve) => {
      over = resolve;
    });
    await utimes(source.path, 1, 1);
    let isRead = false;
    const into = memory();
    const reading = readChunk(content, 0, into).finally(() => {
      isRead = true;
    });
    await turn();
    expect(isRead).toBe(false);
    source.identity = identityOf(await realDisk.lstat(source.path));
    source.mending = undefined;
    over();
    await reading;
    expect(Buffer.compare(into, bytes.subarray(0, CHUNK_BYTES))).toBe(0);
    expect(changed).toEqual([]);
  });

  test('reads a span that lies in two chunks, of a file and of a content in memory', async () => {
    const bytes = randomBytes(2 * CHUNK_BYTES + 7);
    const content = await share('file', bytes);
    const span = { offset: CHUNK_BYTES - 3, lengthBytes: 10 };
    for (const one of [content, { ...content, source: { kind: 'memory' as const, bytes } }]) {
      const into = new Uint8Array(12);
      await reader.read(one, span, into);
      expect(into).toEqual(Uint8Array.of(...bytes.subarray(CHUNK_BYTES - 3, CHUNK_BYTES + 7), 0, 0));
    }
  });

  test.each([
    ['appended to', (path: string) => appendFile(path, 'x')],
    ['truncated', (path: string) => truncate(path, 5)],
    ['deleted', (path: string) => rm(path)],
    [
      'turned into a symlink',
      async (path: string) => {
        await rename(path, `${path}.was`);
        await symlink(`${path}.was`, path);
      },
    ],
    [
      'edited in place',
      async (path: string) => {
        const handle = await open(path, 'r+');
        await handle.write('X', 3);
        await handle.utimes(1, 1);
        await handle.close();
      },
    ],
  ])('PW9, FS11: a file that was %s is not served, and reported once', async (_how, meddle) => {
    const content = await share('file', randomBytes(100));
    await meddle(join(folder, 'file'));
    await expect(readChunk(content, 0)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(changed).toEqual([content]);
  });

  test('PW9: a file that changes between two reads is not served from the open handle either', async () => {
    const content = await share('file', randomBytes(2 * CHUNK_BYTES));
    await readChunk(content, 0);
    await truncate(join(folder, 'file'), CHUNK_BYTES + 5);
    await expect(readChunk(content, 1)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('FS12: a chunk on either side of 2 GiB and of 4 GiB is the one that was written there', async () => {
    const path = join(folder, 'sparse');
    const sizeBytes = 2 ** 32 + 2 * CHUNK_BYTES + 5;
    const handle = await open(path, 'w');
    await handle.truncate(sizeBytes);
    const chunkAt = (position: number) => position / CHUNK_BYTES;
    const chunks = [2 ** 31, 2 ** 32].flatMap((edge) => [chunkAt(edge) - 1, chunkAt(edge)]).concat(chunkAt(2 ** 32) + 2);
    for (const chunk of chunks) await handle.write(Buffer.from(`n${String(chunk).padStart(4, '0')}`), 0, 5, chunk * CHUNK_BYTES);
    await handle.close();
    const content = await contentAt(path, 'sparse', sizeBytes);
    for (const chunk of chunks) {
      const into = memory();
      await readChunk(content, chunk, into);
      expect(Buffer.from(into.subarray(0, 5)).toString()).toBe(`n${String(chunk).padStart(4, '0')}`);
    }
  });

  test('a file that took the place of another is served under its own state, though the old one is still open', async () => {
    const former = await share('file', randomBytes(10));
    await readChunk(former, 0);
    await writeFile(join(folder, 'next'), randomBytes(20));
    await rename(join(folder, 'next'), join(folder, 'file'));
    const content = await contentAt(join(folder, 'file'), 'file', 20);
    await readChunk(content, 0);
    expect(changed).toEqual([]);
  });

  test('FS9: many more files than may be open at once are all read', async () => {
    const contents = await Promise.all(Array.from({ length: 30 }, (_, index) => share(`file${index}`, randomBytes(index + 1))));
    const bodies = contents.map(() => memory());
    await Promise.all(contents.map((content, at) => readChunk(content, 0, bodies[at])));
    // Random bytes of which the last may be zero; what is behind them is.
    expect(bodies.map((body, at) => body.subarray(at + 1).every((byte) => byte === 0))).toEqual(contents.map(() => true));
    expect(bodies.filter((body) => body.some((byte) => byte !== 0)).length).toBeGreaterThan(25);
  });

  test('a part that is on its way to its final name is no change of a content: whoever asks is told to ask again', async () => {
    const whole = await share('part', randomBytes(CHUNK_BYTES));
    const part: SharedContent = { ...whole, source: { kind: 'part', path: join(folder, 'part') } };
    await readChunk(part, 0);
    await rename(join(folder, 'part'), join(folder, 'final'));
    reader.forget(part);
    expect(await rejectionCode(readChunk(part, 0))).toBe('BUSY');
    expect(changed).toEqual([]);
  });
});
