import { expect, test } from '@jest/globals';
import { parseFileName } from '../../common/core/file-name.js';
import type { FileStatus } from '../../common/ports/disk.js';
import { JumpClock } from '../testkit/jump-clock.js';
import { testContent } from '../testkit/test-content.js';
import { turn } from '../testkit/until.js';
import { fullHolding } from './holding.js';
import type { SharedContent } from './shared-content.js';
import { Watch } from './watch.js';

const FILE_COUNT = 5000;
const { root } = testContent(Buffer.from('x'));
const status: FileStatus = {
  ...{ kind: 'file', dev: 1n, ino: 2n, mtimeNs: 3n, sizeBytes: 1, diskBytes: 512 },
  ...{ mode: 0o644, linkCount: 1, uid: 0 },
};

function contentAt(path: string): SharedContent {
  const name = parseFileName(path);
  const manifest = { name, sizeBytes: 1, chunkBytes: 1, hashName: 'blake3' as const, hashes: new Uint8Array(32) };
  return { name, root, manifest, source: { kind: 'file', path, identity: status }, holding: fullHolding(1) };
}

test('FS14, FS11: of many files a bounded number is looked at in each tick, a few at once, and all in turn; what changed is told', async () => {
  const clock = new JumpClock(true);
  const contents = Array.from({ length: FILE_COUNT }, (_, at) => contentAt(`f${at}`));
  const looked: string[] = [];
  const told: string[] = [];
  const states = new Map<string, FileStatus | undefined>([
    ['f7', { ...status, mtimeNs: 4n }],
    ['f70', { ...status, sizeBytes: 2 }],
    ['f700', { ...status, ino: 9n }],
    ['f4999', undefined],
  ]);
  let [atOnce, atOnceMost] = [0, 0];
  const lstat = async (path: string) => {
    looked.push(path);
    atOnce += 1;
    atOnceMost = Math.max(atOnceMost, atOnce);
    await Promise.resolve();
    atOnce -= 1;
    const found = states.has(path) ? states.get(path) : status;
    if (found === undefined) throw Object.assign(new Error('gone'), { code: 'ENOENT' });
    return found;
  };
  const ports = { disk: { lstat }, clock, index: { contents: () => contents.values() } };
  const watch = new Watch(ports, ({ name }) => told.push(name));
  const perTick: number[] = [];
  for (let tick = 0; tick < 10; tick += 1) {
    const before = looked.length;
    clock.jump(500);
    await turn();
    perTick.push(looked.length - before);
  }
  watch.close();
  expect(Math.max(...perTick)).toBe(512);
  expect(atOnceMost).toBe(8);
  expect(new Set(looked).size).toBe(FILE_COUNT);
  expect(told.sort()).toEqual(['f4999', 'f7', 'f70', 'f700']);
  clock.jump(5000);
  expect(looked).toHaveLength(FILE_COUNT);
});
