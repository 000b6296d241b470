/** A fetched file as a new host of it, by the built commands: `--seed`, `--seed-time` and `--seed-ratio`. */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isFile, type SpawnedCommand, Workshop } from '../../common/testkit/spawned-command.js';

const MIB = 1024 * 1024;

describe('what was fetched', () => {
  let shop: Workshop;
  let tracker: string;

  beforeAll(async () => {
    shop = await Workshop.open();
    tracker = (await shop.tracker()).address;
  });
  afterAll(() => shop.close());

  /** A file that one process shares; `end` ends that one. */
  async function shared(name: string, sizeBytes = 3 * MIB + 5) {
    const bytes = randomBytes(sizeBytes);
    await writeFile(shop.path(name), bytes);
    const one = await shop.share([shop.path(name)], tracker);
    const end = async () => {
      one.process.kill('SIGTERM');
      await one.process.ended;
    };
    return { bytes, link: one.link, root: one.root, end };
  }

  /** Starts a fetch to another name, and waits until it shares. */
  async function seeding(link: string, out: string, ...flags: string[]): Promise<SpawnedCommand> {
    const process = shop.start('peer', ['fetch', link, '--out', shop.path(out), '--json', ...flags]);
    await process.waitFor(/"event":"sharing"/);
    return process;
  }

  /** Kinds of events, in order, without those of which there may be any number. */
  function kindsOf(stdout: string): string[] {
    const kinds = stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { event: string }).event);
    return kinds.filter((kind) => !['phase', 'progress', 'note'].includes(kind));
  }

  async function isFound(name: string): Promise<boolean> {
    const { code } = await shop.run('peer', ['fetch', name, '--tracker', tracker, '--out', shop.path('found'), '--overwrite']);
    expect([0, 3]).toContain(code);
    return code === 0;
  }

  test('is shared by --seed under its own name, unhashed, though the file is called otherwise, and the sharer is gone', async () => {
    const { bytes, end, root } = await shared('one.bin');
    const seed = await seeding(`@${root}`, 'renamed.bin', '--seed', '--tracker', tracker);
    await end();
    const again = await shop.run('peer', ['fetch', 'one.bin', '--tracker', tracker, '--out', shop.path('two.bin')]);
    expect(again.code).toBe(0);
    expect(await isFile(shop.path('two.bin'), bytes)).toBe(true);
    expect(again.stdout.match(/^ {2}\S+:\d+ /gm)).toHaveLength(1);
    seed.kill('SIGINT');
    const { code, stdout } = await seed.ended;
    expect(code).toBe(0);
    expect(kindsOf(stdout)).toEqual(['content', 'peer-connected', 'done', 'sharing']);
    expect(stdout).toMatch(/"event":"sharing","name":"one\.bin"/);
    // It said goodbye.
    expect(await isFound('one.bin')).toBe(false);
  });

  test('is shared for as long as --seed-time says, then taken back, and the end is a good one', async () => {
    const { link, end } = await shared('timed.bin');
    // That it is shared until then, the other tests show; how long that is, `peer/cli/seeding.ts`.
    const args = ['fetch', link, '--out', shop.path('timed copy.bin'), '--json', '--seed-time', '1s'];
    const { code, stdout, stderr } = await shop.run('peer', args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(kindsOf(stdout)).toEqual(['content', 'peer-connected', 'done', 'sharing']);
    await end();
    expect(await isFound('timed.bin')).toBe(false);
  });

  test('is shared until --seed-ratio times its size was given to others', async () => {
    const { bytes, link, end } = await shared('counted.bin');
    const seed = await seeding(link, 'counted copy.bin', '--seed-ratio', '2');
    await end();
    for (const out of ['counted 1', 'counted 2']) {
      const { code } = await shop.run('peer', ['fetch', link, '--out', shop.path(out)]);
      expect(code).toBe(0);
      expect(await isFile(shop.path(out), bytes)).toBe(true);
    }
    expect((await seed.ended).code).toBe(0);
    expect(await isFound('counted.bin')).toBe(false);
  });

  test('before and is there already is shared with --seed all the same, under its own name', async () => {
    const { link, end } = await shared('there.bin');
    await shop.run('peer', ['fetch', link, '--out', shop.path('was there.bin')]);
    const seed = await seeding(link, 'was there.bin', '--seed');
    await end();
    expect(await isFound('there.bin')).toBe(true);
    seed.kill('SIGTERM');
    const { code, stdout } = await seed.ended;
    expect(code).toBe(0);
    expect(kindsOf(stdout)).toEqual(['content', 'done', 'scanned', 'sharing']);
  });

  test('as a folder is shared as a folder, and each of its files', async () => {
    const folder = shop.path('album');
    await mkdir(folder);
    const files = { empty: Buffer.alloc(0), small: randomBytes(100), 'large.bin': randomBytes(MIB + 1) };
    for (const [name, bytes] of Object.entries(files)) await writeFile(shop.path('album', name), bytes);
    const one = await shop.share([folder], tracker);
    const seed = await seeding(one.link, 'album copy', '--seed');
    one.process.kill('SIGTERM');
    await one.process.ended;
    expect(seed.stdout).toMatch(/"event":"sharing","name":"album",.*"files":3/);
    expect(seed.stdout).not.toContain('scanned');
    expect((await shop.run('peer', ['fetch', one.link, '--out', shop.path('album 2')])).code).toBe(0);
    for (const [name, bytes] of Object.entries(files)) expect(await isFile(shop.path('album 2', name), bytes)).toBe(true);
    expect(await isFound('album/large.bin')).toBe(true);
    seed.kill('SIGTERM');
    expect((await seed.ended).code).toBe(0);
  });

  test('is given to others while it is fetched', async () => {
    const bytes = randomBytes(4 * MIB);
    await writeFile(shop.path('slow.bin'), bytes);
    const one = await shop.share([shop.path('slow.bin')], tracker, '--limit-up', '1M');
    const fetches = ['slow 1', 'slow 2', 'slow 3'].map((out) =>
      shop.start('peer', ['fetch', one.link, '--out', shop.path(out), '--json', '--seed-time', '5s']),
    );
    const endings = await Promise.all(fetches.map((fetch) => fetch.ended));
    let fromOthers = 0;
    for (const [at, { code, stdout }] of endings.entries()) {
      expect(code).toBe(0);
      expect(await isFile(shop.path(`slow ${at + 1}`), bytes)).toBe(true);
      const done = stdout.split('\n').find((line) => line.includes('"event":"done"')) ?? '{}';
      const { peers } = JSON.parse(done) as { peers: { address: string; bytes: number }[] };
      fromOthers += peers.filter(({ address }) => address !== one.address).reduce((sum, peer) => sum + peer.bytes, 0);
    }
    expect(fromOthers).toBeGreaterThan(MIB);
  });

  test.each([
    ['--seed-time', 'soon'],
    ['--seed-time', '-1s'],
    ['--seed-ratio', 'two'],
    ['--seed-ratio', '-1'],
  ])('%s %s is a mistake in use', async (flag, value) => {
    const { code, stderr } = await shop.run('peer', ['fetch', 'nothing', '--tracker', tracker, `${flag}=${value}`]);
    expect(code).toBe(2);
    expect(stderr).toContain(value);
  });
});
