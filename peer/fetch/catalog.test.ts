import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CHUNK_BYTES, CHUNKS_MAX_COUNT, FETCH_CHUNKS_MAX_COUNT } from '../../common/core/limits.js';
import type { ContentRoot } from '../../common/core/root.js';
import { Catalog, type CatalogFile } from './catalog.js';

const root = 'ab'.repeat(32) as ContentRoot;

function fileOf(sizeBytes: number, extra: Partial<CatalogFile> = {}): CatalogFile {
  return { path: undefined, sizeBytes, content: { by: 'root', root }, root, hashName: 'blake3', hashes: undefined, ...extra };
}

const sizes = fc.oneof(
  fc.constantFrom(0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES),
  fc.nat(5 * CHUNK_BYTES),
);

describe('catalog', () => {
  test('PW10: every unit is where a naive walk over all files puts it', () => {
    fc.assert(
      fc.property(fc.array(sizes, { maxLength: 12 }), (list) => {
        const catalog = new Catalog(list.map((size) => fileOf(size)));
        let unit = 0;
        for (const [fileIndex, size] of list.entries()) {
          for (let at = 0; at < size; at += CHUNK_BYTES) {
            const lengthBytes = Math.min(CHUNK_BYTES, size - at);
            expect(catalog.locate(unit)).toMatchObject({ fileIndex, chunkIndex: at / CHUNK_BYTES, position: at, lengthBytes });
            expect(catalog.lengthOf(unit)).toBe(lengthBytes);
            unit += 1;
          }
        }
        for (let first = 0; first <= unit; first += 1) {
          let bytes = 0;
          for (let end = first; end <= unit; end += 1) {
            expect(catalog.bytesOf(first, end - first)).toBe(bytes);
            if (end < unit) bytes += catalog.lengthOf(end);
          }
        }
        expect(catalog.unitCount).toBe(unit);
        expect(catalog.totalBytes).toBe(list.reduce((sum, size) => sum + size, 0));
        expect(() => catalog.locate(unit)).toThrow('Broken invariant');
      }),
    );
  });

  test('FS12: positions past 4 GiB are exact', () => {
    const catalog = new Catalog([fileOf(2 ** 33 + 5)]);
    expect(catalog.locate(2 ** 14)).toMatchObject({ position: 2 ** 33, lengthBytes: 5 });
  });

  test('what a unit must be: its hash, or for the only chunk of a file its root, or nothing', () => {
    const hashes = Uint8Array.from({ length: 64 }, (_, at) => at);
    const hashed = new Catalog([fileOf(CHUNK_BYTES + 1, { hashes })]);
    expect(hashed.locate(1).expectation).toEqual({ by: 'hash', hash: hashes.subarray(32, 64) });
    expect(new Catalog([fileOf(CHUNK_BYTES)]).locate(0).expectation).toEqual({ by: 'root', root });
    expect(new Catalog([fileOf(CHUNK_BYTES + 1)]).locate(0).expectation).toEqual({ by: 'nothing' });
    expect(new Catalog([fileOf(1, { root: undefined })]).locate(0).expectation).toEqual({ by: 'nothing' });
  });

  test('an expectation sent to a worker takes 32 bytes with it, and not the hashes of the whole file', () => {
    const { expectation } = new Catalog([fileOf(CHUNK_BYTES + 1, { hashes: new Uint8Array(64) })]).locate(1);
    expect(expectation.by === 'hash' ? expectation.hash.buffer.byteLength : undefined).toBe(32);
  });

  test('MF6: the largest file, one byte more, and many files that add up to too much', () => {
    const largest = CHUNKS_MAX_COUNT * CHUNK_BYTES;
    expect(new Catalog([fileOf(largest)]).unitCount).toBe(CHUNKS_MAX_COUNT);
    expect(() => new Catalog([fileOf(largest + 1)])).toThrow('larger');
    const count = FETCH_CHUNKS_MAX_COUNT / CHUNKS_MAX_COUNT;
    const many = Array.from({ length: count }, () => fileOf(largest));
    expect(new Catalog(many).unitCount).toBe(FETCH_CHUNKS_MAX_COUNT);
    expect(() => new Catalog([...many, fileOf(1)])).toThrow('larger');
  });
});
