/** One offer to one receiver that says whatever it likes, over real connections and a clock that jumps. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { parseFileName } from '../../common/core/file-name.js';
import { parseContentRoot } from '../../common/core/root.js';
import { tcpDialer, tcpListener } from '../../common/node/tcp.js';
import { rejectionCode } from '../../common/testkit/error-code.js';
import type { PushState } from '../../common/wire/peer-documents.js';
import { SlotMemory } from '../hash/slot-memory.js';
import { ChunkServer } from '../net/server.js';
import { ShareIndex } from '../share/share-index.js';
import { JumpClock } from '../testkit/jump-clock.js';
import { until } from '../testkit/until.js';
import { pushToPeer } from './push-to-peer.js';

const OFFER = { name: parseFileName('a.bin'), root: parseContentRoot('ab'.repeat(32)), sizeBytes: 5, port: 4701 };
const STALL_MS = 20_000;

let clock: JumpClock;
let servers: ChunkServer[];

beforeEach(() => {
  [clock, servers] = [new JumpClock(), []];
});
afterEach(() => Promise.all(servers.map((server) => server.close())));

/** Pushes to a receiver of these words, the last of them for ever, while time goes by; resolves with the error's code and how long it took. */
async function pushed(...words: readonly PushState[]): Promise<{ code: string | undefined; tookMs: number }> {
  return pushedWith({ stallMs: STALL_MS }, words);
}

async function pushedWith(patience: { readonly stallMs?: number; readonly stepMs?: number }, words: readonly PushState[]) {
  const { stepMs = 1000, ...stall } = patience;
  let count = 0;
  const server = await ChunkServer.listen(
    { listener: tcpListener, clock, index: new ShareIndex(), reader: { read: () => Promise.reject(new Error('no')) } },
    {
      host: '127.0.0.1',
      port: 0,
      desk: {
        push: async () => words[Math.min(count++, words.length - 1)] as PushState,
        status: () => Promise.reject(new Error('no')) as never,
      },
    },
  );
  servers.push(server);
  const ports = { dialer: tcpDialer, clock, slots: new SlotMemory(1) };
  const signal = new AbortController().signal;
  const fromMs = clock.nowMs();
  let code: string | undefined;
  void rejectionCode(
    pushToPeer(ports, {
      address: server.local,
      offer: OFFER,
      timeoutMs: 30_000,
      ...stall,
      onState: () => undefined,
      signal,
    }),
  ).then((found) => {
    code = found;
  });
  let askedCount = 0;
  await until('it is over', () => {
    // Time goes by only after an answer, so that none is late.
    if (code === undefined && count > askedCount) {
      askedCount = count;
      clock.jump(stepMs);
    } else if (code === undefined) clock.jump(50);
    return code !== undefined;
  });
  return { code, tookMs: clock.nowMs() - fromMs };
}

const word = (state: PushState['state'], haveChunks: number): PushState => ({ state, haveChunks, chunkCount: 9 });

test('a receiver that lets an offer wait for ever is given up in the end', async () => {
  const { code, tookMs } = await pushed(word('waiting', 0));
  expect(code).toBe('NETWORK');
  expect(tookMs).toBeGreaterThanOrEqual(STALL_MS);
});

test.each([
  ['waiting', 60],
  ['fetching', 10],
] as const)('a push by hand ends too where the receiver says "%s" for ever: after %i minutes', async (state, minutes) => {
  const { code, tookMs } = await pushedWith({ stepMs: 8000 }, [word(state, 0)]);
  expect(code).toBe('NETWORK');
  expect(tookMs).toBeGreaterThanOrEqual(minutes * 60_000);
  expect(tookMs).toBeLessThan((minutes + 1) * 60_000);
});

test('one that says again and again that it begins gets no further', async () => {
  const words = Array.from({ length: 100 }, (_, at) => word(at % 2 === 0 ? 'waiting' : 'fetching', 0));
  const { code, tookMs } = await pushedWith({ stepMs: 8000 }, words);
  expect(code).toBe('NETWORK');
  expect(tookMs).toBeLessThan(12 * 60_000);
});

test('one that goes to and fro gets no further', async () => {
  const words = Array.from({ length: 100 }, (_, at) => word('fetching', at % 2));
  expect((await pushed(...words)).code).toBe('NETWORK');
});

test('one that gets further may take as long as it needs', async () => {
  const words = Array.from({ length: 8 }, (_, chunk) => Array.from({ length: 10 }, () => word('fetching', chunk + 1))).flat();
  const end: PushState = { ...word('failed', 8), code: 'DISK_FULL' };
  const { code, tookMs } = await pushed(...words, end);
  expect(code).toBe('DISK_FULL');
  expect(tookMs).toBeGreaterThan(2 * STALL_MS);
});

test('one that says it is done, and names fewer chunks than there are, has not got it', async () => {
  const none = await pushed({ state: 'done', haveChunks: 0, chunkCount: 0 });
  const some = await pushed({ state: 'done', haveChunks: 1, chunkCount: 2 });
  expect([none.code, some.code]).toEqual(['PROTOCOL', 'PROTOCOL']);
});
