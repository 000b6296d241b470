/** An encoded manifest without a copy of its hashes, which may be 64 MiB: so that nothing needs to be kept, and any number of streams share it. */
import { invariant } from '../../common/core/errors.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { type Manifest, manifestToRaw } from '../../common/core/manifest.js';
import { packMsgpack } from '../../common/wire/msgpack.js';

const HASHES_KEY = Uint8Array.of(0xa6, ...Buffer.from('hashes'));

/** The msgpack map as two parts that follow each other: everything but the hashes' bytes, and the hashes' bytes. */
export function manifestParts(manifest: Manifest): readonly [Uint8Array, Uint8Array] {
  const { hashes: _, ...rest } = manifestToRaw(manifest);
  const packed = packMsgpack(rest);
  const pairCount = Object.keys(rest).length;
  // packMsgpack writes a map of up to 15 pairs as 0x80 + count, or always as 0xde with a count of 16 bits.
  const headBytes = packed[0] === 0xde ? 3 : 1;
  invariant(packed[0] === 0xde || packed[0] === (0x80 | pairCount), 'a manifest packs to a small map');
  const binHead = new Uint8Array(5);
  new DataView(binHead.buffer).setUint32(1, manifest.hashes.length);
  binHead[0] = 0xc6;
  const head = Buffer.concat([Uint8Array.of(0x80 | (pairCount + 1)), packed.subarray(headBytes), HASHES_KEY, binHead]);
  return [head, manifest.hashes];
}

/** The bytes of the parts from `offset` on, at most a chunk of them, from one part. */
export function sliceOf(parts: readonly Uint8Array[], offset: number): { bytes: Uint8Array; isLast: boolean } {
  const totalBytes = parts.reduce((sum, part) => sum + part.length, 0);
  let at = offset;
  for (const part of parts) {
    if (at < part.length) {
      const bytes = part.subarray(at, at + CHUNK_BYTES);
      return { bytes, isLast: offset + bytes.length === totalBytes };
    }
    at -= part.length;
  }
  return { bytes: new Uint8Array(0), isLast: true };
}
