/**
 * What every content really is, by its root: what peers serve and what fetches leave is held against it.
 *
 * Files are known beforehand; the index of a folder when the first sharer has made it, and then by its own manifest, which its root binds.
 */
import { chunkCount } from '../../common/core/chunks.js';
import { HASH_BYTES, type HashName } from '../../common/core/hash.js';
import type { Manifest } from '../../common/core/manifest.js';
import { type ContentRoot, contentRoot } from '../../common/core/root.js';
import { hashFunction } from '../../common/node/hash.js';
import type { ContentRef } from '../../common/wire/peer-lines.js';
import type { Sample } from './samples.js';

interface Known {
  readonly sizeBytes: number;
  readonly hashName: HashName;
  readonly hashes: Uint8Array;
  /** `undefined` of a folder's index. */
  readonly sample: Sample | undefined;
}

export class Truth {
  readonly #byRoot = new Map<ContentRoot, Known>();
  readonly #rootsOfName = new Map<string, Set<ContentRoot>>();

  addFile(name: string, sample: Sample, hashName: HashName): ContentRoot {
    const root = sample.root(hashName);
    this.#byRoot.set(root, { sizeBytes: sample.bytes.length, hashName, hashes: sample.hashes(hashName), sample });
    this.#name(name, root);
    return root;
  }

  /** Takes in what a sharer made of a folder. Returns whether its hashes are what the root names. */
  addFolder(name: string, root: ContentRoot, { sizeBytes, chunkBytes, hashName, hashes }: Manifest): boolean {
    if (contentRoot({ sizeBytes, chunkBytes, hashes }, hashFunction(hashName)) !== root) return false;
    if (!this.#byRoot.has(root)) this.#byRoot.set(root, { sizeBytes, hashName, hashes, sample: undefined });
    this.#name(name, root);
    return true;
  }

  find(root: ContentRoot): Known | undefined {
    return this.#byRoot.get(root);
  }

  /** Whether these are the bytes of a chunk of a content that may be meant. */
  isChunk(content: ContentRef, chunkIndex: number, bytes: Uint8Array): boolean {
    return this.#meant(content).some(({ sizeBytes, hashName, hashes, sample }) => {
      if (chunkIndex >= chunkCount(sizeBytes)) return false;
      if (sample !== undefined) return Buffer.compare(sample.chunk(chunkIndex), bytes) === 0;
      const expected = hashes.subarray(chunkIndex * HASH_BYTES, (chunkIndex + 1) * HASH_BYTES);
      return Buffer.compare(hashFunction(hashName)(bytes), expected) === 0;
    });
  }

  /** Whether this is the manifest of a content that may be meant. */
  isManifest(content: ContentRef, { sizeBytes, hashes }: Manifest): boolean {
    return this.#meant(content).some((known) => known.sizeBytes === sizeBytes && Buffer.compare(known.hashes, hashes) === 0);
  }

  #meant(content: ContentRef): Known[] {
    const roots = content.by === 'root' ? [content.root] : [...(this.#rootsOfName.get(content.name) ?? [])];
    return roots.flatMap((root) => this.#byRoot.get(root) ?? []);
  }

  #name(name: string, root: ContentRoot): void {
    const roots = this.#rootsOfName.get(name) ?? new Set();
    roots.add(root);
    this.#rootsOfName.set(name, roots);
  }
}
