/** The UDP front end before strangers: over a simulated network, and over real sockets where two front ends meet. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ShoalError } from '../../common/core/errors.js';
import {
  INDEX_COOKIE_SLOT_MS,
  INDEX_DATAGRAM_MAX_BYTES,
  INDEX_PAGE_REQUESTS_COUNT,
  INDEX_SEARCH_REQUESTS_COUNT,
  INDEX_SOURCE_REQUESTS_COUNT,
  INDEX_UNPROVEN_REQUESTS_COUNT,
  LOG_GATE_LINES_COUNT,
} from '../../common/core/limits.js';
import { realClock, realRandom } from '../../common/node/clock.js';
import { tcpListener } from '../../common/node/tcp.js';
import { udpPort } from '../../common/node/udp.js';
import type { DatagramHandlers, DatagramPort } from '../../common/ports/datagram.js';
import { createTracker } from '../create-tracker.js';
import { DatagramWorld, datagramOf } from '../testkit/datagram-stranger.js';
import { listLog, ManualClock, seededRandom } from '../testkit/manual-ports.js';
import { RawClient } from '../testkit/raw-client.js';

const ROOT = 'ab'.repeat(32);
const ZEROS = '0'.repeat(16);

describe('the UDP index', () => {
  test('does over datagrams what the lines do', async () => {
    const world = await DatagramWorld.start();
    const peer = await world.stranger('10.0.0.7');
    expect(await peer.askProven('R', `hello.txt 6 *:5000 root=${ROOT} seq=1`)).toBe(
      'A OK interval=30 ttl=60 address=10.0.0.7:5000',
    );
    expect(await peer.askProven('S', 'hello.txt')).toBe(`A OK 1\n10.0.0.7:5000 6 ${ROOT}`);
    expect(await peer.askProven('R', '*:5000 load=7')).toBe('A OK interval=30 ttl=60');
    expect(await peer.askProven('Q', `LOOKUP @${ROOT}`)).toBe(`A OK 1\n10.0.0.7:5000 6 ${ROOT} load=7`);
    expect(await peer.askProven('T', '*:5000')).toBe('A OK 1');
    expect(await peer.askProven('S', 'hello.txt')).toBe('A OK 0');
    expect(await peer.askProven('R', '*:5000')).toMatch(/^E NOT_FOUND /);
    expect(await peer.askProven('Q', 'NONSENSE')).toMatch(/^E UNKNOWN_COMMAND /);
    expect(world.tracker.stats()).toMatchObject({ udp: 9, entries: 0 });
    await world.tracker.close();
    expect(await peer.ask('S', 'hello.txt')).toBe('');
  });

  test('UD1: datagrams of no bytes, of one, cut anywhere, of 65,507 and of junk are dropped or told, and it goes on', async () => {
    const world = await DatagramWorld.start();
    const peer = await world.stranger('10.0.0.7');
    const whole = datagramOf('S', ZEROS, 'hello.txt max=3');
    for (let bytes = 0; bytes < whole.length; bytes += 1) peer.send(whole.subarray(0, bytes));
    peer.send(Buffer.concat([whole, Buffer.alloc(65_507 - whole.length, 0x20)]));
    await world.clock.run({ untilMs: world.clock.nowMs() + 10 });
    expect(peer.received.length).toBeGreaterThan(0);
    expect(peer.received.length).toBeLessThanOrEqual(whole.length - 9 + 1);
    expect(peer.received.at(-1)?.toString('utf8', 9)).toMatch(/^TOO_LONG /);
    const junk = fc.sample(fc.uint8Array({ maxLength: 200 }), { numRuns: 500, seed: 4 });
    for (const bytes of junk) peer.send(Buffer.concat([Buffer.from('RSOTQAE'[bytes.length % 7] ?? ''), bytes]));
    expect(await peer.ask('S', 'hello.txt')).toBe('A OK 0');
    expect(world.log.lines.filter(({ level }) => level === 'error')).toEqual([]);
    await world.tracker.close();
  });

  test('UD2: nobody whose address is unproven gets more than three times what he sent, or changes anything', async () => {
    const world = await DatagramWorld.start();
    for (let at = 0; at < 12; at += 1) {
      const peer = await world.stranger(`10.0.1.${at}`);
      expect(await peer.askProven('R', `a 6 *:5000 root=${ROOT}`)).toMatch(/^A OK/);
    }
    const liar = await world.stranger('10.0.0.9');
    const texts: [string, string][] = [
      ['S', 'a'],
      ['S', `a max=100`],
      ['S', `a cookie=${ZEROS}`],
      ['O', ''],
      ['O', `cookie=${ZEROS}`],
      ['Q', 'HELP'],
      ['Q', 'x'],
      ['Q', `STATS cookie=${ZEROS}`],
      ['R', `a 6 *:5000 root=${ROOT} cookie=${ZEROS}`],
      ['R', '*:5000'],
      ['T', 'a *:5000'],
      ['T', `*:5000 cookie=${ZEROS}`],
      ['Q', 'JOIN *:5000'],
    ];
    for (const [type, text] of texts) {
      const before = liar.received.length;
      await liar.ask(type, text);
      const got = liar.received.slice(before);
      expect(got.length).toBeLessThanOrEqual(1);
      for (const reply of got) expect([text, reply.length <= 3 * (9 + text.length)]).toEqual([text, true]);
    }
    expect(await liar.ask('S', 'nobody')).toBe('A OK 0');
    expect(await liar.ask('S', 'a max=2')).toMatch(/^E DENIED cookie=[0-9a-f]{16}$/);
    expect(world.tracker.stats()).toMatchObject({ entries: 12, peers: 12 });
    await world.tracker.close();
  });

  test('UD2: a cookie is good for its address, its port and two minutes at most', async () => {
    const world = await DatagramWorld.start();
    const [peer, other, port] = [
      await world.stranger('10.0.0.7'),
      await world.stranger('10.0.0.8'),
      await world.stranger('10.0.0.7'),
    ];
    await world.clock.run({ untilMs: INDEX_COOKIE_SLOT_MS });
    await peer.askProven('R', 'a 6 *:5000');
    const text = `a 6 *:5000 cookie=${peer.cookie}`;
    for (const thief of [other, port]) expect(await thief.ask('R', text)).toMatch(/^E DENIED cookie=/);
    for (const untilMs of [2 * INDEX_COOKIE_SLOT_MS - 100, 3 * INDEX_COOKIE_SLOT_MS - 100]) {
      await world.clock.run({ untilMs });
      expect(await peer.ask('R', text)).toMatch(/^A OK /);
    }
    await world.clock.run({ untilMs: 3 * INDEX_COOKIE_SLOT_MS });
    expect(await peer.ask('R', text)).toMatch(/^E DENIED cookie=/);
    expect(await peer.askProven('R', 'a 6 *:5000')).toMatch(/^A OK /);
    await world.tracker.close();
  });

  test('UD3: a list that is longer than a datagram is given in pages that fit, to who is proven', async () => {
    const world = await DatagramWorld.start();
    const peer = await world.stranger('10.0.0.7');
    for (let at = 0; at < 60; at += 1) await peer.askProven('R', `${'x'.repeat(40)}${at} 6 *:5000 root=${ROOT}`);
    expect(await (await world.stranger('10.0.0.8')).ask('O', 'max=100')).toMatch(/^E DENIED cookie=/);
    const names: string[] = [];
    let next = '';
    do {
      const [first = '', ...rows] = (await peer.askProven('O', `max=100${next}`)).split('\n');
      expect(first).toMatch(new RegExp(`^A OK ${rows.length}( next=\\S+)?$`));
      names.push(...rows.map((row) => row.split(' ')[0] ?? ''));
      next = first.includes(' next=') ? ` after=${first.split(' next=')[1]}` : '';
    } while (next !== '');
    expect(new Set(names).size).toBe(60);
    expect(names).toHaveLength(60);
    const longest = Math.max(...peer.received.map((bytes) => bytes.length));
    expect(longest).toBeLessThanOrEqual(INDEX_DATAGRAM_MAX_BYTES);
    expect(longest).toBeGreaterThan(INDEX_DATAGRAM_MAX_BYTES - 200);
    await world.tracker.close();
  });

  test('UD5: what is repeated is done once, and what comes late does not undo what came since', async () => {
    const world = await DatagramWorld.start();
    const peer = await world.stranger('10.0.0.7');
    for (let times = 0; times < 3; times += 1) expect(await peer.askProven('R', 'a 6 *:5000 seq=1')).toMatch(/^A OK interval=/);
    expect(world.tracker.stats().entries).toBe(1);
    expect(await peer.askProven('T', '*:5000 seq=2')).toBe('A OK 1');
    expect(await peer.askProven('R', 'a 6 *:5000 seq=1')).toBe('A OK interval=30 ttl=60 seq=2');
    expect(await peer.askProven('S', 'a')).toBe('A OK 0');
    expect(await peer.askProven('R', 'a 6 *:5000 seq=3')).toMatch(/address=/);
    expect(await peer.askProven('T', '*:5000 seq=2')).toBe('A OK 0 seq=3');
    expect(await peer.askProven('S', 'a')).toMatch(/^A OK 1\n/);
    expect(await peer.askProven('R', 'a 6 *:5000 seq=x')).toMatch(/^E BAD_REQUEST seq/);
    // Who does not count is taken at his word.
    expect(await peer.askProven('T', '*:5000')).toBe('A OK 1');
    const other = await world.stranger('10.0.0.7');
    expect(await other.askProven('R', 'a 6 *:5001 seq=1')).toMatch(/address=/);
    await world.tracker.close();
  });

  test('UD6: a NUL, padding and a line feed make a request bad, however it is proven', async () => {
    const world = await DatagramWorld.start();
    const peer = await world.stranger('10.0.0.7');
    expect(await peer.askProven('S', 'a')).toBe('A OK 0');
    for (const text of [`a\0\0\0\0 6 *:5000`, 'a 6 *:5000\n', 'a  6 *:5000', 'a 6 *:5000\0garbage']) {
      expect(await peer.askProven('R', text)).toMatch(/^E (BAD_REQUEST|DENIED cookie)/);
    }
    expect(world.tracker.stats().entries).toBe(0);
    await world.tracker.close();
  });

  test('UD8: failures of the network are logged, a few of them, and it goes on', async () => {
    let handlers: DatagramHandlers | undefined;
    const sent: Uint8Array[] = [];
    const datagrams: DatagramPort = {
      bind: async (_at, owner) => {
        handlers = owner;
        const local = { ip: '10.0.0.1', port: 4700 };
        return { local, send: (bytes) => sent.push(bytes), localIpFor: () => local.ip, close: async () => undefined };
      },
      connect: () => Promise.reject(new Error('a tracker connects to nobody')),
    };
    const { log, lines } = listLog();
    const listener = { listen: async () => ({ local: { ip: '10.0.0.1', port: 4700 }, close: async () => undefined }) };
    const tracker = await createTracker({ clock: new ManualClock(), random: seededRandom(1), listener, datagrams, log });
    for (let at = 0; at < 1000; at += 1) {
      for (const why of ['ECONNREFUSED', 'EMSGSIZE', 'ENOBUFS']) handlers?.failed(new ShoalError('NETWORK', 'environment', why));
    }
    expect(lines.map(({ message }) => message)).toEqual(Array.from({ length: LOG_GATE_LINES_COUNT }, () => 'datagram failed'));
    handlers?.datagram(datagramOf('S', ZEROS, 'hello.txt'), { ip: '10.0.0.7', port: 9 });
    expect(Buffer.from(sent[0] ?? []).toString('utf8', 9)).toBe('OK 0');
    await tracker.close();
  });
});

describe('UD7: the UDP index in a flood', () => {
  type Forge = (number: number) => { readonly text: string; readonly ip: string; readonly port: number };

  /**
   * 100,000 datagrams a second for two seconds, which come from wherever they say. Meanwhile one who is honest registers 100 files, and
   * tries each a second time where the first was lost. Gives the share that was acknowledged.
   */
  async function ackedShare(prepare: (world: DatagramWorld) => Promise<Forge>): Promise<number> {
    const world = await DatagramWorld.start({ sourceEntriesMaxCount: 5000 });
    const honest = await world.stranger('10.0.0.7');
    await honest.askProven('R', 'first 6 *:5000');
    const forge = await prepare(world);
    let number = 0;
    let ackedCount = 0;
    for (let at = 0; at < 100; at += 1) {
      for (let burst = 0; burst < 2000; burst += 1) {
        number += 1;
        const { text, ip, port } = forge(number);
        world.handlers.datagram(datagramOf('R', ZEROS, text), { ip, port });
      }
      const ask = () => honest.askProven('R', `f${at} 6 *:5000`);
      if ((await ask()).startsWith('A OK') || (await ask()).startsWith('A OK')) ackedCount += 1;
    }
    // What the flood may keep is what one source may, and it got no further.
    expect(world.tracker.stats().entries).toBeLessThanOrEqual(5000 + 101);
    await world.tracker.close();
    return ackedCount / 100;
  }

  test('of one source that is proven, with random names: it is held to its rate and its share, honest ones are answered', async () => {
    const share = await ackedShare(async (world) => {
      const flooder = await world.stranger('10.0.0.66');
      await flooder.askProven('R', 'n 6 *:5000');
      const { cookie } = flooder;
      return (number) => ({ text: `n${number} 6 *:5000 cookie=${cookie}`, ip: '10.0.0.66', port: flooder.socket.local.port });
    });
    expect(share).toBeGreaterThanOrEqual(0.95);
  });

  test('of forged sources, the honest one among them: who is proven is answered all the same', async () => {
    const share = await ackedShare(async () => (number) => ({
      text: `n${number} 6 *:5000 cookie=${ZEROS}`,
      ip: number % 2 === 0 ? '10.0.0.7' : `10.${number % 250}.${Math.floor(number / 250) % 250}.9`,
      port: 1000 + (number % 60_000),
    }));
    expect(share).toBeGreaterThanOrEqual(0.95);
  });

  test.each([
    ['SEARCH a', INDEX_SEARCH_REQUESTS_COUNT],
    ['LIST', INDEX_PAGE_REQUESTS_COUNT],
    ['INFO a', INDEX_PAGE_REQUESTS_COUNT],
  ])('OV3: %s counts as %d requests, and who is unproven gets none done', async (line, weight) => {
    const world = await DatagramWorld.start();
    const peer = await world.stranger('10.0.0.7');
    expect(await peer.ask('Q', `${line} max=1`)).toMatch(/^E DENIED cookie=/);
    await peer.askProven('R', 'a 6 *:5000');
    const before = peer.received.length;
    const text = `${line} cookie=${peer.cookie}`;
    // A cheap request leaves less than one's worth at the end.
    peer.send(datagramOf('S', ZEROS, `nothing cookie=${peer.cookie}`));
    for (let at = 0; at < 2 * (INDEX_SOURCE_REQUESTS_COUNT / weight); at += 1) peer.send(datagramOf('Q', ZEROS, text));
    await world.clock.run({ untilMs: world.clock.nowMs() + 10 });
    const replies = peer.received.slice(before).map((bytes) => bytes.toString('utf8', 9));
    const [done, busy] = [/^OK 1\n/, /^BUSY /].map((pattern) => replies.filter((reply) => pattern.test(reply)).length);
    expect(done).toBeGreaterThanOrEqual(INDEX_SOURCE_REQUESTS_COUNT / weight - 2);
    expect(done).toBeLessThanOrEqual(INDEX_SOURCE_REQUESTS_COUNT / weight);
    expect(busy).toBeGreaterThan(0);
    await world.tracker.close();
  });

  test('a source gets its second worth at once and then its rate, proven or not, and the log stays short', async () => {
    const world = await DatagramWorld.start();
    const peer = await world.stranger('10.0.0.7');
    const count = 3 * INDEX_SOURCE_REQUESTS_COUNT;
    const rush = async (text: string): Promise<number> => {
      const before = world.tracker.stats().udp;
      for (let at = 0; at < count; at += 1) peer.send(datagramOf('S', ZEROS, text));
      await world.clock.run({ untilMs: world.clock.nowMs() + 10 });
      return world.tracker.stats().udp - before;
    };
    await peer.askProven('R', 'a 6 *:5000');
    const unproven = await rush('hello');
    expect(unproven).toBeGreaterThan(INDEX_UNPROVEN_REQUESTS_COUNT - 10);
    expect(unproven).toBeLessThanOrEqual(INDEX_UNPROVEN_REQUESTS_COUNT);
    const proven = await rush(`hello cookie=${peer.cookie}`);
    expect(Math.abs(proven - INDEX_SOURCE_REQUESTS_COUNT)).toBeLessThan(INDEX_SOURCE_REQUESTS_COUNT / 100);
    const warnings = world.log.lines.filter(({ level }) => level === 'warn');
    expect(warnings.length).toBeGreaterThan(0);
    expect(warnings.length).toBeLessThanOrEqual(LOG_GATE_LINES_COUNT);
    await world.tracker.close();
  });
});

describe('TCP and UDP of one tracker', () => {
  const ports = { clock: realClock, random: realRandom, listener: tcpListener, datagrams: udpPort, log: listLog().log };

  /** A bare UDP client on real sockets. */
  async function client(trackerPort: number, localIp: string) {
    const replies: Buffer[] = [];
    const socket = await udpPort.bind(
      { host: localIp, port: 0 },
      { datagram: (bytes) => replies.push(Buffer.from(bytes)), failed: () => undefined },
    );
    let cookie = ZEROS;
    const ask = async (type: string, text: string): Promise<string> => {
      const count = replies.length;
      socket.send(datagramOf(type, ZEROS, `${text} cookie=${cookie}`), { ip: '127.0.0.1', port: trackerPort });
      while (replies.length === count) await new Promise(setImmediate);
      const reply = replies[count]?.toString('utf8', 9) ?? '';
      const given = /^DENIED cookie=([0-9a-f]{16})$/.exec(reply)?.[1];
      if (given === undefined) return reply;
      cookie = given;
      return ask(type, text);
    };
    return { ask, close: () => socket.close() };
  }

  test('UD9: agree at once, and T takes back what came by TCP for its owner alone', async () => {
    const tracker = await createTracker(ports, { host: '127.0.0.1', port: 0 });
    const { port } = tracker.local;
    const tcp = await RawClient.connect(port);
    const [owner, other] = [await client(port, '127.0.0.1'), await client(port, '127.0.0.2')];
    tcp.send('REGISTER a 6 *:5000\n');
    await tcp.lines(1);
    expect(await owner.ask('S', 'a')).toBe('OK 1\n127.0.0.1:5000 6 -');
    expect(await other.ask('T', '127.0.0.1:5000')).toMatch(/^DENIED You are seen at 127\.0\.0\.2/);
    expect(await other.ask('T', '*:5000')).toBe('OK 0');
    expect(await owner.ask('S', 'a')).toMatch(/^OK 1\n/);
    expect(await owner.ask('T', '*:5000')).toBe('OK 1');
    expect(await owner.ask('R', 'b 7 *:5001')).toBe('OK interval=30 ttl=60 address=127.0.0.1:5001');
    tcp.send('LOOKUP a\nLOOKUP b\n');
    expect(await tcp.lines(4)).toMatch(/\nOK 0\nOK 1\n127\.0\.0\.1:5001 7 -\n$/);
    await Promise.all([tcp.close(), owner.close(), other.close(), tracker.close()]);
  });

  test('have one port number; where UDP has it taken it is said, or with port 0 another is tried', async () => {
    const silent = { datagram: () => undefined, failed: () => undefined };
    let squatter = await udpPort.bind({ host: '127.0.0.1', port: 0 }, silent);
    // The same number may be somebody's over TCP: then it is no port for this.
    while (!(await isFreeOverTcp(squatter.local.port))) {
      await squatter.close();
      squatter = await udpPort.bind({ host: '127.0.0.1', port: 0 }, silent);
    }
    const { port } = squatter.local;
    await expect(createTracker(ports, { host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'NETWORK',
      message: expect.stringMatching(/UDP 127\.0\.0\.1:\d+ is taken .*--no-udp\.$/),
    });
    const alone = await createTracker(ports, { host: '127.0.0.1', port, isUdp: false });
    expect(alone.local.port).toBe(port);
    await Promise.all([alone.close(), squatter.close()]);
    let bindCount = 0;
    const bind: DatagramPort['bind'] = (at, handlers) => {
      bindCount += 1;
      return bindCount < 3 ? Promise.reject(new ShoalError('NETWORK', 'environment', 'Taken.')) : udpPort.bind(at, handlers);
    };
    const tracker = await createTracker({ ...ports, datagrams: { ...udpPort, bind } }, { host: '127.0.0.1', port: 0 });
    expect(bindCount).toBe(3);
    await tracker.close();
  });
});

async function isFreeOverTcp(port: number): Promise<boolean> {
  const handlers = { data: () => undefined, ended: () => undefined, closed: () => undefined };
  try {
    await (await tcpListener.listen({ host: '127.0.0.1', port, connectionsMaxCount: 1 }, () => handlers)).close();
    return true;
  } catch {
    return false;
  }
}
