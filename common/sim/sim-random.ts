/**
 * Chance by seed: the same seed gives the same numbers, on every machine. xoshiro128** (Blackman and Vigna, 2018), whose state is filled
 * from the seed by splitmix32, as its authors advise. Not for secrets.
 */
import { invariant } from '../core/errors.js';
import type { Random } from '../ports/random.js';

export class SimRandom implements Random {
  readonly #state = new Uint32Array(4);

  constructor(seed: number) {
    let mixed = seed >>> 0;
    for (let at = 0; at < 4; at += 1) {
      mixed = (mixed + 0x9e3779b9) >>> 0;
      let word = mixed;
      word = Math.imul(word ^ (word >>> 16), 0x21f0aaad);
      word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
      this.#state[at] = word ^ (word >>> 15);
    }
  }

  below(count: number): number {
    invariant(count >= 1 && count <= 2 ** 53, `a choice among ${count}`);
    return Math.floor(this.unit() * count);
  }

  /** At least 0, less than 1, of 53 bits. */
  unit(): number {
    return ((this.#next() >>> 5) * 2 ** 26 + (this.#next() >>> 6)) / 2 ** 53;
  }

  /** Chance of its own, so that one who draws more does not change what others draw. */
  fork(): SimRandom {
    return new SimRandom(this.#next());
  }

  #next(): number {
    const state = this.#state;
    const [a = 0, b = 0, c = 0, d = 0] = state;
    const result = Math.imul(rotated(Math.imul(b, 5), 7), 9);
    const third = c ^ a;
    const fourth = d ^ b;
    state[0] = a ^ fourth;
    state[1] = b ^ third;
    state[2] = third ^ (b << 9);
    state[3] = rotated(fourth, 11);
    return result >>> 0;
  }
}

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
