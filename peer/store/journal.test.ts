import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodeFrame, encodeLogHead } from '../../common/core/record-log.js';
import { realDisk } from '../../common/node/disk.js';
import { hashFunction } from '../../common/node/hash.js';
import { packMsgpack } from '../../common/wire/msgpack.js';
import { decodeJournal, Journal, readJournal } from './journal.js';

let folder: string;
const path = () => join(folder, 'journal');
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-journal-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const HEAD = { root: 'ab'.repeat(32), sizeBytes: 2 ** 40 + 1, name: 'ä name' };
const blake3 = hashFunction('blake3');
const HASHES = { hashName: 'sha256', hashes: Uint8Array.from({ length: 96 }, (_, at) => at) } as const;
const CLAIMS: readonly (readonly [number, number])[][] = [
  [[0, 3]],
  [
    [7, 1],
    [9, 200],
  ],
  [[2 ** 33, 1]],
];

async function written(claims = CLAIMS): Promise<Buffer> {
  const journal = await Journal.create(realDisk, path(), HEAD);
  await journal.keepHashes(4, HASHES);
  for (const runs of claims) await journal.have(runs);
  await journal.close();
  return readFile(path());
}

describe('journal', () => {
  test('gives back what was written, whatever was under its name before', async () => {
    await writeFile(path(), 'something else');
    await written();
    const state = await readJournal(realDisk, path());
    expect(state?.head).toEqual(HEAD);
    expect(state?.runs).toEqual(CLAIMS.flat());
    expect(state?.hashes.get(4)).toEqual(HASHES);
    expect(state?.goodBytes).toBe((await stat(path())).size);
  });

  test('RS2: cut anywhere it claims a prefix of what it claimed, never more', async () => {
    const bytes = await written();
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const state = decodeJournal(bytes.subarray(0, cut));
      const runs = state?.runs ?? [];
      expect(runs).toEqual(CLAIMS.flat().slice(0, runs.length));
      expect(state?.goodBytes ?? 0).toBeLessThanOrEqual(cut);
    }
  });

  test('RS2: with any one byte changed it claims a prefix of what it claimed, and never throws', async () => {
    const bytes = await written();
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const spoiled = Buffer.from(bytes);
        spoiled[at] = (spoiled[at] ?? 0) ^ flip;
        const state = decodeJournal(spoiled);
        const runs = state?.runs ?? [];
        expect(runs).toEqual(CLAIMS.flat().slice(0, runs.length));
        expect(runs.length).toBeLessThan(CLAIMS.flat().length);
      }),
      { numRuns: 500 },
    );
  });

  test('RS2: garbage is no journal, and does not throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
        expect(decodeJournal(bytes)).toBeUndefined();
      }),
    );
  });

  test('RS2: records whose numbers are none are left out, also where their checksums are right', () => {
    const frames = (...records: Record<string, unknown>[]) =>
      decodeJournal(Buffer.concat([encodeLogHead('SHOALJN', 1), ...records.map((one) => encodeFrame(packMsgpack(one), blake3))]));
    const head = (size: number) => ({ k: 'fetch', root: HEAD.root, size, name: 'a' });
    const hashes = (file: number) => ({ k: 'hashes', file, hash: 'blake3', hashes: HASHES.hashes });
    for (const size of [0.5, -1, Number.NaN, 2 ** 60]) expect(frames(head(size))).toBeUndefined();
    const state = frames(head(5), hashes(-1), hashes(0.5), hashes(Number.NaN), hashes(3));
    expect([...(state?.hashes.keys() ?? [])]).toEqual([3]);
  });

  test('RS2: reopened, a torn tail is cut off, and what is claimed then is read again', async () => {
    const bytes = await written();
    await appendFile(path(), bytes.subarray(bytes.length - 9, bytes.length - 2));
    const state = await readJournal(realDisk, path());
    if (state === undefined) throw new Error('the journal is gone');
    const journal = await Journal.reopen(realDisk, path(), state);
    await journal.have([[500, 2]]);
    await journal.close();
    expect((await readJournal(realDisk, path()))?.runs).toEqual([...CLAIMS.flat(), [500, 2]]);
  });

  test('none is there, or a folder is: there is no journal', async () => {
    expect(await readJournal(realDisk, path())).toBeUndefined();
    expect(await readJournal(realDisk, folder)).toBeUndefined();
  });
});
