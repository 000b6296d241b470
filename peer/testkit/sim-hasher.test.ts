import { beforeEach, expect, test } from '@jest/globals';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { contentRoot } from '../../common/core/root.js';
import { hashFunction } from '../../common/node/hash.js';
import { SimClock } from '../../common/sim/sim-clock.js';
import { SimDisk } from '../../common/sim/sim-disk.js';
import type { SimMount } from '../../common/sim/sim-mount.js';
import { SimRandom } from '../../common/sim/sim-random.js';
import { rejectionCode } from '../../common/testkit/error-code.js';
import { chunkHashes, sampleBytes } from '../../common/testkit/sample-content.js';
import { settled } from '../../common/testkit/settled.js';
import { identityOf } from '../hash/file-identity.js';
import { SimHasher } from './sim-hasher.js';
import { testFolder } from './test-content.js';

const blake3 = hashFunction('blake3');
const content = sampleBytes(2 * CHUNK_BYTES + 5);
let clock: SimClock;
let disk: SimDisk;
let mount: SimMount;
let hasher: SimHasher;
beforeEach(() => {
  clock = new SimClock();
  disk = new SimDisk(clock, new SimRandom(1));
  mount = disk.mount();
  hasher = new SimHasher(mount, clock);
});
const now = <T>(promise: Promise<T>) => settled(clock, promise);
const segment = (path: string) => ({ path, sizeBytes: content.length, firstChunk: 0, chunkCount: 3 });

/** A landing of a chunk that lies in a slot. */
function landing(bytes: Uint8Array, fd: number, position: number, hash = blake3(bytes)) {
  const slot = hasher.slots.take();
  if (slot === undefined) throw new Error('no slot is left');
  slot.bytes.set(bytes, slot.bytes.length - CHUNK_BYTES);
  const expectation = { by: 'hash', hash } as const;
  return { slotOffset: slot.chunkOffset, lengthBytes: bytes.length, expectation, fd, position };
}

test('hashes files as the pool does, and tells what changed and what failed', async () => {
  disk.plant('/a', content);
  const expected = { kind: 'hashed', hashes: chunkHashes(content, blake3) };
  expect(await now(hasher.hash([segment('/a')], 'blake3'))).toEqual([expected]);
  const identity = identityOf(await now(mount.lstat('/a')));
  disk.plant('/short', content.subarray(1));
  disk.makeUnreadable('/short', 0, 1);
  const wrong = [segment('/none'), segment('/short'), { ...segment('/a'), identity: { ...identity, mtimeNs: 0n } }];
  expect(await now(hasher.hash([{ ...segment('/a'), identity }, ...wrong], 'blake3'))).toMatchObject([
    expected,
    { kind: 'failed', code: 'ENOENT' },
    { kind: 'failed', code: 'EIO' },
    { kind: 'changed' },
  ]);
  expect(disk.openCount).toBe(0);
});

test('makes roots and reads folders', async () => {
  const input = { sizeBytes: content.length, chunkBytes: CHUNK_BYTES, hashes: chunkHashes(content, blake3) };
  expect(await now(hasher.root(input, 'blake3'))).toBe(contentRoot(input, blake3));
  const { index } = testFolder('docs', { a: Buffer.from('a'), b: Buffer.of() });
  expect((await now(hasher.readFolder(index.bytes))).map(({ path }) => path)).toEqual(['a', 'b']);
  expect(await rejectionCode(now(hasher.readFolder(Uint8Array.of(1, 2))))).toBe('PROTOCOL');
});

test('writes a chunk that is right at its place, and no other', async () => {
  const file = await now(mount.open('/a', 'create'));
  const chunk = content.subarray(0, CHUNK_BYTES);
  expect(await now(hasher.land(landing(chunk, file.fd, 7), 'blake3'))).toMatchObject({ kind: 'landed', hash: blake3(chunk) });
  expect(Buffer.compare(disk.peek('/a')?.subarray(7) ?? Buffer.of(), chunk)).toBe(0);
  expect(await now(hasher.land(landing(chunk, file.fd, 0, new Uint8Array(32)), 'blake3'))).toEqual({ kind: 'mismatch' });
  disk.faults.add({ operations: ['write'], code: 'ENOSPC' });
  expect(await now(hasher.land(landing(chunk, file.fd, 7), 'blake3'))).toMatchObject({ kind: 'failed', code: 'ENOSPC' });
  await now(file.close());
  expect(await now(hasher.land(landing(chunk, file.fd, 7), 'blake3'))).toMatchObject({ kind: 'failed', code: 'EBADF' });
  expect(disk.peek('/a')?.length).toBe(CHUNK_BYTES + 7);
});

test('takes the time of its threads', async () => {
  disk.plant('/a', content);
  hasher = new SimHasher(mount, clock, { threadCount: 2, chunkMs: 10 });
  const doneMs: number[] = [];
  const works = [1, 2, 3].map(() => hasher.hash([segment('/a')], 'blake3').then(() => doneMs.push(clock.nowMs())));
  await now(Promise.all(works));
  expect(doneMs).toEqual([30, 30, 60]);
});

test('fails what is under way when it is closed, and never answers when its process is dead', async () => {
  disk.plant('/a', content);
  const closing = hasher.hash([segment('/a')], 'blake3');
  await hasher.close();
  expect([await rejectionCode(now(closing)), await rejectionCode(hasher.hash([segment('/a')], 'blake3'))]).toEqual([
    'STOPPED',
    'STOPPED',
  ]);
  hasher = new SimHasher(mount, clock);
  let isAnswered = false;
  const answered = () => {
    isAnswered = true;
  };
  void hasher.hash([segment('/a')], 'blake3').then(answered, answered);
  const file = await now(mount.open('/b', 'create'));
  disk.observe = () => disk.powerLoss();
  void hasher.land(landing(content.subarray(0, 9), file.fd, 0), 'blake3').then(answered, answered);
  await clock.run();
  expect([isAnswered, mount.isAlive]).toEqual([false, false]);
});
