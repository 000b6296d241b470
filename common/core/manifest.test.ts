import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { hashFunction } from '../node/hash.js';
import { anyFileName } from '../testkit/arbitraries.js';
import { errorCode, isContained } from '../testkit/error-code.js';
import { chunkHashes, sampleBytes } from '../testkit/sample-content.js';
import { packMsgpack, unpackMsgpack } from '../wire/msgpack.js';
import { chunkCount } from './chunks.js';
import { parseFileName } from './file-name.js';
import { CHUNK_BYTES, CHUNKS_MAX_COUNT, MANIFEST_MAX_BYTES } from './limits.js';
import { type Manifest, manifestFromRaw, manifestToRaw } from './manifest.js';
import { contentRoot } from './root.js';

const sha256 = hashFunction('sha256');

function rawWith(changes: Record<string, unknown>): Map<string, unknown> {
  const base = { v: 1, name: 'a.bin', size: 1, chunk: CHUNK_BYTES, hash: 'sha256', hashes: new Uint8Array(32) };
  return new Map<string, unknown>(Object.entries({ ...base, ...changes }));
}

const anyManifest: fc.Arbitrary<Manifest> = fc.nat(5 * CHUNK_BYTES).chain((sizeBytes) =>
  fc.record(
    {
      name: anyFileName,
      sizeBytes: fc.constant(sizeBytes),
      chunkBytes: fc.constant(CHUNK_BYTES),
      hashName: fc.constantFrom('blake3' as const, 'sha256' as const),
      hashes: fc.uint8Array({ minLength: 32 * chunkCount(sizeBytes), maxLength: 32 * chunkCount(sizeBytes) }),
      type: fc.constant('text/plain'),
      mtimeMs: fc.integer({ min: -1e12, max: 4e12 }),
      checksum: fc.constant('md5:00112233445566778899aabbccddeeff'),
    },
    { requiredKeys: ['name', 'sizeBytes', 'chunkBytes', 'hashName', 'hashes'] },
  ),
);

describe('a manifest', () => {
  test('comes back from its bytes as it was', () => {
    fc.assert(
      fc.property(anyManifest, (manifest) => {
        expect(manifestFromRaw(unpackMsgpack(packMsgpack(manifestToRaw(manifest))))).toEqual(manifest);
      }),
    );
  });

  test('keeps its own copy of the hashes, and ignores keys that it does not know', () => {
    const hashes = new Uint8Array(32);
    const manifest = manifestFromRaw(rawWith({ hashes, future: [1, 2] }));
    hashes.fill(9);
    expect(manifest.hashes).toEqual(new Uint8Array(32));
    expect(Object.keys(manifest)).not.toContain('future');
  });

  test('takes blake3 as the function where none is named', () => {
    expect(manifestFromRaw(rawWith({ hash: undefined })).hashName).toBe('blake3');
  });

  test.each<[string, Record<string, unknown>]>([
    ['no version', { v: undefined }],
    ['another version', { v: 2 }],
    ['a negative size', { size: -1 }],
    ['a fractional size', { size: 0.5 }],
    ['a zero with a sign', { size: -0, hashes: new Uint8Array(0) }],
    ['a size that is no number', { size: '1' }],
    ['a BigInt', { size: 1n }],
    ['2^60 bytes', { size: 2 ** 60 }],
    ['2^53 bytes', { size: 2 ** 53 }],
    ['NaN', { size: Number.NaN }],
    ['another chunk size', { chunk: CHUNK_BYTES / 2 }],
    ['an unknown hash', { hash: 'md5' }],
    ['a hash of the prototype', { hash: 'constructor' }],
    ['a hash too few', { size: CHUNK_BYTES + 1 }],
    ['a hash too many', { size: 0 }],
    ['a hash cut short', { hashes: new Uint8Array(31) }],
    ['hashes as a list', { hashes: [1, 2] }],
    ['hashes as a text', { hashes: 'x'.repeat(32) }],
    ['no name', { name: undefined }],
    ['more chunks than the limit', { size: CHUNKS_MAX_COUNT * CHUNK_BYTES + 1, hashes: new Uint8Array(0) }],
  ])('MF5: is refused whole with %s', (_, changes) => {
    expect(errorCode(() => manifestFromRaw(rawWith(changes)))).toBe('PROTOCOL');
  });

  test('MF3: is no map where it is an object, a list or nothing, and a bad name is a bad request', () => {
    for (const raw of [{ v: 1 }, [], null, undefined, 'x', 7]) expect(errorCode(() => manifestFromRaw(raw))).toBe('PROTOCOL');
    expect(errorCode(() => manifestFromRaw(rawWith({ name: '../x' })))).toBe('BAD_REQUEST');
    expect(manifestFromRaw(rawWith({ name: '__proto__' })).name).toBe('__proto__');
  });

  test('MF6: with as many chunks as the limit allows is taken, and fits its byte limit', () => {
    const hashes = new Uint8Array(32 * CHUNKS_MAX_COUNT);
    const manifest = manifestFromRaw(rawWith({ size: CHUNKS_MAX_COUNT * CHUNK_BYTES, hashes }));
    const name = parseFileName(`${'a'.repeat(203)}/`.repeat(5).slice(0, -1));
    expect(packMsgpack(manifestToRaw({ ...manifest, name })).length).toBeLessThanOrEqual(MANIFEST_MAX_BYTES);
  });

  test('leaves hints out that are out of bounds, and stays good', () => {
    const odd = { type: 'x'.repeat(256), mtime: 1e300, checksum: '\u001b[2J' };
    expect(manifestFromRaw(rawWith(odd))).not.toMatchObject({ type: expect.anything() });
    expect(Object.keys(manifestFromRaw(rawWith(odd))).sort()).toEqual(['chunkBytes', 'hashName', 'hashes', 'name', 'sizeBytes']);
    expect(manifestFromRaw(rawWith({ mtime: Number.NaN }))).not.toHaveProperty('mtimeMs');
  });
});

describe('MF9: a manifest in which bits were flipped', () => {
  const content = sampleBytes(2 * CHUNK_BYTES + 7);
  const original: Manifest = {
    name: parseFileName('data/sample.bin'),
    sizeBytes: content.length,
    chunkBytes: CHUNK_BYTES,
    hashName: 'sha256',
    hashes: chunkHashes(content, sha256),
  };
  const bytes = packMsgpack(manifestToRaw(original));
  const root = contentRoot(original, sha256);

  /** Whether a fetcher that was given `root` would take these bytes. */
  function passes(candidate: Uint8Array): boolean {
    const manifest = manifestFromRaw(unpackMsgpack(candidate));
    return contentRoot(manifest, hashFunction(manifest.hashName)) === root;
  }

  test('is refused, or still gives the very same chunks under the same root; 1,000 of 1,000 times', () => {
    expect(passes(bytes)).toBe(true);
    const step = Math.max(1, Math.floor((bytes.length * 8) / 1000));
    let flips = 0;
    for (let bit = 0; flips < 1000; bit = (bit + step) % (bytes.length * 8), flips += 1) {
      const flipped = new Uint8Array(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      let isTaken = false;
      expect(
        isContained(() => {
          isTaken = passes(flipped);
        }),
      ).toBe(true);
      if (!isTaken) continue;
      // The root does not bind the name; a flip there may pass, and then it is all that changed.
      const manifest = manifestFromRaw(unpackMsgpack(flipped));
      expect({ ...manifest, name: original.name }).toEqual(original);
    }
  });
});
