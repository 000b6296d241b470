/** Who wants what to be shared, and when it ends. */
import { resolve } from 'node:path';
import { beforeEach, expect, test } from '@jest/globals';
import { ShoalError } from '../../common/core/errors.js';
import { parseFileName } from '../../common/core/file-name.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { ShareListing } from '../share/share-place.js';
import { ShareOwners } from './share-owners.js';

const silent = { scanned: () => undefined, hashed: () => undefined, note: () => undefined };
const ROOT = 'a'.repeat(64) as ContentRoot;
const [one, two] = [resolve('/data/one'), resolve('/data/two')];

let shared: Map<string, ShareListing>;
let saved: string[];
let notes: string[];
let owners: ShareOwners;
/** Paths that cannot be shared. */
let missing: Set<string>;
/** What sharing waits for. */
let gate: Promise<void>;

function listing(path: string): ShareListing {
  const name = parseFileName(path.split('/').at(-1) ?? '');
  return { kind: 'file', path, name, root: missing.has(path) ? undefined : ROOT, sizeBytes: 1, fileCount: 1 };
}

function open(kept: readonly string[] = []): ShareOwners {
  const add = (path: string) => {
    if (missing.has(path)) throw new ShoalError('NOT_FOUND', 'local', `There is no "${path}".`);
    shared.set(path, listing(path));
  };
  owners = new ShareOwners(
    {
      node: {
        share: async (paths) => {
          await gate;
          for (const path of paths) add(path);
        },
        seed: async ({ path }) => {
          await gate;
          add(path);
        },
        shares: () => [...shared.values()],
        unshare: (path) => shared.delete(path),
      },
      note: (text) => notes.push(text),
      save: async () => void saved.push(owners.kept.map(({ path }) => path).join(' ')),
      forgotten: () => undefined,
    },
    kept.map((path) => ({ kind: 'file', path, name: listing(path).name })),
  );
  return owners;
}

const paths = () => [...shared.keys()];

beforeEach(() => {
  [shared, saved, notes, missing, gate] = [new Map(), [], [], new Set(), Promise.resolve()];
});

test('what two commands share is shared until both have ended', async () => {
  const [first, second] = [{}, {}];
  open();
  await owners.share([one, two], first, silent);
  await owners.share([one], second, silent);
  owners.release(['one', 'two'], first);
  expect(paths()).toEqual([one]);
  owners.release(['one'], second);
  expect(paths()).toEqual([]);
  expect(saved).toEqual([]);
});

test('what is kept is on disk when that is told, and outlives the command', async () => {
  open();
  await owners.keep([one], silent);
  expect({ saved, paths: paths(), isKept: owners.isKept('one') }).toEqual({ saved: [one], paths: [one], isKept: true });
  const command = {};
  await owners.share([one], command, silent);
  owners.release(['one'], command);
  expect(paths()).toEqual([one]);
  await owners.keepFetched({ kind: 'file', path: two, name: parseFileName('two') });
  expect(saved.at(-1)).toBe(`${one} ${two}`);
});

test('what is given up while it is hashed is not shared when it is ready', async () => {
  let ready: () => void = () => undefined;
  gate = new Promise((done) => {
    ready = done;
  });
  const command = {};
  open();
  const sharing = owners.share([one], command, silent);
  owners.release(['one'], command);
  ready();
  await sharing;
  expect(paths()).toEqual([]);
});

test('what cannot be shared is owned by nobody', async () => {
  missing.add(two);
  open();
  const [first, second] = [{}, {}];
  await owners.share([one], first, silent);
  await expect(owners.share([one, two], second, silent)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(paths()).toEqual([one]);
  await expect(owners.keep([two], silent)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(owners.kept).toEqual([]);
});

test('after a start all is shared again; what is missing is told, and stays kept until it is taken back', async () => {
  missing.add(two);
  open([two, one]);
  await owners.restore();
  expect(paths()).toEqual([one]);
  expect(notes).toEqual([expect.stringContaining(two)]);
  expect(owners.kept).toHaveLength(2);
  expect(owners.missing.map(({ path }) => path)).toEqual([two]);
  expect(await owners.unshare({ name: 'two', path: '/elsewhere/two' })).toEqual(['two']);
  expect(await owners.unshare({ name: one, path: one })).toEqual(['one']);
  expect({ paths: paths(), kept: owners.kept, saved: saved.at(-1) }).toEqual({ paths: [], kept: [], saved: '' });
  await expect(owners.unshare({ name: 'one', path: one })).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('FS11: what is kept and served no longer, since its file is gone, is missing', async () => {
  open([two, one]);
  await owners.restore();
  expect(owners.missing).toEqual([]);
  missing.add(one);
  shared.set(one, listing(one));
  expect(owners.missing.map(({ path }) => path)).toEqual([one]);
});

test('what is taken back while the start hashes it, or what comes before it, is not shared', async () => {
  let release = (): void => undefined;
  gate = new Promise((resolve) => {
    release = resolve;
  });
  open([one, two]);
  const restoring = owners.restore();
  for (const path of [one, two]) await owners.unshare({ name: '', path });
  release();
  await restoring;
  expect({ shared: paths(), kept: owners.kept }).toEqual({ shared: [], kept: [] });
});
