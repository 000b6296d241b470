import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseFileName } from '../../common/core/file-name.js';
import type { FolderFile } from '../../common/core/folder-index.js';
import { parseContentRoot } from '../../common/core/root.js';
import { fromColumns, toColumns } from './folder-columns.js';

const file = fc.record({
  path: fc.stringMatching(/^[a-zñ]{1,8}(\/[0-9 %]{1,6}x)?$/).map(parseFileName),
  sizeBytes: fc.maxSafeNat(),
  root: fc.stringMatching(/^[0-9a-f]{64}$/).map(parseContentRoot),
  times: fc.option(fc.integer()),
  mode: fc.option(fc.integer({ min: 0, max: 0o777 })),
});

describe('folder columns', () => {
  test('files come back as they went, with and without times and modes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(file), async (drawn) => {
        const files: FolderFile[] = drawn.map(({ path, sizeBytes, root, times, mode }) => ({
          path,
          sizeBytes,
          root,
          ...(times === null ? {} : { mtimeMs: times }),
          ...(mode === null ? {} : { mode }),
        }));
        expect(await fromColumns(toColumns(files))).toEqual(files);
      }),
    );
  });

  test('a folder longer than a slice loses nothing', async () => {
    const root = parseContentRoot('a'.repeat(64));
    const files = Array.from({ length: 10_000 }, (_, at) => ({ path: parseFileName(`f${at}`), sizeBytes: at, root }));
    expect(await fromColumns(toColumns(files))).toEqual(files);
  });
});
