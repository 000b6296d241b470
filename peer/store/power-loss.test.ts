import { describe, expect, test } from '@jest/globals';
import { parseFileName } from '../../common/core/file-name.js';
import { CHUNK_BYTES, HASH_CACHE_SETTLE_MS } from '../../common/core/limits.js';
import type { Disk } from '../../common/ports/disk.js';
import type { FetchResult } from '../fetch/fetch-events.js';
import { HashCache } from '../hash/hash-cache.js';
import { PushFolder } from '../push/push-folder.js';
import { StateFile } from '../serve/state-file.js';
import { emptyState } from '../serve/state-format.js';
import { SimMachine, type Stop } from '../testkit/sim-machine.js';
import { stopAtEveryPoint } from '../testkit/stop-points.js';
import { seededBytes, testContent, testFolder } from '../testkit/test-content.js';
import { decodeJournal } from './journal.js';
import { partPaths } from './part-paths.js';

/** Seconds that a chunk takes: with a checkpoint every two seconds, a fetch has some on its way. */
const CHUNK_SECONDS = 0.9;
/** Chunks that two checkpoints can lie apart: those of two seconds, and one that had begun at either end. */
const UNSAFE_MAX_CHUNKS_COUNT = Math.ceil(2 / CHUNK_SECONDS) + 1;
const LINE = { bytesPerSecond: CHUNK_BYTES / CHUNK_SECONDS, seedCount: 2 };

const content = testContent(seededBytes(4 * CHUNK_BYTES + 9), { mtimeMs: 1_600_000_000_000 });
const FILES = { 'a/one': seededBytes(CHUNK_BYTES + 1, 2), 'a/two': seededBytes(7, 3), 'b/empty': Buffer.alloc(0) };
const folder = testFolder('docs', FILES);
const TARGET = '/home/file.bin';

const bytesAt = (machine: SimMachine, path: string) => Buffer.from(machine.disk.peek(path) ?? 'nothing');
const has = (machine: SimMachine, name: string) => machine.disk.names('/home')?.includes(name) === true;
/** What is left for good: locks of dead processes under names that nobody else takes do no harm. */
const namesLeft = (machine: SimMachine) => machine.disk.names('/home')?.filter((name) => !/\.shoal-lock\.\d+\.\d+$/.test(name));

/** What no power cut could take from the journal, in bytes of the content. */
function safeBytes(machine: SimMachine): number {
  const journal = machine.disk.lasting(partPaths(TARGET, content.root).journal);
  const runs = (journal === undefined ? undefined : decodeJournal(journal))?.runs ?? [];
  const units = new Set(runs.flatMap(([first, count]) => Array.from({ length: count }, (_, at) => first + at)));
  return [...units].reduce((sum, unit) => sum + Math.min(CHUNK_BYTES, content.bytes.length - unit * CHUNK_BYTES), 0);
}

function landedBytes({ events }: SimMachine): number {
  return Math.max(0, ...events.map((event) => (event.event === 'progress' && event.phase === 'fetch' ? event.doneBytes : 0)));
}

/** Completes the file, sees that no power cut can take it then, and takes the power. */
async function completeFile(machine: SimMachine, point: string): Promise<FetchResult | undefined> {
  const result = await machine.settledOrStopped(machine.fetch(content));
  expect([point, machine.disk.lasting(TARGET)?.length, namesLeft(machine)]).toEqual([point, content.bytes.length, ['file.bin']]);
  machine.stop('without power');
  expect([point, content.bytes.equals(bytesAt(machine, TARGET))]).toEqual([point, true]);
  return result;
}

describe.each<Stop>(['without power', 'killed'])('a machine that is %s before any change of its disk', (how) => {
  test('CR3: a file: its name is absent or exact, the next run completes it, and what it reports done lasts', async () => {
    let safe = 0;
    const refetchedBytes: number[] = [];
    const pointCount = await stopAtEveryPoint({
      ...{ ...LINE, how, contents: [content] },
      work: (machine) => {
        safe = 0;
        return machine.fetch(content);
      },
      before: (machine) => {
        safe = Math.max(safe, safeBytes(machine));
      },
      after: async (machine, point) => {
        const landed = landedBytes(machine);
        if (has(machine, 'file.bin')) expect([point, content.bytes.equals(bytesAt(machine, TARGET))]).toEqual([point, true]);
        const fetchedBytes = (await completeFile(machine, point))?.fetchedBytes ?? 0;
        // What the last checkpoint made safe is never fetched again.
        expect([point, fetchedBytes <= content.bytes.length - safe]).toEqual([point, true]);
        refetchedBytes.push(Math.max(0, landed + fetchedBytes - content.bytes.length));
      },
    });
    expect(pointCount).toBeGreaterThan(25);
    // A process that dies loses nothing that was written; a power cut takes what was written since the last checkpoint, at most.
    const mostBytes = Math.max(...refetchedBytes);
    if (how === 'killed') expect(mostBytes).toBe(0);
    else expect(mostBytes > 0 && mostBytes <= UNSAFE_MAX_CHUNKS_COUNT * CHUNK_BYTES).toBe(true);
  });

  test('CR3: a folder: it is absent or whole, the next run completes it, and what it reports done lasts', async () => {
    const checkWhole = (machine: SimMachine, point: string) => {
      for (const [path, bytes] of Object.entries(FILES)) {
        const found = machine.disk.peek(`/home/docs/${path}`);
        expect([point, path, found !== undefined && bytes.equals(found)]).toEqual([point, path, true]);
      }
    };
    const pointCount = await stopAtEveryPoint({
      ...{ ...LINE, how, contents: folder.all },
      work: (machine) => machine.fetch(folder.index),
      after: async (machine, point) => {
        if (has(machine, 'docs')) checkWhole(machine, point);
        await machine.settledOrStopped(machine.fetch(folder.index));
        const mayGo = Object.keys(FILES).filter((path) => machine.disk.lasting(`/home/docs/${path}`) === undefined);
        expect([point, mayGo, namesLeft(machine)]).toEqual([point, [], ['docs']]);
        machine.stop('without power');
        checkWhole(machine, point);
      },
    });
    expect(pointCount).toBeGreaterThan(40);
  });

  test('CR3: a file that is replaced is the old one or the new one', async () => {
    const old = seededBytes(1000, 9);
    const endings = new Set<string>();
    await stopAtEveryPoint({
      ...{ ...LINE, how, contents: [content] },
      prepare: (machine) => machine.disk.plant(TARGET, old),
      work: (machine) => machine.fetch(content, { isOverwrite: true }),
      after: async (machine, point) => {
        const found = bytesAt(machine, TARGET);
        const ending = found.equals(old) ? 'old' : found.equals(content.bytes) ? 'new' : point;
        endings.add(ending);
      },
    });
    expect([...endings].sort()).toEqual(['new', 'old']);
  });

  test('CR5: the hash cache says nothing wrong, and is of use again', async () => {
    const hashes = Array.from({ length: 40 }, (_, nth) => seededBytes(32, nth + 1));
    const identity = (nth: number) => ({ dev: 1n, ino: BigInt(nth), sizeBytes: 9, mtimeNs: 5n });
    const notes: string[] = [];
    const opened = (machine: SimMachine) => {
      const { mount: disk, process: processes } = machine.start();
      const ports = { disk, processes, epochNowMs: () => HASH_CACHE_SETTLE_MS * 2 };
      // So small that it is compacted on the way.
      return HashCache.open(ports, { folder: '/home/cache', note: (text) => notes.push(text), maxBytes: 1500 });
    };
    const work = async (machine: SimMachine, times = 3) => {
      for (let time = 0; time < times; time += 1) {
        const cache = await opened(machine);
        for (const [nth, one] of hashes.entries()) {
          const known = await cache.lookup(identity(nth), 'blake3');
          if (known !== undefined && !one.equals(known)) throw new Error(`The cache is wrong about file ${nth}.`);
          await cache.store(identity(nth), 'blake3', one);
          if (nth % 10 === 9) await cache.flush();
        }
        await cache.close();
      }
    };
    const pointCount = await stopAtEveryPoint({
      ...{ ...LINE, how, contents: [] },
      work,
      after: async (machine, point) => {
        await machine.settledOrStopped(work(machine, 1));
        const cache = await machine.settledOrStopped(opened(machine));
        const last = cache && (await machine.settledOrStopped(cache.lookup(identity(hashes.length - 1), 'blake3')));
        expect([point, Buffer.from(last ?? 'nothing').equals(hashes.at(-1) ?? Buffer.of())]).toEqual([point, true]);
      },
    });
    expect([pointCount > 15, notes]).toEqual([true, []]);
  });

  test('CR5: the state of a peer that stays is that of one save or the next, and a save that was reported lasts', async () => {
    let savedCount = 0;
    const work = async (machine: SimMachine) => {
      const { mount: disk, process: processes } = machine.start();
      savedCount = 0;
      const { file } = await StateFile.open({ disk, processes }, '/home/state/shoal', { nowMs: 0, note: () => undefined });
      for (let sinceMs = 1; sinceMs <= 4; sinceMs += 1) {
        await file.save({ ...emptyState(sinceMs), sinceMs });
        savedCount = sinceMs;
      }
    };
    const pointCount = await stopAtEveryPoint({
      ...{ ...LINE, how, contents: [] },
      work,
      after: async (machine, point) => {
        const { mount: disk, process: processes } = machine.start();
        const notes: string[] = [];
        const options = { nowMs: 0, note: (text: string) => notes.push(text) };
        const opened = await machine.settledOrStopped(StateFile.open({ disk, processes }, '/home/state/shoal', options));
        const sinceMs = opened?.state.sinceMs ?? -1;
        const isRight = sinceMs === savedCount || sinceMs === savedCount + 1;
        expect([point, savedCount, sinceMs, isRight, notes]).toEqual([point, savedCount, sinceMs, true, []]);
        expect([point, machine.disk.names('/home/state/shoal')?.filter((name) => name !== 'state.json')]).toEqual([point, []]);
      },
    });
    expect(pointCount).toBeGreaterThan(16);
  });
});

test('CR3: the folders that were made for what is pushed last', async () => {
  for (let seed = 0; seed < 20; seed += 1) {
    const machine = new SimMachine(seed, [], LINE.bytesPerSecond);
    const { mount: disk, process: processes } = machine.start();
    const pushed = new PushFolder({ disk, processes }, '/home/new/accepted');
    const offer = { name: parseFileName('a/b/file.bin'), sizeBytes: 1, root: content.root, port: 1 };
    await machine.settledOrStopped(pushed.open().then(() => pushed.prepare(offer)));
    machine.stop('without power');
    expect(machine.disk.names('/home/new/accepted/a/b')).toEqual([]);
  }
});

test('CR3: on a disk that only says that it syncs, what was reported done is lost: these tests would see it', async () => {
  const endings = new Set<string>();
  for (let seed = 0; seed < 20; seed += 1) {
    const machine = new SimMachine(seed, [content], LINE.bytesPerSecond);
    machine.disk.plantFolder('/home');
    await machine.settledOrStopped(machine.fetch(content, {}, unsyncing));
    expect(machine.disk.lasting(TARGET)).toBeUndefined();
    machine.stop('without power');
    endings.add(!has(machine, 'file.bin') ? 'gone' : content.bytes.equals(bytesAt(machine, TARGET)) ? 'there' : 'wrong');
  }
  expect([...endings].sort()).toEqual(['gone', 'there', 'wrong']);
});

/** A disk whose syncs do nothing. */
function unsyncing(disk: Disk): Disk {
  const files: Disk['open'] = async (path, how, mode) => {
    const file = await disk.open(path, how, mode);
    return new Proxy(file, {
      get: (target, key) => {
        if (key === 'sync') return async () => undefined;
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };
  return new Proxy(disk, {
    get: (target, key) => {
      if (key === 'open') return files;
      if (key === 'syncFolder') return async () => undefined;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
