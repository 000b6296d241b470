/** The worked examples of PROTOCOL.md, computed. `protocol.test.ts` compares them with the document, letter by letter. */
import { parseFileName } from '../core/file-name.js';
import { comparePaths, folderToRaw } from '../core/folder-index.js';
import type { HashFunction, HashName } from '../core/hash.js';
import { CHUNK_BYTES } from '../core/limits.js';
import { formatLink } from '../core/link.js';
import { type Manifest, manifestToRaw } from '../core/manifest.js';
import { type ContentRoot, contentRoot, merkleTreeHash } from '../core/root.js';
import { hashFunction } from '../node/hash.js';
import { encodeChallenge, encodeReply, encodeRequest, NO_COOKIE } from '../wire/index-datagrams.js';
import { packMsgpack } from '../wire/msgpack.js';
import { chunkHashes, sampleBytes } from './sample-content.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const EMPTY = new Uint8Array(0);
const HELLO = Buffer.from('hello\n');
const THREE_CHUNKS_BYTES = 3 * CHUNK_BYTES;

function manifestOf(name: string, content: Uint8Array, hashName: HashName): Manifest {
  const hashes = chunkHashes(content, hashFunction(hashName));
  return { name: parseFileName(name), sizeBytes: content.length, chunkBytes: CHUNK_BYTES, hashName, hashes };
}

/** The computation of a root, a step a line. The tree is drawn for 0, 1 and 3 chunks. */
function rootSteps(content: Uint8Array, hashName: HashName): string {
  const hash: HashFunction = hashFunction(hashName);
  const { hashes } = manifestOf('x', content, hashName);
  const chunks = Array.from({ length: hashes.length / 32 }, (_, index) => hashes.subarray(32 * index, 32 * index + 32));
  const lines: string[] = [`H = ${hashName}`];
  const step = (name: string, value: Uint8Array): Uint8Array => {
    lines.push(`${name.padEnd(28)} = ${hex(value)}`);
    return value;
  };
  const leaves = chunks.map((chunk, index) => {
    step(`hash${index} = H(chunk ${index})`, chunk);
    return step(`leaf${index} = H(00 | hash${index})`, hash(Buffer.concat([Uint8Array.of(0), chunk])));
  });
  const [first = EMPTY, second = EMPTY, third = EMPTY] = leaves;
  let tree: Uint8Array;
  if (leaves.length === 0) tree = step('MTH = H("")', hash(EMPTY));
  else if (leaves.length === 1) tree = step('MTH = leaf0', first);
  else {
    const node = step('node = H(01 | leaf0 | leaf1)', hash(Buffer.concat([Uint8Array.of(1), first, second])));
    tree = step('MTH = H(01 | node | leaf2)', hash(Buffer.concat([Uint8Array.of(1), node, third])));
  }
  const head = Buffer.alloc(13);
  head.writeUInt8(2, 0);
  head.writeBigUInt64BE(BigInt(content.length), 1);
  head.writeUInt32BE(CHUNK_BYTES, 9);
  lines.push(`${'head = 02 | size | chunk'.padEnd(28)} = 02 ${hex(head.subarray(1, 9))} ${hex(head.subarray(9))}`);
  const root = step('root = H(head | MTH)', hash(Buffer.concat([head, tree])));
  // The steps above are spelled out; the code that is used everywhere must come to the same.
  const isSame = hex(merkleTreeHash(hashes, hash)) === hex(tree);
  if (!isSame || contentRoot({ sizeBytes: content.length, chunkBytes: CHUNK_BYTES, hashes }, hash) !== hex(root)) {
    throw new Error('the steps and the code differ');
  }
  return lines.join('\n');
}

/** Bytes as rows of 16, in hex. */
function hexRows(bytes: Uint8Array): string {
  const rows = Array.from({ length: Math.ceil(bytes.length / 16) }, (_, row) => hex(bytes.subarray(16 * row, 16 * row + 16)));
  return rows.map((row) => (row.match(/../g) ?? []).join(' ')).join('\n');
}

/** Two exchanges of datagrams: what each is, and its bytes. */
function datagramSteps(root: ContentRoot): string {
  const [first, second, cookie] = ['8f3a61c05d9b2e74', '0b7d44e9a1c6f832', 'fedcba9876543210'];
  const name = parseFileName('hello.txt');
  const register = { verb: 'REGISTER', name, sizeBytes: HELLO.length, address: '*:40001', attributes: {} } as const;
  const lookup = { verb: 'LOOKUP', content: { by: 'name', name } } as const;
  const steps: [direction: '>' | '<', bytes: Uint8Array][] = [
    ['>', encodeRequest(first, register, NO_COOKIE, 1)],
    ['<', encodeChallenge(first, cookie)],
    ['>', encodeRequest(first, register, cookie, 1)],
    ['<', encodeReply(first, 'OK interval=30 ttl=60 address=192.0.2.7:40001\n')],
    ['>', encodeRequest(second, lookup, cookie)],
    ['<', encodeReply(second, `OK 1\n192.0.2.7:40001 6 ${root}\n`)],
  ];
  const textOf = (bytes: Uint8Array) => Buffer.from(bytes.subarray(9)).toString().replaceAll('\n', ' LF ');
  const type = (bytes: Uint8Array) => String.fromCharCode(bytes[0] ?? 0);
  return steps.map(([direction, bytes]) => `${direction} ${type(bytes)} id ${textOf(bytes)}\n${hexRows(bytes)}`).join('\n');
}

/** Every computed block of the document, by the word after `text` in its fence. */
export function exampleBlocks(): Map<string, string> {
  const manifest = manifestOf('hello.txt', HELLO, 'blake3');
  const root = contentRoot(manifest, hashFunction('blake3'));
  const files = [
    { path: parseFileName('hello.txt'), sizeBytes: HELLO.length, root, mode: 0o644 },
    {
      path: parseFileName('sub/empty'),
      sizeBytes: 0,
      root: contentRoot(manifestOf('x', EMPTY, 'blake3'), hashFunction('blake3')),
    },
  ].sort((left, right) => comparePaths(left.path, right.path));
  const link = formatLink({
    root,
    name: parseFileName('hello world.txt'),
    sizeBytes: HELLO.length,
    trackers: [{ host: '192.0.2.1', port: 4700 }],
    peers: [{ ip: '192.0.2.7', port: 40_001 }],
  });
  return new Map([
    ['root-empty', rootSteps(EMPTY, 'sha256')],
    ['root-one-chunk', rootSteps(HELLO, 'blake3')],
    ['root-three-chunks', rootSteps(sampleBytes(THREE_CHUNKS_BYTES), 'sha256')],
    ['manifest-bytes', hexRows(packMsgpack(manifestToRaw(manifest)))],
    ['folder-bytes', hexRows(packMsgpack(folderToRaw(files)))],
    ['link', link],
    ['udp-datagrams', datagramSteps(root)],
  ]);
}
