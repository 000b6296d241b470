/** What strangers learn, and can make a peer do, by asking: names that are tried, and addresses that are named. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseFileName } from '../../common/core/file-name.js';
import { formatPeerAddress } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { ServedStream, StreamHandlers } from '../../common/ports/net.js';
import { SimClock } from '../../common/sim/sim-clock.js';
import { fullHolding } from '../share/holding.js';
import { ShareIndex } from '../share/share-index.js';
import { StuckStream } from '../testkit/stuck-stream.js';
import type { FrontDesk } from './front-desk.js';
import { PROBES_AT_ONCE_COUNT, PROBES_PER_SECOND_COUNT } from './probe-limits.js';
import { ChunkServer } from './server.js';

const ROOT = 'ab'.repeat(32) as ContentRoot;
const NOT_SHARED = 'ERR NOT_FOUND This is not shared here.\n';

let clock: SimClock;
let accept: (stream: ServedStream) => StreamHandlers;
/** Addresses that the peer would dial, as `ip:port`. */
let dialed: string[];

const desk: FrontDesk = {
  status: () => {
    throw new Error('nobody asks');
  },
  push: ({ port }, { ip }) => {
    dialed.push(formatPeerAddress({ ip, port }));
    return Promise.resolve({ state: 'waiting', haveChunks: 0, chunkCount: 1 });
  },
};

beforeEach(async () => {
  clock = new SimClock();
  dialed = [];
  const index = new ShareIndex();
  const manifest = {
    name: parseFileName('file'),
    sizeBytes: 5,
    chunkBytes: 524_288,
    hashName: 'blake3' as const,
    hashes: new Uint8Array(32),
  };
  const source = { kind: 'memory' as const, bytes: Buffer.from('hello') };
  index.add({ name: manifest.name, root: ROOT, manifest, source, holding: fullHolding(1) });
  const listener = {
    listen: (_options: unknown, onStream: typeof accept) => {
      accept = onStream;
      return Promise.resolve({ local: { ip: '192.0.2.1', port: 4701 }, close: () => Promise.resolve() });
    },
  };
  const reader = { read: () => Promise.resolve() };
  await ChunkServer.listen(
    { listener, clock, index, reader },
    { host: '', port: 0, desk, peerSeen: (_root, address) => dialed.push(formatPeerAddress(address)) },
  );
});

/** A stranger whose network takes everything at once. */
class Stranger extends StuckStream {
  readonly #handlers: StreamHandlers;
  readonly lines: string[] = [];

  constructor(ip?: string) {
    super(ip);
    this.#handlers = accept(this);
  }

  override send(flushed: () => void, ...parts: (Uint8Array | string)[]): void {
    this.lines.push(parts.join(''));
    queueMicrotask(flushed);
  }

  async ask(text: string): Promise<void> {
    this.#handlers.data(Buffer.from(text));
    await clock.run({ untilMs: clock.nowMs() });
  }
}

describe('a stranger', () => {
  test('MX4: hears the same of all that is not shared, whatever the reason and however it asks', async () => {
    const stranger = new Stranger();
    const asked = ['nothing', `@${'cd'.repeat(32)}`, '..', 'a//b', '%00', 'file/below'];
    for (const ref of asked) await stranger.ask(`GET_CHUNK ${ref} 0\nGET_RANGE ${ref} 0 1\nGET_MANIFEST ${ref}\nHAVE ${ref}\n`);
    expect(stranger.lines).toEqual(Array(4 * asked.length).fill(NOT_SHARED));
  });

  test('MX4: is made to wait when it tries one name after the other, on however many streams, and nobody else is', async () => {
    const strangers = Array.from({ length: 20 }, () => new Stranger('192.0.2.66'));
    const told = () => strangers.reduce((sum, { lines }) => sum + lines.length, 0);
    for (const [at, stranger] of strangers.entries()) {
      for (let batch = 0; batch < 10; batch += 1) await stranger.ask(`GET_CHUNK name${at}-${batch} 0\n`.repeat(10));
    }
    expect(told()).toBe(PROBES_AT_ONCE_COUNT);
    for (const ip of ['192.0.2.66', '192.0.2.7']) {
      const other = new Stranger(ip);
      await other.ask('GET_CHUNK file 0\n');
      expect(other.lines).toHaveLength(1);
    }
    const before = told();
    await clock.run({ untilMs: 3000 });
    expect(told() - before).toBe(3 * PROBES_PER_SECOND_COUNT);
  });

  test('MX5, MX6: no request makes a peer dial another address than the one that it comes from; what else it names is passed over', async () => {
    const anyAddress = fc.constantFrom(
      '203.0.113.9',
      '203.0.113.9:80',
      '[2001:db8::9]:80',
      '*:80',
      '127.0.0.1:22',
      'localhost:22',
    );
    const anyKey = fc.constantFrom('ip', 'address', 'peer', 'host', 'to', 'reverse', 'tr', 'x.pe', 'port2', 'dial', 'callback');
    const anyAttributes = fc.array(fc.tuple(anyKey, anyAddress), { maxLength: 6 });
    const anyRequest = fc.constantFrom(`HAVE file port=4701`, `HAVE @${ROOT} port=4701`, `PUSH file 5 ${ROOT} port=4701`);
    await fc.assert(
      fc.asyncProperty(anyRequest, anyAttributes, async (request, attributes) => {
        dialed.length = 0;
        const stranger = new Stranger('192.0.2.66');
        const named = attributes.map(([key, value]) => ` ${key}=${value}`).join('');
        await stranger.ask(`${request}${named}\n`);
        expect(dialed).toEqual(['192.0.2.66:4701']);
        stranger.destroy();
      }),
      { numRuns: 30 },
    );
  });

  test('MX5: where it may name a port, an address in its place is refused', async () => {
    const stranger = new Stranger('192.0.2.66');
    for (const port of ['203.0.113.9:80', '[2001:db8::9]:80', '*:80', '0', '65536', '-1'])
      await stranger.ask(`HAVE file port=${port}\nPUSH file 5 ${ROOT} port=${port}\n`);
    expect(stranger.lines.filter((line) => !line.startsWith('ERR BAD_REQUEST '))).toEqual([]);
    expect(dialed).toEqual([]);
  });
});
