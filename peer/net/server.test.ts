import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, realpath, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseFileName } from '../../common/core/file-name.js';
import {
  BAD_LINES_MAX_COUNT,
  CHUNK_BYTES,
  HAVE_NEWS_GATHER_MS,
  LINE_DEADLINE_MS,
  LINE_MAX_BYTES,
  STREAM_IDLE_MS,
  WRITE_STALL_MS,
} from '../../common/core/limits.js';
import { manifestFromRaw } from '../../common/core/manifest.js';
import type { ContentRoot } from '../../common/core/root.js';
import { realDisk } from '../../common/node/disk.js';
import { tcpListener } from '../../common/node/tcp.js';
import type { Clock, Timer } from '../../common/ports/clock.js';
import { unpackMsgpack } from '../../common/wire/msgpack.js';
import { identityOf } from '../hash/file-identity.js';
import { ChunkReader } from '../share/chunk-reader.js';
import { fullHolding } from '../share/holding.js';
import { ShareIndex } from '../share/share-index.js';
import type { SharedContent } from '../share/shared-content.js';
import { RawClient } from '../testkit/raw-client.js';
import { ScriptedHolding } from '../testkit/scripted-holding.js';
import { LINGER_MS } from './serve-session.js';
import { ChunkServer, type ServerOptions } from './server.js';

/** Time that passes when the test says so. */
class HandClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Map<object, { atMs: number; run: () => void }>();

  nowMs(): number {
    return this.#nowMs;
  }

  setTimer(_name: string, delayMs: number, run: () => void): Timer {
    const key = {};
    this.#timers.set(key, { atMs: this.#nowMs + delayMs, run });
    return { cancel: () => this.#timers.delete(key) };
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    for (const [key, timer] of [...this.#timers]) {
      if (timer.atMs > this.#nowMs) continue;
      this.#timers.delete(key);
      timer.run();
    }
  }
}

let folder: string;
let clock: HandClock;
let index: ShareIndex;
let reader: ChunkReader;
let server: ChunkServer;
let clients: RawClient[];
let readCount: number;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'shoal-serve-')));
  clock = new HandClock();
  index = new ShareIndex();
  reader = new ChunkReader(realDisk, { changed: (content) => index.remove(content) });
  clients = [];
  readCount = 0;
  await listen();
});
afterEach(async () => {
  for (const client of clients) client.socket.destroy();
  await server.close();
  reader.close();
  await rm(folder, { recursive: true, force: true });
});

async function listen(options: Partial<ServerOptions> = {}): Promise<void> {
  await server?.close();
  const counting: Pick<ChunkReader, 'read'> = {
    read: (content, span, into) => {
      readCount += 1;
      if (content.name === 'broken') throw new Error('a mistake of ours');
      return reader.read(content, span, into);
    },
  };
  server = await ChunkServer.listen(
    { listener: tcpListener, clock, index, reader: counting },
    { host: '127.0.0.1', port: 0, ...options },
  );
}

async function client(): Promise<RawClient> {
  const made = new RawClient(server.local.port);
  clients.push(made);
  await once(made.socket, 'connect');
  return made;
}

async function share(name: string, bytes: Uint8Array, more: Partial<SharedContent> = {}): Promise<SharedContent> {
  const path = join(folder, name.replaceAll('/', '_'));
  await writeFile(path, bytes);
  const identity = identityOf(await realDisk.lstat(path));
  const hashes = randomBytes(32 * Math.ceil(bytes.length / CHUNK_BYTES));
  const manifest = {
    name: parseFileName(name),
    sizeBytes: bytes.length,
    chunkBytes: CHUNK_BYTES,
    hashName: 'blake3' as const,
    hashes,
  };
  const root = createHash('sha256').update(bytes).digest('hex') as ContentRoot;
  const content = {
    name: manifest.name,
    root,
    manifest,
    source: { kind: 'file' as const, path, identity },
    holding: fullHolding(hashes.length / 32),
    ...more,
  };
  index.add(content);
  return content;
}

describe('server', () => {
  test('PW10: serves chunks by name and by root, the short last one, and answers in order when pipelined', async () => {
    const bytes = randomBytes(2 * CHUNK_BYTES + 1);
    const content = await share('a b/ü', bytes);
    const small = await share('small', Buffer.from('hello'));
    const fetcher = await client();
    fetcher.socket.write(
      `GET_CHUNK a%20b/ü 2\r\nget_chunk @${content.root} 1\n\nGET_CHUNK small 0\nGET_CHUNK @${content.root} 0\n`,
    );
    expect(await fetcher.body()).toEqual(bytes.subarray(2 * CHUNK_BYTES));
    expect(Buffer.compare(await fetcher.body(), bytes.subarray(CHUNK_BYTES, 2 * CHUNK_BYTES))).toBe(0);
    expect((await fetcher.body()).toString()).toBe('hello');
    expect(Buffer.compare(await fetcher.body(), bytes.subarray(0, CHUNK_BYTES))).toBe(0);
    expect(small.manifest.sizeBytes).toBe(5);
  });

  test('serves a manifest of many slices, and goes on', async () => {
    const content = await share('file', Buffer.from('x'));
    const manifest = { ...content.manifest, sizeBytes: 40_000 * CHUNK_BYTES, hashes: randomBytes(40_000 * 32) };
    index.add({ ...content, manifest });
    await share('other', Buffer.from('y'));
    const fetcher = await client();
    fetcher.socket.write('GET_MANIFEST file\nGET_CHUNK other 0\nGET_MANIFEST other\n');
    const got = manifestFromRaw(unpackMsgpack(await fetcher.body()));
    expect(got.sizeBytes).toBe(manifest.sizeBytes);
    expect(Buffer.compare(got.hashes, manifest.hashes)).toBe(0);
    expect((await fetcher.body()).toString()).toBe('y');
    expect(manifestFromRaw(unpackMsgpack(await fetcher.body())).name).toBe('other');
  });

  test('PW1: what is not shared and what may never be gets one and the same answer', async () => {
    await share('file', Buffer.from('x'));
    const fetcher = await client();
    const names = [
      'absent',
      '../../etc/passwd',
      '/etc/passwd',
      '..\\x',
      '%2e%2e',
      '%2e%2e/%2e%2e/etc/passwd',
      `@${'0'.repeat(64)}`,
      'file/',
      './file',
    ];
    for (const name of names) fetcher.socket.write(`GET_CHUNK ${name} 0\nGET_MANIFEST ${name}\n`);
    const lines = new Set<string>();
    for (let left = 2 * names.length; left > 0; left -= 1) lines.add(await fetcher.line());
    expect([...lines]).toEqual(['ERR NOT_FOUND This is not shared here.']);
    expect(readCount).toBe(0);
  });

  test('PW2: a chunk id that is none, or past the end, is one ERR line, nothing is read, and the stream goes on', async () => {
    await share('file', Buffer.from('x'));
    await share('empty', Buffer.alloc(0));
    for (const id of ['-1', '1.5', '1e3', '9007199254740992', 'NaN', '00', '1', '2097151', '2097152', '']) {
      const fetcher = await client();
      fetcher.socket.write(`GET_CHUNK file ${id}\n`);
      expect(await fetcher.line()).toMatch(/^ERR (BAD_REQUEST|NOT_FOUND) /);
      expect(readCount).toBe(0);
      fetcher.socket.write('GET_CHUNK file 0\n');
      expect((await fetcher.body()).toString()).toBe('x');
      readCount = 0;
      fetcher.socket.destroy();
    }
    const fetcher = await client();
    fetcher.socket.write('GET_CHUNK empty 0\n');
    expect(await fetcher.line()).toMatch(/^ERR NOT_FOUND /);
  });

  test('a chunk that is not here yet is NOT_FOUND', async () => {
    const holding = new ScriptedHolding(2);
    holding.gain(1);
    await share('file', randomBytes(2 * CHUNK_BYTES), { holding });
    const fetcher = await client();
    fetcher.socket.write('GET_CHUNK file 0\nGET_CHUNK file 1\n');
    expect(await fetcher.line()).toMatch(/^ERR NOT_FOUND /);
    expect(await fetcher.body()).toHaveLength(CHUNK_BYTES);
  });

  test('a stranger that asks what is here gets a bitfield, its chunks, and then lines of news between them', async () => {
    const holding = new ScriptedHolding(10);
    holding.gain(0, 8);
    const bytes = randomBytes(10 * CHUNK_BYTES);
    const seen: string[] = [];
    await listen({ id: '00000000000000aa', peerSeen: (root, { ip, port }) => seen.push(`${root} ${ip} ${port}`) });
    const content = await share('file', bytes, { holding });
    await share('empty', Buffer.alloc(0));
    const fetcher = await client();
    fetcher.socket.write('have file port=4701 id=00000000000000bb\nGET_CHUNK file 8\nGET_CHUNK file 1\nHAVE empty\n');
    expect(await fetcher.body()).toEqual(Buffer.of(0x80, 0x80));
    expect(Buffer.compare(await fetcher.body(), bytes.subarray(8 * CHUNK_BYTES, 9 * CHUNK_BYTES))).toBe(0);
    expect(await fetcher.line()).toBe('ERR NOT_FOUND This chunk is not here.');
    expect(await fetcher.body()).toHaveLength(0);
    holding.gain(1, 2, 5);
    clock.advance(HAVE_NEWS_GATHER_MS);
    expect(await fetcher.line()).toBe(`HAVE @${content.root} 1-2,5`);
    holding.gain(9);
    fetcher.socket.write(`GET_CHUNK @${content.root} 9\nHAVE file id=00000000000000aa\n`);
    expect(await fetcher.line()).toBe(`HAVE @${content.root} 9`);
    expect(Buffer.compare(await fetcher.body(), bytes.subarray(9 * CHUNK_BYTES))).toBe(0);
    expect(await fetcher.line()).toBe('ERR DENIED This is you.');
    expect(seen).toEqual([`${content.root} 127.0.0.1 4701`]);
    const silent = await client();
    silent.socket.write('GET_CHUNK file 0\nGET_MANIFEST file\n');
    holding.gain(3);
    clock.advance(HAVE_NEWS_GATHER_MS);
    expect(await silent.body()).toHaveLength(CHUNK_BYTES);
    expect(manifestFromRaw(unpackMsgpack(await silent.body())).name).toBe('file');
  });

  test('PW9: of a file that was truncated no byte is sent, and the stream goes on', async () => {
    await share('file', randomBytes(2 * CHUNK_BYTES));
    await share('other', Buffer.from('x'));
    await truncate(join(folder, 'file'), CHUNK_BYTES + 1);
    const fetcher = await client();
    fetcher.socket.write('GET_CHUNK file 0\nGET_CHUNK other 0\nGET_CHUNK file 1\n');
    expect(await fetcher.line()).toBe('ERR NOT_FOUND The file has changed since it was shared.');
    expect((await fetcher.body()).toString()).toBe('x');
    expect(await fetcher.line()).toMatch(/^ERR NOT_FOUND /);
  });

  test('PW12: ten thousand requests of a fetcher that does not read stop the reading; when it reads, the replies come', async () => {
    await share('file', randomBytes(CHUNK_BYTES));
    const fetcher = await client();
    fetcher.socket.pause();
    fetcher.socket.write('GET_CHUNK file 0\n'.repeat(10_000));
    const other = await client();
    // Answers to somebody else mark time: the first fetcher's reads have stopped when several rounds bring none.
    for (let [before, still] = [-1, 0]; still < 20; still = readCount - before === 1 ? still + 1 : 0) {
      before = readCount;
      other.socket.write('GET_CHUNK file 0\n');
      await other.body();
    }
    expect(fetcher.socket.bytesWritten).toBeGreaterThan(0);
    const readBefore = readCount;
    expect(readBefore).toBeLessThan(200);
    fetcher.socket.resume();
    for (let left = 300; left > 0; left -= 1) expect(await fetcher.body()).toHaveLength(CHUNK_BYTES);
    expect(readCount).toBeGreaterThanOrEqual(300);
  });

  test('MX2: a fetcher that takes nothing is cut off when the write deadline has passed, and not before', async () => {
    await share('file', randomBytes(CHUNK_BYTES));
    const fetcher = await client();
    fetcher.socket.pause();
    fetcher.socket.write('GET_CHUNK file 0\n'.repeat(200));
    const other = await client();
    for (let [before, still] = [-1, 0]; still < 20; still = readCount - before === 1 ? still + 1 : 0) {
      before = readCount;
      other.socket.write('GET_CHUNK file 0\n');
      await other.body();
    }
    clock.advance(1000);
    clock.advance(WRITE_STALL_MS - 1);
    other.socket.write('GET_CHUNK file 0\n');
    await other.body();
    expect(server.streamCount).toBe(2);
    clock.advance(2);
    clock.advance(1000);
    while (server.streamCount > 1) {
      other.socket.write('GET_CHUNK file 0\n');
      await other.body();
    }
    expect(other.isClosed).toBe(false);
  });

  test('a line that is not finished in time, and a stream that asks for nothing, are closed', async () => {
    const [slow, idle] = [await client(), await client()];
    await share('file', Buffer.from('x'));
    slow.socket.write('GET_CHUNK file 0\nGET_CH');
    idle.socket.write('GET_CHUNK file 0\n');
    await Promise.all([slow.body(), idle.body()]);
    clock.advance(LINE_DEADLINE_MS);
    expect(slow.isClosed).toBe(false);
    clock.advance(1000);
    await slow.closed();
    expect(idle.isClosed).toBe(false);
    clock.advance(STREAM_IDLE_MS);
    await idle.closed();
  });

  test.each([
    ['HTTP', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(BAD_LINES_MAX_COUNT)],
    [
      'binary junk',
      Buffer.concat(Array.from({ length: BAD_LINES_MAX_COUNT }, () => Buffer.from([0x16, 0x03, 0x01, 0xff, 0x0a]))),
    ],
    ['unknown commands', 'HELLO\n'.repeat(BAD_LINES_MAX_COUNT)],
  ])('TW19: %s gets short ERR lines, and after some of them the end', async (_what, bytes) => {
    const fetcher = await client();
    fetcher.socket.write(bytes);
    for (let left = BAD_LINES_MAX_COUNT; left > 0; left -= 1) expect(await fetcher.line()).toMatch(/^ERR [A-Z_]+ .{1,400}$/);
    await fetcher.closed();
  });

  test('TW1: a line without end gets one ERR, and the end', async () => {
    const fetcher = await client();
    fetcher.socket.write('x'.repeat(LINE_MAX_BYTES));
    expect(await fetcher.line()).toMatch(/^ERR TOO_LONG /);
    await fetcher.closed();
  });

  test('TW16: a fetcher that half-closes after its requests gets all replies, then the end', async () => {
    await share('file', randomBytes(CHUNK_BYTES));
    const fetcher = await client();
    fetcher.socket.end('GET_CHUNK file 0\n'.repeat(10));
    for (let left = 10; left > 0; left -= 1) expect(await fetcher.body()).toHaveLength(CHUNK_BYTES);
    await fetcher.closed();
  });

  test('MX1: streams beyond the cap are refused, and a place that becomes free is given again', async () => {
    await listen({ streamsMaxCount: 2 });
    await share('file', Buffer.from('x'));
    const [first, second] = [await client(), await client()];
    const third = await client();
    expect(await third.line()).toMatch(/^ERR BUSY /);
    await third.closed();
    third.socket.destroy();
    first.socket.destroy();
    second.socket.write('GET_CHUNK file 0\n');
    await second.body();
    while (server.streamCount > 1) {
      second.socket.write('GET_CHUNK file 0\n');
      await second.body();
    }
    const fourth = await client();
    fourth.socket.write('GET_CHUNK file 0\n');
    expect((await fourth.body()).toString()).toBe('x');
  });

  test('MX1: who was refused and does not go is cut off', async () => {
    await listen({ streamsMaxCount: 1 });
    const [first, second] = [await client(), await client()];
    expect(await second.line()).toMatch(/^ERR BUSY /);
    expect(server.streamCount).toBe(2);
    for (let left = LINGER_MS / 1000 + 2; left > 0; left -= 1) clock.advance(1000);
    first.socket.write('GET_CHUNK nothing 0\n');
    while (server.streamCount > 1) {
      first.socket.write('GET_CHUNK nothing 0\n');
      expect(await first.line()).toMatch(/^ERR NOT_FOUND /);
    }
    expect(first.isClosed).toBe(false);
  });

  test('CR7: a mistake of ours in one stream costs that stream alone', async () => {
    const mistake = () => {
      throw new Error('a mistake of ours');
    };
    await listen({ peerSeen: mistake });
    await share('broken', Buffer.from('x'));
    await share('file', Buffer.from('y'));
    const [bad, good] = [await client(), await client()];
    bad.socket.write('GET_CHUNK broken 0\n');
    expect(await bad.line()).toBe('ERR INTERNAL This peer could not serve it.');
    bad.socket.write('HAVE file port=4\n');
    await bad.closed();
    good.socket.write('GET_CHUNK file 0\n');
    expect((await good.body()).toString()).toBe('y');
  });

  test('TW18: resets in the middle of replies leave nothing open', async () => {
    await share('file', randomBytes(CHUNK_BYTES));
    for (let round = 0; round < 50; round += 1) {
      const fetcher = await client();
      fetcher.socket.write('GET_CHUNK file 0\n'.repeat(20));
      await once(fetcher.socket, 'data');
      fetcher.socket.resetAndDestroy();
    }
    const last = await client();
    while (server.streamCount > 1) {
      last.socket.write('GET_CHUNK file 0\n');
      await last.body();
    }
    expect(last.isClosed).toBe(false);
  });
});
