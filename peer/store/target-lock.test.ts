import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { realStorage } from '../storage-ports.js';
import { TargetLock } from './target-lock.js';

let folder: string;
const path = () => join(folder, 'x.shoal-lock');
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-lock-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The id of a process that has ended. */
const deadPid = () => spawnSync(process.execPath, ['-e', '']).pid;

describe('target lock', () => {
  test('is held by one, freed by release, and nothing is left behind', async () => {
    const lock = await TargetLock.take(realStorage, path());
    await expect(TargetLock.take(realStorage, path())).rejects.toMatchObject({ code: 'TARGET_EXISTS' });
    await lock.release();
    await lock.release();
    expect(await readdir(folder)).toEqual([]);
    await (await TargetLock.take(realStorage, path())).release();
  });

  test('FS13: what died while it took the lock is cleaned up after; what lives is let be, and so is what is not its', async () => {
    const others = ['.000000000000.1%201.1.shoal-lock', `x.shoal-lock.${deadPid()}.1`];
    for (const name of others) await writeFile(join(folder, name), '');
    const killed = { ...realStorage, processes: { token: `${deadPid()} 1`, isAlive: () => false } };
    const disk = { ...realStorage.disk, link: () => new Promise<never>(() => undefined) };
    for (const ports of [
      { ...killed, disk },
      { ...realStorage, disk },
    ])
      void TargetLock.take(ports, path());
    while ((await readdir(folder)).length < others.length + 2) await new Promise((resolve) => setImmediate(resolve));
    await (await TargetLock.take(realStorage, path())).release();
    const left = await readdir(folder);
    expect(left).toHaveLength(others.length + 1);
    expect(left).toEqual(
      expect.arrayContaining([...others, expect.stringContaining(encodeURIComponent(realStorage.processes.token))]),
    );
  });

  test('FS3: it can be taken where its name is as long as a name may be', async () => {
    const long = join(folder, 'x'.repeat(255));
    await writeFile(long, `${deadPid()} 1`);
    await (await TargetLock.take(realStorage, long)).release();
    expect(await readdir(folder)).toEqual([]);
  });

  test.each([
    ['a folder', () => mkdir(path())],
    ['a symbolic link', () => symlink(join(folder, 'elsewhere'), path())],
    ['a file that is too long for one', () => writeFile(path(), Buffer.alloc(5000))],
  ])('FS13: %s in its place is not touched, and it is told what to do', async (_title, make) => {
    await make();
    await expect(TargetLock.take(realStorage, path())).rejects.toThrow(/is no lock at all; then delete it\.$/);
    expect(await readdir(folder)).toHaveLength(1);
  });

  test('FS13: one of a live process is refused, and named', async () => {
    const parent = process.ppid;
    await writeFile(path(), `${parent} ?`);
    await expect(TargetLock.take(realStorage, path())).rejects.toThrow(
      `Process ${parent} is fetching this to the same place already`,
    );
    expect(await readFile(path(), 'utf8')).toBe(`${parent} ?`);
  });

  test.each([
    ['of a dead process', () => `${deadPid()} 1`],
    ['of a live process that started at another time', () => `${process.pid} 1`],
    ['that is empty', () => ''],
    ['of nonsense', () => 'hello\u0000'],
  ])('FS13: one %s is taken over', async (_title, token) => {
    if (token().endsWith(' 1') && process.platform !== 'linux') return;
    await writeFile(path(), token());
    const lock = await TargetLock.take(realStorage, path());
    await lock.release();
    expect(await readdir(folder)).toEqual([]);
  });

  test('FS13: one of a process that was killed and that its parent never asked after is taken over', async () => {
    if (process.platform !== 'linux') return;
    // The shell becomes a program that asks after no child.
    const parent = spawn('sh', ['-c', 'sh -c "echo \\$\\$" & exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const [text] = (await once(parent.stdout, 'data')) as [Buffer];
      const pid = Number(text.toString());
      let stat = '';
      while (!stat.includes(') Z ')) stat = await readFile(`/proc/${pid}/stat`, 'latin1');
      await writeFile(path(), `${pid} ${stat.split(') ').at(-1)?.split(' ')[19]}`);
      await (await TargetLock.take(realStorage, path())).release();
    } finally {
      parent.kill('SIGKILL');
    }
  });

  test('FS13: of many who find a stale lock at once, exactly one gets it, each time', async () => {
    for (let round = 0; round < 30; round += 1) {
      await writeFile(path(), '999999999 1');
      const takers = await Promise.allSettled(Array.from({ length: 8 }, () => TargetLock.take(realStorage, path())));
      const held = takers.flatMap((taker) => (taker.status === 'fulfilled' ? [taker.value] : []));
      expect(held).toHaveLength(1);
      for (const taker of takers) if (taker.status === 'rejected') expect(taker.reason).toMatchObject({ code: 'TARGET_EXISTS' });
      expect(await readdir(folder)).toEqual(['x.shoal-lock']);
      await held[0]?.release();
    }
  });

  test('a takeover that was cut off does not block the next for ever', async () => {
    await writeFile(path(), '999999999 1');
    const key = createHash('sha256').update('x.shoal-lock').digest('hex').slice(0, 12);
    await writeFile(join(folder, `.${key}.takeover.shoal-lock`), '999999999 1');
    await (await TargetLock.take(realStorage, path())).release();
    expect(await readdir(folder)).toEqual([]);
    // Also where it had taken away what was stale.
    await writeFile(join(folder, `.${key}.takeover.shoal-lock`), '999999999 1');
    await (await TargetLock.take(realStorage, path())).release();
    expect(await readdir(folder)).toEqual([]);
  });

  test('two processes: the second is refused while the first lives', async () => {
    const program = `const { TargetLock } = await import(${JSON.stringify(new URL('./target-lock.js', import.meta.url).href)});
      const { realStorage } = await import(${JSON.stringify(new URL('../storage-ports.js', import.meta.url).href)});
      try { await TargetLock.take(realStorage, ${JSON.stringify(path())}); console.log('taken'); } catch (error) { console.log(error.code); }`;
    const other = () => execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }).trim();
    const lock = await TargetLock.take(realStorage, path());
    expect(other()).toBe('TARGET_EXISTS');
    await lock.release();
    // It ends without a release: what it leaves is stale.
    expect(other()).toBe('taken');
    expect(other()).toBe('taken');
  });
});
