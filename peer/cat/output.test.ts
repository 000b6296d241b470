/** The file that `peer cat --out` writes: there when it is whole, and nothing else, whoever is killed meanwhile. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { realDisk } from '../../common/node/disk.js';
import { realProcesses } from '../../common/node/processes.js';
import type { Disk, DiskFile } from '../../common/ports/disk.js';
import { openFileOutput, StreamOutput } from './output.js';

const real = { disk: realDisk, processes: realProcesses };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-output-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A process that begins to write, and is killed: the system closes its file, and nothing of it lives. */
async function killedWhileWriting(token: string): Promise<void> {
  const files: DiskFile[] = [];
  const open: Disk['open'] = async (...how) => {
    const file = await realDisk.open(...how);
    files.push(file);
    return file;
  };
  const ports = { disk: { ...realDisk, open }, processes: { token, isAlive: () => false } };
  const output = await openFileOutput(ports, join(folder, 'x'), 'x', false);
  await output.write(Buffer.from('longer than what comes then'));
  await files.at(-1)?.close();
}

test('RS7, CR4: what was killed while it wrote leaves one file at most, which the next run takes away', async () => {
  for (let run = 1; run <= 5; run += 1) await killedWhileWriting(`${run} 1`);
  expect((await readdir(folder)).filter((name) => name.endsWith('.shoal-part'))).toHaveLength(1);
  const output = await openFileOutput(real, join(folder, 'x'), 'x', false);
  await output.write(Buffer.from('whole'));
  await output.finish();
  await output.close();
  expect(await readdir(folder)).toEqual(['x']);
  expect(await readFile(join(folder, 'x'), 'utf8')).toBe('whole');
});

test('FS13: while one writes, another is refused, and can begin when it has ended', async () => {
  const first = await openFileOutput(real, join(folder, 'x'), 'x', false);
  await expect(openFileOutput(real, join(folder, 'x'), 'x', false)).rejects.toMatchObject({
    code: 'TARGET_EXISTS',
    message: expect.stringMatching(/^Process \d+ is writing .*x already/),
  });
  await first.close();
  await first.close();
  const second = await openFileOutput(real, join(folder, 'x'), 'x', false);
  await second.close();
  expect(await readdir(folder)).toEqual([]);
});

test('FS6: a full disk is told without the promise that what was written is kept', async () => {
  const write = () => Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' }));
  const open: Disk['open'] = async (...how) => {
    const file = await realDisk.open(...how);
    return how[1] === 'create-new' && !how[0].endsWith('-lock')
      ? Object.assign(Object.create(file) as DiskFile, { write, close: () => file.close() })
      : file;
  };
  const output = await openFileOutput({ ...real, disk: { ...realDisk, open } }, join(folder, 'x'), 'x', false);
  const full = { code: 'DISK_FULL', message: `No space left for ${join(folder, 'x')}; free some first.` };
  await expect(output.write(Buffer.from('x'))).rejects.toMatchObject(full);
  await output.close();
  const stream = new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error(), { code: 'ENOSPC' })) });
  stream.on('error', () => undefined);
  const text = 'No space left for the output; free some first.';
  await expect(new StreamOutput(stream).write(Buffer.from('x'))).rejects.toMatchObject({ ...full, message: text });
});
