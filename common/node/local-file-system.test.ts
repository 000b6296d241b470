import { tmpdir } from 'node:os';
import { describe, expect, test } from '@jest/globals';
import { isOnLocalFileSystem } from './local-file-system.js';

describe('file systems', () => {
  test('what cannot be looked at, and what is no disk, is not local', async () => {
    expect(await isOnLocalFileSystem('/nowhere/at/all')).toBe(false);
    expect(await isOnLocalFileSystem('/proc')).toBe(false);
  });

  test('the temporary folder of a Linux machine is', async () => {
    expect(await isOnLocalFileSystem(tmpdir())).toBe(process.platform === 'linux');
  });
});
