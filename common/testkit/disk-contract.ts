/**
 * What every `Disk` must do: run on the real one and on its simulated twin, so that what holds in a simulation holds on a disk.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { namesIn, removeTree, withFile } from '../node/disk-work.js';
import type { Disk, FolderEntry, OpenMode } from '../ports/disk.js';
import { systemCodeOf } from './error-code.js';
import { sampleBytes } from './sample-content.js';

export interface DiskWorld {
  readonly disk: Disk;
  /** An empty folder, as an absolute path without symlinks. */
  readonly folder: string;
  /** User 0 may do everything. */
  readonly uid: number;
  plantSymlink(target: string, path: string): Promise<void>;
  end(): Promise<void>;
}

const ALL_MODES: readonly OpenMode[] = ['read', 'write', 'create', 'create-new', 'append'];

export function diskContract(worldName: string, makeWorld: () => Promise<DiskWorld>): void {
  describe(`files and folders on ${worldName}`, () => {
    let world: DiskWorld;
    let disk: Disk;
    const at = (...parts: string[]) => [world.folder, ...parts].join('/');
    const text = (path: string) => withFile(disk, at(path), 'read', (file) => textOf(file));
    const put = (path: string, content: string | Uint8Array) =>
      withFile(disk, at(path), 'create', (file) => file.write(Buffer.from(content), 0));
    const opening = (path: string, how: OpenMode) => systemCodeOf(disk.open(at(path), how).then((file) => file.close()));

    beforeEach(async () => {
      world = await makeWorld();
      disk = world.disk;
    });
    afterEach(() => world.end());

    async function textOf(file: Awaited<ReturnType<Disk['open']>>): Promise<string> {
      const into = Buffer.alloc(1000);
      return into.toString('latin1', 0, await file.read(into, 0));
    }

    test('a file reads as it was written, up to its end and not past it', async () => {
      await withFile(disk, at('a'), 'create-new', async (file) => {
        await file.write(Buffer.from('hello'), 0);
        await file.write(Buffer.from('J'), 0);
        await file.append(Buffer.from(' all'));
        await file.write(new Uint8Array(), 100);
        const into = Buffer.alloc(4);
        expect([await file.read(into, 5), into.toString()]).toEqual([4, ' all']);
        expect([await file.read(into, 7), into.toString()]).toEqual([2, 'llll']);
        expect([await file.read(into, 9), await file.read(into, 1000)]).toEqual([0, 0]);
        expect((await file.status()).sizeBytes).toBe(9);
      });
      expect(await text('a')).toBe('Jello all');
    });

    test('what is appended comes at the end, whoever else made it longer, and wherever the file was opened', async () => {
      await put('a', 'one');
      const [first, second] = [await disk.open(at('a'), 'append'), await disk.open(at('a'), 'write')];
      await first.append(Buffer.from(' two'));
      await second.append(Buffer.from(' three'));
      await first.append(Buffer.from(' four'));
      expect(await textOf(second)).toBe('one two three four');
      await Promise.all([first.close(), second.close()]);
    });

    test('large content comes back, across pages and at any place', async () => {
      const bytes = sampleBytes(300_000);
      await withFile(disk, at('a'), 'create', async (file) => {
        await file.write(bytes.subarray(100_001), 100_001);
        await file.write(bytes.subarray(0, 100_001), 0);
        const into = new Uint8Array(200_000);
        let gotBytes = 0;
        while (gotBytes < into.length) gotBytes += await file.read(into.subarray(gotBytes), 70_003 + gotBytes);
        expect(Buffer.compare(into, bytes.subarray(70_003, 270_003))).toBe(0);
      });
    });

    test.each<[OpenMode, string, string, string]>([
      ['read', 'ENOENT', 'done', 'done'],
      ['write', 'ENOENT', 'done', 'EISDIR'],
      ['create', 'done', 'done', 'EISDIR'],
      ['create-new', 'done', 'EEXIST', 'EEXIST'],
      ['append', 'ENOENT', 'done', 'EISDIR'],
    ])('to %s: what is missing %s, a file %s, a folder %s', async (how, missing, file, folder) => {
      await put('file', 'x');
      await disk.makeFolder(at('folder'));
      expect([await opening('none', how), await opening('file', how), await opening('folder', how)]).toEqual([
        missing,
        file,
        folder,
      ]);
      expect(await text('file')).toBe('x');
      expect([await opening('nowhere/deeper', how), await opening('file/deeper', how)]).toEqual(['ENOENT', 'ENOTDIR']);
    });

    test('FS4: opens no symlink, whether it leads somewhere or not, and goes through those on the way', async () => {
      await put('real', 'x');
      await disk.makeFolder(at('folder'));
      await put('folder/inside', 'y');
      await world.plantSymlink('real', at('link'));
      await world.plantSymlink('gone', at('dangling'));
      await world.plantSymlink(at('folder'), at('way'));
      await world.plantSymlink('round', at('round'));
      for (const how of ALL_MODES) {
        const code = how === 'create-new' ? 'EEXIST' : 'ELOOP';
        expect([await opening('link', how), await opening('dangling', how)]).toEqual([code, code]);
      }
      expect([await text('way/inside'), await text('way/../real')]).toEqual(['y', 'x']);
      expect([await opening('round/x', 'read'), await systemCodeOf(disk.realpath(at('round')))]).toEqual(['ELOOP', 'ELOOP']);
      expect(await disk.lstat(at('link'))).toMatchObject({ kind: 'symlink', sizeBytes: 4 });
      expect([await systemCodeOf(disk.makeFolder(at('dangling'))), await systemCodeOf(disk.removeFolder(at('way')))]).toEqual([
        'EEXIST',
        'ENOTDIR',
      ]);
      await disk.remove(at('link'));
      expect(await text('real')).toBe('x');
    });

    test('realpath has no symlink in it, and fails where nothing is', async () => {
      await disk.makeFolder(at('a'));
      await put('a/b', '');
      await world.plantSymlink('a', at('c'));
      await world.plantSymlink('../c/./b', at('a', 'd'));
      expect(await disk.realpath(at('c', 'd'))).toBe(at('a', 'b'));
      expect(await disk.realpath(world.folder)).toBe(world.folder);
      expect([await systemCodeOf(disk.realpath(at('c', 'e'))), await systemCodeOf(disk.realpath(at('c', 'b', 'e')))]).toEqual([
        'ENOENT',
        'ENOTDIR',
      ]);
    });

    test('a folder and what is read through a symlink to it: its names, its access, its room, its sync', async () => {
      await disk.makeFolder(at('folder'));
      await put('folder/x', '');
      await world.plantSymlink('folder', at('link'));
      expect(await namesIn(disk, at('link'))).toEqual(['x']);
      const calls = [disk.checkAccess(at('link'), 'write-folder'), disk.freeBytes(at('link')), disk.syncFolder(at('link'))];
      expect(await Promise.all(calls.map(systemCodeOf))).toEqual(['done', 'done', 'done']);
    });

    test('a handle does only what it was opened for, and after it is closed nothing', async () => {
      await put('a', 'abc');
      const [reading, appending] = [await disk.open(at('a'), 'read'), await disk.open(at('a'), 'append')];
      const x = Buffer.from('x');
      expect(await codesOf([reading.write(x, 0), reading.append(x), reading.truncate(0)])).toEqual(['EBADF', 'EBADF', 'EINVAL']);
      expect(await codesOf([reading.sync(), appending.read(Buffer.alloc(1), 0)])).toEqual(['done', 'EBADF']);
      await appending.truncate(1);
      await Promise.all([reading.close(), appending.close()]);
      const late = [appending.write(x, 0), appending.append(x), appending.truncate(0), appending.sync()];
      expect(await codesOf(late)).toEqual(['EBADF', 'EBADF', 'EBADF', 'EBADF']);
      expect(await codesOf([appending.setAttributes({ mode: 0o600 }), appending.close()])).toEqual(['EBADF', 'done']);
      expect(await text('a')).toBe('a');
    });

    test('a folder that is opened can be looked at, and not read', async () => {
      const file = await disk.open(world.folder, 'read');
      expect((await file.status()).kind).toBe('folder');
      expect(await systemCodeOf(file.read(Buffer.alloc(1), 0))).toBe('EISDIR');
      await file.close();
    });

    test('descriptors of open files differ', async () => {
      const files = await Promise.all(['a', 'b', 'c'].map((name) => disk.open(at(name), 'create')));
      expect(new Set(files.map(({ fd }) => fd)).size).toBe(3);
      await Promise.all(files.map((file) => file.close()));
    });

    test('FS12: holes read as zeros and take no room, also far behind, and truncating cuts and lengthens', async () => {
      await withFile(disk, at('a'), 'create', async (file) => {
        await file.truncate(2 ** 33);
        expect(await file.status()).toMatchObject({ sizeBytes: 2 ** 33, diskBytes: 0 });
        await file.write(Buffer.from('end'), 2 ** 32 - 1);
        await file.sync();
        const { sizeBytes, diskBytes } = await file.status();
        expect([sizeBytes, diskBytes > 0 && diskBytes <= 65_536]).toEqual([2 ** 33, true]);
        const into = Buffer.alloc(6, 'x');
        expect([await file.read(into, 2 ** 32 - 2), into.toString('latin1')]).toEqual([6, '\0end\0\0']);
        await file.truncate(2 ** 32 + 1);
        await file.truncate(2 ** 32 + 100);
        expect([await file.read(into, 2 ** 32 - 2), into.toString('latin1')]).toEqual([6, '\0en\0\0\0']);
        expect(await file.status()).toMatchObject({ sizeBytes: 2 ** 32 + 100 });
      });
    });

    test('times are kept to the millisecond, permission bits to the bit', async () => {
      await withFile(disk, at('a'), 'create', async (file) => {
        for (const mtimeMs of [0, 1, 999, 1_600_000_000_001, 1_600_000_000_003, 1_234_567_890_123, 4_102_444_799_999]) {
          await file.setAttributes({ mtimeMs });
          expect((await file.status()).mtimeNs).toBe(BigInt(mtimeMs) * 1_000_000n);
        }
        for (const mode of [0o600, 0o444, 0o777, 0o640]) {
          await file.setAttributes({ mode });
          expect((await file.status()).mode).toBe(mode);
        }
        await file.setAttributes({});
        expect(await disk.lstat(at('a'))).toMatchObject({ mode: 0o640, mtimeNs: 4_102_444_799_999_000_000n, uid: world.uid });
        await file.write(Buffer.from('x'), 0);
        expect((await file.status()).mtimeNs).not.toBe(4_102_444_799_999_000_000n);
      });
    });

    test('what is made has the bits that were asked for', async () => {
      await (await disk.open(at('a'), 'create-new', 0o600)).close();
      await disk.makeFolder(at('b'), 0o700);
      expect([(await disk.lstat(at('a'))).mode, (await disk.lstat(at('b'))).mode]).toEqual([0o600, 0o700]);
    });

    test('a second name is the same file, which lasts until the last of them is gone', async () => {
      await put('a', 'one');
      await disk.link(at('a'), at('b'));
      await withFile(disk, at('b'), 'write', (file) => file.write(Buffer.from('O'), 0));
      const [a, b] = [await disk.lstat(at('a')), await disk.lstat(at('b'))];
      expect([a.ino === b.ino, a.dev === b.dev, a.linkCount]).toEqual([true, true, 2]);
      await disk.rename(at('a'), at('b'));
      expect(await namesIn(disk, world.folder).then((names) => names.sort())).toEqual(['a', 'b']);
      await disk.remove(at('a'));
      expect([await text('b'), (await disk.lstat(at('b'))).linkCount]).toEqual(['One', 1]);
    });

    test('link gives no name that is taken, none to a folder, and none to what is missing', async () => {
      await put('a', '');
      await disk.makeFolder(at('folder'));
      await world.plantSymlink('none', at('dangling'));
      const codes = [
        disk.link(at('a'), at('a')),
        disk.link(at('a'), at('folder')),
        disk.link(at('a'), at('dangling')),
        disk.link(at('none'), at('b')),
        disk.link(at('folder'), at('b')),
        disk.link(at('a'), at('none', 'b')),
        disk.link(at('a'), at('a', 'b')),
      ];
      expect(await codesOf(codes)).toEqual(['EEXIST', 'EEXIST', 'EEXIST', 'ENOENT', 'EPERM', 'ENOENT', 'ENOTDIR']);
    });

    test('a file that is open outlives its name, and another that takes the name', async () => {
      await put('a', 'old');
      await put('b', 'new');
      const file = await disk.open(at('a'), 'write');
      await disk.rename(at('b'), at('a'));
      await file.append(Buffer.from('er'));
      expect([await textOf(file), await text('a'), (await file.status()).linkCount]).toEqual(['older', 'new', 0]);
      const second = await disk.open(at('a'), 'read');
      await disk.remove(at('a'));
      expect([await textOf(second), await opening('a', 'read')]).toEqual(['new', 'ENOENT']);
      await Promise.all([file.close(), second.close()]);
    });

    test('rename replaces a file by a file and an empty folder by a folder, and nothing else', async () => {
      await put('file', 'f');
      await disk.makeFolder(at('empty'));
      await disk.makeFolder(at('full'));
      await put('full/x', 'x');
      const refused = [
        disk.rename(at('none'), at('file')),
        disk.rename(at('file'), at('empty')),
        disk.rename(at('empty'), at('file')),
        disk.rename(at('empty'), at('full')),
        disk.rename(at('full'), at('full', 'below')),
        disk.rename(at('full', 'x'), at('full')),
        disk.rename(at('file'), at('none', 'x')),
        disk.rename(at('file'), at('file', 'x')),
      ];
      const codes = ['ENOENT', 'EISDIR', 'ENOTDIR', 'ENOTEMPTY', 'EINVAL', 'ENOTEMPTY', 'ENOENT', 'ENOTDIR'];
      expect(await codesOf(refused)).toEqual(codes);
      await disk.rename(at('full'), at('empty'));
      await disk.rename(at('file'), at('empty', 'x'));
      expect([await text('empty/x'), await namesIn(disk, world.folder)]).toEqual(['f', ['empty']]);
    });

    test('names are made and taken away as what they are', async () => {
      await put('file', '');
      await disk.makeFolder(at('folder'));
      await disk.makeFolder(at('folder', 'deeper'));
      const codes = [
        disk.makeFolder(at('file')),
        disk.makeFolder(at('folder')),
        disk.makeFolder(at('none', 'x')),
        disk.makeFolder(at('file', 'x')),
        disk.remove(at('folder')),
        disk.remove(at('none')),
        disk.remove(at('file', 'x')),
        disk.removeFolder(at('file')),
        disk.removeFolder(at('none')),
        disk.removeFolder(at('folder')),
      ];
      const expected = ['EEXIST', 'EEXIST', 'ENOENT', 'ENOTDIR', 'EISDIR', 'ENOENT', 'ENOTDIR', 'ENOTDIR', 'ENOENT', 'ENOTEMPTY'];
      expect(await codesOf(codes)).toEqual(expected);
      await disk.removeFolder(at('folder', 'deeper'));
      await disk.removeFolder(at('folder'));
      await disk.remove(at('file'));
      expect(await namesIn(disk, world.folder)).toEqual([]);
    });

    test('a list has every name with its kind, of a folder alone', async () => {
      const names = Array.from({ length: 600 }, (_, index) => `file ${index}`);
      for (const name of names) await put(name, '');
      await disk.makeFolder(at('folder'));
      await world.plantSymlink('folder', at('link'));
      const found: FolderEntry[] = [];
      for await (const entry of disk.list(world.folder)) found.push(entry);
      const expected = [...names.map((name) => `${name} file`), 'folder folder', 'link symlink'];
      expect(found.map(({ name, kind }) => `${name} ${kind}`).sort()).toEqual(expected.sort());
      const codes = [namesIn(disk, at('none')), namesIn(disk, at('file 1'))];
      expect(await codesOf(codes)).toEqual(['ENOENT', 'ENOTDIR']);
    });

    test('a list that is left early keeps nothing open', async () => {
      await put('a', '');
      await put('b', '');
      for await (const _ of disk.list(world.folder)) break;
      await removeTree(disk, at('a'));
      expect(await namesIn(disk, world.folder)).toEqual(['b']);
    });

    test('FS3: names of 255 bytes are kept, longer ones and paths of 4,096 are refused', async () => {
      const longest = 'é'.repeat(127).padEnd(128, 'x');
      await put(longest, 'x');
      expect(await namesIn(disk, world.folder)).toEqual([longest]);
      expect(await opening(`${longest}x`, 'create')).toBe('ENAMETOOLONG');
      expect(await opening(`${'x/'.repeat(2048)}x`, 'read')).toBe('ENAMETOOLONG');
      expect(await codesOf([disk.open('', 'read'), disk.lstat(''), disk.makeFolder('')])).toEqual(['ENOENT', 'ENOENT', 'ENOENT']);
    });

    test('FS10: rights hold for all but user 0', async () => {
      await put('secret', 'x');
      await withFile(disk, at('secret'), 'write', (file) => file.setAttributes({ mode: 0 }));
      await disk.makeFolder(at('closed'), 0o500);
      const denied = world.uid === 0 ? 'done' : 'EACCES';
      const checks = [disk.checkAccess(at('secret'), 'read-file'), disk.checkAccess(at('closed'), 'write-folder')];
      expect(await codesOf(checks)).toEqual([denied, denied]);
      expect([await opening('secret', 'read'), await opening('secret', 'append')]).toEqual([denied, denied]);
      expect([await opening('closed/x', 'create'), await opening('closed/x', 'read')]).toEqual([
        denied,
        world.uid === 0 ? 'done' : 'ENOENT',
      ]);
      const missing = [disk.checkAccess(at('none'), 'read-file'), disk.checkAccess(at('secret', 'x'), 'write-folder')];
      expect(await codesOf(missing)).toEqual(['ENOENT', 'ENOTDIR']);
    });

    test('says what room is left, and syncs what is there', async () => {
      await put('file', '');
      const freeBytes = await disk.freeBytes(world.folder);
      expect([Number.isFinite(freeBytes), freeBytes > 0]).toEqual([true, true]);
      const codes = [
        disk.freeBytes(at('none')),
        disk.syncFolder(at('none')),
        disk.syncFolder(at('file')),
        disk.syncFolder(world.folder),
      ];
      expect(await codesOf(codes)).toEqual(['ENOENT', 'ENOENT', 'ENOTDIR', 'done']);
    });
  });
}

function codesOf(calls: readonly Promise<unknown>[]): Promise<string[]> {
  return Promise.all(calls.map(systemCodeOf));
}
