/** The input that a worker is busy with, where its parent sees it: also when the worker never comes back. */

const COUNT_AT = 0;
const LENGTH_AT = 1;
const HEAD_BYTES = 8;

export class SharedInput {
  readonly memory: SharedArrayBuffer;
  readonly #head: Int32Array;
  readonly #bytes: Uint8Array;

  /** Over memory that another thread made, or new memory for inputs of at most `maxBytes`. */
  constructor(memory: SharedArrayBuffer | number) {
    this.memory = typeof memory === 'number' ? new SharedArrayBuffer(HEAD_BYTES + memory) : memory;
    this.#head = new Int32Array(this.memory, 0, 2);
    this.#bytes = new Uint8Array(this.memory, HEAD_BYTES);
  }

  /** How many inputs there were; it goes round after 2^32. */
  get count(): number {
    return Atomics.load(this.#head, COUNT_AT);
  }

  /** A copy of the last one. */
  get input(): Uint8Array {
    return this.#bytes.slice(0, Atomics.load(this.#head, LENGTH_AT));
  }

  put(input: Uint8Array): void {
    this.#bytes.set(input);
    Atomics.store(this.#head, LENGTH_AT, input.length);
    Atomics.add(this.#head, COUNT_AT, 1);
  }
}
