/** Every way in which a name of somebody else comes in, held to the same rule: what one door refuses, no other lets in. */
import { describe, expect, test } from '@jest/globals';
import { folderFromRaw } from '../core/folder-index.js';
import { CHUNK_BYTES } from '../core/limits.js';
import { parseLink } from '../core/link.js';
import { manifestFromRaw } from '../core/manifest.js';
import { decodeRequest } from './index-datagrams.js';
import { packMsgpack, unpackMsgpack } from './msgpack.js';
import { parseSharedPage } from './peer-documents.js';
import { parsePeerRequest } from './peer-lines.js';
import { parseContentRow } from './tracker-replies.js';
import { parseTrackerRequest } from './tracker-requests.js';

const ROOT = 'ab'.repeat(32);

function overUdp(type: string, text: string): unknown {
  const decoded = decodeRequest(Buffer.from(`${type}${'\u0001'.repeat(8)}${text}`));
  if (decoded?.kind !== 'request') throw decoded?.error ?? new Error('dropped');
  return parseTrackerRequest(decoded.line);
}

/** Each takes a name as it is, and as a token; it throws, or gives something that holds the name. */
const doors: readonly (readonly [string, (name: string, token: string) => unknown])[] = [
  ['REGISTER', (_, token) => parseTrackerRequest(`REGISTER ${token} 1 *:5`)],
  ['LOOKUP', (_, token) => parseTrackerRequest(`LOOKUP ${token}`)],
  ['WITHDRAW', (_, token) => parseTrackerRequest(`WITHDRAW ${token} *:5`)],
  ['a datagram that registers', (_, token) => overUdp('R', `${token} 1 *:5`)],
  ['a row of a tracker', (_, token) => parseContentRow(`${token} 1 ${ROOT}`)],
  ['GET_CHUNK', (_, token) => parsePeerRequest(`GET_CHUNK ${token} 0`)],
  ['HAVE', (_, token) => parsePeerRequest(`HAVE ${token}`)],
  ['an offer', (_, token) => parsePeerRequest(`PUSH ${token} 1 ${ROOT} port=5`)],
  ['a row of a peer', (_, token) => parseSharedPage(Buffer.from(`OK 1\n${token} 1 ${ROOT}\n`))],
  ['a manifest', (name) => manifestFromRaw(unpacked({ v: 1, name, size: 0, chunk: CHUNK_BYTES, hashes: new Uint8Array(0) }))],
  ['a folder index', (name) => folderFromRaw(unpacked({ v: 1, files: [{ path: name, size: 1, root: ROOT }] }))],
  ['a link', (_, token) => parseLink(`magnet:?xt=urn:shoal:${ROOT}&dn=${token}`)],
];

const unpacked = (raw: object): unknown => unpackMsgpack(packMsgpack(raw));
const tokenOf = (name: string): string => [...Buffer.from(name)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');

describe.each(doors)('TW6, FS1: by %s', (_what, open) => {
  test.each(['a', 'a/b.c', 'Ünï/→/🐟', 'CON', 'a:b', '-rf', 'a b'])('"%s" comes in as it is', (name) => {
    expect(JSON.stringify(open(name, tokenOf(name)))).toContain(JSON.stringify(name));
  });

  test.each(['\n', '\r', '\u0000', '\u001b', '\u007f', '\u0085', '\u2028', '\u202e'])('nothing with %j does', (mark) => {
    for (const name of [`a${mark}b`, mark, `a${mark}`, `a/${mark}b`]) expect(() => open(name, tokenOf(name))).toThrow();
  });

  test.each(['', '.', '..', '/a', '//a', 'a/', 'a//b', 'a/./b', 'a/../../b', '../a', 'C:\\x', '\\\\srv\\s', 'a\\..\\b'])(
    '"%s" does not',
    (name) => {
      expect(() => open(name, tokenOf(name))).toThrow();
    },
  );
});
