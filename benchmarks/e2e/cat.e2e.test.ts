/** `peer cat` as people use it: in a pipe, with what other commands do to it. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { commandFile } from '../../common/testkit/repo-root.js';
import { isFile, type SharedOne, Workshop } from '../../common/testkit/spawned-command.js';

const MIB = 1024 * 1024;
const execute = promisify(execFile);

describe('peer cat', () => {
  const bytes = randomBytes(20 * MIB + 7);
  const photo = randomBytes(MIB + 3);
  let shop: Workshop;
  let tracker: string;
  let one: SharedOne;

  beforeAll(async () => {
    shop = await Workshop.open();
    tracker = (await shop.tracker()).address;
    await mkdir(shop.path('photos', 'deep'), { recursive: true });
    await writeFile(shop.path('big file.bin'), bytes);
    await writeFile(shop.path('photos', 'deep', 'a.jpg'), photo);
    one = await shop.share([shop.path('big file.bin')], tracker);
    await shop.share([shop.path('big file.bin'), shop.path('photos')], tracker, '--folder-only');
  });
  afterAll(() => shop.close());

  /** A shell line in which `cat` is `peer cat --tracker …`; standard output and error, and the exit code of `cat`. */
  async function shell(line: string): Promise<{ readonly out: Buffer; readonly err: string; readonly code: string }> {
    const command = `'${process.execPath}' '${commandFile('peer')}' cat --tracker ${tracker}`;
    const env = { ...process.env, HOME: shop.folder, XDG_CONFIG_HOME: shop.path('config') };
    const script = `cat() { ${command} "$@"; echo "$?" > '${shop.path('code')}'; }\n${line}`;
    const { stdout, stderr } = await execute('bash', ['-c', script], {
      encoding: 'buffer',
      env,
      cwd: shop.folder,
      maxBuffer: 64 * MIB,
    });
    const code = await execute('cat', [shop.path('code')]);
    return { out: stdout, err: stderr.toString(), code: code.stdout.trim() };
  }

  test('writes a whole file to a pipe, bit for bit and nothing else, from two peers', async () => {
    const { out, err, code } = await shell("cat 'big file.bin' | tee copy | wc -c");
    expect([out.toString().trim(), err, code]).toEqual([String(bytes.length), '', '0']);
    expect(await isFile(shop.path('copy'), bytes)).toBe(true);
  });

  test('writes ranges, by name, link and root, and of a file in a folder whose files are not registered', async () => {
    const wanted = bytes.subarray(5 * MIB - 3, 5 * MIB + 4);
    for (const what of ['big%20file.bin', one.link, `@${one.root}`]) {
      const { out, code } = await shell(`cat '${what}' --range ${5 * MIB - 3}-${5 * MIB + 3}`);
      expect([code, Buffer.compare(out, wanted)]).toEqual(['0', 0]);
    }
    const { out } = await shell('cat photos/deep/a.jpg --range 0-99; cat photos/deep/a.jpg --range -5');
    expect(Buffer.compare(out, Buffer.concat([photo.subarray(0, 100), photo.subarray(-5)]))).toBe(0);
  });

  test('ends quietly, and well, where whoever reads it has enough', async () => {
    const { out, err, code } = await shell("cat 'big file.bin' | head -c 10");
    expect([Buffer.compare(out, bytes.subarray(0, 10)), err, code]).toEqual([0, '', '0']);
  });

  test('with --out the file is there when it is whole; what has its name is not touched', async () => {
    expect((await shell("cat 'big file.bin' --out whole")).code).toBe('0');
    expect(await isFile(shop.path('whole'), bytes)).toBe(true);
    expect((await shell("cat 'big file.bin' --range 0-4 --out whole 2>/dev/null")).code).toBe('13');
    expect((await shell("cat 'big file.bin' --range 0-4 --out whole --overwrite")).code).toBe('0');
    expect(await isFile(shop.path('whole'), bytes.subarray(0, 5))).toBe(true);
    expect((await shell('cat none --out nothing 2>/dev/null')).code).toBe('3');
    expect((await readdir(shop.folder)).filter((name) => name === 'nothing' || name.includes('shoal'))).toEqual([]);
  });

  test.each([
    ['none', '3', /^peer: Nobody shares "none"/],
    ["'big file.bin' --range 5-4", '2', /^peer: --range takes /],
    ["'big file.bin' --range 99999999-", '2', /^peer: The range begins at byte 99999999/],
    ['photos', '2', /^peer: "photos" is a folder\./],
  ])('%s ends with exit code %s and one clear sentence, and nothing on standard output', async (args, code, message) => {
    const ending = await shell(`cat ${args}`);
    expect([ending.out.length, ending.code]).toEqual([0, code]);
    expect(ending.err).toMatch(message);
    expect(ending.err.trim().split('\n')).toHaveLength(1);
  });
});
