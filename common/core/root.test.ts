import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { hashFunction } from '../node/hash.js';
import { anyJunk } from '../testkit/arbitraries.js';
import { errorCode, isContained } from '../testkit/error-code.js';
import { repoRoot } from '../testkit/repo-root.js';
import { chunkHashes, sampleBytes } from '../testkit/sample-content.js';
import { HASH_NAMES, type HashFunction } from './hash.js';
import { CHUNK_BYTES } from './limits.js';
import { contentRoot, merkleTreeHash, parseContentRoot } from './root.js';

const sha256 = hashFunction('sha256');

/** RFC 9162, section 2.1.1, as it is written there. */
function recursiveTreeHash(entries: readonly Uint8Array[], hash: HashFunction): Uint8Array {
  if (entries.length === 0) return hash(new Uint8Array(0));
  if (entries.length === 1) return hash(Buffer.concat([Uint8Array.of(0), entries[0] ?? new Uint8Array(0)]));
  let split = 1;
  while (split * 2 < entries.length) split *= 2;
  const [left, right] = [entries.slice(0, split), entries.slice(split)].map((half) => recursiveTreeHash(half, hash));
  return hash(Buffer.concat([Uint8Array.of(1), left ?? new Uint8Array(0), right ?? new Uint8Array(0)]));
}

/** `count` entries of 32 bytes, all different. */
function someEntries(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => sha256(Buffer.from(String(index))));
}

describe('merkleTreeHash', () => {
  test('is the tree of RFC 9162 for every number of entries up to 70', () => {
    for (let count = 0; count <= 70; count += 1) {
      const entries = someEntries(count);
      const flat = merkleTreeHash(Buffer.concat(entries), sha256);
      expect(Buffer.from(flat).toString('hex')).toBe(Buffer.from(recursiveTreeHash(entries, sha256)).toString('hex'));
    }
  });

  test('depends on every entry and on their order', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 40 }),
        fc.nat(),
        fc.nat(31),
        fc.integer({ min: 1, max: 255 }),
        (count, where, at, mask) => {
          const entries = someEntries(count);
          const before = Buffer.from(merkleTreeHash(Buffer.concat(entries), sha256)).toString('hex');
          const changed = Buffer.concat(entries);
          const position = (where % count) * 32 + at;
          changed[position] = (changed[position] ?? 0) ^ mask;
          expect(Buffer.from(merkleTreeHash(changed, sha256)).toString('hex')).not.toBe(before);
          const swapped = Buffer.concat([...entries.slice(1), ...entries.slice(0, 1)]);
          expect(Buffer.from(merkleTreeHash(swapped, sha256)).toString('hex')).not.toBe(before);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('stops at a list that is not whole', () => {
    expect(() => merkleTreeHash(new Uint8Array(33), sha256)).toThrow('hashes are whole');
  });
});

describe('contentRoot', () => {
  const golden = JSON.parse(readFileSync(join(repoRoot, 'test_files/golden-roots.json'), 'utf8')) as {
    sizeBytes: number;
    blake3: string;
    sha256: string;
  }[];

  test.each(golden)('of $sizeBytes bytes is what independent programs computed', (row) => {
    const content = sampleBytes(row.sizeBytes);
    for (const name of HASH_NAMES) {
      const hash = hashFunction(name);
      const hashes = chunkHashes(content, hash);
      expect(contentRoot({ sizeBytes: row.sizeBytes, chunkBytes: CHUNK_BYTES, hashes }, hash)).toBe(row[name]);
    }
  });

  test('the golden values cover every size where chunk arithmetic goes wrong', () => {
    const sizes = golden.map((row) => row.sizeBytes);
    expect(sizes).toEqual([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]);
  });

  test('binds the size and the chunk size, beyond 32 bits too', () => {
    const hashes = new Uint8Array(32);
    const inputs = [1, 2, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER].flatMap((sizeBytes) =>
      [CHUNK_BYTES, 2 * CHUNK_BYTES].map((chunkBytes) => contentRoot({ sizeBytes, chunkBytes, hashes }, sha256)),
    );
    expect(new Set(inputs).size).toBe(inputs.length);
  });
});

test('a root is 64 lower-case hex digits and nothing else', () => {
  expect(parseContentRoot('0a'.repeat(32))).toBe('0a'.repeat(32));
  for (const text of ['', '-', '0A'.repeat(32), '0a'.repeat(31), `${'0a'.repeat(32)}\n`, 'xy'.repeat(32)]) {
    expect(errorCode(() => parseContentRoot(text))).toBe('BAD_REQUEST');
  }
  fc.assert(fc.property(anyJunk, (text) => isContained(() => parseContentRoot(text))));
});
