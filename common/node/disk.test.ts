import { mkdtemp, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { diskContract } from '../testkit/disk-contract.js';
import { realDisk } from './disk.js';

diskContract('the real disk', async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'shoal-disk-')));
  return {
    disk: realDisk,
    folder,
    uid: process.getuid?.() ?? 0,
    plantSymlink: (target, path) => symlink(target, path),
    end: () => rm(folder, { recursive: true }),
  };
});
