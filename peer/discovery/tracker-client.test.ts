import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseFileName } from '../../common/core/file-name.js';
import {
  LINE_MAX_BYTES,
  LOOKUP_ROWS_MAX_COUNT,
  TRACKER_PIPELINE_MAX_COUNT,
  TRACKER_REPLY_DEADLINE_MS,
} from '../../common/core/limits.js';
import { parseContentRoot } from '../../common/core/root.js';
import { tcpDialer } from '../../common/node/tcp.js';
import type { Clock } from '../../common/ports/clock.js';
import { ScriptedTracker, yes } from '../testkit/scripted-tracker.js';
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
  client = new TrackerClient({ dialer: tcpDialer, clock }, { tracker: tracker.address });
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
    ['a line without end', () => 'x'.repeat(LINE_MAX_BYTES + 1)],
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
