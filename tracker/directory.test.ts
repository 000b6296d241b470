/** Every message of the directory as a stranger sends it, over a raw socket to a whole tracker, and what it changes. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { realClock, realRandom } from '../common/node/clock.js';
import { tcpListener } from '../common/node/tcp.js';
import { packageVersion } from '../common/node/version.js';
import { parseContentRow, parsePageHead } from '../common/wire/tracker-replies.js';
import { TRACKER_USAGES } from '../common/wire/tracker-requests.js';
import { createTracker, type Tracker } from './create-tracker.js';
import { listLog } from './testkit/manual-ports.js';
import { RawClient } from './testkit/raw-client.js';

const A = 'a'.repeat(64);
const B = 'b'.repeat(64);
let tracker: Tracker;
let client: RawClient;
const others: RawClient[] = [];

/** Sends lines; gives as many lines of what comes back. */
async function ask(text: string, lineCount = 1, from = client): Promise<string[]> {
  const before = from.text.split('\n').length - 1;
  from.send(`${text}\n`);
  const lines = (await from.lines(before + lineCount)).split('\n').slice(before, -1);
  expect(lines).toHaveLength(lineCount);
  return lines;
}

async function openFrom(localAddress: string): Promise<RawClient> {
  const other = await RawClient.connect(tracker.local.port, '127.0.0.1', localAddress);
  others.push(other);
  return other;
}

beforeEach(async () => {
  tracker = await createTracker(
    { clock: realClock, random: realRandom, listener: tcpListener, log: listLog().log },
    { host: '127.0.0.1', port: 0 },
  );
  client = await openFrom('127.0.0.1');
});

afterEach(async () => {
  await Promise.all(others.splice(0).map((other) => other.close()));
  await tracker.close();
});

const lease = (port: number) => `OK interval=30 ttl=60 address=127.0.0.1:${port}`;

describe('the directory', () => {
  test('INFO tells what is known of a content, by name and by root', async () => {
    await ask(
      [
        `REGISTER a%20b 1048577 *:1 root=${A} type=text/plain checksum=md5:00112233`,
        `REGISTER a%20b 1048577 *:2 root=${A}`,
        `REGISTER a%20b 1048577 *:3 root=${A} have=1`,
        'REGISTER a%20b 7 *:3',
        `REGISTER other 1048577 *:3 root=${A}`,
      ].join('\n'),
      5,
    );
    const row = `a%20b 1048577 ${A} holders=2 partial=1`;
    const told = await ask('info a%20b', 3);
    expect(told[0]).toBe('OK 2');
    expect(told.slice(1).sort()).toEqual([`${row} type=text/plain checksum=md5:00112233`, 'a%20b 7 - holders=1']);
    const byRoot = await ask(`INFO @${A}`, 3);
    expect(
      byRoot
        .slice(1)
        .map((line) => line.split(' ')[0])
        .sort(),
    ).toEqual(['a%20b', 'other']);
    expect((await ask('INFO a%20b max=1', 2))[0]).toBe('OK 1');
    expect(await ask(`INFO nobody\nINFO @${B}`, 2)).toEqual(['OK 0', 'OK 0']);
  });

  test('SEARCH finds a part of a name, whatever its case and form', async () => {
    const names = ['Stra%C3%9Fe.txt', '%C3%9CBER/Caf%C3%A9.mp3', 'CAFÉ.mp4', '%CE%9F%CE%94%CE%9F%CE%A3', 'b%20c'];
    await ask(names.map((name, at) => `REGISTER ${name} ${at} *:1`).join('\n'), names.length);
    const found = async (text: string, count: number) =>
      (await ask(`SEARCH ${text}`, count + 1)).map((line) => line.split(' ')[0]);
    expect(await found('café', 2)).toEqual(['OK', 'ÜBER/Café.mp3', 'CAFÉ.mp4']);
    expect(await found('CAFE%CC%81', 2)).toEqual(['OK', 'ÜBER/Café.mp3', 'CAFÉ.mp4']);
    expect(await found('%C3%BCber%2F', 1)).toEqual(['OK', 'ÜBER/Café.mp3']);
    expect(await found('stra%C3%9F', 1)).toEqual(['OK', 'Straße.txt']);
    expect(await found('οδος', 1)).toEqual(['OK', 'ΟΔΟΣ']);
    expect(await found('%20', 1)).toEqual(['OK', 'b%20c']);
    expect(await found('strasse', 0)).toEqual(['OK']);
    expect(await found('*', 0)).toEqual(['OK']);
  });

  test('WITHDRAW takes back one name at one address, or one content of it', async () => {
    await ask(
      [
        `REGISTER a 1 *:1 root=${A}`,
        `REGISTER a 2 *:1 root=${B}`,
        'REGISTER a 3 *:1',
        'REGISTER a 1 *:2',
        'REGISTER b 1 *:1',
      ].join('\n'),
      5,
    );
    expect(await ask(`WITHDRAW a *:1 root=${A}`)).toEqual(['OK 1']);
    expect(await ask(`LOOKUP @${A}`)).toEqual(['OK 0']);
    expect(await ask('WITHDRAW a 127.0.0.1:1')).toEqual(['OK 2']);
    expect(await ask('WITHDRAW a *:1\nWITHDRAW nobody *:1\nLOOKUP b', 4)).toEqual(['OK 0', 'OK 0', 'OK 1', '127.0.0.1:1 1 -']);
    expect(await ask('INFO a', 2)).toEqual(['OK 1', 'a 1 - holders=1']);
    const stranger = await openFrom('127.0.0.2');
    expect(await ask('WITHDRAW b 127.0.0.1:1\nWITHDRAW b *:1', 2, stranger)).toEqual([
      expect.stringMatching(/^ERR DENIED /),
      'OK 0',
    ]);
    expect((await ask('LOOKUP b', 2))[0]).toBe('OK 1');
  });

  test('JOIN makes a peer known that has nothing, ALIVE says how it is, UNREGISTER ends it', async () => {
    expect(await ask('JOIN *:9 load=7 accept=1000 group=lab.1\nREGISTER a 1 *:8', 2)).toEqual([lease(9), lease(8)]);
    expect(await ask('PEERS group=lab.1', 2)).toEqual(['OK 1', '127.0.0.1:9 files=0 seen=0 load=7 accept=1000 group=lab.1']);
    expect((await ask('PEERS', 3)).sort()).toEqual([
      '127.0.0.1:8 files=1 seen=0',
      '127.0.0.1:9 files=0 seen=0 load=7 accept=1000 group=lab.1',
      'OK 2',
    ]);
    expect(await ask('ALIVE *:9 load=50 accept=5')).toEqual(['OK interval=30 ttl=60']);
    expect(await ask('PEERS group=lab.1', 2)).toEqual(['OK 1', '127.0.0.1:9 files=0 seen=0 load=50 accept=5 group=lab.1']);
    const stranger = await openFrom('127.0.0.2');
    expect(await ask('JOIN 127.0.0.1:7', 1, stranger)).toEqual([expect.stringMatching(/^ERR DENIED /)]);
    expect(await ask('PEERS group=other')).toEqual(['OK 0']);
    await ask('UNREGISTER *:9');
    expect(await ask('PEERS group=lab.1\nALIVE *:9', 2)).toEqual(['OK 0', expect.stringMatching(/^ERR NOT_FOUND /)]);
  });

  test('STATS counts what is there and what was asked', async () => {
    await ask('REGISTER a 1 *:1\nREGISTER b 1 *:1\nLOOKUP a\nSEARCH a\nSEARCH nothing', 7);
    const [line = ''] = await ask('STATS');
    expect(line).toMatch(
      /^OK entries=2 peers=1 names=2 sources=1 connections=1 uptime=[0-9]+ requests=6 registers=2 lookups=1 searches=2 udp=0 version=/,
    );
    expect(line.endsWith(`version=${packageVersion()}`)).toBe(true);
  });

  test('HELP names every request and how it is written', async () => {
    const usages = Object.values(TRACKER_USAGES);
    expect(await ask('HELP', usages.length + 1)).toEqual([`OK ${usages.length}`, ...usages]);
    expect(await ask('WHAT')).toEqual([expect.stringMatching(/^ERR UNKNOWN_COMMAND .*HELP/)]);
  });

  test('QUIT answers everything before it, says OK, and ends the connection; nothing after it is done', async () => {
    client.send(`${'LOOKUP a\n'.repeat(1000)}REGISTER a 1 *:1\nquit\nREGISTER b 1 *:1\n`);
    expect(await client.whole()).toBe(`${'OK 0\n'.repeat(1000)}${lease(1)}\nOK\n`);
    expect(client.isEnded).toBe(true);
    const next = await openFrom('127.0.0.1');
    expect(await ask('LOOKUP b', 1, next)).toEqual(['OK 0']);
  });

  test('a bad request of any kind is one short ERR that says how it is written', async () => {
    const bad: Record<string, string> = {
      REGISTER: 'REGISTER a 1 nowhere',
      LOOKUP: 'LOOKUP',
      INFO: 'INFO @1',
      SEARCH: 'SEARCH %00',
      LIST: 'LIST after=/',
      WITHDRAW: 'WITHDRAW a *:0',
      UNREGISTER: 'UNREGISTER host:1',
    };
    const more: Record<string, string> = {
      JOIN: 'JOIN 224.0.0.1:5',
      ALIVE: 'ALIVE *:5 accept=all',
      PEERS: 'PEERS all',
      STATS: 'STATS me',
      HELP: 'HELP me',
      QUIT: 'QUIT now',
    };
    expect(Object.keys({ ...bad, ...more })).toEqual(Object.keys(TRACKER_USAGES));
    // So many mistakes end a connection; each half has its own.
    for (const half of [bad, more]) {
      const from = await openFrom('127.0.0.1');
      for (const [verb, line] of Object.entries(half)) {
        const [reply = ''] = await ask(line, 1, from);
        expect(reply).toMatch(/^ERR BAD_REQUEST [ -~]{1,400}$/);
        expect(reply).toContain(`Usage: ${verb}`);
      }
      expect(await ask('LIST', 1, from)).toEqual(['OK 0']);
    }
  });

  test('a walk over pages gives each of 2,500 names once, while others come and go', async () => {
    const nameOf = (at: number) => `file-${String(at).padStart(4, '0')}.bin`;
    const stay = Array.from({ length: 2500 }, (_, at) => nameOf(at));
    await ask(stay.map((name) => `REGISTER ${name} 1 *:1\nREGISTER gone-${name} 1 *:2`).join('\n'), 5000);
    for (const [request, max] of [
      ['LIST', 100],
      ['SEARCH FILE-', 333],
    ] as const) {
      const seen: string[] = [];
      let pageCount = 0;
      for (let next: string | undefined = '', cursor = ''; next !== undefined; cursor = ` after=${next}`) {
        client.text = '';
        client.send(`${request} max=${max}${cursor}\n`);
        const rowCount = parsePageHead((await client.lines(1)).split('\n')[0] ?? '', max).rowCount;
        const [head = '', ...rows] = (await client.lines(rowCount + 1)).slice(0, -1).split('\n');
        next = parsePageHead(head, max).next;
        seen.push(...rows.map((row) => parseContentRow(row).name));
        pageCount += 1;
        client.text = '';
        const turn = `${request.length}-${pageCount}`;
        const [gone, back] = [nameOf(pageCount), nameOf(2500 - pageCount)];
        await ask(`WITHDRAW gone-${gone} *:2\nWITHDRAW gone-${back} *:2\nREGISTER new-file-${turn} 1 *:3`, 3);
      }
      expect(pageCount).toBeGreaterThan(2500 / max);
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen.filter((name) => name.startsWith('file-')).sort()).toEqual(stay);
    }
  });

  test('a page ends at its limit of bytes', async () => {
    const name = (at: number) => `${'x'.repeat(250)}/${'y'.repeat(250)}/${at}`;
    await ask(Array.from({ length: 300 }, (_, at) => `REGISTER ${name(at)} 1 *:1`).join('\n'), 300);
    client.text = '';
    client.send('LIST max=1000\n');
    const [head = ''] = (await client.lines(1)).split('\n');
    const { rowCount, next } = parsePageHead(head, 1000);
    const page = await client.lines(rowCount + 1);
    expect(Buffer.byteLength(page)).toBeLessThanOrEqual(65_536);
    expect(Buffer.byteLength(page)).toBeGreaterThan(60_000);
    expect(next).toBeDefined();
  });
});
