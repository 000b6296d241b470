/** Damage that a disk did to shared files: found, not served, told, and mended from another peer; on real files and sockets. */
import { execFileSync } from 'node:child_process';
import { chmod, link, readFile, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { realDisk } from '../../common/node/disk.js';
import type { Disk, DiskFile } from '../../common/ports/disk.js';
import type { Hasher } from '../hash/hasher.js';
import type { PeerNode } from '../node.js';
import { LONG_AGO_S, rememberedBy, ScrubBench } from '../testkit/scrub-bench.js';
import { seededBytes, testContent } from '../testkit/test-content.js';
import { until } from '../testkit/until.js';
import { watchedHasher } from '../testkit/watched-hasher.js';
import { DamageLedger } from './damage-ledger.js';

const bench = new ScrubBench();
beforeEach(() => bench.begin());
afterEach(() => bench.end());

// More chunks than one run of a check has.
const content = testContent(seededBytes(18 * CHUNK_BYTES + 5), { name: 'x' });
const small = testContent(seededBytes(2 * CHUNK_BYTES + 5, 3), { name: 'y' });

/** A node that shares the content at the path that comes with it. */
async function sharing(name: string, of = content, options = {}): Promise<[PeerNode, string]> {
  const node = await bench.node(name, options);
  const path = await bench.file(`${name}/${of.name}`, of.bytes);
  await node.share([path]);
  await node.settled();
  return [node, path];
}

/** Another peer, which trackers hand out. */
async function helper(of = content): Promise<PeerNode> {
  const [node] = await sharing('helper', of);
  bench.handOut(of.root, node, of.bytes.length);
  return node;
}

const EIO_RESULT = { kind: 'failed', code: 'EIO', message: 'i/o error' } as const;
const chunk = (index: number) => `GET_CHUNK @${content.root} ${index}`;

describe('a scrub', () => {
  test('finds a flipped bit in a file whose size and time are as before, and serves all but that chunk', async () => {
    const [node, path] = await sharing('node');
    expect(await bench.scrub(node)).toMatchObject({ report: { fileCount: 1, readBytes: content.bytes.length, damagedCount: 0 } });
    await bench.damage(path, 17 * CHUNK_BYTES + 7);
    const { report, watched } = await bench.scrub(node);
    expect(report).toMatchObject({ damagedCount: 1, mendedCount: 0, changedCount: 0, failedCount: 0 });
    expect(watched).toEqual(['x 17 bytes']);
    expect(await bench.asked(node, chunk(17))).toMatch(/^ERR NOT_FOUND /);
    expect([await bench.asked(node, chunk(16)), await bench.asked(node, chunk(18))]).toEqual([String(CHUNK_BYTES), '5']);
    expect(await bench.have(node, 'x', 19)).toBe('1111111111111111101');
    await bench.tracker.told(/^REGISTER x .* have=18\b/);
    // Told to everybody once; to whoever asks, each time.
    expect((await bench.scrub(node)).watched).toEqual(['x 17 bytes']);
    expect(bench.told).toEqual(['node: x 17 bytes']);
  });

  test('what is damaged is fetched from another peer and written over in place, and the file keeps its state', async () => {
    const [node, path] = await sharing('node');
    await helper();
    const before = await stat(path, { bigint: true });
    for (const index of [0, 17, 18]) await bench.damage(path, index * CHUNK_BYTES + 1);
    const { report, watched } = await bench.scrub(node, { isRepair: true });
    expect(report).toMatchObject({ damagedCount: 3, mendedCount: 3 });
    expect(watched.sort()).toEqual(['x 0 bytes', 'x 0 mended', 'x 17 bytes', 'x 17 mended', 'x 18 bytes', 'x 18 mended']);
    expect(content.bytes.equals(await readFile(path))).toBe(true);
    const after = await stat(path, { bigint: true });
    expect([after.ino, after.mtimeNs]).toEqual([before.ino, before.mtimeNs]);
    expect([await bench.asked(node, chunk(0)), await bench.asked(node, chunk(18))]).toEqual([String(CHUNK_BYTES), '5']);
    expect(await bench.scrub(node)).toMatchObject({ report: { damagedCount: 0 }, watched: [] });
    expect(bench.told.filter((line) => line.includes('changed'))).toEqual([]);
  });

  test('a file whose time is finer than can be put back is known by its new one, at once and after a start', async () => {
    const path = await bench.file('node/x', content.bytes);
    execFileSync('touch', ['-d', '2020-01-01T10:00:00.123456789Z', path]);
    const node = await bench.node('node');
    await node.share([path]);
    await helper();
    await bench.damage(path, 5);
    expect((await bench.scrub(node, { isRepair: true })).report).toMatchObject({ damagedCount: 1, mendedCount: 1 });
    expect((await stat(path)).mtimeMs).toBe(Date.UTC(2020, 0, 1, 10, 0, 0, 123));
    expect(await bench.asked(node, chunk(0))).toBe(String(CHUNK_BYTES));
    expect(bench.told).toEqual(['node: x 0 bytes', 'node: x 0 mended']);
    await bench.close(node);
    const again = await bench.node('node');
    let knownBytes = 0;
    const hashed = (bytes: number, isFromCache: boolean) => {
      if (isFromCache) knownBytes += bytes;
    };
    await again.share([path], { scanned: () => undefined, hashed, note: () => undefined });
    expect([knownBytes, again.shares()[0]?.root]).toEqual([content.bytes.length, content.root]);
  });

  test('where nobody has what is damaged that is told, and the rest is served on', async () => {
    const [node, path] = await sharing('node');
    await bench.damage(path, 3);
    const { report, watched } = await bench.scrub(node, { isRepair: true });
    expect(report).toMatchObject({ damagedCount: 1, mendedCount: 0 });
    expect(watched).toEqual(['x 0 bytes', 'x 0 not mended: NETWORK']);
    expect([await bench.asked(node, chunk(0)), await bench.asked(node, chunk(1))]).toEqual([
      expect.stringMatching(/^ERR NOT_FOUND /),
      String(CHUNK_BYTES),
    ]);
  });

  test('FS7: a chunk that the disk does not give is damaged like one with other bytes', async () => {
    let isBroken = false;
    const failing = (hasher: Hasher): Hasher => ({
      ...watchedHasher(hasher, async () => undefined),
      hash: async (segments, hashName) => {
        const isHit = segments.some((one) => one.firstChunk <= 1 && one.firstChunk + one.chunkCount > 1);
        if (isBroken && isHit) return segments.map(() => EIO_RESULT);
        return hasher.hash(segments, hashName);
      },
    });
    const [node] = await sharing('node', content, { hasher: failing });
    isBroken = true;
    expect((await bench.scrub(node)).watched).toEqual(['x 1 unreadable']);
    expect(await bench.have(node, 'x', 19)).toBe('1011111111111111111');
    isBroken = false;
    expect((await bench.scrub(node)).report.damagedCount).toBe(0);
    expect(await bench.have(node, 'x', 19)).toBe('1'.repeat(19));
    expect(bench.told).toEqual(['node: x 1 unreadable', 'node: x 1 mended']);
  });

  test('FS7: what cannot be read when somebody asks for it is refused, and not offered until it was read again', async () => {
    let isBroken = false;
    let failedCount = 0;
    const failing = (hasher: Hasher): Hasher => ({
      ...watchedHasher(hasher, async () => undefined),
      hash: async (segments, hashName) => {
        if (!isBroken) return hasher.hash(segments, hashName);
        failedCount += 1;
        return segments.map(() => EIO_RESULT);
      },
    });
    const disk: Disk = {
      ...realDisk,
      open: async (path, how, mode) => {
        const file = await realDisk.open(path, how, mode);
        if (how !== 'read') return file;
        const read: DiskFile['read'] = (into, at) =>
          isBroken ? Promise.reject(Object.assign(new Error('i/o error'), { code: 'EIO' })) : file.read(into, at);
        return Object.assign(Object.create(file) as DiskFile, { read, status: () => file.status(), close: () => file.close() });
      },
    };
    const [node] = await sharing('node', content, { hasher: failing, disk });
    isBroken = true;
    expect(await bench.asked(node, chunk(1))).toMatch(/^ERR IO /);
    await until('it is not offered', () => bench.told.includes('node: x 1 unreadable'));
    expect(await bench.have(node, 'x', 19)).toBe('1011111111111111111');
    expect(await bench.asked(node, chunk(1))).toMatch(/^ERR NOT_FOUND /);
    // A disk may have failed for a moment: it is tried again by and by.
    const lookCount = failedCount;
    const laterUntil = (what: string, isSo: () => boolean) =>
      until(what, () => {
        bench.clock.jump(1000);
        return isSo();
      });
    await laterUntil('it was tried again', () => failedCount > lookCount);
    expect(await bench.asked(node, chunk(1))).toMatch(/^ERR NOT_FOUND /);
    isBroken = false;
    expect(await bench.asked(node, chunk(2))).toBe(String(CHUNK_BYTES));
    await laterUntil('it is offered again', () => bench.told.includes('node: x 1 mended'));
    expect(await bench.have(node, 'x', 19)).toBe('1'.repeat(19));
    expect(await bench.asked(node, chunk(1))).toBe(String(CHUNK_BYTES));
  });

  test('FS11: a file that is edited meanwhile is no damage, and nothing is written to it', async () => {
    const [node, path] = await sharing('node');
    await helper();
    await bench.damage(path, 3);
    let edited: Promise<void> | undefined;
    const { report, watched } = await bench.scrub(node, {
      isRepair: true,
      turn: async () => {
        edited ??= bench.damage(path, 5).then(() => writeFile(path, 'an edit'));
        await edited;
      },
    });
    expect(report).toMatchObject({ damagedCount: 0, mendedCount: 0, changedCount: 1 });
    expect(watched).toEqual(['x changed']);
    expect(await readFile(path, 'utf8')).toBe('an edit');
  });

  test('FS11: a file that others than the scrub saw to be edited is told of too, and not passed over as whole', async () => {
    const [node] = await sharing('node');
    const other = await bench.file('node/z', small.bytes);
    await node.share([other]);
    let edited: Promise<void> | undefined;
    const turn = async () => {
      edited ??= writeFile(other, 'an edit');
      await edited;
      await until('it is not served', () => bench.told.includes('node: z changed'));
    };
    const { report, watched } = await bench.scrub(node, { turn });
    expect(watched).toEqual(['z changed']);
    expect(report).toMatchObject({ fileCount: 2, readBytes: content.bytes.length, changedCount: 1 });
  });

  test('FS11: an edit between the finding and the writing is left alone', async () => {
    const ledger = new DamageLedger();
    const [node, path] = await sharing('node', small, { damage: ledger });
    await helper(small);
    await bench.damage(path, 3);
    // What is found is on disk before anything is written.
    ledger.keepWith({ changed: () => undefined, save: () => writeFile(path, 'an edit') });
    expect((await bench.scrub(node, { isRepair: true })).watched).toEqual(['y 0 bytes', 'y 0 not mended: CHANGED']);
    expect(await readFile(path, 'utf8')).toBe('an edit');
  });

  test('a file with another name, or that may not be written to, is not', async () => {
    await helper();
    const [node, path] = await sharing('node');
    await bench.damage(path, 3);
    await link(path, `${path}.twin`);
    expect((await bench.scrub(node, { isRepair: true })).watched).toEqual(['x 0 bytes', 'x 0 not mended: DENIED']);
    const [other, second] = await sharing('other');
    await bench.damage(second, 3);
    await chmod(second, 0o444);
    expect((await bench.scrub(other, { isRepair: true })).watched).toEqual(['x 0 bytes', 'x 0 not mended: DENIED']);
    expect(content.bytes.equals(await readFile(second))).toBe(false);
  });

  test('of a folder the damaged chunk of a file is missing too, and is fetched from who has the folder', async () => {
    const [node, other] = [await bench.node('node', { isFolderOnly: true }), await bench.node('other', { isFolderOnly: true })];
    const paths = [await bench.file('node/album/x', content.bytes), await bench.file('node/album/y', small.bytes)];
    for (const path of paths) await bench.copy(path, 'other/album');
    await node.share([`${bench.folder}/node/album`]);
    await other.share([`${bench.folder}/other/album`]);
    const [{ root } = { root: undefined }] = other.shares();
    bench.handOut(root ?? '', other, 1);
    await bench.damage(paths[1] ?? '', CHUNK_BYTES);
    expect((await bench.scrub(node)).watched).toEqual(['album/y 1 bytes']);
    // One chunk of the index, nineteen of the first file, three of the second.
    expect(await bench.have(node, 'album', 23)).toBe(`${'1'.repeat(21)}01`);
    expect((await bench.scrub(node, { isRepair: true })).watched).toEqual(['album/y 1 bytes', 'album/y 1 mended']);
    expect(await bench.have(node, 'album', 23)).toBe('1'.repeat(23));
    expect(small.bytes.equals(await readFile(paths[1] ?? ''))).toBe(true);
  });

  test('it goes on where an earlier one ended, and ends when it is told to', async () => {
    const [node] = await sharing('node');
    const { report } = await bench.scrub(node, { from: { name: 'x', chunkIndex: 16 } });
    expect(report.readBytes).toBe(2 * CHUNK_BYTES + 5);
    expect((await bench.scrub(node, { from: { name: 'y', chunkIndex: 0 } })).report.fileCount).toBe(0);
    const stop = new AbortController();
    const turn = async () => stop.abort(new Error('enough'));
    await expect(bench.scrub(node, { turn, signal: stop.signal })).rejects.toThrow('enough');
  });
});

test('CR5, FS7: what was found damaged stays so after a start, also of a file that was hashed just after it was written', async () => {
  const ledger = new DamageLedger();
  let nowMs = LONG_AGO_S * 1000 + 500;
  const [node, path] = await sharing('node', content, { damage: ledger, epochNowMs: () => nowMs });
  nowMs = Date.UTC(2025, 0, 1);
  await bench.damage(path, 17 * CHUNK_BYTES + 7);
  expect((await bench.scrub(node)).watched).toEqual(['x 17 bytes']);
  await bench.close(node);
  const again = await bench.node('node', { damage: rememberedBy(ledger) });
  await again.settleHalfMended();
  await again.share([path]);
  expect(again.shares()).toMatchObject([{ root: content.root }]);
  expect(await bench.asked(again, chunk(17))).toMatch(/^ERR NOT_FOUND /);
  expect((await bench.scrub(again)).watched).toEqual(['x 17 bytes']);
});

describe('after a process that ended while it mended', () => {
  const releases: (() => void)[] = [];
  // What hangs comes to its end, and closes its file.
  afterEach(() => {
    for (const release of releases.splice(0)) release();
  });

  /** A node whose process ends with half a chunk written; what it knew. */
  async function killedWhileMending(): Promise<[path: string, ledger: DamageLedger]> {
    let isStruck = false;
    const struck = (hasher: Hasher): Hasher =>
      watchedHasher(hasher, async (half) => {
        await half();
        isStruck = true;
        return new Promise<undefined>((resolve) => releases.push(() => resolve(undefined)));
      });
    const ledger = new DamageLedger();
    const [node, path] = await sharing('node', content, { hasher: struck, damage: ledger });
    await helper();
    // Both in the half that is not written.
    await bench.damage(path, 3 * CHUNK_BYTES - 1);
    await bench.damage(path, 5 * CHUNK_BYTES - 1);
    const stop = new AbortController();
    const scrubbing = bench.scrub(node, { isRepair: true, signal: stop.signal }).catch(() => undefined);
    await until('half a chunk is written', () => isStruck);
    const known = rememberedBy(ledger);
    stop.abort(new Error('killed'));
    void scrubbing;
    await bench.close(node);
    return [path, known];
  }

  test('the file is what it was, but for the damage, and is mended at last', async () => {
    const [path, ledger] = await killedWhileMending();
    const node = await bench.node('node', { damage: ledger, isAlone: true });
    await node.settleHalfMended();
    await node.share([path]);
    expect(node.shares()).toMatchObject([{ root: content.root }]);
    expect([await bench.asked(node, chunk(2)), await bench.asked(node, chunk(3))]).toEqual([
      expect.stringMatching(/^ERR NOT_FOUND /),
      String(CHUNK_BYTES),
    ]);
    expect((await bench.scrub(node, { isRepair: true })).report).toMatchObject({ damagedCount: 2, mendedCount: 2 });
    expect(content.bytes.equals(await readFile(path))).toBe(true);
    expect(ledger.records).toEqual([]);
  });

  test('a file that was edited after that is shared as it was edited, and nothing of it is written over', async () => {
    const [path, ledger] = await killedWhileMending();
    const edit = Buffer.from(await readFile(path));
    edit.write('an edit', 9 * CHUNK_BYTES);
    await writeFile(path, edit);
    const node = await bench.node('node', { damage: ledger, isAlone: true });
    await node.settleHalfMended();
    expect(ledger.records).toEqual([]);
    await node.share([path]);
    expect(node.shares()[0]?.root).not.toBe(content.root);
    expect((await bench.scrub(node, { isRepair: true })).report.damagedCount).toBe(0);
    expect(edit.equals(await readFile(path))).toBe(true);
  });
});
