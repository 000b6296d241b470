import { beforeEach, describe, expect, test } from '@jest/globals';
import { withFile } from '../node/disk-work.js';
import { systemCodeOf } from '../testkit/error-code.js';
import { sampleBytes } from '../testkit/sample-content.js';
import { settled } from '../testkit/settled.js';
import { SimClock } from './sim-clock.js';
import { SimDisk, type SimDiskOptions } from './sim-disk.js';
import type { DiskOperation } from './sim-disk-faults.js';
import type { SimMount } from './sim-mount.js';
import { SimRandom } from './sim-random.js';

let clock: SimClock;
let disk: SimDisk;
let mount: SimMount;
function begin(options: SimDiskOptions = {}, seed = 1): void {
  clock = new SimClock();
  disk = new SimDisk(clock, new SimRandom(seed), options);
  mount = disk.mount();
}
beforeEach(() => begin());

const now = <T>(promise: Promise<T>) => settled(clock, promise);
const code = (promise: Promise<unknown>) => now(systemCodeOf(promise));
const put = (path: string, bytes: Uint8Array) => withFile(mount, path, 'create', (file) => file.write(bytes, 0));
const PAGES = 4096;

describe('a simulated disk', () => {
  test('FS6: full, it takes what fits, makes no folder, and goes on where there is room', async () => {
    begin({ capacityBytes: 10 * PAGES });
    expect(await code(put('/a', sampleBytes(8 * PAGES)))).toBe('done');
    expect(await now(mount.freeBytes('/'))).toBe(2 * PAGES);
    expect(await code(put('/b', sampleBytes(3 * PAGES)))).toBe('ENOSPC');
    expect(disk.peek('/b')).toEqual(sampleBytes(2 * PAGES));
    expect([await now(mount.freeBytes('/')), await code(mount.makeFolder('/c'))]).toEqual([0, 'ENOSPC']);
    // What is there already can be written again, and a hole takes no room.
    expect([
      await code(put('/a', sampleBytes(PAGES))),
      await code(withFile(mount, '/a', 'write', (file) => file.truncate(2 ** 30))),
    ]).toEqual(['done', 'done']);
    await now(mount.remove('/b'));
    expect([await now(mount.freeBytes('/')), await code(mount.makeFolder('/c'))]).toEqual([2 * PAGES, 'done']);
    disk.setCapacity(100 * PAGES);
    expect([await now(mount.freeBytes('/')), disk.usedBytes]).toEqual([91 * PAGES, 9 * PAGES]);
  });

  test('a file without a name takes its room until it is closed', async () => {
    begin({ capacityBytes: 10 * PAGES });
    const file = await now(mount.open('/a', 'create'));
    await now(file.write(sampleBytes(10 * PAGES), 0));
    await now(mount.remove('/a'));
    expect(await now(mount.freeBytes('/'))).toBe(0);
    await now(file.close());
    expect(await now(mount.freeBytes('/'))).toBe(10 * PAGES);
  });

  test('FS10: read-only, it changes nothing and reads everything', async () => {
    await now(put('/a', sampleBytes(9)));
    const file = await now(mount.open('/a', 'write'));
    disk.setReadOnly(true);
    const x = Buffer.from('x');
    const calls = [file.write(x, 0), file.truncate(0), file.setAttributes({ mode: 0 }), put('/b', x), mount.open('/a', 'append')];
    const names = [mount.makeFolder('/c'), mount.remove('/a'), mount.rename('/a', '/b'), mount.link('/a', '/b')];
    const codes = await now(Promise.all([...calls, ...names, mount.checkAccess('/', 'write-folder')].map(systemCodeOf)));
    expect(codes).toEqual(codes.map(() => 'EROFS'));
    expect([await now(file.read(Buffer.alloc(9), 0)), await code(mount.checkAccess('/a', 'read-file'))]).toEqual([9, 'done']);
  });

  test('FS9: out of handles, it opens and lists nothing until one is given back; a process that died has none', async () => {
    begin({ handlesMaxCount: 2 });
    const files = await now(Promise.all(['/a', '/b'].map((path) => mount.open(path, 'create'))));
    expect([await code(mount.open('/a', 'read')), await code(mount.syncFolder('/'))]).toEqual(['EMFILE', 'EMFILE']);
    expect(await code(mount.list('/')[Symbol.asyncIterator]().next())).toBe('EMFILE');
    await now(files[0]?.close() ?? Promise.reject());
    expect([await code(mount.syncFolder('/')), disk.openCount]).toEqual(['done', 1]);
    mount.crash();
    expect(disk.openCount).toBe(0);
  });

  test('FS7: a bad block fails what reads it, and is good when it was written anew', async () => {
    disk.plant('/a', sampleBytes(3 * PAGES));
    disk.makeUnreadable('/a', PAGES + 5, PAGES + 6);
    const read = (position: number, bytes: number) =>
      code(withFile(mount, '/a', 'read', (file) => file.read(Buffer.alloc(bytes), position)));
    expect([await read(0, PAGES), await read(0, PAGES + 1), await read(2 * PAGES - 1, 1), await read(2 * PAGES, PAGES)]).toEqual([
      ...['done', 'EIO', 'EIO', 'done'],
    ]);
    await now(put('/a', sampleBytes(2 * PAGES)));
    expect(await read(0, 3 * PAGES)).toBe('done');
  });

  test('bit rot changes a bit of each page in its range, and nothing that a look shows', async () => {
    const content = sampleBytes(4 * PAGES);
    disk.plant('/a', content);
    const before = await now(mount.lstat('/a'));
    disk.rot('/a', PAGES, 3 * PAGES);
    const bytes = disk.peek('/a') ?? new Uint8Array();
    const changed = [...bytes].flatMap((byte, at) => (byte === content[at] ? [] : [Math.floor(at / PAGES)]));
    expect(changed).toEqual([1, 2]);
    expect(await now(mount.lstat('/a'))).toEqual(before);
    disk.powerLoss();
    expect(disk.peek('/a')).toEqual(bytes);
  });

  test('rules fail the operations they name, after so many, so often, at their paths, by chance, until withdrawn', async () => {
    disk.faults.add({ operations: ['make-folder'], path: /b/, skipCount: 1, failCount: 2, code: 'EIO' });
    const codes = [];
    for (const path of ['/b1', '/c', '/b2', '/b3', '/b4']) codes.push(await code(mount.makeFolder(path)));
    expect(codes).toEqual(['done', 'done', 'EIO', 'EIO', 'done']);
    const withdraw = disk.faults.add({ operations: ['lstat'], failCount: Number.POSITIVE_INFINITY, chance: 0.5, code: 'EIO' });
    const looks = [];
    for (let nth = 0; nth < 100; nth += 1) looks.push(await code(mount.lstat('/b1')));
    const failedCount = looks.filter((look) => look === 'EIO').length;
    expect(failedCount > 25 && failedCount < 75).toBe(true);
    withdraw();
    expect(await code(mount.lstat('/b1'))).toBe('done');
  });

  test('FS6: a write that fails has written a part, and one that the process did not live to see too', async () => {
    const content = sampleBytes(100_000).fill(7);
    const lengths = new Set<number>();
    for (let seed = 0; seed < 20; seed += 1) {
      begin({}, seed);
      disk.faults.add({ operations: ['write'], code: 'ENOSPC' });
      expect(await code(put('/a', content))).toBe('ENOSPC');
      const file = await now(mount.open('/b', 'create'));
      void file.write(content, 0);
      mount.crash();
      for (const path of ['/a', '/b']) {
        const bytes = disk.peek(path) ?? new Uint8Array();
        expect(Buffer.compare(bytes, content.subarray(0, bytes.length))).toBe(0);
        lengths.add(bytes.length);
      }
    }
    expect(lengths.size).toBeGreaterThan(30);
  });

  test('takes time for everything, longer where it is slow or a rule says so', async () => {
    const took = async (work: () => Promise<unknown>) => {
      const startedMs = clock.nowMs();
      await now(work());
      return clock.nowMs() - startedMs;
    };
    const quickMs = await took(() => mount.lstat('/'));
    expect(quickMs > 0 && quickMs < 1).toBe(true);
    const file = await now(mount.open('/a', 'create'));
    disk.speed = { minMs: 5, maxMs: 10, syncMinMs: 100, syncMaxMs: 200, bytesPerSecond: 1_000_000 };
    const slowMs = [
      await took(() => mount.lstat('/')),
      await took(() => file.sync()),
      await took(() => file.write(sampleBytes(100_000), 0)),
    ];
    expect(slowMs.map((ms) => Math.floor(Math.log10(ms)))).toEqual([0, 2, 2]);
    disk.faults.add({ operations: ['lstat'], delayMs: 20_000 });
    expect(await took(() => mount.lstat('/'))).toBeGreaterThan(20_000);
  });

  test('the same seed is the same run, and another is another', async () => {
    const run = async (seed: number) => {
      begin({}, seed);
      const order: string[] = [];
      const works = ['/a', '/b', '/c', '/d', '/e'].map((path) => put(path, sampleBytes(10)).then(() => order.push(path)));
      await now(Promise.all(works));
      disk.powerLoss();
      return `${clock.nowMs()} ${order} ${disk.names('/')}`;
    };
    expect(await run(5)).toBe(await run(5));
    expect(new Set([await run(1), await run(2), await run(3)]).size).toBe(3);
  });
});

describe('who watches a simulated disk', () => {
  test('is told of each change before it happens, and of nothing else', async () => {
    const seen: string[] = [];
    disk.observe = (operation: DiskOperation, path: string) => {
      seen.push(`${operation} ${path} ${disk.names('/')}`);
    };
    const file = await now(mount.open('/a', 'create-new'));
    await now(file.write(sampleBytes(1), 0));
    mount.files.write(file.fd, sampleBytes(2), 0);
    await now(file.status() as Promise<unknown>);
    await now(file.sync());
    await now(mount.rename('/a', '/b'));
    await now(mount.lstat('/b'));
    await now(mount.syncFolder('/'));
    expect(seen).toEqual(['create /a ', 'write /a a', 'write /a a', 'sync /a a', 'rename /a a', 'sync-folder / b']);
  });

  test('can kill the process in the middle: it has no answer ever, and what it began is done or not', async () => {
    const endings = new Set<string>();
    for (let seed = 0; seed < 20; seed += 1) {
      begin({}, seed);
      disk.plant('/a', sampleBytes(5));
      disk.observe = (operation) => {
        if (operation === 'rename') disk.crash();
      };
      let isAnswered = false;
      const answered = () => {
        isAnswered = true;
      };
      void mount.rename('/a', '/b').then(answered, answered);
      disk.faults.add({ operations: ['lstat'], delayMs: 1000 });
      void mount.lstat('/a').then(answered, answered);
      await clock.run();
      expect([isAnswered, mount.isAlive]).toEqual([false, false]);
      void mount.lstat('/a').then(answered, answered);
      await clock.run();
      expect(isAnswered).toBe(false);
      endings.add(String(disk.names('/')));
      mount = disk.mount();
      expect(await code(mount.makeFolder('/next'))).toBe('done');
    }
    expect(endings).toEqual(new Set(['a', 'b']));
  });

  test('can kill the process within a call by descriptor, which then fails', async () => {
    const file = await now(mount.open('/a', 'create'));
    disk.observe = () => disk.powerLoss();
    expect(() => mount.files.write(file.fd, sampleBytes(9), 0)).toThrow(/EBADF/);
    expect(disk.openCount).toBe(0);
  });
});
