import { describe, expect, test } from '@jest/globals';
import { parseTrackerRequest } from '../common/wire/tracker-requests.js';
import { TrackerLogic } from './logic.js';
import { Registry } from './registry/registry.js';
import { listLog, seededRandom } from './testkit/manual-ports.js';

const ROOT = 'a'.repeat(64);
const LOCAL = '192.0.2.1';

function makeTracker({ allowForeign = false } = {}) {
  const { log, lines } = listLog();
  const registry = new Registry({ random: seededRandom(1) }, { ttlMs: 60_000, entriesMaxCount: 1000, sourceEntriesMaxCount: 2 });
  const surroundings = () => ({ connections: 3, udp: 4, uptime: 5, version: '0.1.0' });
  const logic = new TrackerLogic({ registry, log, surroundings }, { intervalMs: 30_000, ttlMs: 60_000, allowForeign });
  const ask = (line: string, ip = '192.0.2.7', nowMs = 0, maxBytes = 65_536): string =>
    logic.handle(parseTrackerRequest(line), { ip, localIp: LOCAL }, nowMs, { maxBytes });
  return { ask, logic, lines, registry };
}

describe('tracker logic', () => {
  test('REGISTER fills in the star and tells the lease; ALIVE tells the lease', () => {
    const { ask } = makeTracker();
    expect(ask('REGISTER a.bin 10 *:5000')).toBe('OK interval=30 ttl=60 address=192.0.2.7:5000\n');
    expect(ask('REGISTER a.bin 10 *:5000', '2001:db8::7')).toBe('OK interval=30 ttl=60 address=[2001:db8::7]:5000\n');
    expect(ask('ALIVE *:5000 load=3')).toBe('OK interval=30 ttl=60\n');
    // Whoever says how many registrations there should be learns how many there are.
    expect(ask('ALIVE *:5000 files=7')).toBe('OK interval=30 ttl=60 files=1\n');
    expect(ask('ALIVE 192.0.2.7:5001')).toMatch(/^ERR NOT_FOUND /);
    expect(ask('ALIVE *:5000', '192.0.2.7', 60_000)).toMatch(/^ERR NOT_FOUND /);
  });

  test('LOOKUP gives the rows of the contract, and OK 0 for what nobody has', () => {
    const { ask } = makeTracker();
    expect(ask('LOOKUP a.bin')).toBe('OK 0\n');
    expect(ask(`LOOKUP @${ROOT}`)).toBe('OK 0\n');
    ask(`REGISTER a%20b.bin 1048577 *:5000 root=${ROOT} have=2 load=7 color=blue`);
    ask('REGISTER a%20b.bin 1048577 *:5001');
    expect(ask('LOOKUP a%20b.bin')).toBe(`OK 2\n192.0.2.7:5001 1048577 -\n192.0.2.7:5000 1048577 ${ROOT} have=2 load=7\n`);
    expect(ask(`LOOKUP @${ROOT} max=5`)).toBe(`OK 1\n192.0.2.7:5000 1048577 ${ROOT} have=2 load=7\n`);
    expect(ask('LOOKUP a%20b.bin max=0')).toBe('OK 0\n');
    expect(ask('LOOKUP a%20b.bin', '192.0.2.7', 60_000)).toBe('OK 0\n');
  });

  test('TW9: nobody registers an address of somebody else', () => {
    const { ask } = makeTracker();
    expect(ask('REGISTER a.bin 10 192.0.2.8:5000')).toMatch(/^ERR DENIED .*192\.0\.2\.7/);
    expect(ask('REGISTER a.bin 10 [::ffff:192.0.2.7]:5000')).toBe('OK interval=30 ttl=60 address=192.0.2.7:5000\n');
    expect(ask('REGISTER a.bin 10 127.0.0.1:22')).toMatch(/^ERR DENIED /);
  });

  test('TW10: nobody unregisters or prolongs somebody else', () => {
    const { ask } = makeTracker();
    ask('REGISTER a.bin 10 *:5000');
    expect(ask('UNREGISTER 192.0.2.7:5000', '192.0.2.8')).toMatch(/^ERR DENIED /);
    expect(ask('ALIVE 192.0.2.7:5000', '192.0.2.8')).toMatch(/^ERR DENIED /);
    expect(ask('LOOKUP a.bin')).toMatch(/^OK 1\n/);
    expect(ask('UNREGISTER 192.0.2.7:5000')).toBe('OK 1\n');
    expect(ask('UNREGISTER 192.0.2.7:5000')).toBe('OK 0\n');
    expect(ask('LOOKUP a.bin')).toBe('OK 0\n');
  });

  test('--allow-foreign lifts that, but gives nobody a loopback address from elsewhere', () => {
    const { ask } = makeTracker({ allowForeign: true });
    expect(ask('REGISTER a.bin 10 192.0.2.8:5000')).toBe('OK interval=30 ttl=60 address=192.0.2.8:5000\n');
    expect(ask('ALIVE 192.0.2.8:5000')).toBe('OK interval=30 ttl=60\n');
    expect(ask('REGISTER a.bin 10 127.0.0.1:22')).toMatch(/^ERR DENIED .*loopback/);
    expect(ask('UNREGISTER 192.0.2.8:5000')).toBe('OK 1\n');
  });

  test.each([
    '0.0.0.0:1',
    '[::1]:99999',
    'host:5000',
    'host:0',
    '192.0.2.7:0',
    '192.0.2.7:65536',
    '239.1.2.3:5',
    'a:b:c',
    '192.0.2.7',
    `${'9'.repeat(300)}:1`,
  ])('TW8: the address %s is refused', (address) => {
    expect(makeTracker().ask(`REGISTER a.bin 10 ${address}`)).toMatch(/^ERR BAD_REQUEST /);
  });

  test('a peer on the tracker’s machine is given to others at the address where they reached the tracker', () => {
    const { ask } = makeTracker();
    ask('REGISTER a.bin 10 *:5000', '127.0.0.1');
    expect(ask('LOOKUP a.bin', '127.0.0.1')).toBe('OK 1\n127.0.0.1:5000 10 -\n');
    expect(ask('LOOKUP a.bin', '192.0.2.7')).toBe(`OK 1\n${LOCAL}:5000 10 -\n`);
    expect(ask('PEERS', '127.0.0.1')).toBe('OK 1\n127.0.0.1:5000 files=1 seen=0\n');
    expect(ask('PEERS', '192.0.2.7')).toBe(`OK 1\n${LOCAL}:5000 files=1 seen=0\n`);
  });

  test('TW9, TW10: nobody joins as somebody else, or takes a name back from somebody else', () => {
    const { ask } = makeTracker();
    ask('REGISTER a.bin 10 *:5000');
    expect(ask('JOIN 192.0.2.7:5000', '192.0.2.8')).toMatch(/^ERR DENIED /);
    expect(ask('WITHDRAW a.bin 192.0.2.7:5000', '192.0.2.8')).toMatch(/^ERR DENIED /);
    expect(ask('JOIN 0.0.0.0:1')).toMatch(/^ERR BAD_REQUEST .* Usage: JOIN /);
    expect(ask('WITHDRAW a.bin 192.0.2.7')).toMatch(/^ERR BAD_REQUEST .* Usage: WITHDRAW /);
    expect(ask('LOOKUP a.bin')).toMatch(/^OK 1\n/);
  });

  test('a peer that joined is forgotten with its lease, and kept by ALIVE', () => {
    const { ask } = makeTracker();
    expect(ask('JOIN *:5000 accept=7 group=g')).toBe('OK interval=30 ttl=60 address=192.0.2.7:5000\n');
    expect(ask('ALIVE *:5000 load=3 accept=6', '192.0.2.7', 50_000)).toBe('OK interval=30 ttl=60\n');
    expect(ask('PEERS', '192.0.2.9', 100_000)).toBe('OK 1\n192.0.2.7:5000 files=0 seen=50 load=3 accept=6 group=g\n');
    expect(ask('PEERS', '192.0.2.9', 110_000)).toBe('OK 0\n');
  });

  test('OV2: a peer that joined is an entry of its source', () => {
    const { ask } = makeTracker();
    for (const port of [1, 1, 2]) expect(ask(`JOIN *:${port}`)).toMatch(/^OK /);
    expect(ask('JOIN *:3')).toMatch(/^ERR LIMIT /);
  });

  test('what has ended is in no list, and counts in none', () => {
    const { ask } = makeTracker();
    ask('REGISTER a.bin 10 *:5000');
    ask('REGISTER a.bin 10 *:5000', '192.0.2.8', 30_000);
    const told = (nowMs: number) => ['INFO a.bin', 'SEARCH A', 'LIST'].map((request) => ask(request, LOCAL, nowMs));
    expect(told(59_900)).toEqual(new Array(3).fill('OK 1\na.bin 10 - holders=2\n'));
    expect(told(60_000)).toEqual(new Array(3).fill('OK 1\na.bin 10 - holders=1\n'));
    expect(told(90_000)).toEqual(new Array(3).fill('OK 0\n'));
    expect(ask('WITHDRAW a.bin *:5000', '192.0.2.8', 90_000)).toBe('OK 0\n');
  });

  test('UD3: a reply is no longer than its room; lists go on behind it, and lose nothing', () => {
    const { ask } = makeTracker();
    for (let host = 1; host <= 20; host += 1) ask(`REGISTER file-${host}.bin 10 *:5000 root=${ROOT}`, `192.0.2.${host}`);
    const short = ask(`LOOKUP @${ROOT}`, LOCAL, 0, 400);
    expect(short.length).toBeLessThanOrEqual(400);
    expect(short).toMatch(/^OK [2-4]\n/);
    for (const request of ['LIST', 'SEARCH FILE', 'PEERS']) {
      const rows: string[] = [];
      for (let after: string | undefined = ''; after !== undefined; ) {
        const [head = '', ...lines]: string[] = ask(`${request}${after}`, LOCAL, 0, 400).trimEnd().split('\n');
        expect([head, ...lines].join('\n').length).toBeLessThan(400);
        rows.push(...lines);
        const next: string | undefined = / next=(\S+)$/.exec(head)?.[1];
        after = next === undefined ? undefined : ` after=${next}`;
      }
      expect(rows).toHaveLength(20);
      expect(new Set(rows.map((row) => row.split(' ')[0])).size).toBe(20);
    }
  });

  test.each(['LIST after=', 'SEARCH a after=', 'PEERS after='])(
    '"%s" with a cursor that nobody gave is refused or the end',
    (request) => {
      const { ask } = makeTracker();
      ask('REGISTER a.bin 10 *:5000');
      for (const cursor of ['-', '.', 'zzzz', '0', '-1', '1.5', '9'.repeat(64), 'a.b.c', 'NaN', 'Infinity', '1e9']) {
        expect(ask(`${request}${cursor}`)).toMatch(/^(OK [01]\n|ERR BAD_REQUEST .* Usage: )/);
      }
    },
  );

  test('STATS tells what it has, what it was asked, and what is around it', () => {
    const { ask } = makeTracker();
    for (const request of ['REGISTER a 1 *:5000', 'LOOKUP a', 'INFO a', 'SEARCH a', 'ALIVE *:9', 'JOIN *:5000']) ask(request);
    expect(ask('STATS')).toMatch(
      /^OK entries=\d peers=1 names=1 sources=1 connections=3 uptime=5 requests=7 registers=1 lookups=1 searches=1 udp=4 version=0\.1\.0\n$/,
    );
  });

  test('OV2: a source at its cap is told LIMIT', () => {
    const { ask } = makeTracker();
    ask('REGISTER a 1 *:5000');
    ask('REGISTER b 1 *:5000');
    expect(ask('REGISTER c 1 *:5000')).toMatch(/^ERR LIMIT /);
    expect(ask('REGISTER c 1 *:5000', '192.0.2.8')).toMatch(/^OK /);
  });

  test('CR7: a mistake of ours is told as INTERNAL without its text, and logged', () => {
    const { logic, lines } = makeTracker();
    expect(logic.refusal(new TypeError('secret path /x'))).toBe('ERR INTERNAL The tracker made a mistake; it is in its log.\n');
    expect(lines.map(({ level, message }) => [level, message])).toEqual([['error', 'request failed']]);
  });

  test('a new registration is logged for debugging, a refreshed one is not', () => {
    const { ask, lines } = makeTracker();
    for (let run = 0; run < 5; run += 1) ask('REGISTER a 1 *:5000');
    expect(lines.map(({ level, message }) => [level, message])).toEqual([['debug', 'registered']]);
  });
});
