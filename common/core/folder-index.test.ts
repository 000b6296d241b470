import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { anyFileName, anyRoot, anySize } from '../testkit/arbitraries.js';
import { errorCode } from '../testkit/error-code.js';
import { packMsgpack, unpackMsgpack } from '../wire/msgpack.js';
import { comparePaths, type FolderFile, folderFromRaw, folderToRaw } from './folder-index.js';
import { FOLDER_FILES_MAX_COUNT } from './limits.js';

const ROOT = 'ab'.repeat(32);

function entry(path: string, changes: Record<string, unknown> = {}): Map<string, unknown> {
  return new Map<string, unknown>(Object.entries({ path, size: 1, root: ROOT, ...changes }));
}

function indexOf(...files: unknown[]): Map<string, unknown> {
  return new Map<string, unknown>([
    ['v', 1],
    ['files', files],
  ]);
}

/** Files whose paths are sorted, apart, and none the folder of another. */
const anyFiles: fc.Arbitrary<FolderFile[]> = fc
  .array(
    fc.record(
      { path: anyFileName, sizeBytes: anySize, root: anyRoot, mtimeMs: fc.integer(), mode: fc.nat(0o777) },
      { requiredKeys: ['path', 'sizeBytes', 'root'] },
    ),
    { maxLength: 12 },
  )
  .map((files) => {
    const sorted = [...files].sort((left, right) => comparePaths(left.path, right.path));
    const apart = sorted.filter((file, at) => file.path !== sorted[at - 1]?.path);
    return apart.filter((file) => !apart.some((other) => other.path.startsWith(`${file.path}/`)));
  });

describe('a folder index', () => {
  test('comes back from its bytes as it was', () => {
    fc.assert(
      fc.property(anyFiles, (files) => expect(folderFromRaw(unpackMsgpack(packMsgpack(folderToRaw(files))))).toEqual(files)),
    );
  });

  test.each<[string, unknown[]]>([
    ['a path twice', [entry('a'), entry('a')]],
    ['paths out of order', [entry('b'), entry('a')]],
    ['UTF-16 order in place of UTF-8 order', [entry('\u{1f41f}'), entry('\uff5e')]],
    ['a file that is a folder of the next', [entry('a'), entry('a/b')]],
    ['a file that is a folder of one further on', [entry('a'), entry('a.txt'), entry('a/b')]],
  ])('MF7: is refused with %s', (_, files) => {
    expect(errorCode(() => folderFromRaw(indexOf(...files)))).toBe('PROTOCOL');
  });

  test('MF7: takes names that differ in case alone, and names that begin alike', () => {
    const paths = ['A', 'a', 'ab', 'b.d/c', 'b/c'];
    const files = folderFromRaw(indexOf(...paths.map((path) => entry(path))));
    expect(files.map((file) => file.path)).toEqual(paths);
  });

  test.each<[string, unknown]>([
    ['an entry that is no map', { path: 'a' }],
    ['no path', entry('a', { path: undefined })],
    ['no size', entry('a', { size: undefined })],
    ['a negative size', entry('a', { size: -1 })],
    ['a path with ..', entry('a/../b')],
    ['an absolute path', entry('/a')],
    ['a path in another normal form', entry('e\u0301')],
    ['a root that is none', entry('a', { root: '-' })],
    ['a root as bytes', entry('a', { root: new Uint8Array(32) })],
  ])('FS1, MF5: is refused with %s', (_, file) => {
    expect(['PROTOCOL', 'BAD_REQUEST']).toContain(errorCode(() => folderFromRaw(indexOf(file))));
  });

  test('is refused where it is no map of version 1 with a list', () => {
    for (const raw of [null, [], new Map(), new Map([['v', 2]]), new Map([['v', 1]]), indexOf().set('files', new Map())]) {
      expect(errorCode(() => folderFromRaw(raw))).toBe('PROTOCOL');
    }
    expect(folderFromRaw(indexOf())).toEqual([]);
  });

  test('MF6: is refused with more files than the limit, before any is looked at', () => {
    const atLimit: unknown[] = new Array(FOLDER_FILES_MAX_COUNT).fill(null);
    expect(() => folderFromRaw(indexOf().set('files', atLimit))).toThrow('an entry is no map');
    atLimit.push(null);
    expect(() => folderFromRaw(indexOf().set('files', atLimit))).toThrow(`more than ${FOLDER_FILES_MAX_COUNT} files`);
  });

  test('leaves out times and permissions that are out of bounds', () => {
    const files = folderFromRaw(indexOf(entry('a', { mode: 0o4755, mtime: 1e300 }), entry('b', { mode: 0o755, mtime: 5 })));
    expect(files).toEqual([
      { path: 'a', sizeBytes: 1, root: ROOT },
      { path: 'b', sizeBytes: 1, root: ROOT, mode: 0o755, mtimeMs: 5 },
    ]);
  });
});
