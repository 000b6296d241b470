/** The front end over real sockets, and its caps over streams without any. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { LOG_GATE_LINES_COUNT, TRACKER_LINGER_MS, TRACKER_WAITING_MAX_COUNT } from '../../common/core/limits.js';
import { realClock, realRandom } from '../../common/node/clock.js';
import { tcpListener } from '../../common/node/tcp.js';
import type { ListenPort, ServedStream, StreamHandlers } from '../../common/ports/net.js';
import { createTracker, type Tracker, type TrackerOptions } from '../create-tracker.js';
import { listLog, ManualClock, ManualStream, seededRandom } from '../testkit/manual-ports.js';
import { RawClient } from '../testkit/raw-client.js';

/** So that what is still held, and nothing else, is counted. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

/** Turns of the event loop in which what is not held any more is given back. */
const TURNS_COUNT = 200;

describe('tracker over real sockets', () => {
  let tracker: Tracker;
  let port: number;
  const clients: RawClient[] = [];
  const { log, lines } = listLog();

  const open = async (localAddress?: string): Promise<RawClient> => {
    const client = await RawClient.connect(port, '127.0.0.1', localAddress);
    clients.push(client);
    return client;
  };
  /** Resolves when the tracker has closed all but `count` connections. */
  const until = async (count: number): Promise<void> => {
    while (tracker.stats().connections > count) await new Promise((resolve) => setImmediate(resolve));
  };

  beforeEach(async () => {
    lines.length = 0;
    tracker = await createTracker(
      { clock: realClock, random: realRandom, listener: tcpListener, log },
      { host: '127.0.0.1', port: 0 },
    );
    port = tracker.local.port;
  });

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    await tracker.close();
    expect(tracker.stats().connections).toBe(0);
  });

  test('TW16: a command and a half-close: the reply comes, then the end', async () => {
    const client = await open();
    client.socket.end('REGISTER a 1 *:5000\nLOOKUP a\n');
    expect(await client.whole()).toBe('OK interval=30 ttl=60 address=127.0.0.1:5000\nOK 1\n127.0.0.1:5000 1 -\n');
    expect(client.isEnded).toBe(true);
  });

  test('TW3: ten thousand pipelined requests and a half-close: every reply, in order', async () => {
    const client = await open();
    client.socket.end(Array.from({ length: 10_000 }, (_, at) => `REGISTER f${at % 50} 1 *:${at + 1}\n`).join(''));
    const ports = (await client.whole()).match(/[0-9]+$/gm);
    expect(ports).toEqual(Array.from({ length: 10_000 }, (_, at) => String(at + 1)));
  });

  test('TW9: the own-IP rule goes by the socket', async () => {
    const client = await open('127.0.0.2');
    client.send('REGISTER a 1 127.0.0.1:5000\nREGISTER a 1 *:5000\n');
    expect(await client.lines(2)).toMatch(/^ERR DENIED [^\n]*\nOK interval=30 ttl=60 address=127\.0\.0\.2:5000\n$/);
  });

  test('TW1: a stream without a line feed gets one ERR and an end', async () => {
    const client = await open();
    client.send(Buffer.alloc(1_000_000, 0x41));
    expect(await client.whole()).toMatch(/^ERR TOO_LONG [^\n]*\n$/);
  });

  test('TW1: a gigabyte of it is never held: what is kept grows by less than a megabyte', async () => {
    const piece = Buffer.alloc(65_536, 0x41);
    const kept = () => {
      const { arrayBuffers, heapUsed } = process.memoryUsage();
      return arrayBuffers + heapUsed;
    };
    collectGarbage();
    const before = kept();
    // Each connection is cut off after a few megabytes, so that many send it.
    let sentBytes = 0;
    for (let most = 0; sentBytes < 2 ** 30; most = 0) {
      const client = await open();
      while (!client.socket.destroyed && !client.isEnded && most < 2 ** 26) {
        if (!client.socket.write(piece))
          await Promise.race([once(client.socket, 'drain'), once(client.socket, 'close')]).catch(() => []);
        most += piece.length;
      }
      sentBytes += most;
      await client.close();
      clients.splice(clients.indexOf(client), 1);
    }
    await until(0);
    // What was on the way when a connection ended goes within some turns of the loop; what is held stays, however many there are.
    collectGarbage();
    for (let turn = 0; turn < TURNS_COUNT && kept() - before >= 2 ** 20; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      collectGarbage();
    }
    expect(kept() - before).toBeLessThan(2 ** 20);
  });

  test.each([
    ['an HTTP GET', 'GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n'],
    ['a TLS hello', Buffer.from(`160301020001000${'1fc'.repeat(300)}0a`, 'hex')],
    ['binary junk', Buffer.concat(Array.from({ length: 200 }, (_, at) => Buffer.from([at, 0, 255 - at, 10])))],
  ])('TW19: %s gets short errors, the tracker goes on', async (_what, bytes) => {
    const client = await open();
    client.socket.end(bytes);
    const reply = await client.whole();
    expect(reply).toMatch(/^(ERR (BAD_REQUEST|UNKNOWN_COMMAND|TOO_LONG) [ -~]*\n){1,10}$/);
    const next = await open();
    next.send('LOOKUP a\n');
    expect(await next.lines(1)).toBe('OK 0\n');
  });

  test('TW18: 1,000 resets in the middle of replies cost their connections alone; no handle stays, and the log is short', async () => {
    const seed = await open();
    seed.send(Array.from({ length: 100 }, (_, at) => `REGISTER a 1 *:${at + 1}\n`).join(''));
    await seed.lines(100);
    const resetOne = async () => {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      // Long enough that most of it is still to come.
      socket.write('LOOKUP a max=100\n'.repeat(20));
      await once(socket, 'data');
      socket.resetAndDestroy();
    };
    const handleCount = () => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
    const before = handleCount();
    for (let round = 0; round < 10; round += 1) await Promise.all(Array.from({ length: 100 }, resetOne));
    await until(1);
    expect(handleCount()).toBe(before);
    seed.send('LOOKUP b\n');
    expect(await seed.lines(101)).toMatch(/OK 0\n$/);
    expect(lines.filter(({ level }) => level === 'warn').length).toBeLessThanOrEqual(LOG_GATE_LINES_COUNT * 3);
    expect(lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('TW17: one that never reads holds up nobody else', async () => {
    const greedy = await open();
    greedy.send(Array.from({ length: 100 }, (_, at) => `REGISTER a 1 *:${at + 1}\n`).join(''));
    await greedy.lines(100);
    greedy.socket.pause();
    greedy.send('LOOKUP a max=100\n'.repeat(100_000));
    for (let run = 0; run < 50; run += 1) {
      const other = await open();
      other.socket.end('LOOKUP a max=3\n');
      expect((await other.whole()).split('\n')).toHaveLength(5);
    }
  });

  test('closing sends what is due and ends every connection', async () => {
    const client = await open();
    client.send('LOOKUP a\n');
    await client.lines(1);
    const closing = tracker.close();
    client.socket.on('end', () => client.socket.end());
    expect(await client.whole()).toBe('OK 0\n');
    await closing;
    expect(tracker.stats().connections).toBe(0);
    await expect(RawClient.connect(port)).rejects.toThrow('ECONNREFUSED');
  });
});

/** A listener whose streams the test makes. */
class ManualListener implements ListenPort {
  #accept: ((stream: ServedStream) => StreamHandlers) | undefined;

  listen(_options: object, accept: (stream: ServedStream) => StreamHandlers) {
    this.#accept = accept;
    return Promise.resolve({ local: { ip: '192.0.2.1', port: 4700 }, close: () => Promise.resolve() });
  }

  open(ip?: string): { stream: ManualStream; handlers: StreamHandlers } {
    const stream = new ManualStream(ip);
    const handlers = this.#accept?.(stream);
    if (handlers === undefined) throw new Error('nobody listens');
    return { stream, handlers };
  }
}

describe('tracker connections', () => {
  const make = async (options: TrackerOptions = {}) => {
    const [listener, clock, { log, lines }] = [new ManualListener(), new ManualClock(), listLog()];
    const tracker = await createTracker({ listener, clock, log, random: seededRandom(1) }, options);
    return { tracker, listener, clock, lines };
  };

  test('a source has a share of the connections, by its IPv4 address or IPv6 /64; loopback is exempt', async () => {
    const { listener } = await make({ sourceConnectionsMaxCount: 2 });
    const answers = ['192.0.2.7', '192.0.2.7', '192.0.2.7', '192.0.2.8'].map((ip) => listener.open(ip).stream.output);
    expect(answers).toEqual(['', '', expect.stringMatching(/^ERR BUSY Your address .*\n$/), '']);
    const six = ['2001:db8::1', '2001:db8::2', '2001:db8::3', '2001:db8:0:1::3'].map((ip) => listener.open(ip).stream);
    expect(six.map(({ isEnded }) => isEnded)).toEqual([false, false, true, false]);
    const local = Array.from({ length: 5 }, () => listener.open('127.0.0.1').stream.isEnded);
    expect(local).toEqual([false, false, false, false, false]);
  });

  test('at the cap of all connections the next is told BUSY, and one that goes makes room', async () => {
    const { listener, tracker } = await make({ connectionsMaxCount: 2 });
    const first = listener.open('192.0.2.1');
    listener.open('192.0.2.2');
    const refused = listener.open('192.0.2.3');
    expect(refused.stream.output).toMatch(/^ERR BUSY The tracker /);
    first.handlers.closed(undefined);
    refused.handlers.closed(undefined);
    expect(listener.open('192.0.2.4').stream.output).toBe('');
    expect(tracker.stats().connections).toBe(2);
  });

  test('TW18: of 10,000 clients that are reset while they are owed replies nothing is left', async () => {
    const { listener, tracker, lines } = await make();
    for (let run = 0; run < 10_000; run += 1) {
      const { stream, handlers } = listener.open('127.0.0.1');
      stream.takes = false;
      handlers.data(Buffer.from(`REGISTER a 1 *:${(run % 10) + 1}\nLOOKUP a\nLOOKUP a\nLOOK`));
      expect(stream.queuedBytes).toBeGreaterThan(0);
      handlers.closed(new Error('read ECONNRESET'));
    }
    expect(tracker.stats()).toMatchObject({ connections: 0, entries: 10 });
    expect(lines.filter(({ level }) => level !== 'debug').length).toBeLessThanOrEqual(LOG_GATE_LINES_COUNT + 1);
  });

  test('OV7: a flood of failing connections leaves a few log lines', async () => {
    const { listener, lines } = await make();
    for (let run = 0; run < 1000; run += 1) listener.open().handlers.closed(new Error('read ECONNRESET'));
    expect(lines.filter(({ message }) => message === 'connection failed')).toHaveLength(LOG_GATE_LINES_COUNT);
  });

  test('TW17: of too many that do not read, the one that waits longest is dropped', async () => {
    const { listener } = await make({ sourceConnectionsMaxCount: 10_000 });
    const all = Array.from({ length: TRACKER_WAITING_MAX_COUNT + 1 }, () => {
      const one = listener.open();
      one.stream.takes = false;
      one.stream.queuedBytes = 1_000_000;
      one.handlers.data(Buffer.from('LOOKUP a\n'));
      return one.stream;
    });
    expect(all.map(({ isDestroyed }) => isDestroyed).indexOf(true)).toBe(0);
    expect(all.filter(({ isDestroyed }) => isDestroyed)).toHaveLength(1);
  });

  test('TW2: 5,000 slow lines hold up nobody, and are closed by the one sweep of all connections', async () => {
    const { listener, clock } = await make();
    const slow = Array.from({ length: 5000 }, () => listener.open('127.0.0.1'));
    const other = listener.open('192.0.2.9');
    for (const letter of 'LOOKUP se') {
      for (const { handlers } of slow) handlers.data(Buffer.from(letter));
      // Answered in the same turn, whatever the others do.
      const before = other.stream.output.length;
      other.handlers.data(Buffer.from('LOOKUP a\n'));
      expect(other.stream.output.slice(before)).toBe('OK 0\n');
      clock.advance(1000);
    }
    expect(slow.some(({ stream }) => stream.isEnded)).toBe(false);
    clock.advance(1000);
    expect(slow.every(({ stream }) => stream.isEnded)).toBe(true);
    expect(other.stream.isEnded).toBe(false);
    clock.advance(TRACKER_LINGER_MS + 1000);
    expect(slow.every(({ stream }) => stream.isDestroyed)).toBe(true);
  });

  test('OV3: a client with much to answer leaves turns to the others', async () => {
    const { listener, clock } = await make();
    const [busy, other] = [listener.open(), listener.open()];
    busy.handlers.data(Buffer.from('LOOKUP a\n'.repeat(5000)));
    other.handlers.data(Buffer.from('LOOKUP a\n'));
    expect(other.stream.output).toBe('OK 0\n');
    expect(busy.stream.output.length).toBeLessThan(5000);
    clock.advance(0);
    expect(busy.stream.output).toBe('OK 0\n'.repeat(5000));
  });

  test('TW20: the memory of peers that fell silent is given back by itself', async () => {
    const { listener, clock, tracker } = await make();
    listener.open().handlers.data(Buffer.from('REGISTER a 1 *:5000\nREGISTER b 1 *:5000\n'));
    clock.advance(59_000);
    expect(tracker.stats()).toMatchObject({ entries: 2, peers: 1, names: 2 });
    clock.advance(5000);
    expect(tracker.stats()).toMatchObject({ entries: 0, peers: 0, names: 0 });
  });

  test('options that are unknown or out of bounds are refused', async () => {
    await expect(make({ colour: 1 } as TrackerOptions)).rejects.toThrow('no tracker option "colour"');
    await expect(make({ intervalMs: 1500 })).rejects.toThrow('intervalMs must be whole seconds');
    await expect(make({ intervalMs: 30_000, ttlMs: 30_000 })).rejects.toThrow('ttlMs must be');
    await expect(make({ port: 65_536 })).rejects.toThrow('port must be 0 to 65535');
    await expect(make({ connectionsMaxCount: 0 })).rejects.toThrow('connectionsMaxCount must be');
  });
});
