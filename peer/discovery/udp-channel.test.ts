import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseFileName } from '../../common/core/file-name.js';
import {
  INDEX_RETRY_FIRST_MS,
  INDEX_RETRY_LAST_MS,
  INDEX_TRIES_MAX_COUNT,
  INDEX_WINDOW_MAX_COUNT,
} from '../../common/core/limits.js';
import { SimRandom } from '../../common/sim/sim-random.js';
import { rejectionCode } from '../../common/testkit/error-code.js';
import { encodeChallenge, encodeReply, NO_COOKIE } from '../../common/wire/index-datagrams.js';
import type { TrackerRequest } from '../../common/wire/tracker-requests.js';
import { ScriptedIndex } from '../testkit/scripted-index.js';
import { yes } from '../testkit/scripted-tracker.js';
import { TrackerClient } from './tracker-client.js';

const COOKIE = 'fedcba9876543210';
let index: ScriptedIndex;

beforeEach(async () => {
  index = await ScriptedIndex.start();
});
afterEach(() => index.channel.close());

const lookup: TrackerRequest = { verb: 'LOOKUP', content: { by: 'name', name: parseFileName('a') } };
const register = (name: string) =>
  ({ verb: 'REGISTER', name: parseFileName(name), sizeBytes: 1, address: '*:5000', attributes: {} }) as const;
const ask = (request: TrackerRequest, take: (line: string) => boolean = () => true) => index.channel.request(request, take);

/** Answers only who sends the cookie. */
const wary =
  (cookie: () => string) =>
  ({ id, line, cookie: given }: { id: string; line: string; cookie: string | undefined }) =>
    given === cookie() ? yes(line) : encodeChallenge(id, cookie());

describe('a tracker over UDP', () => {
  test('answers what TrackerClient asks; an ERR is the error of its request alone', async () => {
    const client = new TrackerClient(index.channel);
    index.script = ({ line }) => {
      if (line.startsWith('REGISTER bad ')) return 'ERR LIMIT Too many.\n';
      return line.startsWith('LOOKUP') ? 'OK 2\n10.0.0.9:1 5 -\n10.0.0.8:1 5 -\n' : yes(line);
    };
    expect(await index.settled(client.lookup({ by: 'name', name: parseFileName('a') }))).toHaveLength(2);
    const results = await index.settled(client.register(['good', 'bad', 'also'].map(register)));
    expect(results.map((one) => ('code' in one ? one.code : one.intervalMs))).toEqual([60_000, 'LIMIT', 60_000]);
    expect(new Set(index.requests.map(({ from }) => from.port)).size).toBe(1);
  });

  test('UD5: that says nothing is asked again with growing pauses and the same id, so many times, and is then NETWORK', async () => {
    index.script = () => undefined;
    await expect(index.settled(ask(lookup))).rejects.toMatchObject({
      code: 'NETWORK',
      message: expect.stringContaining('10.0.0.1:4700'),
    });
    expect(index.requests).toHaveLength(INDEX_TRIES_MAX_COUNT);
    expect(new Set(index.requests.map(({ id }) => id)).size).toBe(1);
    index.requests.slice(1).forEach(({ atMs }, at) => {
      const pauseMs = atMs - (index.requests[at]?.atMs ?? 0);
      const leastMs = Math.min(INDEX_RETRY_LAST_MS, INDEX_RETRY_FIRST_MS * 2 ** at);
      expect(pauseMs).toBeGreaterThanOrEqual(leastMs);
      expect(pauseMs).toBeLessThan(1.5 * leastMs);
    });
    // A tracker that answers the third try has answered.
    index.script = ({ line }) => (index.requests.length < INDEX_TRIES_MAX_COUNT + 3 ? undefined : yes(line));
    await index.settled(ask(lookup));
    // The one that nothing was heard of may have moved: it was looked up anew.
    expect(new Set(index.requests.map(({ from }) => from.port)).size).toBe(2);
  });

  test('UD4: is heard alone: not a stranger who knows the id, and not itself with another id', async () => {
    const stranger = await index.network
      .host({ ip: '10.0.0.66' })
      .datagrams.bind({ host: '10.0.0.66', port: 0 }, { datagram: () => undefined, failed: () => undefined });
    const lines: string[] = [];
    index.script = ({ id }) => {
      const { from } = index.requests.at(-1) ?? {};
      for (let at = 0; at < 16; at += 1) {
        const wrongId = id.slice(0, at) + (id[at] === '0' ? '1' : '0') + id.slice(at + 1);
        index.socket.send(encodeReply(wrongId, 'OK 0\n'), from);
      }
      stranger.send(encodeReply(id, 'OK 0\n'), from);
      return index.requests.length === 1 ? undefined : 'OK 1\n10.0.0.9:1 5 -\n';
    };
    await index.settled(ask(lookup, (line) => lines.push(line) === 2));
    expect(lines).toEqual(['OK 1', '10.0.0.9:1 5 -']);
    expect(index.requests).toHaveLength(2);
  });

  test('UD4: is asked with ids of 64 bits of chance', async () => {
    for (let at = 0; at < 200; at += 1) await index.settled(ask(lookup));
    const ids = index.requests.map(({ id }) => BigInt(`0x${id}`));
    expect(new Set(ids).size).toBe(200);
    for (let bit = 0n; bit < 64n; bit += 1n) {
      const setCount = ids.filter((id) => (id >> bit) & 1n).length;
      expect(setCount).toBeGreaterThan(50);
      expect(setCount).toBeLessThan(150);
    }
  });

  test('UD2: is given the cookie that it asks for, which is kept, and the new one when that is too old', async () => {
    let cookie = COOKIE;
    index.script = wary(() => cookie);
    await index.settled(Promise.all(['a', 'b', 'c'].map((name) => ask(register(name)))));
    expect(index.requests.map((request) => request.cookie)).toEqual([NO_COOKIE, COOKIE, COOKIE, COOKIE]);
    cookie = COOKIE.replace('f', '0');
    await index.settled(Promise.all(['d', 'e'].map((name) => ask(register(name)))));
    expect(index.requests.slice(4).map((request) => request.cookie)).toEqual([COOKIE, COOKIE, cookie, cookie]);
    expect(index.clock.nowMs()).toBeLessThan(INDEX_RETRY_FIRST_MS);
  });

  test('that never takes its own cookie is asked a bounded number of times', async () => {
    let count = 0;
    index.script = ({ id }) => {
      count += 1;
      return encodeChallenge(id, count.toString(16).padStart(16, '0'));
    };
    expect(await index.settled(rejectionCode(ask(lookup)))).toBe('NETWORK');
    expect(count).toBeLessThan(20);
  });

  test('UD8: where nothing listens is NETWORK at once, and is asked again when it is back', async () => {
    await index.socket.close();
    const asked = Promise.all([ask(lookup), ask(register('a'))]);
    await expect(index.settled(asked)).rejects.toMatchObject({
      code: 'NETWORK',
      message: expect.stringContaining('Nothing listens'),
    });
    expect(index.clock.nowMs()).toBeLessThan(INDEX_RETRY_FIRST_MS);
    await index.listen();
    await index.settled(ask(lookup));
  });

  test('MT2: that sends nonsense is PROTOCOL; what would not fit in a datagram is TOO_LONG and nothing else is', async () => {
    index.script = () => 'OK 1\n10.0.0.9:1 5 -\n';
    const nonsense = ask(lookup, () => {
      throw new Error('not a row');
    });
    expect(await index.settled(rejectionCode(nonsense))).toBe('PROTOCOL');
    expect(await index.settled(rejectionCode(ask(lookup, () => false)))).toBe('PROTOCOL');
    const long = register(`${'\u00a0'.repeat(100)}/${'\u00a0'.repeat(100)}/x`);
    const codes = Promise.all([ask(register('a')), ask(long), ask(register('b'))].map(rejectionCode));
    expect(await index.settled(codes)).toEqual(['nothing was thrown', 'TOO_LONG', 'nothing was thrown']);
  });

  test('UD5: is told nothing that touches what is on the way: a name, a peer, or all of it', async () => {
    const order: [string, number | undefined][] = [];
    index.script = ({ line, seq }) => {
      order.push([line.split(' cookie=')[0] ?? '', seq]);
      return yes(line);
    };
    const unregister = { verb: 'UNREGISTER', address: '*:5000' } as const;
    const all = [register('a'), register('b'), lookup, register('a'), unregister, register('a'), register('b')];
    await index.settled(Promise.all(all.map((request) => ask(request))));
    expect(order.filter(([line]) => !line.startsWith('LOOKUP'))).toEqual([
      ['REGISTER a 1 *:5000', 1],
      ['REGISTER b 1 *:5000', 1],
      ['REGISTER a 1 *:5000', 2],
      ['UNREGISTER *:5000', 3],
      ['REGISTER a 1 *:5000', 4],
      ['REGISTER b 1 *:5000', 4],
    ]);
  });

  test('UD5: that has seen a higher number from this address before is told a higher one', async () => {
    let seen = 1000;
    const applied: string[] = [];
    index.script = ({ line, seq = 0 }) => {
      if (seq < seen) return `OK interval=30 ttl=60 seq=${seen}\n`;
      seen = seq;
      applied.push(line.split(' ')[1] ?? '');
      return yes(line);
    };
    await index.settled(Promise.all(['a', 'b', 'c', 'd'].map((name) => ask(register(name)))));
    expect([applied.sort(), seen]).toEqual([['a', 'b', 'c', 'd'], 1001]);
  });

  test('is not asked by a channel that is closed', async () => {
    index.script = () => undefined;
    const open = [ask(lookup), ask(register('a'))].map(rejectionCode);
    await index.clock.run({ untilMs: 100 });
    await index.channel.close();
    expect(await index.settled(Promise.all(open))).toEqual(['STOPPED', 'STOPPED']);
    expect(await rejectionCode(ask(lookup))).toBe('STOPPED');
    const { requests } = index;
    const sentCount = requests.length;
    await index.clock.run();
    expect(requests).toHaveLength(sentCount);
  });
});

describe('ten thousand registrations over UDP', () => {
  /** A tracker that takes 10 µs for each and holds `bufferCount` unread ones; gives how many it had to drop. */
  async function registered(bufferCount: number): Promise<{ readonly droppedCount: number; readonly mostCount: number }> {
    let queuedUntilMs = 0;
    let droppedCount = 0;
    let mostCount = 0;
    const onTheWay = new Set<string>();
    index.script = ({ id, line, cookie }) => {
      if (cookie !== COOKIE) return encodeChallenge(id, COOKIE);
      const { from } = index.requests.at(-1) ?? {};
      const nowMs = index.clock.nowMs();
      onTheWay.add(id);
      mostCount = Math.max(mostCount, onTheWay.size);
      if ((queuedUntilMs - nowMs) / 0.01 > bufferCount) {
        droppedCount += 1;
        return undefined;
      }
      queuedUntilMs = Math.max(queuedUntilMs, nowMs) + 0.01;
      index.clock.setTimer('answer', queuedUntilMs - nowMs, () => {
        onTheWay.delete(id);
        index.socket.send(encodeReply(id, yes(line)), from);
      });
      return undefined;
    };
    const client = new TrackerClient(index.channel);
    const results = await index.settled(client.register(Array.from({ length: 10_000 }, (_, at) => register(`f${at}`))));
    expect(results.filter((one) => 'code' in one)).toEqual([]);
    expect(results).toHaveLength(10_000);
    return { droppedCount, mostCount };
  }

  test('begin with few on the way and come to many, and all are done in little time', async () => {
    const { droppedCount, mostCount } = await registered(1000);
    expect([droppedCount, mostCount]).toEqual([0, INDEX_WINDOW_MAX_COUNT]);
    // 10,000 of them in windows of 256, 5 ms each, and the first few windows.
    expect(index.clock.nowMs()).toBeLessThan(600);
  });

  test('do not overflow a buffer that holds fewer: what is lost is little, and is sent again', async () => {
    const { droppedCount } = await registered(60);
    expect(droppedCount).toBeGreaterThan(0);
    expect(droppedCount).toBeLessThan(500);
  });

  test('come through where three in ten are lost, some are doubled and all are held up', async () => {
    index = await ScriptedIndex.start({ random: new SimRandom(5), lossShare: 0.3, duplicateShare: 0.1, delayMaxMs: 40 });
    const client = new TrackerClient(index.channel);
    const requests = Array.from({ length: 300 }, (_, at) => register(`f${at}`));
    // One in a hundred fails after all its tries, and with it the whole: whoever asks asks again.
    let results: readonly unknown[] | undefined;
    for (let tries = 0; tries < 10 && results === undefined; tries += 1) {
      results = await index.settled(client.register(requests)).catch(() => undefined);
    }
    expect(results).toHaveLength(300);
    expect(new Set(index.requests.map(({ line }) => line.split(' ')[1])).size).toBe(300);
    expect(index.requests.length).toBeLessThan(10 * 300);
  });
});
