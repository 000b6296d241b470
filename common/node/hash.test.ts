import { describe, expect, test } from '@jest/globals';
import { createBLAKE3 } from 'hash-wasm';
import { sampleBytes } from '../testkit/sample-content.js';
import { hashFunction } from './hash.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('hashFunction', () => {
  test('gives the published values for the empty input', () => {
    expect(hex(hashFunction('blake3')(new Uint8Array(0)))).toBe(
      'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262',
    );
    expect(hex(hashFunction('sha256')(new Uint8Array(0)))).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    );
  });

  test('gives the same BLAKE3 as WebAssembly, which stands in where there is no native build', async () => {
    const wasm = await createBLAKE3();
    for (const sizeBytes of [0, 1, 63, 64, 65, 1023, 1024, 1025, 65_537, 524_288]) {
      const bytes = sampleBytes(sizeBytes);
      expect(hex(hashFunction('blake3')(bytes))).toBe(wasm.init().update(bytes).digest('hex'));
    }
  });

  test.each(['blake3', 'sha256'] as const)('%s takes a view of shared memory, and its results are never overwritten', (name) => {
    const shared = new Uint8Array(new SharedArrayBuffer(100), 10, 20);
    shared.fill(7);
    const first = hashFunction(name)(shared);
    const kept = hex(first);
    expect(kept).toBe(hex(hashFunction(name)(new Uint8Array(20).fill(7))));
    hashFunction(name)(Uint8Array.of(1, 2, 3));
    expect(hex(first)).toBe(kept);
  });
});
