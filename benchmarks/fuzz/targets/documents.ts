/** msgpack from elsewhere: the door, manifests, and indexes of folders. */

import { type FolderFile, folderFromRaw, folderToRaw } from '../../../common/core/folder-index.js';
import { CHUNK_BYTES } from '../../../common/core/limits.js';
import { manifestFromRaw, manifestToRaw } from '../../../common/core/manifest.js';
import { contentRoot } from '../../../common/core/root.js';
import { hashFunction } from '../../../common/node/hash.js';
import type { SimRandom } from '../../../common/sim/sim-random.js';
import { packMsgpack, unpackMsgpack } from '../../../common/wire/msgpack.js';
import { lawfulName, lawfulRoot, lawfulSize } from '../laws.js';
import { type Loose, readPlain, writeLoosely, wrongValue } from '../plain-msgpack.js';
import { law, same, type Target, verdictOf } from '../target.js';
import { hexDigits, lineOf, oneIn, pick } from '../text-grammar.js';

/** Names of the keys, with the byte of length before them. */
const WORDS = [
  'v',
  'name',
  'size',
  'chunk',
  'hash',
  'hashes',
  'type',
  'mtime',
  'checksum',
  'files',
  'path',
  'root',
  'mode',
  'blake3',
  'sha256',
];
const KEY_TOKENS = [...WORDS, '__proto__', 'constructor'].map((word) => String.fromCharCode(0xa0 | word.length) + word);
/** As latin1 they would become UTF-8: the mutator takes text. Heads that are ASCII do no harm, and the grammar makes the others. */
const TOKENS = [...KEY_TOKENS.map((token) => token.slice(1)), 'a/b', '../x', '\u0000', 'é', 'e\u0301'];

function name(random: SimRandom): string {
  return oneIn(random, 8)
    ? pick(random, ['', '..', 'a/../b', '/abs', 'a\u0000', 'a\nb', 'e\u0301', '\u202e', 'x'.repeat(256)])
    : pick(random, ['a', 'film.mkv', 'dir/été', '__proto__', '🐟']);
}

/** Now and then something else in the place of a value. */
function orWrong(value: Loose, random: SimRandom): Loose {
  return oneIn(random, 16) ? wrongValue(random) : value;
}

function bytesBy(random: SimRandom, count: number): Uint8Array {
  return Buffer.from(hexDigits(random, 2 * count), 'hex');
}

function document(pairs: readonly (readonly [string, Loose])[], random: SimRandom): Loose {
  const map = new Map<Loose, Loose>();
  for (const [key, value] of pairs) if (!oneIn(random, 20)) map.set(key, orWrong(value, random));
  if (oneIn(random, 6)) map.set(pick(random, ['__proto__', 'constructor', 'later', 'v ']), wrongValue(random));
  return map;
}

function written(value: Loose, random: SimRandom): Uint8Array {
  const bytes = writeLoosely(value, random);
  return oneIn(random, 12) ? Buffer.concat([bytes, Buffer.from([0xc0])]) : bytes;
}

function manifest(random: SimRandom): Uint8Array {
  const chunkCount = random.below(4);
  const sizeBytes = Math.max(0, chunkCount * CHUNK_BYTES - random.below(CHUNK_BYTES));
  const pairs: (readonly [string, Loose])[] = [
    ['v', 1],
    ['name', name(random)],
    ['size', sizeBytes],
    ['chunk', CHUNK_BYTES],
    ['hash', pick(random, ['blake3', 'sha256'])],
    ['hashes', bytesBy(random, 32 * Math.max(0, chunkCount + (oneIn(random, 10) ? pick(random, [-1, 1]) : 0)))],
    ['type', pick(random, ['text/plain', 'a b', ''])],
    ['mtime', pick(random, [1_700_000_000_000, -1, 0.5, 1e300])],
    ['checksum', 'md5:00'],
  ];
  return written(document(pairs, random), random);
}

function folder(random: SimRandom): Uint8Array {
  const paths = Array.from(
    { length: random.below(6) },
    (_, at) => `${pick(random, ['', 'd/', 'd/e/'])}${name(random)}${oneIn(random, 3) ? '' : at}`,
  );
  if (!oneIn(random, 8)) paths.sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
  const files = paths.map((path) => {
    const root = lineOf('{root}', random);
    return document(
      [
        ['path', path],
        ['size', random.below(2 ** 20)],
        ['root', root],
        ['mtime', 1],
        ['mode', pick(random, [0o644, 0o7777, -1])],
      ],
      random,
    );
  });
  return written(
    document(
      [
        ['v', 1],
        ['files', files],
      ],
      random,
    ),
    random,
  );
}

function anything(random: SimRandom, depth = 0): Loose {
  if (depth > 4 || !oneIn(random, 3))
    return oneIn(random, 4)
      ? wrongValue(random)
      : pick<Loose>(random, [
          0,
          1,
          -33,
          65_536,
          2 ** 40,
          -(2 ** 40),
          1.25,
          true,
          false,
          null,
          'text',
          'é'.repeat(40),
          bytesBy(random, 5),
        ]);
  const parts = Array.from({ length: random.below(oneIn(random, 10) ? 70 : 4) }, () => anything(random, depth + 1));
  return oneIn(random, 2) ? parts : new Map(parts.map((part, at) => [oneIn(random, 4) ? part : `k${at % 3}`, part]));
}

function judgeAny(input: Uint8Array): string {
  return verdictOf(['PROTOCOL'], () => {
    const value = unpackMsgpack(input);
    same(value, readPlain(input), 'a document means what the specification says');
    law(
      Object.getPrototypeOf({}) === Object.prototype && !('v' in Object.prototype),
      'nothing is added to what all objects have',
    );
  });
}

const hashes = { blake3: hashFunction('blake3'), sha256: hashFunction('sha256') };

function judgeManifest(input: Uint8Array): string {
  return verdictOf(['PROTOCOL', 'BAD_REQUEST'], () => {
    const read = manifestFromRaw(unpackMsgpack(input));
    lawfulName(read.name);
    lawfulSize(read.sizeBytes);
    same(read.hashes.length, 32 * Math.ceil(read.sizeBytes / CHUNK_BYTES), 'a manifest has a hash a chunk');
    law(read.hashes.buffer !== input.buffer, 'the hashes are the own memory of the manifest');
    law(read.mtimeMs === undefined || !Number.isNaN(new Date(read.mtimeMs).getTime()), 'a time is one');
    law(
      /^[\x21-\x7e]{0,255}$/.test(`${read.type ?? ''}`) && /^[\x21-\x7e]{0,255}$/.test(read.checksum ?? ''),
      'a hint is short and printable',
    );
    lawfulRoot(contentRoot(read, hashes[read.hashName]));
    const bytes = packMsgpack(manifestToRaw(read));
    same(manifestFromRaw(unpackMsgpack(bytes)), read, 'a manifest that was written is read as it was');
  });
}

function judgeFolder(input: Uint8Array): string {
  return verdictOf(['PROTOCOL', 'BAD_REQUEST'], () => {
    const files = folderFromRaw(unpackMsgpack(input));
    checkPaths(files);
    same(folderFromRaw(unpackMsgpack(packMsgpack(folderToRaw(files)))), files, 'an index that was written is read as it was');
  });
}

/** That a folder can be written to any file system: by a set, where the program goes by order. */
function checkPaths(files: readonly FolderFile[]): void {
  const paths = new Set(files.map((file) => file.path as string));
  same(paths.size, files.length, 'no path is there twice');
  for (const { path, sizeBytes, root, mode } of files) {
    lawfulName(path);
    lawfulSize(sizeBytes);
    lawfulRoot(root);
    law(mode === undefined || (Number.isInteger(mode) && mode >= 0 && mode <= 0o777), 'a mode is permission bits');
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1))
      law(!paths.has(path.slice(0, at)), 'no file is a folder');
  }
}

export const msgpackDoor: Target = {
  name: 'msgpack',
  inputMaxBytes: 8192,
  tokens: TOKENS,
  testCount: 8000,
  heldToCount: 200_000,
  generate: (random) => written(anything(random), random),
  open: () => ({ judge: judgeAny }),
};

export const manifests: Target = {
  name: 'manifests',
  inputMaxBytes: 8192,
  tokens: TOKENS,
  testCount: 6000,
  heldToCount: 200_000,
  generate: manifest,
  open: () => ({ judge: judgeManifest }),
};

export const folderIndexes: Target = {
  name: 'folder-indexes',
  inputMaxBytes: 8192,
  tokens: TOKENS,
  testCount: 4000,
  heldToCount: 200_000,
  generate: folder,
  open: () => ({ judge: judgeFolder }),
};
