import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseFileName } from '../../common/core/file-name.js';
import {
  LINE_MAX_BYTES,
  LOOKUP_ROWS_MAX_COUNT,
  TRACKER_PIPELINE_MAX_COUNT,
  TRACKER_REPLY_DEADLINE_MS,
} from '../../common/core/limits.js';
import { formatPeerAddress } from '../../common/core/peer-address.js';
import { parseContentRoot } from '../../common/core/root.js';
import { tcpDialer } from '../../common/node/tcp.js';
import type { Clock } from '../../common/ports/clock.js';
import { ScriptedIndex } from '../testkit/scripted-index.js';
import { ScriptedTracker, yes } from '../testkit/scripted-tracker.js';
import { TcpChannel } from './tcp-channel.js';
import { type RegisterRequest, TrackerClient } from './tracker-client.js';

const root = parseContentRoot('ab'.repeat(32));
const name = parseFileName('file');
let deadlines: { delayMs: number; run: () => void }[];
const clock: Clock = {
  nowMs: () => 0,
  setTimer(_name, delayMs, run) {
    const timer = { delayMs, run };
    deadlines.push(timer);
    return { cancel: () => void deadlines.splice(deadlines.indexOf(timer), deadlines.includes(timer) ? 1 : 0) };
  },
};
let tracker: ScriptedTracker;
let client: TrackerClient;

beforeEach(async () => {
  deadlines = [];
  tracker = new ScriptedTracker(yes);
  await tracker.start();
  client = new TrackerClient(new TcpChannel({ dialer: tcpDialer, clock }, tracker.address));
});
afterEach(async () => {
  await client.close();
  await tracker.close();
});

function requests(count: number): RegisterRequest[] {
  return Array.from({ length: count }, (_, index) => ({
    verb: 'REGISTER',
    name: parseFileName(`f${index}`),
    sizeBytes: index,
    address: '*:5000',
    attributes: { root },
  }));
}

const lookup = () => client.lookup({ by: 'name', name });

describe('tracker client', () => {
  test('gives rows once each; MT1, MT6: those that cannot be read, or lead nowhere, are left out', async () => {
    const rows = [
      `10.0.0.1:1 5 ${root}`,
      '10.0.0.2:2 5 -',
      `10.0.0.1:1 5 ${root} load=3`,
      'nonsense',
      '0.0.0.0:1 5 -',
      '10.0.0.3:3 -5 -',
      'a\u001b[31m:1 5 -',
    ];
    tracker.script = () => `OK ${rows.length}\n${rows.join('\n')}\n`;
    expect(await lookup()).toEqual([
      { address: { ip: '10.0.0.1', port: 1 }, sizeBytes: 5, root, load: 3 },
      { address: { ip: '10.0.0.2', port: 2 }, sizeBytes: 5, root: undefined },
    ]);
    tracker.script = () => 'OK 0\n';
    expect(await lookup()).toEqual([]);
    expect(tracker.connectionCount).toBe(1);
  });

  test('MT1: sends nobody to his own machine, whatever channel it is asked over, unless it is there itself', async () => {
    const replies: Record<string, string> = {
      LOOKUP: 'OK 3\n127.0.0.1:22 5 -\n[::1]:6379 5 -\n10.0.0.1:1 5 -\n',
      PEERS: 'OK 2 next=4\n127.0.0.2:22 files=2 seen=7\n10.0.0.1:1 files=2 seen=7\n',
    };
    const answer = (line: string) => replies[line.split(' ')[0] ?? ''];
    const named = async (asked: TrackerClient) => [
      (await asked.lookup({ by: 'name', name })).map(({ address }) => formatPeerAddress(address)),
      (await asked.peers()).rows.map(({ address }) => formatPeerAddress(address)),
    ];
    tracker.script = answer;
    expect(await named(client)).toEqual([
      ['127.0.0.1:22', '[::1]:6379', '10.0.0.1:1'],
      ['127.0.0.2:22', '10.0.0.1:1'],
    ]);
    const elsewhere = await ScriptedIndex.start();
    elsewhere.script = ({ line }) => answer(line);
    await elsewhere.host.listenPort.listen({ ...elsewhere.channel.tracker, connectionsMaxCount: 1 }, (stream) => ({
      data: (bytes) => void stream.write(answer(Buffer.from(bytes).toString().trimEnd()) ?? ''),
      ended: () => undefined,
      closed: () => undefined,
    }));
    const { dialer } = elsewhere.network.host({ ip: '10.0.0.8' });
    const overTcp = new TcpChannel({ dialer, clock: elsewhere.clock }, elsewhere.channel.tracker);
    for (const channel of [elsewhere.channel, overTcp]) {
      expect(await elsewhere.settled(named(new TrackerClient(channel)))).toEqual([['10.0.0.1:1'], ['10.0.0.1:1']]);
      await channel.close();
    }
  });

  test('MT2: what comes after a reply ends the connection, however much it is, and the reply counts', async () => {
    tracker.script = () => `OK 1\n10.0.0.1:1 5 -\n${'10.0.0.2:2 5 -\n'.repeat(700_000)}`;
    expect(await lookup()).toHaveLength(1);
    tracker.script = () => 'OK 0\n';
    expect(await lookup()).toEqual([]);
    expect(tracker.connectionCount).toBe(2);
  });

  test('asks for pages, and gives their rows and the way to the next; a row that cannot be read is left out', async () => {
    const replies: Record<string, string> = {
      [`INFO @${root} max=5`]: `OK 1\na%20b 5 ${root} holders=2 partial=1 type=text/plain checksum=md5:00112233\n`,
      'SEARCH Ü%20x max=2 after=7': 'OK 2 next=9\na 5 - holders=1\nnonsense\n',
      LIST: 'OK 0 next=3\n',
      'PEERS after=3 group=g': 'OK 1\n10.0.0.1:1 files=2 seen=7 load=3 accept=9 group=g\n',
      STATS: 'OK entries=5 version=0.1.0 later=1\n',
    };
    tracker.script = (line) => replies[line] ?? 'ERR BAD_REQUEST No.\n';
    expect(await client.info({ by: 'root', root }, 5)).toEqual([
      {
        name: 'a b',
        sizeBytes: 5,
        root,
        completeCount: 2,
        partialCount: 1,
        type: 'text/plain',
        checksum: 'md5:00112233',
      },
    ]);
    expect(await client.search('Ü x', { maxCount: 2, after: '7' })).toEqual({
      rows: [{ name: 'a', sizeBytes: 5, root: undefined, completeCount: 1, partialCount: 0 }],
      next: '9',
    });
    expect(await client.list()).toEqual({ rows: [], next: '3' });
    expect(await client.peers({ after: '3', group: 'g' })).toEqual({
      rows: [{ address: { ip: '10.0.0.1', port: 1 }, fileCount: 2, seenMs: 7000, load: 3, acceptBytes: 9, group: 'g' }],
      next: undefined,
    });
    expect(await client.stats()).toEqual({ entries: 5, version: '0.1.0' });
    await expect(client.search('')).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    expect(tracker.connectionCount).toBe(1);
  });

  test('joins, says what it takes, and takes one name back', async () => {
    const lease = { intervalMs: 60_000, ttlMs: 180_000, address: undefined };
    expect(await client.join('*:1', { load: 3, acceptBytes: 9, group: 'g' })).toEqual(lease);
    expect(await client.alive('*:1', { load: 4, acceptBytes: 0 })).toEqual(lease);
    tracker.script = () => 'OK 2\n';
    expect(await client.withdraw(name, '*:1')).toBe(2);
    expect(await client.withdraw(name, '*:1', root)).toBe(2);
    expect(tracker.lines).toEqual([
      'JOIN *:1 load=3 accept=9 group=g',
      'ALIVE *:1 load=4 accept=0',
      'WITHDRAW file *:1',
      `WITHDRAW file *:1 root=${root}`,
    ]);
  });

  test('a tracker that is older than a request says UNKNOWN_COMMAND, and goes on', async () => {
    tracker.script = (line) => (/^(LOOKUP|ALIVE)/.test(line) ? yes(line) : 'ERR UNKNOWN_COMMAND Known commands: LOOKUP.\n');
    const asked = [
      client.info({ by: 'name', name }),
      client.search('a'),
      client.list(),
      client.peers(),
      client.stats(),
      client.join('*:1'),
      client.withdraw(name, '*:1'),
    ];
    for (const one of await Promise.allSettled(asked)) expect(one).toMatchObject({ reason: { code: 'UNKNOWN_COMMAND' } });
    expect(await lookup()).toEqual([]);
    expect(tracker.connectionCount).toBe(1);
  });

  test('registers many over one connection, a bounded number on the way, and gives each its own result', async () => {
    let waiting: string[] = [];
    let most = 0;
    tracker.script = (line) => {
      waiting.push(line);
      most = Math.max(most, waiting.length);
      if (waiting.length < TRACKER_PIPELINE_MAX_COUNT && tracker.lines.length < 1000) return undefined;
      const replies = waiting.map((one) => (one.startsWith('REGISTER f7 ') ? 'ERR DENIED no\n' : yes(one))).join('');
      waiting = [];
      return replies;
    };
    const results = await client.register(requests(1000));
    expect(results).toHaveLength(1000);
    expect(results[7]).toMatchObject({ code: 'DENIED' });
    expect(results[8]).toEqual({ intervalMs: 60_000, ttlMs: 180_000, address: { ip: '127.0.0.1', port: 5000 } });
    expect(most).toBe(TRACKER_PIPELINE_MAX_COUNT);
    expect(tracker.connectionCount).toBe(1);
  });

  test('an ERR is the error of its request alone', async () => {
    tracker.script = (line) => (line.startsWith('ALIVE') ? 'ERR NOT_FOUND register again\n' : yes(line));
    await expect(client.alive('*:1')).rejects.toMatchObject({ code: 'NOT_FOUND', fault: 'remote' });
    expect(await client.unregister('*:1')).toBe(1);
    expect(tracker.connectionCount).toBe(1);
  });

  test.each([
    ['MT2: more rows than may be', () => `OK ${LOOKUP_ROWS_MAX_COUNT + 1}\n`],
    ['MT2: a line without end', () => 'x'.repeat(LINE_MAX_BYTES + 1)],
    ['another protocol', () => 'HTTP/1.1 400 Bad Request\n'],
    ['bytes that are no text', () => Buffer.from([0xc3, 0x28, 10]).toString('latin1')],
  ])('%s ends the connection as PROTOCOL, and the next request makes a new one', async (_what, script) => {
    tracker.script = script;
    await expect(lookup()).rejects.toMatchObject({ code: 'PROTOCOL', message: expect.stringContaining('127.0.0.1') });
    tracker.script = yes;
    expect(await lookup()).toEqual([]);
    expect(tracker.connectionCount).toBe(2);
  });

  test('a tracker that hangs up fails what is open, and is dialed again for the next', async () => {
    tracker.script = () => 'hang-up';
    await expect(Promise.all([lookup(), lookup()])).rejects.toMatchObject({ code: 'NETWORK' });
    tracker.script = yes;
    expect(await lookup()).toEqual([]);
  });

  test('a tracker that says nothing fails at the reply deadline', async () => {
    tracker.script = () => undefined;
    const open = lookup();
    await tracker.told(/^LOOKUP/);
    expect(deadlines.map((deadline) => deadline.delayMs)).toEqual([TRACKER_REPLY_DEADLINE_MS]);
    deadlines[0]?.run();
    await expect(open).rejects.toMatchObject({ code: 'NETWORK', message: expect.stringContaining('did not answer') });
    expect(deadlines).toEqual([]);
  });

  test('a tracker that is not there is NETWORK with advice; after close everything is STOPPED', async () => {
    await tracker.close();
    await expect(lookup()).rejects.toMatchObject({ code: 'NETWORK', message: expect.stringContaining('Nothing listens at') });
    await client.close();
    await expect(lookup()).rejects.toMatchObject({ code: 'STOPPED' });
  });
});
