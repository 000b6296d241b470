/**
 * None, one, or a pool of several ids, in one number: most names have one content and most contents one holder, and those cost no pool.
 * 0 is none, a positive number is that id itself, a negative one stands for a pool. Each function gives what is kept in place of what was.
 */
import type { Random } from '../../common/ports/random.js';
import { ListColumn, RowIds } from './columns.js';
import { FairPool, type PoolTraits } from './fair-pool.js';

export class FewPools {
  readonly #traits: PoolTraits<number>;
  readonly #pools = new ListColumn<FairPool<number> | undefined>(undefined);
  readonly #ids = new RowIds();

  constructor(traits: PoolTraits<number>) {
    this.#traits = traits;
  }

  add(few: number, id: number): number {
    if (few === 0) return id;
    if (few < 0) {
      this.#pools.get(-few)?.add(id);
      return few;
    }
    const at = this.#ids.take();
    this.#pools.set(at, new FairPool(this.#traits, [few, id]));
    return -at;
  }

  /** `id` must be in it. */
  remove(few: number, id: number): number {
    const pool = this.#pools.get(-few);
    if (pool === undefined) return 0;
    pool.remove(id);
    if (pool.size > 1) return few;
    const last = this.first(few);
    this.#pools.set(-few, undefined);
    this.#ids.giveBack(-few);
    return last;
  }

  /** Any one of it, the same until it changes; 0 where it is none. */
  first(few: number): number {
    if (few >= 0) return few;
    for (const id of this.items(few)) return id;
    return 0;
  }

  /** The id with a key, or 0. */
  find(few: number, key: unknown): number {
    if (few < 0) return this.#pools.get(-few)?.find(key) ?? 0;
    return few > 0 && this.#traits.keyOf(few) === key ? few : 0;
  }

  size(few: number): number {
    return few < 0 ? (this.#pools.get(-few)?.size ?? 0) : Math.sign(few);
  }

  /** Ids of one group. One that is alone is not counted: it can crowd nobody out. */
  groupSize(few: number, group: string): number {
    return this.#pools.get(-few)?.groupSize(group) ?? 0;
  }

  /** All ids; nothing may be added or removed on the way. */
  items(few: number): Iterable<number> {
    if (few < 0) return this.#pools.get(-few)?.items() ?? [];
    return few === 0 ? [] : [few];
  }

  /** `count` different ids, or all where there are no more, fairly by group; in no order that means anything. */
  sample(few: number, count: number, random: Random): number[] {
    if (few < 0) return this.#pools.get(-few)?.sample(count, random) ?? [];
    return few === 0 || count === 0 ? [] : [few];
  }
}
