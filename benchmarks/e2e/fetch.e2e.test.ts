/** The main job by the built commands: share on some machines, fetch on another. Real processes, real sockets, real files. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isFile, type SharedOne, Workshop } from '../../common/testkit/spawned-command.js';
import type { FetchResult } from '../../peer/fetch/fetch-events.js';

const NAME = 'Größe 图 &%20.bin';
const bytes = randomBytes(3 * 524_288 + 77);

describe('fetching what is shared', () => {
  let shop: Workshop;
  let tracker: string;
  let shared: SharedOne;

  beforeAll(async () => {
    shop = await Workshop.open();
    tracker = (await shop.tracker()).address;
    await mkdir(shop.path('a'));
    await writeFile(shop.path('a', NAME), bytes);
    shared = await shop.share([shop.path('a', NAME)], tracker);
  });
  afterAll(() => shop.close());

  test('the sharing line holds the name as one token, size and root, and the link all of it', () => {
    expect(shared.token).toBe('Größe%20图%20&%2520.bin');
    expect(shared.sizeBytes).toBe(bytes.length);
    expect(shared.link).toContain(`xt=urn:shoal:${shared.root}`);
    expect(shared.link).toContain(`xl=${bytes.length}`);
  });

  test.each([
    ['its name', () => [NAME, '--tracker', tracker]],
    ['its name as it was printed', () => [shared.token, '--tracker', tracker]],
    ['its link, with no other argument', () => [shared.link]],
    ['its root', () => [`@${shared.root}`, '--tracker', tracker]],
  ])('works by %s', async (how, args) => {
    const folder = shop.path(`by ${how}`);
    await mkdir(folder);
    const { code, stdout } = await shop.run('peer', ['fetch', ...args()], { cwd: folder });
    expect(code).toBe(0);
    expect(stdout).toMatch(/, verified\n/);
    expect(await readdir(folder)).toEqual([NAME]);
    expect(await isFile(`${folder}/${NAME}`, bytes)).toBe(true);
  });

  test('the same command again finds it there, and fetches nothing', async () => {
    const out = shop.path('again.bin');
    await shop.run('peer', ['fetch', shared.link, '--out', out]);
    const { code, stdout } = await shop.run('peer', ['fetch', shared.link, '--out', out, '--json']);
    expect(code).toBe(0);
    expect(eventOf(stdout, 'done')).toMatchObject({ alreadyThere: true, fetchedBytes: 0 });
  });

  test('works where a share has the port that it is to serve on, unless it is to seed there', async () => {
    const port = shared.address.split(':').at(-1) ?? '';
    const args = ['fetch', shared.link, '--port', port, '--announce', `*:${port}`, '--out'];
    const { code, stderr } = await shop.run('peer', [...args, shop.path('port.bin'), '--quiet']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(await isFile(shop.path('port.bin'), bytes)).toBe(true);
    const seed = await shop.run('peer', [...args, shop.path('seeded.bin'), '--seed']);
    expect(seed.code).toBe(6);
    expect(seed.stderr).toContain('choose another --port');
  });

  test('it says what limited it: a line, with --why a table, and as JSON', async () => {
    const person = await shop.run('peer', ['fetch', shared.link, '--out', shop.path('why.bin'), '--why']);
    expect(person.stdout).toMatch(/\n(limited by|too short to tell) .*\n\nstage +time +share +meaning\nlookup /);
    expect(person.stdout).toMatch(/\nmain thread .* busy; late by \d+ ms at most.*\n/);
    const program = await shop.run('peer', ['fetch', shared.link, '--out', shop.path('why.json.bin'), '--json']);
    const { why, peers } = eventOf(program.stdout, 'done') as Pick<FetchResult, 'why' | 'peers'>;
    expect(Object.values(why.spentMs).reduce((sum, ms) => sum + ms, 0)).toBeCloseTo(why.totalMs, 3);
    expect(why.work.landedCount).toBe(4);
    expect(why.work.hashMs).toBeGreaterThan(0);
    expect(why.load?.coresBusyMs).toBeGreaterThan(0);
    expect(why.peers.map(({ address }) => address)).toEqual(expect.arrayContaining(peers.map(({ address }) => address)));
  });

  test('verify tells a right file from a wrong one', async () => {
    const out = shop.path('verify.bin');
    await shop.run('peer', ['fetch', shared.link, '--out', out]);
    expect((await shop.run('peer', ['verify', out, shared.link])).code).toBe(0);
    const wrong = Buffer.from(bytes);
    wrong[600_000] = (wrong[600_000] ?? 0) ^ 1;
    await writeFile(out, wrong);
    expect((await shop.run('peer', ['verify', out, `@${shared.root}`])).code).toBe(32);
  });

  test('several peers each bring a part, and it says who', async () => {
    await mkdir(shop.path('b'));
    const large = randomBytes(24 * 524_288);
    for (const peer of ['p1', 'p2', 'p3']) {
      await mkdir(shop.path('b', peer));
      await writeFile(shop.path('b', peer, 'large.bin'), large);
    }
    const peers = await Promise.all(['p1', 'p2', 'p3'].map((peer) => shop.share([shop.path('b', peer, 'large.bin')], tracker)));
    const { code, stdout } = await shop.run('peer', [
      'fetch',
      'large.bin',
      '--tracker',
      tracker,
      '--json',
      '--out',
      shop.path('large.bin'),
    ]);
    expect(code).toBe(0);
    const done = eventOf(stdout, 'done') as { peers: { address: string; chunks: number }[] };
    expect(done.peers.map((peer) => peer.address).sort()).toEqual(peers.map((peer) => peer.address).sort());
    expect(done.peers.reduce((sum, peer) => sum + peer.chunks, 0)).toBe(24);
    expect(await isFile(shop.path('large.bin'), large)).toBe(true);
  });

  test.each([0, 1, 524_287, 524_288, 524_289])('a file of %d bytes', async (size) => {
    const content = randomBytes(size);
    await writeFile(shop.path(`size-${size}`), content);
    const one = await shop.share([shop.path(`size-${size}`)], tracker);
    const { code } = await shop.run('peer', ['fetch', one.link, '--out', shop.path(`got-${size}`)]);
    expect(code).toBe(0);
    expect(await isFile(shop.path(`got-${size}`), content)).toBe(true);
    one.process.kill('SIGTERM');
    expect((await one.process.ended).code).toBe(0);
  });

  test('a folder arrives whole: nested, empty files, permission bits, and nothing followed out of it', async () => {
    const files: Record<string, Buffer> = {
      'read me.txt': Buffer.from('hello'),
      empty: Buffer.alloc(0),
      'deep/er/ñ.bin': randomBytes(700_000),
      'deep/run.sh': Buffer.from('#!/bin/sh\n'),
    };
    for (let index = 0; index < 60; index += 1) files[`many/${index}`] = randomBytes(index * 10);
    for (const [path, content] of Object.entries(files)) {
      await mkdir(shop.path('my folder', path, '..'), { recursive: true });
      await writeFile(shop.path('my folder', path), content, { mode: path.endsWith('.sh') ? 0o755 : 0o644 });
    }
    await symlink('/etc/passwd', shop.path('my folder', 'link'));
    const folder = await shop.share([shop.path('my folder')], tracker);
    await mkdir(shop.path('out'));
    const { code } = await shop.run('peer', ['fetch', folder.link], { cwd: shop.path('out') });
    expect(code).toBe(0);
    expect(await readdir(shop.path('out'))).toEqual(['my folder']);
    for (const [path, content] of Object.entries(files))
      expect(await isFile(shop.path('out', 'my folder', path), content)).toBe(true);
    expect(existsSync(shop.path('out', 'my folder', 'link'))).toBe(false);
    expect((await stat(shop.path('out', 'my folder', 'deep/run.sh'))).mode & 0o777).toBe(0o755);
    const single = await shop.run('peer', [
      'fetch',
      'my folder/deep/er/ñ.bin',
      '--tracker',
      tracker,
      '--out',
      shop.path('single'),
    ]);
    expect(single.code).toBe(0);
    expect(await isFile(shop.path('single'), files['deep/er/ñ.bin'])).toBe(true);
  });

  test('FS9: a folder of many files, where a process may have 64 files open', async () => {
    const few = { openFilesMaxCount: 64 };
    await mkdir(shop.path('crowd'));
    for (let index = 0; index < 400; index += 1) await writeFile(shop.path('crowd', `${index}`), `file ${index}`);
    const sharer = shop.start('peer', ['share', shop.path('crowd'), '--tracker', tracker, '--json'], few);
    const [, link = ''] = await sharer.waitFor(/"name":"crowd",.*"link":"(magnet:[^"]+)"/);
    const { code, stderr } = await shop.run('peer', ['fetch', link, '--out', shop.path('crowd-copy')], few);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining('EMFILE') });
    for (let index = 0; index < 400; index += 1) {
      expect(await isFile(shop.path('crowd-copy', `${index}`), Buffer.from(`file ${index}`))).toBe(true);
    }
  });
});

/** The first event of a kind among lines of JSON. */
function eventOf(stdout: string, kind: string): unknown {
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { event: string })
    .find((event) => event.event === kind);
}
