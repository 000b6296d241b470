/** Replacing a file as a whole, on a real file system. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { removeLeftovers, writeFileAtomic } from './atomic-write.js';
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

test('what a killed writer left is removed, and nothing else', async () => {
  await writeFile(join(folder, 'state.4711.new'), 'half');
  await writeFile(join(folder, 'other.4711.new'), 'not ours');
  await writeFile(join(folder, 'state'), 'whole');
  await removeLeftovers(realDisk, join(folder, 'state'));
  expect((await readdir(folder)).sort()).toEqual(['other.4711.new', 'state']);
});
