/**
 * The content root: one hash that binds size, chunk size and every chunk hash, and not the name.
 *
 *     root = H(0x02 ‖ size as u64 BE ‖ chunk as u32 BE ‖ MTH(chunk hashes))
 *
 * MTH is the Merkle tree hash of RFC 9162, section 2.1: leaf `H(0x00 ‖ hash)`, node `H(0x01 ‖ left ‖ right)`, the empty list `H("")`.
 * The tree is built from the left with a stack of perfect subtrees, so it needs log2(n) hashes of memory and no recursion.
 */
import { invariant, ShoalError } from './errors.js';
import { HASH_BYTES, type HashFunction } from './hash.js';

declare const brand: unique symbol;
/** 64 lower-case hex digits. */
export type ContentRoot = string & { readonly [brand]: 'ContentRoot' };

export function isContentRoot(text: string): text is ContentRoot {
  return /^[0-9a-f]{64}$/.test(text);
}

/** Reads 64 lower-case hex digits. Throws `BAD_REQUEST`. */
export function parseContentRoot(text: string): ContentRoot {
  if (!isContentRoot(text)) throw new ShoalError('BAD_REQUEST', 'remote', 'A root is 64 lower-case hex digits.');
  return text;
}

export interface RootInput {
  readonly sizeBytes: number;
  readonly chunkBytes: number;
  /** HASH_BYTES bytes a chunk, in order. */
  readonly hashes: Uint8Array;
}

/** The root of a content. */
export function contentRoot({ sizeBytes, chunkBytes, hashes }: RootInput, hash: HashFunction): ContentRoot {
  const preimage = new Uint8Array(13 + HASH_BYTES);
  const view = new DataView(preimage.buffer);
  view.setUint8(0, 0x02);
  view.setBigUint64(1, BigInt(sizeBytes));
  view.setUint32(9, chunkBytes);
  preimage.set(merkleTreeHash(hashes, hash), 13);
  return Buffer.from(hash(preimage)).toString('hex') as ContentRoot;
}

/** RFC 9162 MTH over a list of HASH_BYTES-byte entries, laid end to end. */
export function merkleTreeHash(entries: Uint8Array, hash: HashFunction): Uint8Array {
  invariant(entries.length % HASH_BYTES === 0, 'hashes are whole');
  const count = entries.length / HASH_BYTES;
  if (count === 0) return hash(new Uint8Array(0));
  const leaf = new Uint8Array(1 + HASH_BYTES);
  const node = new Uint8Array(1 + 2 * HASH_BYTES);
  node[0] = 0x01;
  const stack: Uint8Array[] = [];
  for (let index = 0; index < count; index += 1) {
    leaf.set(entries.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES), 1);
    stack.push(hash(leaf));
    // After entry i (from 1), as many perfect subtrees of equal height meet as i has trailing zero bits.
    for (let rest = index + 1; rest % 2 === 0; rest /= 2) joinTop(stack, node, hash);
  }
  while (stack.length > 1) joinTop(stack, node, hash);
  return stack[0] ?? invariantNever();
}

/** Replaces the two subtrees on top of the stack by their parent; `node` is the memory that its preimage is written to. */
function joinTop(stack: Uint8Array[], node: Uint8Array, hash: HashFunction): void {
  const right = stack.pop();
  const left = stack.pop();
  if (left === undefined || right === undefined) invariantNever();
  node.set(left, 1);
  node.set(right, 1 + HASH_BYTES);
  stack.push(hash(node));
}

function invariantNever(): never {
  invariant(false, 'the Merkle stack holds what was pushed');
}
