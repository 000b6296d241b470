/** Replacing a file as a whole, on a real file system. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { freshName, removeLeftovers, writeFileAtomic } from './atomic-write.js';
import { realDisk } from './disk.js';
import { realProcesses } from './processes.js';

const ports = { disk: realDisk, processes: realProcesses };

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-atomic-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('a reader at any moment sees a whole text, and nothing else is left in the folder', async () => {
  const path = join(folder, 'state');
  const texts = ['a', 'b', 'c'].map((letter) => letter.repeat(200_000));
  await writeFileAtomic(ports, path, texts[0] ?? '');
  let isOver = false;
  const seen = new Set<string>();
  const reading = (async () => {
    while (!isOver) seen.add(await readFile(path, 'utf8'));
  })();
  for (let round = 0; round < 10; round += 1) for (const text of texts) await writeFileAtomic(ports, path, text);
  isOver = true;
  await reading;
  expect([...seen].filter((text) => !texts.includes(text))).toEqual([]);
  expect(seen.size).toBeGreaterThan(0);
  expect(await readdir(folder)).toEqual(['state']);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test('what cannot be written leaves the old text and no leftovers', async () => {
  const path = join(folder, 'state');
  await mkdir(path);
  await expect(writeFileAtomic(ports, path, 'new')).rejects.toMatchObject({
    code: expect.stringMatching(/EISDIR|ENOTEMPTY|EEXIST/),
  });
  expect(await readdir(folder)).toEqual(['state']);
});

test('CR5: what a killed writer left is removed, and nothing else', async () => {
  const own = basename(freshName(realProcesses, join(folder, 'state')));
  const names = [own, 'other.1%201.new', 'state.1%201.new', 'state.4711.new', 'state.%.new', 'state'];
  for (const name of names) await writeFile(join(folder, name), 'half');
  const processes = { isAlive: (token: string) => token === realProcesses.token };
  await removeLeftovers({ disk: realDisk, processes }, join(folder, 'state'));
  expect((await readdir(folder)).sort()).toEqual(['other.1%201.new', 'state', own].sort());
});
