import { beforeEach, expect, test } from '@jest/globals';
import { parseFileName } from '../../common/core/file-name.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { type ContentRoot, parseContentRoot } from '../../common/core/root.js';
import { ScriptedHolding } from '../testkit/scripted-holding.js';
import { ShareIndex } from './share-index.js';
import type { SharedContent } from './shared-content.js';

const ROOT = parseContentRoot('ab'.repeat(32));
let index: ShareIndex;

beforeEach(() => {
  index = new ShareIndex();
});

/** A content of eight chunks of which some are here. */
function add(name: string, root: ContentRoot, ...chunks: number[]): SharedContent {
  const holding = new ScriptedHolding(8);
  holding.gain(...chunks);
  const sizes = { sizeBytes: 8 * CHUNK_BYTES, chunkBytes: CHUNK_BYTES };
  const manifest = { name: parseFileName(name), ...sizes, hashName: 'blake3' as const, hashes: new Uint8Array(0) };
  const content: SharedContent = {
    name: manifest.name,
    root,
    manifest,
    source: { kind: 'memory', bytes: new Uint8Array(0) },
    holding,
  };
  index.add(content);
  return content;
}

test('of copies that are here in part, the one that has the chunk is found, and the first where none has it', () => {
  const [one, two] = [add('one', ROOT, 1), add('two', ROOT, 2)];
  const found = [0, 1, 2, undefined].map((chunkIndex) => index.find({ by: 'root', root: ROOT }, chunkIndex));
  expect(found).toEqual([one, one, two, one]);
  expect(found[2]).toBe(two);
  expect(index.find({ by: 'name', name: one.name }, 2)).toBe(one);
  expect(index.remove(one)).toBe(true);
  expect(index.find({ by: 'root', root: ROOT }, 1)).toBe(two);
  expect(index.remove(one)).toBe(false);
});

test('a name stands for what was added last under it, and what it stood for before is gone by its root too', () => {
  const other = parseContentRoot('cd'.repeat(32));
  const [former, latter] = [add('name', ROOT), add('name', other)];
  expect([index.count, index.find({ by: 'name', name: latter.name })]).toEqual([1, latter]);
  expect(index.find({ by: 'root', root: ROOT })).toBeUndefined();
  expect(index.remove(former)).toBe(false);
  expect([...index.contents()]).toEqual([latter]);
});

test('20,000 copies of a file come and go in the time of 20,000 files', () => {
  const before = process.cpuUsage();
  const copies = Array.from({ length: 20_000 }, (_, number) => add(`copy ${number}`, ROOT, 3));
  const [first, second] = copies;
  expect(index.find({ by: 'root', root: ROOT }, 3)).toBe(first);
  for (const copy of copies) if (copy !== second) index.remove(copy);
  expect(index.find({ by: 'root', root: ROOT }, 3)).toBe(second);
  const { user, system } = process.cpuUsage(before);
  // A list that is copied for each of them takes a minute.
  expect((user + system) / 1e6).toBeLessThan(5);
});
