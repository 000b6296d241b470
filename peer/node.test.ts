/** What is shared and taken back while a node runs, on real sockets. */
import { mkdir, mkdtemp, realpath, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { parseFileName } from '../common/core/file-name.js';
import { realClock, realRandom } from '../common/node/clock.js';
import { tcpDialer, tcpListener } from '../common/node/tcp.js';
import { createNode, type PeerNode } from './node.js';
import { realStorage } from './storage-ports.js';
import { RawClient } from './testkit/raw-client.js';
import { ScriptedTracker, yes } from './testkit/scripted-tracker.js';

let folder: string;
let tracker: ScriptedTracker;
let node: PeerNode;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'shoal-node-')));
  tracker = await ScriptedTracker.started(yes);
  const silent = () => undefined;
  const shareEvents = { scanned: silent, hashed: silent, indexed: silent, changed: silent, note: silent };
  const trackerEvents = { registered: silent, refused: silent, trackerLost: silent, trackerBack: silent, served: silent };
  node = await createNode(
    { ...realStorage, dialer: tcpDialer, listener: tcpListener, clock: realClock, random: realRandom, epochNowMs: () => 0 },
    {
      host: '127.0.0.1',
      port: 0,
      trackers: [tracker.address],
      hashName: 'blake3',
      isFolderOnly: false,
      cacheFolder: join(folder, 'cache'),
      threadCount: 1,
      events: { ...shareEvents, ...trackerEvents },
    },
  );
});
afterEach(async () => {
  await node.close();
  await tracker.close();
  await rm(folder, { recursive: true, force: true });
});

async function file(path: string, text: string): Promise<string> {
  await writeFile(join(folder, path), text);
  return join(folder, path);
}

/** The first line that is answered to a request for the only chunk of a content. */
async function asked(name: string): Promise<string> {
  const client = new RawClient(node.local.port);
  client.socket.write(`GET_CHUNK ${name} 0\n`);
  const line = await client.line();
  client.socket.destroy();
  return line;
}

test('a path that is taken back is served no longer, and the trackers have what is left', async () => {
  const [one, two] = [await file('one', 'first'), await file('two', 'the second')];
  await node.share([one, two]);
  await node.settled();
  const registered = () => tracker.lines.filter((line) => line.startsWith('REGISTER')).map((line) => line.split(' ')[1]);
  expect(registered().sort()).toEqual(['one', 'two']);
  expect(node.shares().map(({ path, sizeBytes, fileCount }) => ({ path, sizeBytes, fileCount }))).toEqual([
    { path: one, sizeBytes: 5, fileCount: 1 },
    { path: two, sizeBytes: 10, fileCount: 1 },
  ]);
  expect([await asked('one'), await asked('two')]).toEqual(['5', '10']);
  tracker.lines.length = 0;
  expect([node.unshare(one), node.unshare(one), node.unshare(join(folder, 'three'))]).toEqual([true, false, false]);
  await node.settled();
  // One word or several, the tracker was told before it was settled, and keeps the other.
  expect(tracker.lines.join('\n')).toMatch(/^(WITHDRAW one|UNREGISTER) .*/);
  expect(registered()).not.toContain('one');
  expect([await asked('one'), await asked('two')]).toEqual([expect.stringMatching(/^ERR NOT_FOUND /), '10']);
  expect(node.shares().map(({ name }) => name)).toEqual(['two']);
  expect(node.serves({ by: 'name', name: parseFileName('two') })).toBe(true);
  expect(node.serves({ by: 'name', name: parseFileName('one') })).toBe(false);
});

test('a folder is taken back with its files, and may be shared again', async () => {
  await mkdir(join(folder, 'album'));
  await file('album/a', 'aa');
  await file('album/b', 'bbb');
  for (const round of [1, 2]) {
    await node.share([join(folder, 'album')]);
    expect(node.shares()).toMatchObject([{ kind: 'folder', name: 'album', sizeBytes: 5, fileCount: 2 }]);
    expect({ round, line: await asked('album/b') }).toEqual({ round, line: '3' });
    expect(node.unshare(join(folder, 'album'))).toBe(true);
    expect(await asked('album/b')).toMatch(/^ERR NOT_FOUND /);
    expect(node.status().fileCount).toBe(0);
  }
});

test('what is shared already is not registered twice, and its name stands for no other path', async () => {
  const path = await file('one', 'first');
  await node.share([path]);
  await node.settled();
  await node.share([path]);
  await node.settled();
  expect(tracker.lines.filter((line) => line.startsWith('REGISTER'))).toHaveLength(1);
  await mkdir(join(folder, 'other'));
  const other = await file('other/one', 'different');
  await expect(node.share([other])).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining(path) });
  expect(await asked('one')).toBe('5');
});

test('a tracker that is gone keeps nobody waiting', async () => {
  await tracker.close();
  await node.share([await file('one', 'first')]);
  await node.settled();
  await node.settled();
  expect(tracker.lines).toEqual([]);
  expect(await asked('one')).toBe('5');
});

test('a file that is touched is registered anew when it is served again: a tracker may have seen that it was not', async () => {
  const one = await file('one', 'first');
  await node.share([one]);
  await node.settled();
  const told = () => tracker.lines.filter((line) => line.startsWith('REGISTER one '));
  expect(told()).toHaveLength(1);
  await utimes(one, 1, 1);
  await tracker.told(/^REGISTER one /, 2);
  expect(told()[1]).toBe(told()[0]);
  expect(tracker.lines.filter((line) => line.startsWith('WITHDRAW'))).toEqual([]);
});
