/** Files that a start finds and a bad disk, a crash or a stranger has written: the hash cache and locks, in a folder of their own. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ShoalError } from '../../../common/core/errors.js';
import { encodeLogHead } from '../../../common/core/record-log.js';
import { realDisk } from '../../../common/node/disk.js';
import type { SimRandom } from '../../../common/sim/sim-random.js';
import { HashCache } from '../../../peer/hash/hash-cache.js';
import { encodeRecord, recordKey } from '../../../peer/hash/hash-record.js';
import { TargetLock } from '../../../peer/store/target-lock.js';
import { type Judge, law, same, type Target } from '../target.js';
import { oneIn, pick } from '../text-grammar.js';
import { framesOf } from './logs.js';

const OWN_TOKEN = '4711 1';
const processes = { token: OWN_TOKEN, isAlive: (token: string) => token === '1 1' };

/** Long ago, so that the cache takes what is stored. */
const EPOCH_NOW_MS = 1_700_000_000_000;

function identity(number: number) {
  return { dev: 5n, ino: BigInt(number), sizeBytes: 524_289, mtimeNs: 1_000_000_000_000_000_000n };
}

const HASHES = new Uint8Array(64).fill(3);

class CacheJudge implements Judge {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async judge(input: Uint8Array): Promise<string> {
    await writeFile(join(this.#folder, 'hashes.log'), input);
    const notes: string[] = [];
    const open = () =>
      HashCache.open(
        { disk: realDisk, processes, epochNowMs: () => EPOCH_NOW_MS },
        { folder: this.#folder, note: (text) => notes.push(text), maxBytes: 4096 },
      );
    const cache = await open();
    let foundCount = 0;
    for (let number = 0; number < 4; number += 1) {
      const found = await cache.lookup(identity(number), 'blake3');
      law(found === undefined || found.length === HASHES.length, 'hashes that are found are those of the whole file');
      if (found !== undefined) foundCount += 1;
    }
    await cache.store(identity(99), 'blake3', HASHES);
    await cache.close();
    const again = await open();
    same(await again.lookup(identity(99), 'blake3'), HASHES, 'what is stored is found after a start, whatever was there before');
    await again.close();
    same(notes, [], 'a log with anything in it is no reason to do without');
    return `found:${foundCount}`;
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

class LockJudge implements Judge {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async judge(input: Uint8Array): Promise<string> {
    const path = join(this.#folder, 'lock');
    await writeFile(path, input);
    try {
      const lock = await TargetLock.take({ disk: realDisk, processes }, path);
      same(await readFile(path, 'utf8'), OWN_TOKEN, 'a lock that is taken names who has it');
      await lock.release();
      same(await readFile(path, 'utf8').catch(() => 'gone'), 'gone', 'a lock that is given back is gone');
      return 'taken';
    } catch (error) {
      if (!(error instanceof ShoalError) || error.code !== 'TARGET_EXISTS') throw error;
      const isForeign = input.length > 4096;
      law(isForeign || processes.isAlive(Buffer.from(input).toString('utf8')), 'only who lives keeps others out');
      same(Buffer.compare(await readFile(path), input), 0, 'the lock of somebody else stays as it was');
      return isForeign ? 'foreign' : 'held';
    }
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function scratchFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'shoal-fuzz-'));
}

function cacheFile(random: SimRandom): Uint8Array {
  const head = oneIn(random, 12)
    ? Buffer.from(pick(random, ['', 'shoalHC', 'shoalHC\u0002', 'SHOALJN\u0001']))
    : encodeLogHead('shoalHC', 1);
  const records = Array.from({ length: random.below(8) }, () => {
    const hashes = new Uint8Array(32 * pick(random, [2, 2, 2, 1, 0])).fill(random.below(256));
    return encodeRecord({ key: recordKey(identity(random.below(5)), 'blake3'), hashes });
  });
  return Buffer.concat([head, framesOf(records, random)]);
}

const LOCKS = ['1 1', '1 2', '4711 1', '99999999 5', '-1 1', '0 0', '1e0 1', '', ' ', 'x', '1 ?'] as const;

export const hashCaches: Target = {
  name: 'hash-caches',
  inputMaxBytes: 16_384,
  tokens: ['shoalHC', ' blake3 524289 1000000000000000000', '5 1 blake3'],
  testCount: 200,
  heldToCount: 5000,
  generate: cacheFile,
  open: async () => new CacheJudge(await scratchFolder()),
};

export const locks: Target = {
  name: 'locks',
  inputMaxBytes: 5000,
  tokens: LOCKS,
  testCount: 200,
  heldToCount: 5000,
  generate: (random) => Buffer.from(oneIn(random, 20) ? 'x'.repeat(4090 + random.below(10)) : pick(random, LOCKS)),
  open: async () => new LockJudge(await scratchFolder()),
};
