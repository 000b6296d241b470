/** A peer that stays, by the built commands: what it does for the others, what it remembers, and who may talk to it. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Ending, isFile, type SpawnedCommand, Workshop } from '../../common/testkit/spawned-command.js';

const SIZE = 1_300_000;
const SHARING = /^sharing (\S+) (\d+) ([0-9a-f]{64}) at (\S+)\n(magnet:\S+)$/m;

interface Served {
  readonly process: SpawnedCommand;
  readonly address: string;
  readonly control: string;
}

describe('a peer that stays', () => {
  let shop: Workshop;
  let tracker: string;

  beforeEach(async () => {
    shop = await Workshop.open();
    tracker = (await shop.tracker()).address;
  });
  afterEach(() => shop.close());

  async function serve(...args: string[]): Promise<Served> {
    const process = shop.start('peer', ['serve', '--tracker', tracker, ...args]);
    const [, address = '', control = ''] = await process.waitFor(/^peer serving at (\S+), control (.+)$/m);
    return { process, address, control };
  }

  async function file(name: string): Promise<Buffer> {
    const bytes = randomBytes(SIZE);
    await writeFile(shop.path(name), bytes);
    return bytes;
  }

  function linesOf({ code, stdout, stderr }: Ending): Readonly<Record<string, unknown>>[] {
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  const ask = async (...args: string[]) => linesOf(await shop.run('peer', [...args, '--json']));
  const nodePort = (address: string) => address.slice(address.lastIndexOf(':'));

  test('shares for a command until that ends, with the same two lines, and for good with --stay', async () => {
    const { address } = await serve();
    await file('short.bin');
    const attached = shop.start('peer', ['share', 'short.bin']);
    const [, name, size, root, at = ''] = await attached.waitFor(SHARING);
    expect([name, size, nodePort(at)]).toEqual(['short.bin', String(SIZE), nodePort(address)]);
    expect(await ask('info', 'short.bin')).toMatchObject([
      { event: 'content', name, root, size: SIZE, holders: 1 },
      { event: 'done', count: 1 },
    ]);
    attached.kill('SIGINT');
    expect((await attached.ended).code).toBe(0);
    expect((await shop.run('peer', ['info', 'short.bin'])).code).toBe(3);

    await file('long.bin');
    const stayed = await shop.run('peer', ['share', 'long.bin', '--stay']);
    expect(stayed.code).toBe(0);
    expect(stayed.stdout).toMatch(SHARING);
    const again = await shop.run('peer', ['share', 'long.bin', '--stay', '--quiet']);
    expect({ ...again, stdout: '' }).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    expect(again.stdout).toBe(stayed.stdout);
    expect(await ask('list', '--local')).toMatchObject([{ name: 'long.bin', kept: true, files: 1 }, { event: 'done' }]);
    expect((await shop.run('peer', ['unshare', 'long.bin'])).stdout).toBe('not shared any more: long.bin\n');
    expect((await shop.run('peer', ['search', 'LONG'])).code).toBe(3);
  });

  test('fetches for commands with their words and exit codes, goes on sharing it, also after kill -9', async () => {
    const first = await serve('--limit-up', '100M');
    const bytes = await file('data.bin');
    const source = await shop.share(['data.bin'], tracker, '--no-node');
    await mkdir(shop.path('sub'));
    const fetched = await shop.run('peer', ['fetch', 'data.bin', '--out', 'copy.bin', '--json'], { cwd: shop.path('sub') });
    const events = linesOf(fetched);
    expect(events.map(({ event }) => event).filter((event) => !['phase', 'progress'].includes(String(event)))).toEqual([
      'content',
      'peer-connected',
      'done',
    ]);
    expect(events.at(-1)).toMatchObject({
      path: shop.path('sub', 'copy.bin'),
      root: source.root,
      fetchedBytes: SIZE,
      verified: true,
    });
    expect(await isFile(shop.path('sub', 'copy.bin'), bytes)).toBe(true);
    const missing = await shop.run('peer', ['fetch', 'nothing', '--json']);
    expect(missing.code).toBe(3);
    expect(JSON.parse(missing.stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({
      event: 'error',
      code: 'NOT_FOUND',
      exit: 3,
    });
    source.process.kill('SIGTERM');
    await source.process.ended;

    first.process.kill('SIGKILL');
    await first.process.ended;
    expect(existsSync(first.control)).toBe(true);
    const second = await serve();
    await second.process.waitFor(/^sharing data\.bin /m);
    const back = await shop.run('peer', ['fetch', source.link, '--out', 'back.bin', '--no-node']);
    expect(back.code).toBe(0);
    expect(await isFile(shop.path('back.bin'), bytes)).toBe(true);
    expect(await ask('stats')).toMatchObject([
      {
        downloadedBytes: SIZE,
        uploadedBytes: SIZE,
        contents: [{ name: 'data.bin', uploadedBytes: SIZE, downloadedBytes: SIZE }],
      },
    ]);

    // Its end writes what the next one, and a command without one, read.
    expect((await shop.run('peer', ['stop'])).stdout).toBe(`stopped process ${second.process.pid}\n`);
    expect((await second.process.ended).code).toBe(0);
    expect(existsSync(second.control)).toBe(false);
    expect(await ask('stats')).toMatchObject([{ downloadedBytes: SIZE, uploadedBytes: SIZE }]);
    expect((await shop.run('peer', ['peers', '--tracker', tracker])).stdout).not.toContain(nodePort(second.address));
  });

  test('a path that is not there is told before it says that it is ready', async () => {
    const { code, stdout } = await shop.run('peer', ['serve', 'nosuch', '--tracker', tracker]);
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
  });

  test('a fetch that its command gives up stops, and goes on at the next', async () => {
    await serve();
    await file('slow.bin');
    const source = await shop.share(['slow.bin'], tracker, '--no-node', '--limit-up', '300k');
    await mkdir(shop.path('to'));
    const args = ['fetch', 'slow.bin', '--directory', 'to', '--json'];
    const half = shop.start('peer', args);
    await half.waitFor(/"phase":"fetch","doneBytes":[1-9]/);
    half.kill('SIGINT');
    const { code, stdout } = await half.ended;
    expect(code).toBe(130);
    expect(stdout).toMatch(/"code":"INTERRUPTED"/);
    expect(await ask('status')).toMatchObject([{ fetches: [] }]);
    expect(existsSync(shop.path('to', 'slow.bin'))).toBe(false);
    const events = linesOf(await shop.run('peer', args));
    expect(events.find(({ event }) => event === 'resumed')).toBeDefined();
    expect(events.at(-1)).toMatchObject({ event: 'done', root: source.root });
  });

  test('what it has itself is fetched from it, and flags that it does not have are obeyed without it', async () => {
    const { address } = await serve();
    const bytes = await file('own.bin');
    await shop.run('peer', ['share', 'own.bin', '--stay']);
    const own = await shop.run('peer', ['fetch', 'own.bin', '--out', 'copy.bin']);
    expect(own.code).toBe(0);
    expect(own.stdout).toMatch(new RegExp(` {2}\\S+${nodePort(address)} `));
    expect(await isFile(shop.path('copy.bin'), bytes)).toBe(true);
    const other = shop.start('peer', ['share', 'copy.bin', '--limit-up', '1M', '--tracker', tracker]);
    const [, , , , at = ''] = await other.waitFor(SHARING);
    expect(nodePort(at)).not.toBe(nodePort(address));
    expect(other.stderr).toContain('The running peer has other limits');
    expect((await shop.run('peer', ['share', 'copy.bin', '--stay', '--tracker', '127.0.0.1:1'])).code).toBe(2);
  });

  test('tells how it is, what is shared, and who is there, to people and to programs', async () => {
    const served = await serve();
    await file('Grüße an alle.bin');
    await shop.run('peer', ['share', 'Grüße an alle.bin', '--stay']);
    expect(await ask('status')).toMatchObject([
      {
        event: 'status',
        address: served.address,
        pid: served.process.pid,
        shareCount: 1,
        trackers: [{ tracker, isReachable: true }],
      },
    ]);
    const person = await shop.run('peer', ['status']);
    expect(person.stdout).toMatch(new RegExp(`^peer +${served.address}, process ${served.process.pid}`));
    for (const args of [
      ['list'],
      ['search', 'GRÜSSE AN'.replace('SS', 'ß')],
      ['list', '--peer', `127.0.0.1${nodePort(served.address)}`],
    ]) {
      expect({ args, found: await ask(...args) }).toMatchObject({
        args,
        found: [
          { event: 'content', name: 'Grüße an alle.bin', size: SIZE },
          { event: 'done', count: 1 },
        ],
      });
      expect((await shop.run('peer', args)).stdout).toMatch(/^name +size .*\nGrüße an alle\.bin +1\.2 MiB /);
    }
    expect(await ask('peers')).toMatchObject([
      { event: 'peer', files: 1 },
      { event: 'done', count: 1 },
    ]);
    expect((await shop.run('peer', ['search', 'nowhere'])).stderr).toMatch(
      /^peer: Nobody shares anything with "nowhere" in its name\./,
    );
  });

  test('pushes for commands, and shares after a start what was pushed to it', async () => {
    await serve();
    const bytes = await file('pushed.bin');
    const env = { SHOAL_STATE_DIR: shop.path('taker') };
    const takerArgs = ['serve', '--tracker', tracker, '--accept', '--accept-dir', shop.path('received')];
    const taker = shop.start('peer', takerArgs, { env });
    const [, takerAddress = ''] = await taker.waitFor(/^peer serving at (\S+),/m);
    const to = `127.0.0.1${nodePort(takerAddress)}`;
    const events = await ask('push', 'pushed.bin', '--to', to);
    expect(events.find(({ event }) => event === 'pushing')).toMatchObject({ name: 'pushed.bin', size: SIZE, receivers: [to] });
    expect(events.at(-1)).toMatchObject({ event: 'done', receivers: [to] });
    expect(await isFile(shop.path('received', 'pushed.bin'), bytes)).toBe(true);
    // It was shared for the while of the push alone.
    expect(await ask('list', '--local')).toMatchObject([{ event: 'done', count: 0 }]);
    const person = await shop.run('peer', ['push', 'pushed.bin', '--to', to, '--to', '127.0.0.1:1', '--timeout', '1s']);
    expect(person.code).toBe(6);
    expect(person.stdout).toMatch(/^pushed\.bin is on 1 of 2 peers$/m);
    taker.kill('SIGTERM');
    expect((await taker.ended).code).toBe(0);
    const again = shop.start('peer', takerArgs, { env });
    await again.waitFor(/^sharing pushed\.bin /m);
  });

  test('is one for each state, and its socket is for its user alone', async () => {
    const { process, control } = await serve();
    const modes = [control, shop.path('runtime', 'shoal'), shop.path('state', 'shoal')];
    expect(await Promise.all(modes.map(async (path) => (await stat(path)).mode & 0o777))).toEqual([0o600, 0o700, 0o700]);
    const second = await shop.run('peer', ['serve', '--tracker', tracker]);
    expect(second.code).toBe(2);
    expect(second.stderr).toContain(`process ${process.pid}`);
    const elsewhere = shop.start('peer', ['serve', '--tracker', tracker], { env: { SHOAL_STATE_DIR: shop.path('other') } });
    await elsewhere.waitFor(/^peer serving at .* control .*other/m);
    elsewhere.kill('SIGTERM');
    expect((await elsewhere.ended).code).toBe(0);
    const state = JSON.parse(await readFile(shop.path('other', 'state.json'), 'utf8')) as { version: number };
    expect(state.version).toBe(1);
  });

  test('where none runs, commands say so or do their work themselves', async () => {
    for (const command of ['status', 'stats', 'stop']) {
      const { code, stderr } = await shop.run('peer', [command]);
      expect({ command, code, stderr }).toEqual({
        command,
        code: 3,
        stderr: expect.stringMatching(/^peer: No peer .*"peer serve" starts one\.\n$/),
      });
    }
    await file('alone.bin');
    const alone = shop.start('peer', ['share', 'alone.bin', '--tracker', tracker]);
    await alone.waitFor(SHARING);
    expect(existsSync(shop.path('state'))).toBe(false);
  });
});
