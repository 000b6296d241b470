/** What goes wrong for a user: each a clear message, the right exit code, no stack trace, nothing lost. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Ending, isFile, type SharedOne, Workshop } from '../../common/testkit/spawned-command.js';

const bytes = randomBytes(2 * 524_288 + 1);

/** Checks what holds for every failure: exit code, one message that names the thing, nothing of our insides. */
function expectFailure(ending: Ending, code: number, message: RegExp): void {
  expect({ code: ending.code, stderr: ending.stderr }).toEqual({ code, stderr: expect.stringMatching(message) });
  expect(ending.stderr).not.toMatch(/\n\s+at .*:\d+:\d+|node:internal|\[object/);
}

describe('trouble', () => {
  let shop: Workshop;
  let tracker: { address: string; port: number };
  let shared: SharedOne;

  beforeAll(async () => {
    shop = await Workshop.open();
    tracker = await shop.tracker();
    await writeFile(shop.path('file.bin'), bytes);
    shared = await shop.share([shop.path('file.bin')], tracker.address);
  });
  afterAll(() => shop.close());

  const fetch = (...args: string[]) => shop.run('peer', ['fetch', ...args]);

  test('a name that nobody shares: 3', async () => {
    expectFailure(await fetch('no such file', '--tracker', tracker.address), 3, /Nobody shares "no such file"/);
  });

  test('a tracker that is down: 6, with its address', async () => {
    expectFailure(await fetch('file.bin', '--tracker', '127.0.0.1:1'), 6, /127\.0\.0\.1:1 .*is the program there running/s);
  });

  test('a port where something else listens: 6', async () => {
    expectFailure(
      await fetch('file.bin', '--tracker', shared.address),
      6,
      /does not speak the tracker protocol|Tracker .* could not be asked/,
    );
  });

  test('usage errors: 2', async () => {
    expectFailure(await fetch(), 2, /missing required argument/);
    expectFailure(await fetch('magnet:?xt=urn:shoal:12'), 2, /root is not 64/);
    expectFailure(await fetch('@12'), 2, /64 lower-case hex/);
    expectFailure(await fetch('../x', '--tracker', tracker.address), 2, /file name/);
    expectFailure(await fetch('x', '--tracker', 'a:b:c'), 2, /host:port/);
    expectFailure(await fetch('x', '--bogus'), 2, /--bogus/);
    expectFailure(await fetch('x', '--timeout', 'soon'), 2, /--timeout takes a duration/);
    expectFailure(await shop.run('peer', ['share', shop.path('not there')]), 3, /not there/);
    expectFailure(await shop.run('peer', ['list', '--local', '--peer', '127.0.0.1:1']), 2, /one of the two/);
    // Also where nothing is taken yet, a wrong word of what is taken is told.
    expectFailure(await shop.run('peer', ['serve', '--accept-quota', 'much']), 2, /--accept-quota takes a size/);
  });

  test('a file where pushes are to be put: 13', async () => {
    await writeFile(shop.path('in the way'), 'mine');
    const serve = ['serve', '--tracker', tracker.address, '--accept', '--accept-dir', shop.path('in the way')];
    expectFailure(await shop.run('peer', serve), 13, /in the way: a file and a folder/);
  });

  test('a different file that is there: 13, untouched; --overwrite replaces it', async () => {
    const out = shop.path('mine');
    await writeFile(out, 'mine');
    expectFailure(await fetch(shared.link, '--out', out), 13, /mine .*--overwrite/);
    expect(await readFile(out, 'utf8')).toBe('mine');
    expect((await fetch(shared.link, '--out', out, '--overwrite')).code).toBe(0);
    expect(await isFile(out, bytes)).toBe(true);
  });

  test('FS4, FS5: a symlink, a folder or a FIFO in its place is never touched: 13', async () => {
    await writeFile(shop.path('precious'), 'precious');
    await symlink(shop.path('precious'), shop.path('target-link'));
    expectFailure(await fetch(shared.link, '--out', shop.path('target-link')), 13, /symbolic link/);
    expect(await readFile(shop.path('precious'), 'utf8')).toBe('precious');
    await mkdir(shop.path('d', 'file.bin'), { recursive: true });
    expectFailure(await fetch(shared.link, '--out', shop.path('d')), 13, /file\.bin .*folder/);
  });

  test('FS10: a folder that is not writable: 24, before any byte is fetched', async () => {
    const folder = shop.path('locked');
    await mkdir(folder);
    await chmod(folder, 0o555);
    await chmod(shop.folder, 0o755);
    const ending = await shop.run('peer', ['fetch', shared.link, '--out', folder], {
      cwd: '/',
      isUnprivileged: true,
      env: { XDG_CONFIG_HOME: '/nonexistent', XDG_CACHE_HOME: '/nonexistent' },
    });
    expectFailure(ending, 24, /locked is not writable/);
    expect(await readdir(folder)).toEqual([]);
  });

  test('a target that may not be read is not said to be another content: 13; nor does verify blame the disk: 24', async () => {
    const folder = shop.path('unread');
    await mkdir(folder);
    await chmod(shop.folder, 0o755);
    await chmod(folder, 0o777);
    await writeFile(join(folder, 'file.bin'), await readFile(shop.path('file.bin')));
    await chmod(join(folder, 'file.bin'), 0);
    const how = { cwd: '/', isUnprivileged: true, env: { XDG_CONFIG_HOME: '/nonexistent', XDG_CACHE_HOME: '/nonexistent' } };
    expectFailure(
      await shop.run('peer', ['fetch', shared.link, '--out', folder], how),
      13,
      /file\.bin exists and cannot be read/,
    );
    const verified = await shop.run('peer', ['verify', join(folder, 'file.bin'), shared.link], how);
    expectFailure(verified, 24, /Not allowed to read/);
  });

  test('a file that may not be read is not shared: 24', async () => {
    await writeFile(shop.path('secret'), 'secret');
    await chmod(shop.path('secret'), 0o000);
    const ending = await shop.run('peer', ['share', shop.path('secret'), '--tracker', tracker.address], {
      cwd: '/',
      isUnprivileged: true,
    });
    expectFailure(ending, 24, /secret/);
  });

  test('a folder that is not there: 2', async () => {
    expectFailure(await fetch(shared.link, '--out', shop.path('nowhere', 'x')), 2, /There is no folder .*nowhere/);
  });

  test('MF8: two contents under one name: told apart by their roots, never mixed', async () => {
    for (const peer of ['x', 'y']) {
      await mkdir(shop.path(peer));
      await writeFile(shop.path(peer, 'twin'), `I am ${peer}`);
    }
    const twins = await Promise.all(['x', 'y'].map((peer) => shop.share([shop.path(peer, 'twin')], tracker.address)));
    const ending = await fetch('twin', '--tracker', tracker.address);
    expectFailure(ending, 2, /2 different contents/);
    for (const twin of twins) expect(ending.stderr).toContain(twin.root);
    const [, second] = twins;
    expect((await fetch(`@${second?.root}`, '--tracker', tracker.address, '--out', shop.path('twin'))).code).toBe(0);
    expect(await readFile(shop.path('twin'), 'utf8')).toBe('I am y');
  });

  test('FS9: a crowd of 500 at a share that may have 64 files open: it lives, and serves who comes when they are gone', async () => {
    // Of bytes that nobody else shares.
    const own = randomBytes(700_000);
    await writeFile(shop.path('crowded'), own);
    const args = ['share', shop.path('crowded'), '--tracker', tracker.address, '--json'];
    const process = shop.start('peer', args, { openFilesMaxCount: 64 });
    const [, address = '', link = ''] = await process.waitFor(/"address":"([^"]+)".*"link":"(magnet:[^"]+)"/);
    const port = Number(address.split(':').at(-1));
    const crowd = Array.from({ length: 500 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
    const ends = crowd.map((socket) => once(socket, 'close'));
    for (const socket of crowd) socket.write('GET_CHUNK crowded 0\n');
    // Some are answered; all others are told to go, or go themselves.
    const answered = await Promise.race(crowd.map(async (socket) => once(socket, 'data')));
    expect(String(answered[0])).toMatch(/^(524288\n|ERR [A-Z_]+ )/);
    for (const socket of crowd) socket.destroy();
    await Promise.all(ends);
    const { code, stderr } = await fetch(link, '--out', shop.path('after the crowd'));
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) });
    expect(await isFile(shop.path('after the crowd'), own)).toBe(true);
    expect(process.stderr).not.toMatch(/EMFILE|\n\s+at /);
    process.kill('SIGTERM');
    expect((await process.ended).code).toBe(0);
  });

  test('FS11: a file that changes while it is shared is not served under its old root', async () => {
    await writeFile(shop.path('changing'), randomBytes(600_000));
    const one = await shop.share([shop.path('changing')], tracker.address);
    await writeFile(shop.path('changing'), randomBytes(600_001));
    const ending = await fetch(one.link, '--out', shop.path('old'), '--timeout', '1s');
    expect(ending.code).not.toBe(0);
    expect(existsSync(shop.path('old'))).toBe(false);
  });

  test('with --json the error is an event too', async () => {
    const { stdout, code } = await fetch('nothing', '--tracker', tracker.address, '--json');
    expect(code).toBe(3);
    expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ event: 'error', code: 'NOT_FOUND', exit: 3 });
  });

  test('TW20: after a restart of the tracker the peers are back within an interval', async () => {
    const first = await shop.tracker(0, '--interval', '1s');
    const one = await shop.share([shop.path('file.bin')], first.address);
    first.process.kill('SIGTERM');
    expect((await first.process.ended).code).toBe(0);
    const second = await shop.tracker(first.port, '--interval', '1s');
    // The deadline is the test's own; the peer tries every second.
    for (let isBack = false; !isBack; )
      isBack = (await fetch(`@${one.root}`, '--tracker', second.address, '--out', shop.path('back'))).code === 0;
    expect(await isFile(shop.path('back'), bytes)).toBe(true);
  });
});
