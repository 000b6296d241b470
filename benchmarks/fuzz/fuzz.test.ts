/** Every target: what is kept comes to what it came to, and a fixed number of inputs breaks no law. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { manifestFromRaw, manifestToRaw } from '../../common/core/manifest.js';
import { contentRoot } from '../../common/core/root.js';
import { hashFunction } from '../../common/node/hash.js';
import { SimRandom } from '../../common/sim/sim-random.js';
import { packMsgpack, unpackMsgpack } from '../../common/wire/msgpack.js';
import { DECODERS, SERVERS } from './all-targets.js';
import { CORPUS_FOLDER, entriesOf, readVerdicts, verdictOfEntry } from './corpus.js';
import { fuzz } from './loop.js';
import type { Target } from './target.js';

const frozen = readVerdicts();
const held = new Set<string>();

function targetOf(name: string): Target {
  const target = [...DECODERS, ...SERVERS].find((one) => one.name === name);
  if (target === undefined) throw new Error(`There is no target "${name}".`);
  return target;
}

/** Replays the corpus of a target, then fuzzes it. */
async function expectToHold(name: string): Promise<void> {
  const target = targetOf(name);
  const entries = entriesOf(name);
  const verdicts: Record<string, string> = {};
  for (const entry of entries) verdicts[entry.name] = await verdictOfEntry(target, entry.bytes);
  // What changed on purpose is written anew by `npm run fuzz -- --freeze`.
  expect(verdicts).toEqual(frozen[name]);
  const result = await fuzz(target, { seed: 1, inputCount: target.testCount, corpus: entries.map(({ bytes }) => bytes) });
  expect(result.finds.map(({ why, input }) => `${why} ${Buffer.from(input).toString('hex')}`)).toEqual([]);
  expect(result.inputCount).toBeGreaterThanOrEqual(entries.length + target.testCount);
  // Inputs that all come to the same would test nothing.
  expect(result.verdicts.size).toBeGreaterThan(1);
  held.add(name);
}

describe('decoders', () => {
  test('TW1, TW3, TW4, TW5, TW6, TW7, TW13, TW14, TW19: requests to a tracker', () => expectToHold('tracker-lines'));
  test('MT2, MT4, MT6, TW6: replies of a tracker', () => expectToHold('tracker-replies'));
  test('UD1, UD6, TW6: datagrams that a tracker gets', () => expectToHold('datagram-requests'));
  test('UD1, UD6: datagrams that a client of a tracker gets', () => expectToHold('datagram-replies'));
  test('PW1, PW2, MX4: requests to a peer', () => expectToHold('peer-requests'));
  test('PW3, PW4, PW11: headers and news of a peer', () => expectToHold('peer-headers'));
  test('PW3, PW4, PW5, PW6, PW7, PW8, PW11, PW13: replies of a peer, whole, in pieces and in place', () =>
    expectToHold('peer-replies'));
  test('PW13, MP7, TW6: what a peer says of itself, and which chunks it has', () => expectToHold('peer-documents'));
  test('MF1, MF2, MF3, MF4, MF5, MF10: msgpack means what its specification says', () => expectToHold('msgpack'));
  test('MF1, MF3, MF5, MF6, MF10, TW6: manifests', () => expectToHold('manifests'));
  test('MF3, MF5, MF6, MF7, MF10, FS1: indexes of folders', () => expectToHold('folder-indexes'));
  test('RS2, CR5: resume journals', () => expectToHold('journals'));
  test('RS2, CR5: logs of records', () => expectToHold('record-logs'));
  test('CR5: records of the hash cache', () => expectToHold('hash-records'));
  test('TW6, TW13, TW14, PW1, PW13, FS1, FS3, MT6: names, tokens and roots', () => expectToHold('names'));
  test('TW8, NW10, PW13: addresses', () => expectToHold('addresses'));
  test('TW14, NW10, PW13: links', () => expectToHold('links'));
  test('TW7: sizes, durations, ranges and allow lists', () => expectToHold('amounts'));
  test('CR5, FS1: the state of a peer that stays', () => expectToHold('state-files'));
  test('CR7: lines of the control socket', () => expectToHold('control-lines'));
  test('CR5: configuration files', () => expectToHold('config-files'));

  test('MF9: of 1,000 flipped bits none changes what a root stands for', () => {
    const hash = hashFunction('blake3');
    const manifest = {
      name: 'film.mkv' as never,
      sizeBytes: CHUNK_BYTES + 1,
      chunkBytes: CHUNK_BYTES,
      hashName: 'blake3' as const,
      hashes: new Uint8Array(64).fill(7),
    };
    const root = contentRoot(manifest, hash);
    const bytes = packMsgpack(manifestToRaw(manifest));
    const random = new SimRandom(9);
    for (let left = 1000; left > 0; left -= 1) {
      const flipped = bytes.slice();
      const at = random.below(bytes.length);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << random.below(8));
      const read = readOrNothing(flipped);
      if (read === undefined || contentRoot(read, hash) !== root) continue;
      // Only a hint changed, which no root pins.
      expect([read.sizeBytes, read.chunkBytes, read.hashes]).toEqual([manifest.sizeBytes, manifest.chunkBytes, manifest.hashes]);
    }
  });
});

function readOrNothing(bytes: Uint8Array): ReturnType<typeof manifestFromRaw> | undefined {
  try {
    return manifestFromRaw(unpackMsgpack(bytes));
  } catch {
    return undefined;
  }
}

describe('servers and clients', () => {
  test('TW1, TW3, TW4, TW6, TW8, TW9, TW10, TW13, TW16, TW18, TW19, CR7: a tracker over TCP serves the honest whatever others say', () =>
    expectToHold('tracker-tcp'));
  test('UD1, UD2, UD6, TW6, CR7: a tracker over UDP answers nobody at length who is not proven', () =>
    expectToHold('tracker-udp'));
  test('PW1, PW2, PW12, MX4, CR7: a sharing peer serves every byte whatever others say', () => expectToHold('chunk-server'));
  test('CR7: the control socket answers its user whatever was said to it before', () => expectToHold('control-server'));
  test('PW3, PW4, PW5, PW6, PW7, PW8, PW11, MP4: a fetching client ends every question and loses no slot', () =>
    expectToHold('fetching-client'));
  test('MT1, MT2, MT4, MT5, MT6: a client of a hostile tracker ends every question, over TCP', () =>
    expectToHold('tracker-client-tcp'));
  test('UD1, UD4, MT2, MT6: a client of a hostile tracker ends every question, over UDP', () =>
    expectToHold('tracker-client-udp'));
  test('CR5, RS2: the cache of hashes works on after whatever its file held', () => expectToHold('hash-caches'));
  test('FS13, CR5: a lock that names nobody who lives is taken over, whatever is in it', () => expectToHold('locks'));
});

describe('the corpus', () => {
  test('is that of the targets, all of them are tested, and no find is left in it', () => {
    const names = [...DECODERS, ...SERVERS].map(({ name }) => name).sort();
    expect([...held].sort()).toEqual(names);
    expect(Object.keys(frozen).sort()).toEqual(names);
    expect(existsSync(join(CORPUS_FOLDER, 'failures'))).toBe(false);
  });
});
