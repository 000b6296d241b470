/** Append-only logs as a crash, a bad disk or a stranger leaves them: frames, resume journals, records of the hash cache. */
import { decodeFrames, encodeFrame, encodeLogHead, frameLength, LOG_HEAD_BYTES } from '../../../common/core/record-log.js';
import { hashFunction } from '../../../common/node/hash.js';
import type { SimRandom } from '../../../common/sim/sim-random.js';
import { packMsgpack } from '../../../common/wire/msgpack.js';
import { decodeRecord, encodeRecord } from '../../../peer/hash/hash-record.js';
import { decodeJournal } from '../../../peer/store/journal.js';
import { lawfulSize } from '../laws.js';
import { type Loose, writeLoosely, wrongValue } from '../plain-msgpack.js';
import { law, same, type Target } from '../target.js';
import { hexDigits, oneIn, pick } from '../text-grammar.js';

const blake3 = hashFunction('blake3');

/** Whole frames of these payloads; one in twelve is cut, has a wrong checksum, or a length that is a lie. */
export function framesOf(payloads: readonly Uint8Array[], random: SimRandom): Uint8Array {
  return Buffer.concat(
    payloads.map((payload) => {
      const frame = encodeFrame(payload, blake3);
      if (!oneIn(random, 12)) return frame;
      if (oneIn(random, 3)) return frame.subarray(0, random.below(frame.length));
      const at = random.below(oneIn(random, 2) ? 4 : frame.length);
      frame[at] = pick(random, [0xff, 0x00, (frame[at] ?? 0) ^ 1]);
      return frame;
    }),
  );
}

function record(random: SimRandom): Loose {
  const pairs: readonly (readonly [string, Loose])[] = pick(random, [
    [
      ['k', 'fetch'],
      ['root', pick(random, [hexDigits(random, 64), '-', ''])],
      ['size', pick(random, [0, 524_289, 2 ** 53, -1, 0.5])],
      ['name', pick(random, ['a', 'dir/b', '../x', ''])],
    ],
    [
      ['k', 'hashes'],
      ['file', pick(random, [0, 1, -1, 2 ** 40])],
      ['hash', pick(random, ['blake3', 'sha256', 'md5'])],
      ['hashes', Buffer.from(hexDigits(random, pick(random, [0, 64, 128, 66])), 'hex')],
    ],
    [
      ['k', 'have'],
      ['runs', Array.from({ length: random.below(5) }, () => [random.below(9), pick(random, [1, 2, 2 ** 31, 0, -1, 2 ** 53])])],
    ],
  ]);
  const map = new Map<Loose, Loose>();
  for (const [key, value] of pairs) if (!oneIn(random, 24)) map.set(key, oneIn(random, 16) ? wrongValue(random) : value);
  return oneIn(random, 24) ? wrongValue(random) : map;
}

function journal(random: SimRandom): Uint8Array {
  const head = oneIn(random, 20)
    ? Buffer.from(pick(random, ['SHOALJN', 'SHOALJN\u0002', 'shoalHC\u0001']))
    : encodeLogHead('SHOALJN', 1);
  const first = packMsgpack({ k: 'fetch', root: hexDigits(random, 64), size: random.below(2 ** 30), name: 'a' });
  const rest = Array.from({ length: random.below(6) }, () => writeLoosely(record(random), random));
  return Buffer.concat([head, framesOf(oneIn(random, 10) ? rest : [first, ...rest], random)]);
}

function judgeJournal(input: Uint8Array): string {
  const state = decodeJournal(input);
  if (state === undefined) return 'none';
  const { head, hashes, runs, goodBytes } = state;
  law(goodBytes >= LOG_HEAD_BYTES && goodBytes <= input.length, 'the good part is a part');
  lawfulSize(head.sizeBytes);
  for (const [first, count] of runs)
    law(Number.isSafeInteger(first) && first >= 0 && Number.isSafeInteger(count) && count > 0, 'a run is one');
  for (const [file, known] of hashes) {
    law(Number.isSafeInteger(file) && file >= 0, 'a file has a number');
    law(known.hashes.buffer !== input.buffer, 'the hashes are the own memory of the journal');
  }
  same(decodeJournal(input.subarray(0, goodBytes)), state, 'a journal that is cut where its good part ends says the same');
  return goodBytes === input.length ? 'ok' : 'ok:torn';
}

function judgeFrames(input: Uint8Array): string {
  const payloads: Uint8Array[] = [];
  const goodBytes = decodeFrames(input, blake3, (payload) => payloads.push(payload));
  law(goodBytes <= input.length, 'the good part is a part');
  same(
    Buffer.concat(payloads.map((payload) => encodeFrame(payload, blake3))),
    Buffer.from(input.subarray(0, goodBytes)),
    'frames are written in one way',
  );
  let at = 0;
  for (const payload of payloads) {
    same(frameLength(input.subarray(at)), payload.length + 12, 'a frame says its length');
    at += payload.length + 12;
  }
  if (goodBytes > 0)
    same(decodeFrames(input.subarray(0, goodBytes - 1), blake3, () => undefined) < goodBytes, true, 'a cut frame is none');
  return `${payloads.length > 8 ? 'many' : payloads.length}${goodBytes === input.length ? '' : ':torn'}`;
}

function judgeRecord(input: Uint8Array): string {
  const read = decodeRecord(input);
  if (read === undefined) return 'none';
  same(decodeRecord(encodeRecord(read)), read, 'a record that was written is read as it was');
  return 'ok';
}

export const journals: Target = {
  name: 'journals',
  inputMaxBytes: 8192,
  tokens: ['SHOALJN', 'fetch', 'hashes', 'have', 'runs', 'blake3', 'sha256', 'size', 'root', 'name', 'file'],
  testCount: 5000,
  heldToCount: 200_000,
  generate: journal,
  open: () => ({ judge: judgeJournal }),
};

export const recordLogs: Target = {
  name: 'record-logs',
  inputMaxBytes: 8192,
  tokens: ['SHOALJN', 'shoalHC'],
  testCount: 5000,
  heldToCount: 200_000,
  generate: (random) =>
    framesOf(
      Array.from({ length: random.below(6) }, () => Buffer.from(hexDigits(random, 2 * random.below(40)), 'hex')),
      random,
    ),
  open: () => ({ judge: judgeFrames }),
};

export const hashRecords: Target = {
  name: 'hash-records',
  inputMaxBytes: 4096,
  tokens: [' blake3 ', ' sha256 ', '1 2 blake3 524288 1700000000000000000'],
  testCount: 4000,
  heldToCount: 200_000,
  generate: (random) => {
    const key = `${random.below(100)} ${random.below(1000)} blake3 ${random.below(2 ** 30)} ${random.below(2 ** 50)}`;
    const parts: Loose[] = [key, Buffer.from(hexDigits(random, 64 * random.below(4)), 'hex')];
    return writeLoosely(
      oneIn(random, 6) ? [...parts, wrongValue(random)] : oneIn(random, 6) ? wrongValue(random) : parts,
      random,
    );
  },
  open: () => ({ judge: judgeRecord }),
};
