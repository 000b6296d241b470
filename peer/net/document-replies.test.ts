import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ShoalError } from '../../common/core/errors.js';
import { parseFileName } from '../../common/core/file-name.js';
import { BAD_LINES_MAX_COUNT, CHUNK_BYTES, RANGE_MAX_BYTES } from '../../common/core/limits.js';
import { manifestFromRaw } from '../../common/core/manifest.js';
import { realClock } from '../../common/node/clock.js';
import { realDisk } from '../../common/node/disk.js';
import { tcpDialer, tcpListener } from '../../common/node/tcp.js';
import { unpackMsgpack } from '../../common/wire/msgpack.js';
import type { PeerStatus, PushState } from '../../common/wire/peer-documents.js';
import type { PushOffer } from '../../common/wire/peer-lines.js';
import { SLOT_HEAD_BYTES, SlotMemory } from '../hash/slot-memory.js';
import { ChunkReader } from '../share/chunk-reader.js';
import { fullHolding, type Holding } from '../share/holding.js';
import { ShareIndex } from '../share/share-index.js';
import { RawClient } from '../testkit/raw-client.js';
import { ScriptedHolding } from '../testkit/scripted-holding.js';
import { seededBytes, testContent } from '../testkit/test-content.js';
import type { FrontDesk } from './front-desk.js';
import { PeerConnection } from './peer-connection.js';
import { ChunkServer } from './server.js';

const STATUS: PeerStatus = {
  load: 12,
  slotCount: 8,
  usedSlotCount: 1,
  waitingCount: 0,
  rateBytes: 1000,
  fileCount: 3,
  acceptBytes: 5,
  group: 'office',
  version: '1.2.3',
};
const ROOT = 'ab'.repeat(32);

let index: ShareIndex;
let reader: ChunkReader;
let server: ChunkServer;
let clients: RawClient[];
let served: [name: string, bytes: number][];
/** What the desk was asked to take, and how it answers. */
let offers: { readonly offer: PushOffer; readonly ip: string }[];
let answer: (offer: PushOffer) => Promise<PushState>;

const desk: FrontDesk = {
  status: () => STATUS,
  push: (offer, { ip }) => {
    offers.push({ offer, ip });
    return answer(offer);
  },
};

async function listen(given: FrontDesk | undefined): Promise<void> {
  const options = { host: '127.0.0.1', port: 0, id: '00000000000000aa', ...(given === undefined ? {} : { desk: given }) };
  server = await ChunkServer.listen(
    { listener: tcpListener, clock: realClock, index, reader },
    { ...options, served: (content, bytes) => served.push([content.name, bytes]) },
  );
}

beforeEach(async () => {
  index = new ShareIndex();
  reader = new ChunkReader(realDisk, { changed: (content) => index.remove(content) });
  [clients, served, offers] = [[], [], []];
  answer = async () => ({ state: 'waiting', haveChunks: 0, chunkCount: 2 });
  await listen(desk);
});
afterEach(async () => {
  for (const client of clients) client.socket.destroy();
  await server.close();
  reader.close();
});

async function client(): Promise<RawClient> {
  const made = new RawClient(server.local.port);
  clients.push(made);
  await once(made.socket, 'connect');
  return made;
}

function share(name: string, bytes: Buffer, holding?: Holding): void {
  const { manifest, root, chunkCount } = testContent(bytes, { name });
  index.add({
    name: parseFileName(name),
    root,
    manifest: manifestFromRaw(unpackMsgpack(manifest)),
    source: { kind: 'memory', bytes },
    holding: holding ?? fullHolding(chunkCount),
  });
}

describe('a stranger that asks a peer', () => {
  test('STATUS learns how it is', async () => {
    const stranger = await client();
    stranger.socket.write('status\nSTATUS later=x\nSTATUS x\nSTATUS\n');
    const line = 'load=12 slots=8 used=1 waiting=0 rate=1000 files=3 accept=5 group=office version=1.2.3\n';
    expect((await stranger.body()).toString()).toBe(line);
    expect((await stranger.body()).toString()).toBe(line);
    expect(await stranger.line()).toBe('ERR BAD_REQUEST Usage: STATUS');
    expect((await stranger.body()).toString()).toBe(line);
  });

  test('LIST gets all of it, page by page, while contents come and go', async () => {
    for (let number = 0; number < 25; number += 1) share(`dir/file ${number}`, Buffer.from([number]));
    const stranger = await client();
    const rows: string[] = [];
    let next: string | undefined = '';
    while (next !== undefined) {
      stranger.socket.write(`LIST max=10${next === '' ? '' : ` after=${next}`}\n`);
      const [head = '', ...lines] = (await stranger.body()).toString().trimEnd().split('\n');
      expect(head).toMatch(/^OK \d+( next=\S+)?$/);
      rows.push(...lines);
      next = /next=(\S+)/.exec(head)?.[1];
      const gone = index.find({ by: 'name', name: parseFileName('dir/file 0') });
      if (gone !== undefined) index.remove(gone);
      share('later', Buffer.from('x'));
    }
    expect(rows.map((row) => row.split(' ')[0])).toEqual([
      ...Array.from({ length: 25 }, (_, number) => `dir/file%20${number}`),
      'later',
    ]);
    expect(rows[3]).toMatch(/^dir\/file%203 1 [0-9a-f]{64}$/);
    stranger.socket.write('LIST after=nonsense\n');
    expect(await stranger.line()).toBe('ERR BAD_REQUEST after is what the page before gave as next.');
  });

  test('GET_RANGE gets any bytes, across chunks, clipped at the end, and they count as served', async () => {
    const bytes = seededBytes(2 * CHUNK_BYTES + 10);
    share('a b', bytes);
    const stranger = await client();
    const ask = async (offset: number, length: number) => {
      stranger.socket.write(`GET_RANGE a%20b ${offset} ${length}\n`);
      return Buffer.compare(await stranger.body(), bytes.subarray(offset, offset + length));
    };
    for (const [offset, length] of [
      [0, 1],
      [0, RANGE_MAX_BYTES],
      [CHUNK_BYTES - 1, 2],
      [CHUNK_BYTES + 7, RANGE_MAX_BYTES],
      [2 * CHUNK_BYTES, RANGE_MAX_BYTES],
      [2 * CHUNK_BYTES + 9, 5],
    ] as const)
      expect(await ask(offset, length)).toBe(0);
    expect(served.map(([, count]) => count)).toEqual([1, RANGE_MAX_BYTES, 2, RANGE_MAX_BYTES, 10, 1]);
    for (const offset of [bytes.length, bytes.length + 1, Number.MAX_SAFE_INTEGER]) {
      stranger.socket.write(`GET_RANGE a%20b ${offset} 1\n`);
      expect(await stranger.line()).toMatch(/^ERR NOT_FOUND /);
    }
    share('empty', Buffer.alloc(0));
    stranger.socket.write('GET_RANGE empty 0 1\nGET_RANGE none 0 1\nGET_RANGE ../x 0 1\n');
    expect(await stranger.line()).toBe('ERR NOT_FOUND This chunk is not here.');
    expect(await stranger.line()).toBe('ERR NOT_FOUND This is not shared here.');
    expect(await stranger.line()).toBe('ERR NOT_FOUND This is not shared here.');
  });

  test('GET_RANGE of which a chunk is not there yet gets NOT_FOUND, and nothing of it', async () => {
    const holding = new ScriptedHolding(3);
    holding.gain(0, 2);
    share('part', seededBytes(3 * CHUNK_BYTES), holding);
    const stranger = await client();
    for (const range of [`${CHUNK_BYTES - 1} 2`, `${CHUNK_BYTES} 1`, `${2 * CHUNK_BYTES - 1} 2`]) {
      stranger.socket.write(`GET_RANGE part ${range}\n`);
      expect(await stranger.line()).toBe('ERR NOT_FOUND This chunk is not here.');
    }
    stranger.socket.write(`GET_RANGE part ${CHUNK_BYTES - 2} 2\nGET_RANGE part ${2 * CHUNK_BYTES} 2\n`);
    expect(await stranger.body()).toHaveLength(2);
    expect(await stranger.body()).toHaveLength(2);
  });

  test('PUSH is answered when the desk has an answer, in its place, and others do not wait for it', async () => {
    let decide: (state: PushState) => void = () => undefined;
    answer = () => new Promise((resolve) => (decide = resolve));
    share('x', Buffer.from('x'));
    const [stranger, other] = [await client(), await client()];
    stranger.socket.write(
      `PUSH a%20b 700000 ${ROOT} port=4701 type=text/plain id=00000000000000bb group=office\nGET_CHUNK x 0\n`,
    );
    other.socket.write('GET_CHUNK x 0\n');
    expect((await other.body()).toString()).toBe('x');
    while (offers.length === 0) {
      other.socket.write('GET_CHUNK x 0\n');
      await other.body();
    }
    const offer = { name: 'a b', sizeBytes: 700_000, root: ROOT, port: 4701 };
    expect(offers).toEqual([
      { offer: { ...offer, type: 'text/plain', id: '00000000000000bb', group: 'office' }, ip: '127.0.0.1' },
    ]);
    expect(served.filter(([name]) => name === 'x').length).toBeGreaterThan(0);
    decide({ state: 'failed', haveChunks: 1, chunkCount: 2, code: 'DISK_FULL', text: 'Full: 100 %.' });
    expect((await stranger.body()).toString()).toBe('state=failed have=1 of=2 code=DISK_FULL text=Full%3A%20100%20%25.\n');
    expect((await stranger.body()).toString()).toBe('x');
  });

  test.each(['DENIED', 'LIMIT', 'BUSY'] as const)('PUSH that the desk refuses gets %s, and the stream goes on', async (code) => {
    answer = () => Promise.reject(new ShoalError(code, 'remote', 'Not now.'));
    const stranger = await client();
    stranger.socket.write(`PUSH a 1 ${ROOT} port=4701\nSTATUS\n`);
    expect(await stranger.line()).toBe(`ERR ${code} Not now.`);
    expect(await stranger.body()).not.toHaveLength(0);
  });

  test('PUSH gets nothing of a mistake of ours; the peer itself, no names that cannot be; and no answer brings no harm', async () => {
    answer = () => {
      throw new Error('secret');
    };
    const stranger = await client();
    stranger.socket.write(
      `PUSH a 1 ${ROOT} port=4701\nPUSH a 1 ${ROOT} port=4701 id=00000000000000aa\nPUSH ../a 1 ${ROOT} port=1\n`,
    );
    expect(await stranger.line()).toBe('ERR INTERNAL This peer could not serve it.');
    expect(await stranger.line()).toBe('ERR DENIED This is you.');
    expect(await stranger.line()).toMatch(/^ERR BAD_REQUEST Bad file name/);
    let decide: (state: PushState) => void = () => undefined;
    answer = () => new Promise((resolve) => (decide = resolve));
    const gone = await client();
    gone.socket.write(`PUSH a 1 ${ROOT} port=4701\n`);
    // Answers to somebody else mark time.
    const turn = () => {
      stranger.socket.write('STATUS\n');
      return stranger.body();
    };
    while (offers.length < 2) await turn();
    gone.socket.resetAndDestroy();
    while (server.streamCount > 1) await turn();
    decide({ state: 'done', haveChunks: 0, chunkCount: 0 });
    expect(await turn()).not.toHaveLength(0);
  });

  test('a peer that serves contents and no more says that it does not know STATUS and PUSH; LIST it knows', async () => {
    await server.close();
    await listen(undefined);
    const stranger = await client();
    stranger.socket.write(`STATUS\nPUSH a 1 ${ROOT} port=4701\nLIST\n`.repeat(BAD_LINES_MAX_COUNT));
    for (let left = BAD_LINES_MAX_COUNT; left > 0; left -= 1) {
      expect(await stranger.line()).toMatch(/^ERR UNKNOWN_COMMAND /);
      expect(await stranger.line()).toMatch(/^ERR UNKNOWN_COMMAND /);
      expect((await stranger.body()).toString()).toBe('OK 0\n');
    }
  });
});

describe('one of our own', () => {
  test('asks for all of it over one connection', async () => {
    const bytes = seededBytes(CHUNK_BYTES + 10);
    share('file', bytes);
    const slots = new SlotMemory(2);
    const connection = await PeerConnection.connect({ dialer: tcpDialer, clock: realClock, slots }, server.local, 5000);
    const content = { by: 'name', name: parseFileName('file') } as const;
    const offer = { name: content.name, sizeBytes: 1, root: testContent(bytes).root, port: 4701 };
    answer = async () => ({ state: 'done', haveChunks: 2, chunkCount: 2 });
    const [status, page, slot, state, missing] = await Promise.all([
      connection.getStatus(),
      connection.getList({ maxCount: 5 }),
      connection.getRange(content, CHUNK_BYTES - 5, 10),
      connection.push(offer),
      connection.getRange(content, bytes.length, 1).catch((error: ShoalError) => error.code),
    ]);
    expect(status).toEqual(STATUS);
    expect(page).toEqual({ rows: [{ name: 'file', sizeBytes: bytes.length, root: offer.root }] });
    expect(
      Buffer.compare(
        slot.bytes.subarray(SLOT_HEAD_BYTES, SLOT_HEAD_BYTES + 10),
        bytes.subarray(CHUNK_BYTES - 5, CHUNK_BYTES + 5),
      ),
    ).toBe(0);
    expect(state).toEqual({ state: 'done', haveChunks: 2, chunkCount: 2 });
    expect(offers[0]?.offer).toEqual(offer);
    expect(missing).toBe('NOT_FOUND');
    connection.close(new ShoalError('STOPPED', 'local', 'The test is over.'));
  });
});
