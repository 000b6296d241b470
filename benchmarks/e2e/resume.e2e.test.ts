/** A fetch that is cut off, by Ctrl-C, SIGTERM or SIGKILL, goes on where it stopped, and no wrong byte ever has the final name. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isFile, type SharedOne, type SpawnedCommand, Workshop } from '../../common/testkit/spawned-command.js';
import { Valve } from '../../common/testkit/valve.js';

const CHUNK = 524_288;
const LAST_CHUNK = 5;
const SIZE = 60 * CHUNK + LAST_CHUNK;
const HALF = 30 * CHUNK;
const bytes = randomBytes(SIZE);

interface Done {
  readonly fetchedBytes: number;
  readonly resumedBytes: number;
}

function doneOf(stdout: string): Done {
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Done;
}

describe('a fetch that is cut off', () => {
  let shop: Workshop;
  let shared: SharedOne;

  beforeAll(async () => {
    shop = await Workshop.open();
    await writeFile(shop.path('big.bin'), bytes);
    shared = await shop.share([shop.path('big.bin')], (await shop.tracker()).address);
  });
  afterAll(() => shop.close());

  /** A fetch through a relay that holds half-way; resolves when about half of the file is verified and written. */
  async function fetchHalf(folder: string): Promise<{ half: SpawnedCommand; valve: Valve }> {
    await mkdir(folder);
    const valve = await Valve.open(shared.address, HALF);
    const link = `magnet:?xt=urn:shoal:${shared.root}&dn=big.bin&x.pe=127.0.0.1:${valve.port}`;
    const half = shop.start('peer', ['fetch', link, '--json', '--timeout', '60s'], { cwd: folder });
    // The last chunk, which is short, may be among them: a fetch begins anywhere.
    const enough = [28, 29].flatMap((count) => [count * CHUNK, count * CHUNK + LAST_CHUNK]);
    await half.waitFor(new RegExp(`"phase":"fetch","doneBytes":(${enough.join('|')}),`));
    return { half, valve };
  }

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 7],
    ['SIGKILL', null],
  ] as const)('%s: exit code %p, nothing under the final name, and the same command goes on', async (signal, code) => {
    const folder = shop.path(`by ${signal}`);
    const { half, valve } = await fetchHalf(folder);
    half.kill(signal);
    expect((await half.ended).code).toBe(code);
    await valve.close();
    expect(existsSync(`${folder}/big.bin`)).toBe(false);
    const { stdout, code: end } = await shop.run('peer', ['fetch', shared.link, '--json'], { cwd: folder });
    expect(end).toBe(0);
    const done = doneOf(stdout);
    expect(done.resumedBytes).toBeGreaterThanOrEqual(28 * CHUNK);
    expect(done.resumedBytes + done.fetchedBytes).toBe(SIZE);
    expect(await readdir(folder)).toEqual(['big.bin']);
    expect(await isFile(`${folder}/big.bin`, bytes)).toBe(true);
  });

  test('RS6: it goes on from another peer that it learns of at another tracker', async () => {
    const folder = shop.path('elsewhere');
    const { half, valve } = await fetchHalf(folder);
    half.kill('SIGKILL');
    await half.ended;
    await valve.close();
    const other = (await shop.tracker()).address;
    await mkdir(shop.path('twin'));
    await writeFile(shop.path('twin', 'big.bin'), bytes);
    const second = await shop.share([shop.path('twin', 'big.bin')], other);
    const { stdout, code } = await shop.run('peer', ['fetch', 'big.bin', '--tracker', other, '--json'], { cwd: folder });
    expect(code).toBe(0);
    expect(doneOf(stdout).resumedBytes).toBeGreaterThanOrEqual(28 * CHUNK);
    expect(await isFile(`${folder}/big.bin`, bytes)).toBe(true);
    second.process.kill('SIGTERM');
  });

  test('RS1, RS2: damage in the part is found and only it fetched again; a lost journal costs nothing', async () => {
    const folder = shop.path('damaged');
    const { half, valve } = await fetchHalf(folder);
    half.kill('SIGINT');
    await half.ended;
    await valve.close();
    const names = await readdir(folder);
    const part = names.find((name) => name.endsWith('.shoal-part'));
    const written = await readFile(`${folder}/${part}`);
    const isWritten = (at: number) => written.subarray(at, at + CHUNK).equals(bytes.subarray(at, at + CHUNK));
    const places = Array.from({ length: 60 }, (_, index) => index * CHUNK).filter(isWritten);
    const handle = await open(`${folder}/${part}`, 'r+');
    await handle.write(Buffer.from('damage'), 0, 6, (places[3] ?? 0) + 99);
    await handle.close();
    const first = await shop.run('peer', ['fetch', shared.link, '--json', '--out', `${folder}/big.bin`]);
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(/"event":"resumed".*"damaged":1/);
    expect(doneOf(first.stdout).resumedBytes).toBeGreaterThanOrEqual(27 * CHUNK);

    const again = shop.path('no journal');
    const second = await fetchHalf(again);
    second.half.kill('SIGKILL');
    await second.half.ended;
    await second.valve.close();
    for (const name of await readdir(again)) if (name.endsWith('.shoal-journal')) await rm(`${again}/${name}`);
    const rebuilt = await shop.run('peer', ['fetch', shared.link, '--json'], { cwd: again });
    expect(doneOf(rebuilt.stdout).resumedBytes).toBeGreaterThanOrEqual(28 * CHUNK);
    expect(await isFile(`${again}/big.bin`, bytes)).toBe(true);
  });

  test('FS13: a second fetch of the same target is refused while the first runs: 13, and --no-resume starts afresh', async () => {
    const folder = shop.path('locked');
    const { half, valve } = await fetchHalf(folder);
    const { code, stderr } = await shop.run('peer', ['fetch', shared.link], { cwd: folder });
    expect(code).toBe(13);
    expect(stderr).toContain(`Process ${half.pid}`);
    half.kill('SIGKILL');
    await half.ended;
    await valve.close();
    const { stdout } = await shop.run('peer', ['fetch', shared.link, '--no-resume', '--json'], { cwd: folder });
    expect(doneOf(stdout)).toMatchObject({ resumedBytes: 0, fetchedBytes: SIZE });
    expect(await readdir(folder)).toEqual(['big.bin']);
  });
});
