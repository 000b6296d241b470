import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { anySize } from '../testkit/arbitraries.js';
import { chunkCount, chunkLength, chunkOffset } from './chunks.js';
import { CHUNK_BYTES } from './limits.js';

describe('chunks', () => {
  test.each([
    [0, 0, 0],
    [1, 1, 1],
    [CHUNK_BYTES - 1, 1, CHUNK_BYTES - 1],
    [CHUNK_BYTES, 1, CHUNK_BYTES],
    [CHUNK_BYTES + 1, 2, 1],
    [3 * CHUNK_BYTES, 3, CHUNK_BYTES],
    [Number.MAX_SAFE_INTEGER, 2 ** 34, CHUNK_BYTES - 1],
  ])('PW10: %d bytes are %d chunks, the last of %d bytes', (sizeBytes, count, lastBytes) => {
    expect(chunkCount(sizeBytes)).toBe(count);
    expect(chunkLength(Math.max(0, count - 1), sizeBytes)).toBe(lastBytes);
    expect(chunkLength(count, sizeBytes)).toBe(0);
  });

  test('cover every byte once, without a gap', () => {
    fc.assert(
      fc.property(anySize, fc.double({ min: 0, max: 0.999_999, noNaN: true }), (sizeBytes, where) => {
        const count = chunkCount(sizeBytes);
        if (count === 0) return;
        const index = Math.floor(where * count);
        const end = chunkOffset(index) + chunkLength(index, sizeBytes);
        expect(end).toBe(index === count - 1 ? sizeBytes : chunkOffset(index + 1));
      }),
    );
  });
});
