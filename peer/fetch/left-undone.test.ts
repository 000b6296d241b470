import { describe, expect, test } from '@jest/globals';
import { parseFileName } from '../../common/core/file-name.js';
import { rejectionCode } from '../../common/testkit/error-code.js';
import { Catalog } from './catalog.js';
import { makeNamesLast } from './left-undone.js';

const file = (path: string | undefined) => ({
  path: path === undefined ? undefined : parseFileName(path),
  content: { by: 'name', name: parseFileName('x') } as const,
  root: undefined,
  sizeBytes: 0,
  hashName: 'blake3' as const,
  hashes: undefined,
});
const single = { target: '/t/x', folder: undefined, catalog: new Catalog([file(undefined)]) };

/** A disk whose syncs fail with a code, where one is given. */
function disk(code?: string) {
  const synced: string[] = [];
  const syncFolder = async (path: string) => {
    synced.push(path);
    if (code !== undefined) throw Object.assign(new Error(code), { code });
  };
  return { synced, syncFolder };
}

describe('CR3, CR4: names that a run gave and did not make last', () => {
  test('of a file and of all folders of a folder are made last', async () => {
    const one = disk();
    await makeNamesLast(one, single);
    expect(one.synced).toEqual(['/t']);
    const many = disk();
    const manifest = {
      name: parseFileName('x'),
      sizeBytes: 0,
      chunkBytes: 1,
      hashName: 'blake3',
      hashes: new Uint8Array(),
    } as const;
    const folder = { manifest, indexBytes: new Uint8Array() };
    await makeNamesLast(many, { target: '/t/x', folder, catalog: new Catalog([file('a/b/one'), file('a/two'), file('three')]) });
    expect(many.synced.sort()).toEqual(['/t', '/t/x', '/t/x/a', '/t/x/a/b']);
  });

  test('are not reported where the disk fails, and need not be where nothing can be written', async () => {
    expect(await rejectionCode(makeNamesLast(disk('EIO'), single))).toBe('IO');
    await makeNamesLast(disk('EROFS'), single);
  });
});
