import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { withFile } from '../node/disk-work.js';
import { systemCodeOf } from '../testkit/error-code.js';
import { sampleBytes } from '../testkit/sample-content.js';
import { settled } from '../testkit/settled.js';
import { SimClock } from './sim-clock.js';
import { SimDisk } from './sim-disk.js';
import type { SimMount } from './sim-mount.js';
import { SimRandom } from './sim-random.js';

let clock: SimClock;
let disk: SimDisk;
let mount: SimMount;
function begin(seed: number): void {
  clock = new SimClock();
  disk = new SimDisk(clock, new SimRandom(seed));
  mount = disk.mount();
}
beforeEach(() => begin(1));

const now = <T>(promise: Promise<T>) => settled(clock, promise);
const SECTOR_BYTES = 512;
const PAGE_BYTES = 4096;

/** How often each ending came about, over many seeds. */
async function endings(run: (seed: number) => Promise<string>, seedCount = 100): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (let seed = 0; seed < seedCount; seed += 1) {
    begin(seed);
    const ending = await run(seed);
    counts.set(ending, (counts.get(ending) ?? 0) + 1);
  }
  return counts;
}
const kinds = async (run: (seed: number) => Promise<string>, seedCount?: number) =>
  [...(await endings(run, seedCount)).keys()].sort();
const put = (path: string, bytes: Uint8Array, isSynced = false) =>
  withFile(mount, path, 'create', async (file) => {
    await file.write(bytes, 0);
    if (isSynced) await file.sync();
  });

describe('the bytes of a file after a power cut', () => {
  test('are not less sure for failed syncs of other pages: the last one, of which a part is used, is as it was', async () => {
    for (let seed = 0; seed < 50; seed += 1) {
      begin(seed);
      disk.plant('/f', sampleBytes(2 * PAGE_BYTES + 100));
      for (const isFailing of [true, true, false]) {
        if (isFailing) disk.faults.add({ code: 'EIO', operations: ['sync'] });
        const written = withFile(mount, '/f', 'write', async (file) => {
          await file.write(sampleBytes(PAGE_BYTES), 0);
          await file.sync().catch(() => undefined);
        });
        await now(written);
      }
      expect(disk.lasting('/f')).toHaveLength(2 * PAGE_BYTES + 100);
    }
  });

  test('are those that were synced, sector by sector or as they were written since, whatever was done', async () => {
    const place = fc.nat(40_000);
    const bytes = fc.integer({ min: 1, max: 20_000 });
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ call: fc.constant('write' as const), place, bytes, fill: fc.integer({ min: 1, max: 255 }) }),
      },
      fc.record({ call: fc.constant('truncate' as const), place }),
      fc.record({ call: fc.constant('sync' as const) }),
      fc.record({ call: fc.constant('failed sync' as const) }),
    );
    const endBytes = 65_536;
    await fc.assert(
      fc.asyncProperty(fc.nat(2 ** 31), fc.array(step, { maxLength: 12 }), async (seed, steps) => {
        begin(seed);
        const file = await now(mount.open('/a', 'create'));
        await now(mount.syncFolder('/'));
        // What a sector may hold: what was synced, and all that it held since.
        let content = Buffer.alloc(endBytes);
        let sizeBytes = 0;
        let contents = [content];
        let sizes = [0];
        let hasFailed = false;
        for (const one of steps) {
          const before = content;
          content = Buffer.from(before);
          if (one.call === 'write') {
            content.fill(one.fill, one.place, one.place + one.bytes);
            sizeBytes = Math.max(sizeBytes, one.place + one.bytes);
            await now(file.write(content.subarray(one.place, one.place + one.bytes), one.place));
          } else if (one.call === 'truncate') {
            content.fill(0, one.place);
            sizeBytes = one.place;
            await now(file.truncate(one.place));
          } else if (one.call === 'failed sync') {
            disk.faults.add({ operations: ['sync'], code: 'EIO' });
            await now(systemCodeOf(file.sync()));
            hasFailed = true;
            content = Buffer.alloc(endBytes);
            content.set(disk.peek('/a') ?? Buffer.of());
          } else {
            await now(file.sync());
            // After a failure, a success says nothing of what was written before it.
            if (!hasFailed) [contents, sizes] = [[], []];
          }
          contents.push(content);
          sizes.push(sizeBytes);
        }
        disk.powerLoss();
        const left = Buffer.from(disk.peek('/a') ?? 'gone');
        expect(left.length >= Math.min(...sizes) && left.length <= Math.max(...sizes)).toBe(true);
        for (let at = 0; at < left.length; at += SECTOR_BYTES) {
          // The size may be any in between, and what is past it is no more.
          const end = Math.min(at + SECTOR_BYTES, left.length);
          const isKnown = contents.some((one) => one.compare(left, at, end, at, end) === 0);
          expect([at, isKnown]).toEqual([at, true]);
        }
        expect(disk.usedBytes).toBeLessThanOrEqual(Math.ceil(left.length / PAGE_BYTES) * PAGE_BYTES);
      }),
      { numRuns: 200 },
    );
  });

  test('may be old, new, and torn within a page where nothing was synced', async () => {
    const old = Buffer.alloc(3 * PAGE_BYTES, 'o');
    const found = await kinds(async () => {
      disk.plant('/a', old);
      await now(put('/a', Buffer.alloc(3 * PAGE_BYTES, 'n')));
      disk.powerLoss();
      const pages = [0, 1, 2].map((page) => new Set(disk.peek('/a')?.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES)));
      return pages
        .map((page) =>
          [...page]
            .map((byte) => String.fromCharCode(byte))
            .sort()
            .join(''),
        )
        .join(' ');
    }, 300);
    // Each page on its own: all of one kind, and every mixture.
    expect(found).toEqual(expect.arrayContaining(['o o o', 'n n n', 'o n o', 'n o n', 'no o n', 'n no no']));
  });

  test('are all there where only the process died', async () => {
    const found = await kinds(async () => {
      await now(put('/a', sampleBytes(10_000)));
      mount.crash();
      return String(Buffer.compare(disk.peek('/a') ?? Buffer.of(), sampleBytes(10_000)));
    });
    expect(found).toEqual(['0']);
  });

  test('a name that was synced may lead to an empty file, to zeros, or to a part, if the data was not', async () => {
    const found = await kinds(async () => {
      await now(put('/a', Buffer.alloc(2 * PAGE_BYTES, 'n')));
      await now(mount.syncFolder('/'));
      disk.powerLoss();
      const left = disk.peek('/a') ?? Buffer.of();
      return `${left.length === 0 ? 'empty' : left.length === 2 * PAGE_BYTES ? 'long' : 'short'} ${[...new Set(left)].sort()}`;
    });
    expect(found).toEqual(expect.arrayContaining(['empty ', 'long 0', 'long 0,110', 'long 110', 'short 0']));
  });

  test('FS8: after a failed sync are old, new or torn, and the next sync succeeds and helps nothing', async () => {
    const content = Buffer.alloc(2 * PAGE_BYTES, 'n');
    const found = await endings(async () => {
      disk.plant('/a', Buffer.alloc(2 * PAGE_BYTES, 'o'));
      const file = await now(mount.open('/a', 'write'));
      await now(file.write(content, 0));
      disk.faults.add({ operations: ['sync'], code: 'EIO' });
      const codes = [await now(systemCodeOf(file.sync())), await now(systemCodeOf(file.sync()))];
      const seen = content.equals(disk.peek('/a') ?? Buffer.of()) ? 'all seen' : 'seen';
      disk.powerLoss();
      const kept = content.equals(disk.peek('/a') ?? Buffer.of()) ? 'kept' : 'lost';
      return `${codes} ${seen} ${kept}`;
    }, 200);
    expect([...found.keys()].sort()).toEqual(['EIO,done all seen kept', 'EIO,done all seen lost', 'EIO,done seen lost']);
    // What is written again after it is on the disk by the sync that follows.
    const again = await kinds(async () => {
      const file = await now(mount.open('/a', 'create'));
      await now(mount.syncFolder('/'));
      await now(file.write(content, 0));
      disk.faults.add({ operations: ['sync'], code: 'EIO' });
      await now(systemCodeOf(file.sync()));
      await now(file.write(content, 0));
      await now(file.sync());
      disk.powerLoss();
      return String(content.equals(disk.peek('/a') ?? Buffer.of()));
    });
    expect(again).toEqual(['true']);
  });
});

describe('names after a power cut', () => {
  test('are there up to any place of what was done in their folder, each change as a whole', async () => {
    const found = await kinds(async () => {
      disk.plant('/a', Buffer.from('a'));
      await now(mount.makeFolder('/b'));
      await now(mount.rename('/a', '/c'));
      await now(put('/d', Buffer.of()));
      await now(mount.link('/c', '/e'));
      await now(mount.remove('/c'));
      disk.powerLoss();
      return String(disk.names('/'));
    }, 200);
    expect(found).toEqual(['a', 'a,b', 'b,c', 'b,c,d', 'b,c,d,e', 'b,d,e'].sort());
  });

  test('are all there once their folder was synced, and the folder too if the one above it was', async () => {
    const found = await kinds(async () => {
      await now(mount.makeFolder('/x'));
      await now(put('/x/a', Buffer.from('a'), true));
      await now(mount.syncFolder('/x'));
      await now(mount.syncFolder('/'));
      await now(put('/x/b', Buffer.of()));
      disk.powerLoss();
      return String(disk.names('/x'));
    });
    expect(found).toEqual(['a', 'a,b']);
    const unsynced = await kinds(async () => {
      await now(mount.makeFolder('/x'));
      await now(put('/x/a', Buffer.from('a'), true));
      await now(mount.syncFolder('/x'));
      disk.powerLoss();
      return String(disk.names('/x'));
    });
    expect(unsynced).toEqual(['a', 'undefined']);
  });

  test('a rename to another folder is there or not, in both of them alike, also where one of them was synced', async () => {
    for (const synced of [undefined, '/x', '/y']) {
      const found = await kinds(async () => {
        disk.plant('/x/a', Buffer.from('a'));
        disk.plantFolder('/y');
        await now(put('/y/before', Buffer.of()));
        await now(mount.rename('/x/a', '/y/a'));
        await now(put('/x/after', Buffer.of()));
        if (synced !== undefined) await now(mount.syncFolder(synced));
        disk.powerLoss();
        return `${disk.names('/x')} ${disk.names('/y')}`;
      }, 200);
      const all = ['a ', 'a before', ' a,before', 'after a,before'];
      expect(found).toEqual((synced === undefined ? all : synced === '/x' ? all.slice(3) : all.slice(2)).sort());
    }
  });

  test('nothing goes with a folder that was taken away, if it was moved out before', async () => {
    const found = await kinds(async () => {
      disk.plant('/x/a', Buffer.from('a'));
      disk.plantFolder('/y');
      await now(mount.rename('/x/a', '/y/a'));
      await now(mount.removeFolder('/x'));
      await now(mount.syncFolder('/'));
      disk.powerLoss();
      return `${disk.names('/')} ${disk.names('/y')} ${disk.peek('/y/a')}`;
    });
    expect(found).toEqual(['y a 97']);
  });

  test('a file that replaced another is the old one or the new one', async () => {
    const found = await kinds(async () => {
      disk.plant('/a', Buffer.from('old'));
      await now(put('/new', Buffer.from('new'), true));
      await now(mount.rename('/new', '/a'));
      disk.powerLoss();
      return `${disk.names('/')} ${Buffer.from(disk.peek('/a') ?? Buffer.of())}`;
    });
    expect(found).toEqual(['a new', 'a old', 'a,new old']);
  });

  test('room is counted anew: what came back takes it again', async () => {
    const found = await kinds(async () => {
      disk.plant('/a', sampleBytes(3 * PAGE_BYTES));
      await now(mount.makeFolder('/b'));
      await now(mount.remove('/a'));
      disk.powerLoss();
      return `${disk.names('/')} ${disk.usedBytes / PAGE_BYTES}`;
    });
    expect(found).toEqual(['a 3', 'a,b 4', 'b 1']);
  });
});

test('what lasts is known before the power is cut', async () => {
  const content = sampleBytes(5000);
  const last = () =>
    disk.lasting('/x/a') === undefined ? 'may go' : Buffer.compare(disk.lasting('/x/a') ?? Buffer.of(), content);
  await now(mount.makeFolder('/x'));
  await now(put('/x/a', content));
  const seen = [last()];
  for (const sync of [() => put('/x/a', content, true), () => mount.syncFolder('/x'), () => mount.syncFolder('/')]) {
    await now(sync());
    seen.push(last());
  }
  expect(seen).toEqual(['may go', 'may go', 'may go', 0]);
  await now(put('/x/a', content.subarray(0, 1)));
  expect(last()).toBe('may go');
  await now(put('/x/a', content, true));
  await now(mount.rename('/x', '/y'));
  expect([disk.lasting('/y/a'), disk.lasting('/none')]).toEqual([undefined, undefined]);
});

test('RS1: a claim that is synced before its data outlives it, and one that is synced after it does not', async () => {
  const chunk = Buffer.alloc(16 * PAGE_BYTES, 'n');
  const claimsFalsely = (order: readonly ('data' | 'claim')[]) =>
    kinds(async (seed) => {
      const [data, journal] = [await now(mount.open('/data', 'create')), await now(mount.open('/journal', 'create'))];
      await now(data.truncate(chunk.length));
      await now(mount.syncFolder('/'));
      await now(data.write(chunk, 0));
      for (const what of order) {
        if (what === 'claim') await now(journal.append(Buffer.from('I have it')));
        await now(what === 'data' ? data.sync() : journal.sync());
        // The power may go at any time: in half of the runs, before the second of the two is synced.
        if (seed % 2 === 0) break;
      }
      disk.powerLoss();
      const isClaimed = disk.peek('/journal')?.length === 9;
      return isClaimed && !chunk.equals(disk.peek('/data') ?? Buffer.of()) ? 'a lie' : 'the truth';
    });
  expect(await claimsFalsely(['claim', 'data'])).toEqual(['a lie', 'the truth']);
  expect(await claimsFalsely(['data', 'claim'])).toEqual(['the truth']);
});
