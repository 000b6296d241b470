/** A Map in parts: a Map of a million entries keeps everybody waiting for a tenth of a second when it grows, and one of its parts for none. */

const PARTS_COUNT = 256;

export class SplitMap<K, V> {
  readonly #partOf: (key: K) => number;
  readonly #parts: Map<K, V>[] = Array.from({ length: PARTS_COUNT }, () => new Map<K, V>());
  #size = 0;

  /** `hashOf` gives a whole number, the same each time, whose lower bits are spread. */
  constructor(hashOf: (key: K) => number) {
    this.#partOf = (key) => hashOf(key) & (PARTS_COUNT - 1);
  }

  get size(): number {
    return this.#size;
  }

  get(key: K): V | undefined {
    return this.#parts[this.#partOf(key)]?.get(key);
  }

  has(key: K): boolean {
    return this.#parts[this.#partOf(key)]?.has(key) === true;
  }

  set(key: K, value: V): void {
    const part = this.#parts[this.#partOf(key)];
    const before = part?.size ?? 0;
    part?.set(key, value);
    this.#size += (part?.size ?? 0) - before;
  }

  delete(key: K): void {
    if (this.#parts[this.#partOf(key)]?.delete(key) === true) this.#size -= 1;
  }
}

/** A hash of a text that is good enough to split a map: a Map finds its way whatever the keys are. */
export function lightHash(text: string): number {
  let hash = text.length;
  for (let at = text.length - 1; at >= 0 && at >= text.length - 8; at -= 1)
    hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0;
  return hash ^ (hash >>> 8);
}
