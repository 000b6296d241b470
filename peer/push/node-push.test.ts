/** Whole nodes on the loopback interface that push to each other, and receivers that do not behave. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ShoalError } from '../../common/core/errors.js';
import { parseFileName } from '../../common/core/file-name.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { formatPeerAddress, type HostPort, type PeerAddress } from '../../common/core/peer-address.js';
import { realRandom } from '../../common/node/clock.js';
import { tcpDialer, tcpListener } from '../../common/node/tcp.js';
import { rejectionCode } from '../../common/testkit/error-code.js';
import type { PushState } from '../../common/wire/peer-documents.js';
import { ChunkServer } from '../net/server.js';
import { createNode, type NodeOptions, type PeerNode } from '../node.js';
import { ShareIndex } from '../share/share-index.js';
import { realStorage } from '../storage-ports.js';
import { JumpClock } from '../testkit/jump-clock.js';
import { ScriptedTracker, yes } from '../testkit/scripted-tracker.js';
import { seededBytes } from '../testkit/test-content.js';
import { until } from '../testkit/until.js';
import { AllowList } from './allow-list.js';
import type { PushContent } from './node-push.js';
import type { ReceiverEnd } from './push-all.js';
import { parseReceivers } from './receivers.js';

let root: string;
let clock: JumpClock;
let closing: (() => unknown)[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'shoal-push-'));
  [clock, closing] = [new JumpClock(), []];
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await rm(root, { recursive: true, force: true });
});

const silent = () => undefined;
const EVENTS = { scanned: silent, hashed: silent, indexed: silent, changed: silent, note: silent, registered: silent };
const MORE_EVENTS = { refused: silent, trackerLost: silent, trackerBack: silent, served: silent };

async function start(name: string, options: Partial<NodeOptions> = {}): Promise<PeerNode> {
  const node = await createNode(
    { ...realStorage, dialer: tcpDialer, listener: tcpListener, clock, random: realRandom, epochNowMs: () => 0 },
    {
      host: '127.0.0.1',
      port: 0,
      trackers: [],
      hashName: 'blake3',
      isFolderOnly: false,
      cacheFolder: join(root, `${name} cache`),
      threadCount: 1,
      events: { ...EVENTS, ...MORE_EVENTS },
      ...options,
    },
  );
  closing.push(() => node.close());
  return node;
}

/** A node that takes pushes into the folder of its name. */
function receiver(name: string, options: Partial<NodeOptions> = {}): Promise<PeerNode> {
  const accept = { folder: join(root, name), quotaBytes: 1e9, allow: new AllowList(['lan']), parallelCount: 2 };
  return start(name, { accept, ...options });
}

/** A node that shares a file of so many chunks, as it can be pushed. */
async function sender(chunkCount: number, options: Partial<NodeOptions> = {}) {
  const bytes = seededBytes(chunkCount * CHUNK_BYTES - 3);
  await writeFile(join(root, 'a.bin'), bytes);
  const node = await start('sender', options);
  await node.share([join(root, 'a.bin')]);
  const content = node.pushable(parseFileName('a.bin'));
  if (content === undefined) throw new Error('it is not shared');
  return { node, content, bytes };
}

/** What a push told, and how it ended. */
class Pushed {
  readonly states: string[] = [];
  readonly stop = new AbortController();
  readonly ends: Promise<ReceiverEnd[]>;

  constructor(node: PeerNode, content: PushContent, to: readonly string[], group?: string) {
    const state = (address: PeerAddress, { state: kind }: PushState) => this.states.push(`${formatPeerAddress(address)} ${kind}`);
    const events = { chosen: silent, state, ended: silent };
    const wish = { content, receivers: parseReceivers(to), group, timeoutMs: 30_000 };
    this.ends = node.push({ ...wish, events, signal: this.stop.signal });
    this.ends.catch(silent);
  }
}

/** A server whose desk answers PUSH as told. */
async function desk(push: () => Promise<PushState>): Promise<ChunkServer> {
  const server = await ChunkServer.listen(
    { listener: tcpListener, clock, index: new ShareIndex(), reader: { read: () => Promise.reject(new Error('no')) } },
    { host: '127.0.0.1', port: 0, desk: { push, status: () => Promise.reject(new Error('no')) as never } },
  );
  closing.push(() => server.close());
  return server;
}

/** Half a second passes at each turn until it is over. */
async function jumpUntilOver(pushing: Promise<unknown>): Promise<void> {
  let isOver = false;
  void pushing.then(() => {
    isOver = true;
  });
  await until('it is over', () => {
    if (!isOver) clock.jump(500);
    return isOver;
  });
}

const at = ({ local }: { readonly local: PeerAddress }) => formatPeerAddress(local);

describe('push', () => {
  test('brings a file to several peers at once, which share it from then on', async () => {
    const { node, content, bytes } = await sender(5);
    const receivers = [await receiver('b'), await receiver('c')];
    const pushed = new Pushed(node, content, receivers.map(at));
    expect((await pushed.ends).map(({ error }) => error)).toEqual([undefined, undefined]);
    for (const name of ['b', 'c']) expect(bytes.equals(await readFile(join(root, name, 'a.bin')))).toBe(true);
    expect(receivers.map((one) => one.serves({ by: 'root', root: content.root }))).toEqual([true, true]);
    // The same once more: it is there.
    expect((await new Pushed(node, content, receivers.map(at)).ends).map(({ error }) => error)).toEqual([undefined, undefined]);
  });

  test('a folder comes as it is, and counts with its files', async () => {
    const { node } = await sender(1);
    const folder = join(root, 'set');
    await mkdir(join(folder, 'x'), { recursive: true });
    await writeFile(join(folder, 'x', '1'), seededBytes(2 * CHUNK_BYTES));
    await writeFile(join(folder, '2'), 'two');
    await node.share([folder]);
    const content = node.pushable(parseFileName('set'));
    expect(content?.totalBytes).toBe(2 * CHUNK_BYTES + 3);
    const to = await receiver('b');
    expect(content && (await new Pushed(node, content, [at(to)]).ends)[0]?.error).toBeUndefined();
    expect((await readdir(join(root, 'b', 'set'))).sort()).toEqual(['2', 'x']);
  });

  test('of several receivers each fails for itself: denied, unknown to it, nobody there', async () => {
    const { node, content } = await sender(2);
    const [good, closed] = [await receiver('good'), await start('closed')];
    const away = await start('away');
    const address = at(away);
    await away.close();
    const pushed = new Pushed(node, content, [at(good), at(closed), address]);
    await until('two are over', () => pushed.states.includes(`${at(good)} done`));
    clock.jump(31_000);
    const codes = new Map((await pushed.ends).map(({ address: one, error }) => [formatPeerAddress(one), error?.code]));
    expect([codes.get(at(good)), codes.get(at(closed)), codes.get(address)]).toEqual([undefined, 'DENIED', 'NETWORK']);
  });

  test('a receiver that is busy is asked again, until the timeout is over', async () => {
    const { node, content } = await sender(1);
    let askedCount = 0;
    const busy = await desk(async () => {
      askedCount += 1;
      if (askedCount < 4) throw new ShoalError('BUSY', 'local', 'Later.');
      return { state: 'done', haveChunks: 1, chunkCount: 1 };
    });
    const pushed = new Pushed(node, content, [at(busy)]);
    expect((await pushed.ends)[0]?.error).toBeUndefined();
    const always = await desk(() => Promise.reject(new ShoalError('BUSY', 'local', 'Later.')));
    const vain = new Pushed(node, content, [at(always)]);
    await jumpUntilOver(vain.ends);
    expect((await vain.ends)[0]?.error?.code).toBe('BUSY');
  });

  test('a receiver that says nothing is lost after the timeout, and what failed there is told as it says', async () => {
    const { node, content } = await sender(1);
    const mute = await desk(() => new Promise(silent));
    const failing = await desk(async () => ({ state: 'failed', haveChunks: 0, chunkCount: 1, code: 'DISK_FULL', text: 'full' }));
    const pushed = new Pushed(node, content, [at(mute), at(failing)]);
    await jumpUntilOver(pushed.ends);
    const ends = await pushed.ends;
    expect(ends.map(({ error }) => error?.code)).toEqual(['DISK_FULL', 'NETWORK']);
    expect(ends.map(({ error }) => error?.message)).toEqual([
      expect.stringContaining(`${at(failing)} did not get it: full`),
      expect.stringContaining(at(mute)),
    ]);
  });

  test('a number takes peers that the tracker knows, and another one where one will not have it', async () => {
    const [refusing, good] = [await start('refusing'), await receiver('good')];
    const rows = [
      `${at(refusing)} files=0 seen=0 load=0 accept=999999999`,
      `${at(good)} files=0 seen=0 load=50 accept=999999999`,
    ];
    const asked: string[] = [];
    const tracker = await ScriptedTracker.started((line) => {
      asked.push(line);
      if (line.startsWith('PEERS')) return `OK 2\n${rows.join('\n')}\n`;
      return line.startsWith('LOOKUP') ? 'OK 0\n' : yes(line);
    });
    closing.push(() => tracker.close());
    const address: HostPort = tracker.address;
    const { node, content } = await sender(2, { trackers: [address] });
    const ends = await new Pushed(node, content, ['1'], 'farm').ends;
    expect(ends.map(({ address: one, isReplaced }) => [formatPeerAddress(one), isReplaced])).toEqual([
      [at(refusing), true],
      [at(good), false],
    ]);
    expect(asked.some((line) => /^PEERS .*group=farm/.test(line))).toBe(true);
    expect(await rejectionCode(new Pushed(node, content, ['3']).ends)).toBe('NOT_FOUND');
  });

  test('one that was named by its address is replaced by nobody', async () => {
    const [named, good, other] = [await start('named'), await receiver('good'), await receiver('other')];
    const rows = [good, other].map((one, load) => `${at(one)} files=0 seen=0 load=${load} accept=999999999\n`);
    const tracker = await ScriptedTracker.started((line) => {
      if (line.startsWith('PEERS')) return `OK 2\n${rows.join('')}`;
      return line.startsWith('LOOKUP') ? 'OK 0\n' : yes(line);
    });
    closing.push(() => tracker.close());
    const { node, content } = await sender(2, { trackers: [tracker.address] });
    const ends = await new Pushed(node, content, [at(named), '1']).ends;
    const byAddress = new Map(
      ends.map(({ address, error, isReplaced }) => [formatPeerAddress(address), [error?.code, isReplaced]]),
    );
    expect(byAddress).toEqual(
      new Map([
        [at(named), ['DENIED', false]],
        [at(good), [undefined, false]],
      ]),
    );
  });

  test('a stop ends it at once, and the receiver keeps what it has', async () => {
    const { node, content } = await sender(1);
    const slow = await desk(async () => ({ state: 'fetching', haveChunks: 0, chunkCount: 1 }));
    const pushed = new Pushed(node, content, [at(slow)]);
    await until('it is under way', () => pushed.states.length > 0);
    pushed.stop.abort(new ShoalError('INTERRUPTED', 'local', 'Interrupted.'));
    expect(await rejectionCode(pushed.ends)).toBe('INTERRUPTED');
  });
});
