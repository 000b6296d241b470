/**
 * The real hash functions, and the one door to their libraries. BLAKE3 is native where the platform has the binary, and
 * WebAssembly elsewhere (several times slower, same bytes).
 */
import { createHash, createHmac } from 'node:crypto';
import { createRequire } from 'node:module';
import type { HashFunction, HashName } from '../core/hash.js';

async function loadBlake3(): Promise<HashFunction> {
  try {
    const native = createRequire(import.meta.url)('@napi-rs/blake-hash') as { blake3: HashFunction };
    return native.blake3;
  } catch {
    // Loaded only where it is needed: each hash worker would keep 3 MB of it.
    const { createBLAKE3 } = await import('hash-wasm');
    const hasher = await createBLAKE3();
    // A view of shared memory is not accepted by the WebAssembly build: copy it first.
    return (data) => hasher.init().update(new Uint8Array(data)).digest('binary');
  }
}

const FUNCTIONS: Readonly<Record<HashName, HashFunction>> = {
  blake3: await loadBlake3(),
  sha256: (data) => createHash('sha256').update(data).digest(),
};

/** The function that a manifest's `hash` names. */
export function hashFunction(name: HashName): HashFunction {
  return FUNCTIONS[name];
}

/** HMAC-SHA256 (RFC 2104): 32 bytes that only who knows the key can compute. */
export function hmacSha256(key: Uint8Array, text: string): Uint8Array {
  return createHmac('sha256', key).update(text).digest();
}
