/** What a scenario is drawn with: choices, chances and numbers between bounds, from one seed. */
import { SimRandom } from '../../common/sim/sim-random.js';

export class Draw {
  readonly #random: SimRandom;

  constructor(seed: number) {
    this.#random = new SimRandom(seed);
  }

  /** A whole number, both bounds included. */
  between(least: number, most: number): number {
    return least + this.#random.below(most - least + 1);
  }

  /** As `between`, and each order of magnitude is as likely. `least` is above 0. */
  magnitude(least: number, most: number): number {
    return Math.round(least * (most / least) ** this.#random.unit());
  }

  isOneIn(count: number): boolean {
    return this.#random.below(count) === 0;
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    const picked = list[this.#random.below(list.length)];
    if (picked === undefined) throw new Error('nothing to pick from');
    return picked;
  }

  /** So many of a list, each at most once, in any order. */
  some<T>(list: readonly T[], count: number): T[] {
    const left = [...list];
    const picked: T[] = [];
    while (picked.length < count && left.length > 0) picked.push(...left.splice(this.#random.below(left.length), 1));
    return picked;
  }

  random(): SimRandom {
    return this.#random.fork();
  }
}
