import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  LINE_MAX_BYTES,
  TRACKER_PROBE_DEADLINE_MS,
  TRACKER_PROBES_AT_ONCE_COUNT,
  TRACKER_PROBES_PER_SOURCE_COUNT,
} from '../../common/core/limits.js';
import { formatPeerAddress, type PeerAddress, parsePeerAddress } from '../../common/core/peer-address.js';
import type { Dialer, ServedStream } from '../../common/ports/net.js';
import { SimClock } from '../../common/sim/sim-clock.js';
import { type SimHost, SimNetwork } from '../../common/sim/sim-network.js';
import { type LogLine, listLog } from '../testkit/manual-ports.js';
import { readReply } from './ask-status.js';
import { type ProbedRegistry, Prober } from './prober.js';

const INTERVAL_MS = 30_000;
const PORT = 4701;

let clock: SimClock;
let network: SimNetwork;
let prober: Prober;
let log: LogLine[];
/** Addresses that are stale, until they are given out. */
let stale: PeerAddress[];
/** What the registry was told, with the time. */
let told: string[];
/** Dials that are open now, the most that there were, and all of them. */
let dials: { open: number; most: number; all: string[] };

const registry: ProbedRegistry = {
  staleLoads: (_nowMs, maxCount) => stale.splice(0, maxCount),
  probed: (address, load) => told.push(`${formatPeerAddress(address)} ${load ?? 'no load'}`),
  drop: (address) => {
    told.push(`${formatPeerAddress(address)} dropped`);
    return 1;
  },
  // What comes of more than is served is seen with a whole tracker, in `probing.test.ts`.
  checkList: () => undefined,
};

beforeEach(() => {
  clock = new SimClock();
  network = new SimNetwork(clock);
  [stale, told, dials] = [[], [], { open: 0, most: 0, all: [] }];
  const { dialer } = network.host({ ip: '192.0.2.1', latencyMs: 10 });
  const counting: Dialer = {
    dial: (to, timeoutMs, handlers) => {
      dials.all.push(`${to.host}:${to.port} at ${clock.nowMs()}`);
      dials.open += 1;
      dials.most = Math.max(dials.most, dials.open);
      return dialer.dial(to, timeoutMs, handlers);
    },
  };
  const lines = listLog();
  log = lines.lines;
  prober = new Prober({ registry, dialer: counting, clock, log: lines.log }, { intervalMs: INTERVAL_MS });
});
afterEach(() => prober.close());

/** A host on which whoever connects and sends a line is answered by `answer`; its streams. */
async function peer(
  ip: string,
  answer: (stream: ServedStream, line: string) => void,
): Promise<{ host: SimHost; streams: ServedStream[] }> {
  const host = network.host({ ip, latencyMs: 10 });
  const streams: ServedStream[] = [];
  await host.listenPort.listen({ host: ip, port: PORT, connectionsMaxCount: 1000 }, (stream) => {
    streams.push(stream);
    return {
      data: (bytes) => answer(stream, Buffer.from(bytes).toString()),
      ended: () => stream.end(),
      closed: () => {
        dials.open -= 1;
      },
    };
  });
  return { host, streams };
}

const reply = (text: string) => (stream: ServedStream) => void stream.write(text);
const body = (line: string) => `${line.length + 1}\n${line}\n`;
const addressOf = (ip: string) => parsePeerAddress(`${ip}:${PORT}`);
const run = (ms: number) => clock.run({ untilMs: clock.nowMs() + ms });

describe('a peer whose report is old', () => {
  test('is asked for its status, and what it answers counts', async () => {
    const asked: string[] = [];
    const { streams } = await peer('198.51.100.1', (stream, line) => {
      asked.push(line);
      stream.write(body('load=35 slots=8'));
    });
    stale = [addressOf('198.51.100.1')];
    await run(2000);
    expect(told).toEqual(['198.51.100.1:4701 35']);
    expect(asked).toEqual(['STATUS\n']);
    expect(streams).toHaveLength(1);
    expect(dials.open).toBe(0);
  });

  test.each([
    ['that knows no STATUS', 'ERR UNKNOWN_COMMAND Known commands: GET_CHUNK.\n', 'no load'],
    ['that has too much to do', 'ERR BUSY Too many streams from your address.\n', 'no load'],
    ['that ends its lines as others do', 'ERR UNKNOWN_COMMAND x\r\n', 'no load'],
    ['that answers everything with its file', '6\nhello\n', 'no load'],
    ['that says more than a load can be', body('load=101'), 'no load'],
    ['that says something large', `5000000\n${'x'.repeat(10_000)}`, 'no load'],
    ['that says nothing more than a size', '30\n', 'no load'],
  ])('is alive: one %s', async (_what, text, load) => {
    await peer('198.51.100.1', reply(text));
    stale = [addressOf('198.51.100.1')];
    await run(2 * TRACKER_PROBE_DEADLINE_MS);
    expect(told).toEqual([`198.51.100.1:4701 ${load}`]);
    expect(dials.open).toBe(0);
  });

  test.each<[string, (stream: ServedStream) => void]>([
    ['NW7: is another program, which greets', reply('SSH-2.0-OpenSSH_9.6\r\n')],
    ['NW7: is a web server', reply('HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n')],
    ['says nothing', () => undefined],
    ['hangs up', (stream) => stream.end()],
    ['resets', (stream) => stream.destroy()],
    ['sends a line without end', reply('1'.repeat(LINE_MAX_BYTES + 1))],
    ['sends a size that is none', reply('+30\nload=35')],
    ['MP5: drips', (stream) => drip(stream, 'x'.repeat(1000))],
    ['MP5: drips a size', (stream) => drip(stream, '1'.repeat(1000))],
  ])('is dropped where it %s, and where it does so again', async (_what, answer) => {
    await peer('198.51.100.1', answer);
    stale = [addressOf('198.51.100.1')];
    await run(60_000);
    expect(told).toEqual(['198.51.100.1:4701 dropped']);
    expect(dials.all).toHaveLength(2);
    expect(dials.open).toBe(0);
    expect(log.map(({ message }) => message)).toEqual(['dropped a peer that does not answer']);
  });

  test('is dropped where nothing listens any more, and where the host is gone', async () => {
    network.host({ ip: '198.51.100.1' });
    (await peer('198.51.100.2', () => undefined)).host.crash();
    stale = [addressOf('198.51.100.1'), addressOf('198.51.100.2')];
    await run(60_000);
    expect(told.sort()).toEqual(['198.51.100.1:4701 dropped', '198.51.100.2:4701 dropped']);
  });

  test('is not dropped where it answers the second time', async () => {
    let tries = 0;
    await peer('198.51.100.1', (stream) => {
      tries += 1;
      if (tries === 2) stream.write(body('load=1'));
    });
    stale = [addressOf('198.51.100.1')];
    await run(60_000);
    expect(told).toEqual(['198.51.100.1:4701 1']);
  });

  test('that drips its status until the deadline is alive, and its load unknown', async () => {
    await peer('198.51.100.1', (stream) => drip(stream, body(`load=35 version=${'x'.repeat(500)}`)));
    stale = [addressOf('198.51.100.1')];
    await run(60_000);
    expect(told).toEqual(['198.51.100.1:4701 no load']);
  });
});

describe('the prober', () => {
  test('keeps few questions open at once, and the rest waits at the registry', async () => {
    for (let number = 0; number < 100; number += 1) {
      await peer(`198.51.100.${number}`, (stream) => void clock.setTimer('think', 3000, () => stream.write(body('load=1'))));
      stale.push(addressOf(`198.51.100.${number}`));
    }
    await run(2000);
    expect(dials.all).toHaveLength(TRACKER_PROBES_AT_ONCE_COUNT);
    expect(stale).toHaveLength(100 - TRACKER_PROBES_AT_ONCE_COUNT);
    await run(60_000);
    expect(told).toHaveLength(100);
    expect(dials.most).toBe(TRACKER_PROBES_AT_ONCE_COUNT);
  });

  test('is no port scanner: of one source it asks so many addresses in an interval, whatever that registers', async () => {
    network.host({ ip: '198.51.100.1' });
    network.host({ ip: '2001:db8::1' });
    const ports = (ip: string) => Array.from({ length: 1000 }, (_, at) => ({ ip, port: at + 1 }));
    stale = ports('198.51.100.1').flatMap((address, at) => [address, { ip: `2001:db8::${at + 1}`, port: 1 }]);
    await run(INTERVAL_MS - 1000);
    const firsts = (prefix: string) =>
      new Set(dials.all.filter((dial) => dial.startsWith(prefix)).map((dial) => dial.split(' ')[0]));
    expect(firsts('198.51.100.1').size).toBe(TRACKER_PROBES_PER_SOURCE_COUNT);
    expect(firsts('2001:db8:').size).toBe(TRACKER_PROBES_PER_SOURCE_COUNT);
    // Each of them once, and once more.
    expect(dials.all.length).toBeLessThanOrEqual(4 * TRACKER_PROBES_PER_SOURCE_COUNT);
  });

  test('drops nobody while nobody answers: its own line may be cut; and goes on when somebody does', async () => {
    for (let number = 1; number <= 30; number += 1) stale.push(addressOf(`198.51.100.${number}`));
    await run(120_000);
    const droppedCount = told.length;
    expect(droppedCount).toBeLessThan(8);
    expect(log.filter(({ level }) => level === 'warn')).toHaveLength(1);
    await peer('203.0.113.1', reply(body('load=1')));
    network.host({ ip: '203.0.113.2' });
    stale.push(addressOf('203.0.113.1'));
    await run(2000);
    stale.push(addressOf('203.0.113.2'));
    await run(60_000);
    expect(told.slice(droppedCount)).toEqual(['203.0.113.1:4701 1', '203.0.113.2:4701 dropped']);
  });

  test('says nothing of a peer where this process may open no more', async () => {
    prober.close();
    const dialer: Dialer = {
      dial: () => Promise.reject(Object.assign(new Error('x'), { cause: Object.assign(new Error('y'), { code: 'EMFILE' }) })),
    };
    prober = new Prober({ registry, dialer, clock, log: listLog().log }, { intervalMs: INTERVAL_MS });
    stale = [addressOf('198.51.100.1')];
    await run(60_000);
    expect([stale, told]).toEqual([[], []]);
  });

  test('ends with what it has open, and says nothing after that', async () => {
    const { streams } = await peer(
      '198.51.100.1',
      (stream) => void clock.setTimer('think', 3000, () => stream.write(body('load=1'))),
    );
    stale = [addressOf('198.51.100.1')];
    await run(2000);
    expect([streams.length, dials.open]).toEqual([1, 1]);
    prober.close();
    await run(60_000);
    expect([told, dials.open]).toEqual([[], 0]);
  });
});

/** A byte a second, as long as it is taken. */
function drip(stream: ServedStream, text: string): void {
  stream.write(text.slice(0, 1));
  if (text.length > 1) clock.setTimer('drip', 1000, () => drip(stream, text.slice(1)));
}

test('the reader of replies takes anything, in any pieces, and ends at its bound', () => {
  const some = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom('30\nload=7', '6\nload=7', 'ERR X y', 'ERR BUSY y\n', '7\nload=35').map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(some, fc.nat(300), (bytes, at) => {
      const [part, whole] = [readReply(bytes.subarray(0, at)), readReply(bytes)];
      // What is clear from a part stays so.
      if (part.isOver) expect(whole).toEqual(part);
      if (part.answer.isAlive) expect(whole.answer.isAlive).toBe(true);
      expect(readReply(Buffer.concat([bytes, Buffer.alloc(2 * LINE_MAX_BYTES, 'x')])).isOver).toBe(true);
    }),
  );
});
