import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { comparePaths } from '../../common/core/folder-index.js';
import { realDisk } from '../../common/node/disk.js';
import { scanPaths } from './scan.js';

let folder: string;
let notes: string[];
const note = (text: string) => notes.push(text);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-scan-'));
  notes = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function make(...names: string[]): Promise<void> {
  for (const name of names) {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), name);
  }
}

describe('scan', () => {
  test('gives a folder its files under their relative names, sorted by bytes over all levels', async () => {
    const names = ['a/b', 'a.txt', 'a/b.c/d', 'a-b', 'z', 'B', 'ü/x', '\u{1f600}', '\uffee'];
    await make(...names.map((name) => `in/${name}`));
    const scan = await scanPaths(realDisk, [join(folder, 'in')], note);
    const found = scan.folders[0]?.files.map((file) => file.name as string);
    expect(found).toEqual(names.map((name) => `in/${name}`).sort(comparePaths));
    expect(scan.folders[0]?.files.every((file) => file.identity.sizeBytes === Buffer.byteLength(file.name))).toBe(true);
    expect(notes).toEqual([]);
  });

  test('SY12, PW1: symlinks, pipes and sockets in a folder are skipped with a note and never opened', async () => {
    await make('in/good', 'secret');
    await symlink(join(folder, 'secret'), join(folder, 'in', 'link'));
    await symlink(folder, join(folder, 'in', 'loop'));
    spawnSync('mkfifo', [join(folder, 'in', 'pipe')]);
    const server = createServer();
    await new Promise<void>((done) => server.listen(join(folder, 'in', 'socket'), done));
    const scan = await scanPaths(realDisk, [join(folder, 'in')], note);
    await new Promise((done) => server.close(done));
    expect(scan.folders[0]?.files.map((file) => file.name)).toEqual(['in/good']);
    expect(notes.map((text) => /it is (.*)\.$/.exec(text)?.[1]).sort()).toEqual(['a pipe', 'a socket', 'a symlink', 'a symlink']);
  });

  test('a symlink that was given itself is followed, and shared under its own name', async () => {
    await make('target');
    await symlink(join(folder, 'target'), join(folder, 'name'));
    const scan = await scanPaths(realDisk, [join(folder, 'name')], note);
    expect(scan.files.map((file) => [file.name, file.path.endsWith('target')])).toEqual([['name', true]]);
  });

  test('SY13: unfinished work of ours is passed over in silence', async () => {
    await make('in/x', 'in/x.shoal-part', 'in/x.shoal-journal', 'in/x.shoal-lock');
    expect((await scanPaths(realDisk, [join(folder, 'in')], note)).folders[0]?.files.map((file) => file.name)).toEqual(['in/x']);
    expect(notes).toEqual([]);
  });

  test('MF7: of two names that differ only in composition the composed one is shared, the other refused with a note', async () => {
    await make('in/caf\u0065\u0301', 'in/caf\u00e9');
    const scan = await scanPaths(realDisk, [join(folder, 'in')], note);
    expect(scan.folders[0]?.files).toHaveLength(1);
    expect(scan.folders[0]?.files[0]?.path.endsWith('caf\u00e9')).toBe(true);
    expect(notes).toHaveLength(1);
  });

  test('TW6: a name that no line can hold is skipped with a note that cannot harm a terminal', async () => {
    await make('in/good', 'in/bad\u001b[31m\nname');
    const scan = await scanPaths(realDisk, [join(folder, 'in')], note);
    expect(scan.folders[0]?.files.map((file) => file.name)).toEqual(['in/good']);
    expect(notes).toHaveLength(1);
    expect(notes[0]).not.toMatch(/[\u0000-\u001f]/);
  });

  test('one path twice is shared once; two paths with one name are a mistake', async () => {
    await make('a/x', 'b/x');
    expect((await scanPaths(realDisk, [join(folder, 'a/x'), join(folder, 'a/../a/x')], note)).files).toHaveLength(1);
    await expect(scanPaths(realDisk, [join(folder, 'a/x'), join(folder, 'b/x')], note)).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('a path that is not there or is no file is an error that names it', async () => {
    await expect(scanPaths(realDisk, [join(folder, 'nothing')], note)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('nothing'),
    });
    spawnSync('mkfifo', [join(folder, 'pipe')]);
    await expect(scanPaths(realDisk, [join(folder, 'pipe')], note)).rejects.toMatchObject({ code: 'USAGE' });
  });
});
