/** A whole tracker on a simulated network, which asks peers how they are. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { ByteStream } from '../../common/ports/net.js';
import { SimClock } from '../../common/sim/sim-clock.js';
import { type SimHost, SimNetwork } from '../../common/sim/sim-network.js';
import { SimRandom } from '../../common/sim/sim-random.js';
import { createTracker, type Tracker, type TrackerOptions } from '../create-tracker.js';
import { listLog } from '../testkit/manual-ports.js';

const INTERVAL_MS = 30_000;
const TTL_MS = 3_600_000;
const IP = '192.0.2.1';

let clock: SimClock;
let network: SimNetwork;
let tracker: Tracker;

beforeEach(() => {
  clock = new SimClock();
  network = new SimNetwork(clock);
});
afterEach(async () => {
  await finish(tracker.close());
});

/** Lets simulated time go on until a promise is settled. */
async function finish<T>(promise: Promise<T>): Promise<T> {
  let isOver = false;
  const noted = promise.finally(() => {
    isOver = true;
  });
  noted.catch(() => undefined);
  await clock.run({ isOver: () => isOver, untilMs: clock.nowMs() + 60_000 });
  return noted;
}

async function listen(options: Partial<TrackerOptions> = {}): Promise<void> {
  const host = network.host({ ip: IP, latencyMs: 5 });
  const ports = { clock, random: new SimRandom(1), listener: host.listenPort, dialer: host.dialer, log: listLog().log };
  tracker = await createTracker(ports, { host: IP, intervalMs: INTERVAL_MS, ttlMs: TTL_MS, ...options });
}

/** A machine that talks to the tracker, and on which peers answer; `asked` counts how often one was asked. */
class Machine {
  readonly host: SimHost;
  asked = 0;
  #stream: ByteStream | undefined;
  #text = '';

  constructor(ip: string) {
    this.host = network.host({ ip, latencyMs: 5 });
  }

  async serve(port: number, reply: string | ((line: string) => string | Promise<string>)): Promise<void> {
    await this.host.listenPort.listen({ host: this.host.ip, port, connectionsMaxCount: 10 }, (stream) => ({
      data: (bytes) => {
        this.asked += 1;
        const text = typeof reply === 'string' ? reply : reply(Buffer.from(bytes).toString());
        if (typeof text === 'string') stream.write(text);
        else void text.then((late) => stream.write(late));
      },
      ended: () => stream.end(),
      closed: () => undefined,
    }));
  }

  /** Sends a line on the stream that is open. */
  say(line: string): void {
    this.#stream?.write(`${line}\n`);
  }

  /** Sends a line; gives what has come back a second later. */
  async ask(line: string): Promise<string> {
    this.#stream ??= await finish(
      this.host.dialer.dial({ host: IP, port: 4700 }, 1000, () => ({
        data: (bytes) => {
          this.#text += Buffer.from(bytes).toString();
        },
        ended: () => undefined,
        closed: () => undefined,
      })),
    );
    this.#text = '';
    this.#stream.write(`${line}\n`);
    await wait(1000);
    return this.#text;
  }
}

const wait = (ms: number) => clock.run({ untilMs: clock.nowMs() + ms });
const body = (line: string) => `${line.length + 1}\n${line}\n`;

describe('a tracker', () => {
  test('asks a peer that is handed out and does not report its load, once an interval, and ranks it by what it says', async () => {
    await listen();
    const [busy, idle, asker] = [new Machine('198.51.100.1'), new Machine('198.51.100.2'), new Machine('198.51.100.3')];
    await busy.serve(4701, body('load=80 files=1'));
    await idle.serve(4701, body('load=3 files=1'));
    for (const machine of [busy, idle]) await machine.ask('REGISTER file 5 *:4701');
    await wait(INTERVAL_MS + 5000);
    // Nobody asked for them: what they are busy with makes no difference.
    expect([busy.asked, idle.asked]).toEqual([0, 0]);
    // Replies at one moment begin with one of them in turn.
    await asker.ask('LOOKUP file\n'.repeat(4));
    await wait(3000);
    expect([busy.asked, idle.asked]).toEqual([1, 1]);
    expect(await asker.ask('LOOKUP file')).toBe('OK 2\n198.51.100.2:4701 5 - load=3\n198.51.100.1:4701 5 - load=80\n');
    for (let count = 0; count < 20; count += 1) await asker.ask('LOOKUP file');
    expect([busy.asked, idle.asked]).toEqual([1, 1]);
    await wait(INTERVAL_MS);
    expect(idle.asked).toBe(2);
  });

  test('does not ask one that reports its load, nor one that registers by itself for another', async () => {
    await listen({ allowForeign: true });
    const [reporting, stranger, victim] = [new Machine('198.51.100.1'), new Machine('198.51.100.2'), new Machine('203.0.113.1')];
    await reporting.serve(4701, body('load=1'));
    await victim.serve(22, body('load=1'));
    await reporting.ask('REGISTER file 5 *:4701 load=7');
    await stranger.ask('REGISTER other 5 203.0.113.1:22');
    for (let round = 0; round < 10; round += 1) {
      await wait(INTERVAL_MS / 2 - 3000);
      await reporting.ask('ALIVE *:4701 load=7');
      expect(await stranger.ask('LOOKUP file')).toContain('load=7');
      expect(await stranger.ask('LOOKUP other')).toContain('OK 1\n203.0.113.1:22 ');
    }
    expect([reporting.asked, victim.asked]).toEqual([0, 0]);
  });

  test('drops one that does not answer twice, with all that it registered, and leaves one that knows no STATUS', async () => {
    await listen();
    const [gone, old, asker] = [new Machine('198.51.100.1'), new Machine('198.51.100.2'), new Machine('198.51.100.3')];
    await old.serve(4701, 'ERR UNKNOWN_COMMAND Known commands: GET_CHUNK.\n');
    for (const machine of [gone, old]) await machine.ask('REGISTER file 5 *:4701');
    await gone.ask('REGISTER more 5 *:4701');
    await wait(INTERVAL_MS);
    for (let count = 0; count < 4; count += 1) expect(await asker.ask('LOOKUP file')).toContain('OK 2\n');
    await wait(20_000);
    expect(await asker.ask('LOOKUP file')).toBe('OK 1\n198.51.100.2:4701 5 -\n');
    expect(await asker.ask('LOOKUP more')).toBe('OK 0\n');
    // It is there after all, and says so: it is welcome.
    expect(await gone.ask('ALIVE *:4701')).toContain('ERR NOT_FOUND ');
    await gone.ask('REGISTER file 5 *:4701');
    expect(await asker.ask('LOOKUP file')).toContain('OK 2\n');
  });

  test('asks nobody where it is told not to', async () => {
    await listen({ isProbing: false });
    const [peer, asker] = [new Machine('198.51.100.1'), new Machine('198.51.100.2')];
    await peer.serve(4701, body('load=1'));
    await peer.ask('REGISTER file 5 *:4701');
    for (let count = 0; count < 10; count += 1) {
      await wait(INTERVAL_MS);
      expect(await asker.ask('LOOKUP file')).toContain('OK 1\n');
    }
    expect(peer.asked).toBe(0);
  });
});

describe('a tracker that knows more of a peer than it says it serves', () => {
  const ROOT = 'a'.repeat(64);
  const row = (name: string) => `${name} 5 ${ROOT}`;
  const page = (names: readonly string[], next = '') => body([`OK ${names.length}${next}`, ...names.map(row)].join('\n'));

  /** A peer that says it serves `fileCount` names, and answers LIST as told; what it was asked for lists. */
  async function listing(
    fileCount: number | undefined,
    list: (line: string) => string | Promise<string>,
  ): Promise<{ peer: Machine; lists: string[] }> {
    const peer = new Machine('198.51.100.1');
    const lists: string[] = [];
    const status = fileCount === undefined ? 'load=1' : `load=1 files=${fileCount}`;
    await peer.serve(4701, (line) => {
      if (line === 'STATUS\n') return body(status);
      lists.push(line);
      return list(line);
    });
    return { peer, lists };
  }

  /** Hands the peer out, so that it is asked; gives which of these names somebody has then. */
  async function left(asker: Machine, names: readonly string[]): Promise<string[]> {
    await wait(INTERVAL_MS);
    for (const name of names) await asker.ask(`LOOKUP ${name}`);
    await wait(10_000);
    const found: string[] = [];
    for (const name of names) if ((await asker.ask(`LOOKUP ${name}`)).startsWith('OK 1\n')) found.push(name);
    return found;
  }

  test('asks for its list, page by page, and withdraws what is not in it, of this peer alone', async () => {
    await listen();
    const { peer, lists } = await listing(2, (line) => (line.includes('after=7') ? page(['b']) : page(['a', 'new'], ' next=7')));
    const [other, asker] = [new Machine('198.51.100.2'), new Machine('198.51.100.3')];
    for (const name of ['a', 'b', 'gone', 'with-them']) await peer.ask(`REGISTER ${name} 5 *:4701 root=${ROOT}`);
    await peer.ask('REGISTER a 6 *:4701');
    await other.serve(4701, body('load=2 files=1'));
    await other.ask(`REGISTER with-them 5 *:4701 root=${ROOT}`);
    expect(await left(asker, ['a', 'b', 'gone', 'with-them'])).toEqual(['a', 'b', 'with-them']);
    expect(lists).toEqual(['LIST max=1000\n', 'LIST max=1000 after=7\n']);
    expect(await asker.ask('LOOKUP with-them')).toBe(`OK 1\n198.51.100.2:4701 5 ${ROOT} load=2\n`);
    expect(await asker.ask('LOOKUP a')).toBe(`OK 1\n198.51.100.1:4701 5 ${ROOT} load=1\n`);
  });

  test('does not withdraw what is registered while it walks', async () => {
    await listen();
    const { peer, lists } = await listing(0, () => {
      peer.say(`REGISTER late 5 *:4701 root=${ROOT}`);
      return new Promise((resolve) => clock.setTimer('think', 500, () => resolve(page([]))));
    });
    const asker = new Machine('198.51.100.3');
    await peer.ask(`REGISTER gone 5 *:4701 root=${ROOT}`);
    expect(await left(asker, ['gone'])).toEqual([]);
    expect(lists).toHaveLength(1);
    expect(await asker.ask('LOOKUP late')).toContain('OK 1\n');
  });

  test.each<[string, (line: string) => string]>([
    ['does not know LIST', () => 'ERR UNKNOWN_COMMAND x\n'],
    ['has too much to do', () => 'ERR BUSY x\n'],
    ['ends in the middle of it', () => page(['a']).slice(0, -5)],
    ['says that there is more, and gives nothing', (line) => (line.includes('after') ? '' : page(['a'], ' next=1'))],
    ['answers with something else', () => body('hello')],
    ['lists without an end', () => page(['a'], ' next=1')],
  ])('takes nothing from one that %s', async (_what, list) => {
    await listen();
    const { peer, lists } = await listing(0, list);
    const asker = new Machine('198.51.100.3');
    for (const name of ['a', 'b']) await peer.ask(`REGISTER ${name} 5 *:4701 root=${ROOT}`);
    expect(await left(asker, ['a', 'b'])).toEqual(['a', 'b']);
    await wait(60_000);
    expect(lists.length).toBeGreaterThan(0);
    expect((await asker.ask('LOOKUP b')).startsWith('OK 1\n')).toBe(true);
  });

  test('asks for no list where as much is served as is registered', async () => {
    await listen();
    const { peer, lists } = await listing(2, () => page([]));
    for (const name of ['a', 'b']) await peer.ask(`REGISTER ${name} 5 *:4701 root=${ROOT}`);
    expect(await left(new Machine('198.51.100.3'), ['a', 'b'])).toEqual(['a', 'b']);
    expect(peer.asked).toBe(1);
    expect(lists).toEqual([]);
  });
});
