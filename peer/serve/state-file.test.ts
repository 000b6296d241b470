/** The state of a peer that stays: what is written is read again, what is damaged is set aside. */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { realDisk } from '../../common/node/disk.js';
import { anyFileName, anyRoot } from '../../common/testkit/arbitraries.js';
import { realStorage } from '../storage-ports.js';
import { StateFile } from './state-file.js';
import { emptyState, formatState, parseState, type ServeState } from './state-format.js';

const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const anyTime = fc.bigInt(-(2n ** 62n), 2n ** 62n);
const arbitraryState: fc.Arbitrary<ServeState> = fc.record({
  sinceMs: count,
  kept: fc.array(
    fc.record({
      kind: fc.constantFrom('file' as const, 'folder' as const),
      path: fc.string({ minLength: 1 }).filter((path) => !path.includes('\0')),
      name: anyFileName,
    }),
  ),
  scrub: fc.record({
    startedMs: count,
    at: fc.option(fc.record({ name: fc.string(), chunkIndex: count })),
    damage: fc.array(
      fc.record({
        path: fc.string({ minLength: 1 }),
        root: anyRoot,
        identity: fc.record({ dev: fc.bigInt(0n, 2n ** 63n), ino: fc.bigInt(0n, 2n ** 63n), sizeBytes: count, mtimeNs: anyTime }),
        chunks: fc.array(count),
      }),
    ),
  }),
  totals: fc.record({
    uploadedBytes: count,
    downloadedBytes: count,
    contents: fc.array(
      fc.record({
        name: fc.string(),
        root: fc.option(anyRoot, { nil: undefined }),
        sizeBytes: count,
        uploadedBytes: count,
        downloadedBytes: count,
      }),
    ),
  }),
});

const state: ServeState = { ...emptyState(1_700_000_000_000), kept: [{ kind: 'file', path: '/data/x', name: 'x' as never }] };

test('what is formatted is parsed again, and no prefix of it is taken for a state', () => {
  fc.assert(
    fc.property(arbitraryState, fc.double({ min: 0, max: 0.99, noNaN: true }), (one, part) => {
      const text = formatState(one);
      expect(parseState(text)).toEqual(one);
      expect(parseState(text.slice(0, Math.floor((text.length - 1) * part)))).toBeUndefined();
    }),
  );
});

test('what is not a state is damaged as a whole', () => {
  const change = (from: string | RegExp, to: string) => formatState(state).replace(from, to);
  const texts = ['', 'null', '[]', '{}', change('"version": 1', '"version": 2'), change('"since": 1', '"since": -1')];
  texts.push(
    change('"name": "x"', '"name": "../x"'),
    change('"kind": "file"', '"kind": "device"'),
    change('"kept": [', '"kept": [7,'),
  );
  expect(texts.map(parseState)).toEqual(texts.map(() => undefined));
});

describe('in a folder', () => {
  let folder: string;
  let notes: string[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'shoal-state-'));
    notes = [];
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const open = (name = 'state') =>
    StateFile.open(realStorage, join(folder, name), { nowMs: 5, note: (text) => notes.push(text) });

  test('it begins empty, in a folder that only its user may read, and is there again', async () => {
    const { file, state: first } = await open();
    expect(first).toEqual(emptyState(5));
    expect(await StateFile.read(realDisk, join(folder, 'state'))).toBeUndefined();
    await file.save(state);
    expect((await open()).state).toEqual(state);
    expect(await StateFile.read(realDisk, join(folder, 'state'))).toEqual(state);
    expect((await stat(join(folder, 'state'))).mode & 0o777).toBe(0o700);
    expect(notes).toEqual([]);
  });

  test('saves that overlap end with the last', async () => {
    const { file } = await open();
    const states = Array.from({ length: 20 }, (_, index) => ({ ...state, sinceMs: index }));
    await Promise.all(states.map((one) => file.save(one)));
    expect((await open()).state.sinceMs).toBe(19);
    expect(await readdir(join(folder, 'state'))).toEqual(['state.json']);
  });

  test('CR5: a damaged one is set aside with a note, whatever its length', async () => {
    const { file } = await open();
    await file.save(state);
    const path = join(folder, 'state', 'state.json');
    const whole = await readFile(path, 'utf8');
    for (const [at, length] of [0, 1, Math.floor(whole.length / 2), whole.length - 3].entries()) {
      await writeFile(path, whole);
      await truncate(path, length);
      expect((await open()).state).toEqual(emptyState(5));
      // None takes the place of the one before.
      const aside = `state.damaged${at === 0 ? '' : `.${at + 1}`}.json`;
      expect(await readFile(join(folder, 'state', aside), 'utf8')).toBe(whole.slice(0, length));
    }
    expect(notes).toHaveLength(4);
    expect(notes[0]).toMatch(/state\.json is damaged.*state\.damaged\.json/);
  });

  test('FS5: a pipe or a folder in its place is told, and not waited for', async () => {
    await open();
    const path = join(folder, 'state', 'state.json');
    execFileSync('mkfifo', [path]);
    await expect(open()).rejects.toMatchObject({ code: 'IO', message: expect.stringContaining('no file') });
    await rm(path);
    await mkdir(path);
    await expect(open()).rejects.toMatchObject({ code: 'IO' });
  });

  test('a place where nothing can be written is told by its path', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(open('file/state')).rejects.toMatchObject({ message: expect.stringContaining('file/state') });
  });
});
