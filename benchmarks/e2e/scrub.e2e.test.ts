/** `peer verify --all`, by the built commands: damage that a disk did is found, told, not served, and mended from another peer. */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { isFile, Workshop } from '../../common/testkit/spawned-command.js';

const CHUNK_BYTES = 512 * 1024;
const SIZE = 3 * CHUNK_BYTES + 1000;
const LONG_AGO_S = 1_600_000_000;

describe('peer verify --all', () => {
  let shop: Workshop;
  let tracker: string;
  let bytes: Buffer;

  beforeEach(async () => {
    shop = await Workshop.open();
    tracker = (await shop.tracker()).address;
    bytes = randomBytes(SIZE);
    await writeFile(shop.path('data.bin'), bytes);
    await utimes(shop.path('data.bin'), LONG_AGO_S, LONG_AGO_S);
  });
  afterEach(() => shop.close());

  /** A peer that stays and shares the file, registered. */
  async function serve(...args: string[]) {
    const process = shop.start('peer', ['serve', 'data.bin', '--tracker', tracker, ...args]);
    const [, root = ''] = await process.waitFor(/^sharing data\.bin \d+ ([0-9a-f]{64}) at /m);
    return { process, root };
  }

  /** Flips a bit; the time of the file does not tell. */
  async function damage(position: number): Promise<void> {
    const { mtime } = await stat(shop.path('data.bin'));
    const file = await open(shop.path('data.bin'), 'r+');
    await file.write(Buffer.of((bytes[position] ?? 0) ^ 1), 0, 1, position);
    await file.close();
    await utimes(shop.path('data.bin'), mtime, mtime);
  }

  async function verify(...args: string[]) {
    const { code, stdout, stderr } = await shop.run('peer', ['verify', '--all', ...args]);
    return { code, stderr, lines: stdout.trim().split('\n') };
  }

  const events = (lines: readonly string[]) => lines.map((line) => JSON.parse(line) as Record<string, unknown>);

  test('finds damage, says where, and mends it when another peer has what is right', async () => {
    const { process, root } = await serve();
    expect(await verify()).toEqual({ code: 0, stderr: '', lines: ['1 file (1.5 MiB) read again: nothing is damaged.'] });
    expect((await shop.run('peer', ['status'])).stdout).not.toContain('damaged');
    await damage(CHUNK_BYTES + 9);
    const path = shop.path('data.bin');
    const where = { name: 'data.bin', root, chunk: 1, offset: CHUNK_BYTES, length: CHUNK_BYTES };
    const found = await verify('--json', '--rate', '100M');
    expect(found.code).toBe(32);
    expect(events(found.lines)).toMatchObject([
      { event: 'scanned', files: 1, bytes: SIZE },
      { event: 'damaged', ...where, reason: 'bytes' },
      { event: 'progress', phase: 'verify', doneBytes: SIZE, totalBytes: SIZE },
      { event: 'verified', files: 1, bytes: SIZE, damaged: 1, mended: 0, ok: false },
    ]);
    await process.waitFor(/data\.bin" is damaged at byte 524288 \(chunk 1\): it is not what it was .*\. It is not served/, true);
    expect((await shop.run('peer', ['status'])).stdout).toMatch(/^damaged {2}1 chunk of 1 file; "peer verify --all --repair"/m);
    expect(JSON.parse((await shop.run('peer', ['status', '--json'])).stdout)).toMatchObject({
      damaged: [{ path, root, chunkCount: 1 }],
    });
    const alone = await verify('--repair');
    expect(alone.code).toBe(32);
    expect(alone.lines[1]).toMatch(/data\.bin" stays damaged: No peer is left that has what is missing/);
    expect(alone.stderr).toBe('peer: Not all that is shared is as it was. What is damaged is not served.\n');

    await mkdir(shop.path('other'));
    await writeFile(shop.path('other', 'data.bin'), bytes);
    const other = await shop.share(['other/data.bin'], tracker, '--no-node');
    expect(other.root).toBe(root);
    const mended = await verify('--repair', '--json');
    expect(mended.code).toBe(0);
    expect(events(mended.lines).map(({ event }) => event)).toEqual(['scanned', 'damaged', 'progress', 'mended', 'verified']);
    expect(await isFile(path, bytes)).toBe(true);
    expect((await stat(path)).mtimeMs).toBe(LONG_AGO_S * 1000);
    expect((await verify()).code).toBe(0);
    expect(process.stdout).not.toContain('changed');
  });

  test('what is damaged is known, and not served, after kill -9 too', async () => {
    const { process, root } = await serve();
    await damage(2 * CHUNK_BYTES);
    expect((await verify('--quiet')).code).toBe(32);
    process.kill('SIGKILL');
    await process.ended;
    const state = JSON.parse(await readFile(shop.path('state', 'shoal', 'state.json'), 'utf8')) as Record<string, unknown>;
    expect(state['scrub']).toMatchObject({ damage: [{ path: shop.path('data.bin'), root, chunks: [2] }] });
    const again = await serve('--scrub-repair');
    expect(again.root).toBe(root);
    const fetched = await shop.run('peer', [
      'fetch',
      `@${root}`,
      '--out',
      'got.bin',
      '--no-node',
      '--timeout',
      '1s',
      '--tracker',
      tracker,
    ]);
    expect(fetched.code).toBe(6);
    expect(fetched.stderr).toMatch(/1 of 4 chunks are missing \(the first is 2\)/);
    // The disk gives back what it was: that is no damage any more.
    await writeFile(shop.path('data.bin'), bytes);
    await utimes(shop.path('data.bin'), LONG_AGO_S, LONG_AGO_S);
    expect((await verify()).code).toBe(0);
  });

  test('FS11: what is kept and gone is not as it was shared: 32', async () => {
    const { process } = await serve();
    await writeFile(shop.path('kept.bin'), 'kept');
    expect((await shop.run('peer', ['share', 'kept.bin', '--stay'])).code).toBe(0);
    process.kill('SIGTERM');
    await process.ended;
    await rm(shop.path('kept.bin'));
    const again = await serve();
    await again.process.waitFor(/kept\.bin" is kept and cannot be shared now/, true);
    expect(await verify()).toEqual({
      code: 32,
      stderr: 'peer: Not all that is shared is as it was.\n',
      lines: [
        expect.stringMatching(/kept\.bin" could not be checked: it is gone, or not to be read\.$/),
        '1 file (1.5 MiB) read again: nothing is damaged, 1 not readable.',
      ],
    });
  });

  test('needs a running peer, and flags that fit', async () => {
    expect(await verify()).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^peer: No peer is running here\. "peer serve"/),
    });
    const stderrOf = async (...args: string[]) => {
      const { code, stderr } = await shop.run('peer', ['verify', ...args]);
      expect({ args, code }).toEqual({ args, code: 2 });
      return stderr;
    };
    expect(await stderrOf()).toMatch(/Name a file and a link or @root/);
    expect(await stderrOf('--all', 'data.bin')).toMatch(/takes no file/);
    expect(await stderrOf('data.bin', `@${'0'.repeat(64)}`, '--repair')).toMatch(/go with --all/);
    expect(await stderrOf('--all', '--rate', '5')).toMatch(/--rate takes bytes a second, 32 KiB at least/);
    expect(await stderrOf('--all', '--rate', 'slow')).toMatch(/--rate takes bytes a second, .* not "slow"/);
    const { code, stderr } = await shop.run('peer', ['serve', '--scrub-every', 'often']);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/--scrub-every takes a duration/)]);
  });
});
