/** Folders that are too large or too deep for a test's disk, on one that says they are there. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from '@jest/globals';
import { FOLDER_FILES_MAX_COUNT, NAME_MAX_BYTES } from '../../common/core/limits.js';
import type { FileStatus, FileTree, FolderEntry } from '../../common/ports/disk.js';
import { rejectionCode } from '../../common/testkit/error-code.js';
import { scanPaths } from './scan.js';

/** A tree whose folders hold what `entriesOf` says; everything else is a tiny file of ours. */
class EndlessTree implements FileTree {
  readonly #entriesOf: (folder: string) => Iterable<FolderEntry>;
  listedCount = 0;
  looksAtOnceMost = 0;
  #looksAtOnce = 0;

  constructor(entriesOf: (folder: string) => Iterable<FolderEntry>) {
    this.#entriesOf = entriesOf;
  }

  async lstat(path: string): Promise<FileStatus> {
    this.#looksAtOnce += 1;
    this.looksAtOnceMost = Math.max(this.looksAtOnceMost, this.#looksAtOnce);
    await Promise.resolve();
    this.#looksAtOnce -= 1;
    const isFolder = path.endsWith('/top');
    const uid = process.getuid?.() ?? 0;
    const sizes = { sizeBytes: 1, diskBytes: 512, linkCount: 1 };
    return { kind: isFolder ? 'folder' : 'file', dev: 1n, ino: 2n, mtimeNs: 1n, mode: 0o644, uid, ...sizes };
  }

  async *list(folder: string): AsyncIterable<FolderEntry> {
    for (const entry of this.#entriesOf(folder)) {
      this.listedCount += 1;
      yield entry;
    }
  }

  realpath(path: string): Promise<string> {
    return Promise.resolve(path);
  }

  open(): Promise<never> {
    return Promise.reject(new Error('a scan opens nothing'));
  }

  checkAccess(): Promise<void> {
    return Promise.resolve();
  }

  freeBytes(): Promise<number> {
    return Promise.resolve(0);
  }
}

function* filesNamed(prefix: string, count: number): Iterable<FolderEntry> {
  for (let at = 0; at < count; at += 1) yield { name: `${prefix}${at}`, kind: 'file' };
}

const noNote = (text: string): void => {
  throw new Error(text);
};

/** Bytes that are held, once what is not has been given back. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

describe('a scan', () => {
  test('FS14: of 100,000 tiny files holds less than a kilobyte of each, looks at a few at once, and lets others have their turn', async () => {
    const tree = new EndlessTree(() => filesNamed('file-', 100_000));
    const before = heldBytes();
    let isOver = false;
    let turnCount = 0;
    const turns = (async () => {
      for (; !isOver; turnCount += 1) await new Promise((resolve) => setImmediate(resolve));
    })();
    const scan = await scanPaths(tree, ['/in/top'], noNote);
    isOver = true;
    await turns;
    expect(scan.folders[0]?.files).toHaveLength(100_000);
    expect(heldBytes() - before).toBeLessThan(100_000 * 1024);
    expect(tree.looksAtOnceMost).toBeLessThanOrEqual(32);
    // Each sorts one of its slices.
    expect(turnCount).toBeGreaterThan(100_000 / 4096);
  });

  test('FS14: of a folder without end is refused when the limit is passed, and does not read on', async () => {
    const tree = new EndlessTree(() => filesNamed('f', Number.POSITIVE_INFINITY));
    expect(await rejectionCode(scanPaths(tree, ['/in/top'], noNote))).toBe('LIMIT');
    expect(tree.listedCount).toBe(FOLDER_FILES_MAX_COUNT + 1);
  });

  test('FS14: of folders in folders without end stops where no name could be longer, with one note', async () => {
    const notes: string[] = [];
    const tree = new EndlessTree((folder) => [
      { name: 'd', kind: 'folder' },
      { name: `f${folder.length}`, kind: 'file' },
    ]);
    const scan = await scanPaths(tree, ['/in/top'], (text) => notes.push(text));
    const longest = Math.max(...(scan.folders[0]?.files.map(({ name }) => name.length) ?? []));
    expect(longest).toBeGreaterThan(NAME_MAX_BYTES - 10);
    expect(longest).toBeLessThanOrEqual(NAME_MAX_BYTES);
    expect(tree.listedCount).toBeLessThan(2 * NAME_MAX_BYTES);
    expect(notes.length).toBeGreaterThan(0);
    expect(notes.length).toBeLessThan(10);
  });
});
