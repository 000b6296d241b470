/**
 * What is put to the test by killing it: a file, a folder, a share with its hash cache, and the state of a peer that stays.
 *
 * A trial kills a process, looks at what it left, starts it again and looks at what comes of it. What must not be is thrown, and names the
 * point. Invariant of each: the final name is absent or exact, and nothing of ours lies beside it in the end.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { invariant } from '../../common/core/errors.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { epochNowMs, realClock, realRandom } from '../../common/node/clock.js';
import { tcpDialer } from '../../common/node/tcp.js';
import { fetchContent } from '../../peer/fetch/fetch-content.js';
import { parseFetchSource } from '../../peer/fetch/fetch-source.js';
import type { Hasher } from '../../peer/hash/hasher.js';
import { StateFile } from '../../peer/serve/state-file.js';
import { realStorage } from '../../peer/storage-ports.js';
import { linkOf } from '../../peer/testkit/fetch-bench.js';
import { ScriptedPeer } from '../../peer/testkit/scripted-peer.js';
import { seededBytes, type TestContent, testContent, testFolder } from '../../peer/testkit/test-content.js';
import { type Fate, type Killing, runVictim } from './run-victim.js';
import type { Order } from './victim.js';

export type Subject = 'file' | 'folder' | 'share' | 'state';

/** Where a process is killed. */
export type Point = Pick<Order, 'at' | 'isHalf'> & Killing;

/** What came of one trial. */
export interface Outcome {
  readonly fate: Fate;
  /** Bytes that were asked for in both runs, less those of the content. */
  readonly againBytes: number;
  /** Names that the dead process left. */
  readonly leftCount: number;
}

const FILE = testContent(seededBytes(3 * CHUNK_BYTES + 9), { mtimeMs: 1_600_000_000_000 });
const FILES = { 'a/one': seededBytes(CHUNK_BYTES + 1, 2), 'a/two': seededBytes(7, 3), 'b/empty': Buffer.alloc(0) };
const FOLDER = testFolder('docs', FILES);

export class Trials {
  readonly #root: string;
  readonly #pool: Hasher;
  #count = 0;

  static async open(): Promise<Trials> {
    return new Trials(await mkdtemp(join(tmpdir(), 'shoal-crash-')), realStorage.openHasher({ threadCount: 2 }));
  }

  private constructor(root: string, pool: Hasher) {
    this.#root = root;
    this.#pool = pool;
  }

  async close(): Promise<void> {
    await this.#pool.close();
    await rm(this.#root, { recursive: true, force: true });
  }

  /** Kills at a point and goes on. Throws where anything is lost, wrong or left. */
  async kill(subject: Subject, point: Point): Promise<Outcome> {
    this.#count += 1;
    const folder = join(this.#root, String(this.#count));
    await mkdir(folder);
    try {
      if (subject === 'file') return await this.#killFetch(folder, point, FILE, [FILE], { 'file.bin': FILE.bytes });
      if (subject === 'folder') return await this.#killFetch(folder, point, FOLDER.index, FOLDER.all, filesOf('docs'));
      return subject === 'share' ? await this.#killShare(folder, point) : await this.#killState(folder, point);
    } catch (error) {
      throw new Error(
        `${subject}, killed at ${JSON.stringify(point)}: ${error instanceof Error ? error.message : String(error)}`,
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Fetches a file whose process is killed after every `chunksEach` chunks, until it is there; returns the times and the chunks that went out. */
  async killAgainAndAgain(chunkCount: number, chunksEach: number): Promise<{ killCount: number; chunkCount: number }> {
    const content = testContent(seededBytes(chunkCount * CHUNK_BYTES));
    const folder = await mkdtemp(join(this.#root, 'again-'));
    let [killCount, sentCount, leftCount] = [0, 0, chunksEach];
    const gate = async ({ verb }: { verb: string }) => {
      if (verb !== 'GET_CHUNK') return;
      leftCount -= 1;
      // Whoever asks for more is dead before it is answered.
      if (leftCount < 0) return new Promise<void>(() => {});
      sentCount += 1;
    };
    const peer = await ScriptedPeer.start([content], { gate });
    try {
      const link = linkOf(content, [peer]);
      for (;;) {
        leftCount = chunksEach;
        const order = { work: 'fetch', folder, link, cacheFolder: '', at: 0, isHalf: false } as const;
        const { pointCount } = await runVictim(order, { afterLandedCount: chunksEach });
        if (pointCount !== undefined) break;
        killCount += 1;
        const names = await readdir(folder);
        invariant(names.length <= 3, `nothing piles up beside what is fetched: ${names.join(' ')}`);
        if (killCount > 2 * chunkCount) throw new Error('It never ends.');
      }
      await checkFiles(folder, { 'file.bin': content.bytes }, true);
      return { killCount, chunkCount: sentCount };
    } finally {
      await peer.close();
    }
  }

  async #killFetch(
    folder: string,
    point: Point,
    wanted: TestContent,
    contents: readonly TestContent[],
    files: Readonly<Record<string, Buffer>>,
  ): Promise<Outcome> {
    const peer = await ScriptedPeer.start(contents);
    try {
      const link = linkOf(wanted, [peer]);
      const { at, isHalf, ...killing } = point;
      const fate = await runVictim({ work: 'fetch', folder, link, cacheFolder: '', at, isHalf }, killing);
      await checkFiles(folder, files, false);
      const left = await readdir(folder);
      const leftCount = left.length;
      const askedBefore = askedOf(peer, contents);
      await this.#fetch(folder, link);
      await checkFiles(folder, files, true);
      const again = askedOf(peer, contents) - askedBefore;
      const chunkCount = contents.reduce((sum, content) => sum + content.chunkCount, 0);
      // A folder that is there already is known by its index, which may be gone by then.
      const indexCount = left.includes('docs') ? wanted.chunkCount : 0;
      const mayCount = chunkCount - fate.landedCount + indexCount;
      invariant(again <= mayCount, `${again} chunks were fetched again, where ${fate.landedCount} of ${chunkCount} were there`);
      return { fate, againBytes: (askedBefore + again - chunkCount) * CHUNK_BYTES, leftCount };
    } finally {
      await peer.close();
    }
  }

  async #fetch(directory: string, link: string): Promise<void> {
    const ports = { ...realStorage, dialer: tcpDialer, clock: realClock, random: realRandom, pool: this.#pool };
    await fetchContent(ports, {
      source: parseFetchSource(link),
      shown: 'it',
      trackers: [],
      out: undefined,
      directory,
      isOverwrite: false,
      isFresh: false,
      patienceMs: 30_000,
      onEvent: () => undefined,
      signal: new AbortController().signal,
    });
  }

  async #killShare(folder: string, { at, isHalf, ...killing }: Point): Promise<Outcome> {
    const shared = join(folder, 'shared');
    const cacheFolder = join(folder, 'cache');
    await mkdir(shared);
    await writeFile(join(shared, 'file.bin'), FILE.bytes);
    const order = { work: 'share', folder: shared, link: '', cacheFolder, at, isHalf } as const;
    const fate = await runVictim(order, killing);
    const leftCount = (await readdir(cacheFolder).catch(() => [])).length;
    // Whatever was left is used, or made anew; a third one finds a cache that is whole.
    for (let run = 0; run < 2; run += 1) {
      const { pointCount } = await runVictim({ ...order, at: 0 });
      invariant(pointCount !== undefined, 'it shares again');
    }
    const names = await readdir(cacheFolder);
    invariant(names.length <= 2, `nothing piles up beside the cache: ${names.join(' ')}`);
    await checkFiles(shared, { 'file.bin': FILE.bytes }, true);
    return { fate, againBytes: 0, leftCount };
  }

  async #killState(folder: string, { at, isHalf, ...killing }: Point): Promise<Outcome> {
    const order = { work: 'state', folder, link: '', cacheFolder: '', isHalf, at: 0 } as const;
    await runVictim(order);
    const before = await StateFile.read(realStorage.disk, folder);
    const fate = await runVictim({ ...order, at }, killing);
    const leftCount = (await readdir(folder)).length - 1;
    const told: string[] = [];
    const options = { nowMs: epochNowMs(), note: (text: string) => told.push(text) };
    const { state } = await StateFile.open(realStorage, folder, options);
    const stepCount = state.totals.uploadedBytes - (before?.totals.uploadedBytes ?? 0);
    invariant(told.length === 0 && (stepCount === 0 || stepCount === 1), `the state is the old one or the new: ${told.join()}`);
    const names = await readdir(folder);
    invariant(names.join() === 'state.json', `nothing lies beside the state: ${names.join(' ')}`);
    return { fate, againBytes: 0, leftCount };
  }
}

function filesOf(name: string): Record<string, Buffer> {
  return Object.fromEntries(Object.entries(FILES).map(([path, bytes]) => [join(name, path), bytes]));
}

function askedOf(peer: ScriptedPeer, contents: readonly TestContent[]): number {
  return contents.reduce((sum, content) => sum + peer.askedChunks(content).length, 0);
}

/** Each file is exact, or its first folder is not there; `isFinal`: all are, and nothing else. */
async function checkFiles(folder: string, files: Readonly<Record<string, Buffer>>, isFinal: boolean): Promise<void> {
  const tops = new Set(Object.keys(files).map((path) => path.split('/')[0] ?? ''));
  const names = await readdir(folder);
  if (isFinal) invariant(names.join() === [...tops].join(), `nothing lies beside the content: ${names.join(' ')}`);
  for (const [path, bytes] of Object.entries(files)) {
    if (!names.includes(path.split('/')[0] ?? '')) continue;
    invariant(bytes.equals(await readFile(join(folder, path))), `${path} is exact`);
  }
}
