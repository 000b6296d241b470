/**
 * A set of items from which a random sample is drawn fairly by group, so that one host's thousands cannot crowd out another's one.
 *
 * It owns its order and its index, never the items. Adding, removing and finding cost O(1); a sample costs O(what it gives).
 * Small pools are one plain array, since nearly all of a tracker's pools hold a few items and memory is what counts there.
 * Invariant: `slotOf(item)` is the item's place in the array that holds it.
 */
import { invariant } from '../../common/core/errors.js';
import type { Random } from '../../common/ports/random.js';

/** How a pool reads its items. Each item is in at most one pool for each `PoolTraits`. */
export interface PoolTraits<T> {
  slotOf(item: T): number;
  setSlot(item: T, slot: number): void;
  /** Items of one group share one group's part of a sample. */
  groupOf(item: T): string;
  /** What `find` finds it by; unique in the pool. */
  keyOf(item: T): unknown;
}

/** Up to this many items a pool is one array, and `find` walks it. */
const FLAT_MAX_COUNT = 16;

interface Group<T> {
  readonly items: T[];
  slot: number;
}

export class FairPool<T> {
  readonly #traits: PoolTraits<T>;
  #flat: T[] | undefined;
  #large: { readonly byKey: Map<unknown, T>; readonly byGroup: Map<string, Group<T>>; readonly groups: Group<T>[] } | undefined;

  constructor(traits: PoolTraits<T>, items: readonly [T, T]) {
    this.#traits = traits;
    this.#flat = [];
    for (const item of items) this.add(item);
  }

  get size(): number {
    return this.#flat?.length ?? this.#large?.byKey.size ?? 0;
  }

  find(key: unknown): T | undefined {
    return this.#flat === undefined ? this.#large?.byKey.get(key) : this.#flat.find((item) => this.#traits.keyOf(item) === key);
  }

  /** All items, in no order that means anything; nothing may be added or removed on the way. */
  items(): Iterable<T> {
    return this.#flat ?? this.#large?.byKey.values() ?? [];
  }

  /** Items of one group; 0 for a group that is not there. */
  groupSize(name: string): number {
    return this.#flat === undefined
      ? (this.#large?.byGroup.get(name)?.items.length ?? 0)
      : this.#flat.filter((item) => this.#traits.groupOf(item) === name).length;
  }

  add(item: T): void {
    if (this.#flat === undefined) {
      this.#addLarge(item);
      return;
    }
    this.#traits.setSlot(item, this.#flat.length);
    this.#flat.push(item);
    if (this.#flat.length <= FLAT_MAX_COUNT) return;
    const items = this.#flat;
    this.#flat = undefined;
    this.#large = { byKey: new Map(), byGroup: new Map(), groups: [] };
    for (const one of items) this.#addLarge(one);
  }

  remove(item: T): void {
    const large = this.#large;
    if (large === undefined) {
      this.#takeOut(this.#flat ?? [], item);
      return;
    }
    const name = this.#traits.groupOf(item);
    const group = large.byGroup.get(name);
    invariant(group !== undefined && large.byKey.delete(this.#traits.keyOf(item)), 'a removed item was in its pool');
    this.#takeOut(group.items, item);
    if (group.items.length > 0) return;
    large.byGroup.delete(name);
    const last = large.groups.pop();
    if (last === undefined || last === group) return;
    last.slot = group.slot;
    large.groups[group.slot] = last;
  }

  /** `count` different items, or all where there are no more; in no order that means anything. */
  sample(count: number, random: Random): T[] {
    if (this.size <= count) return [...this.items()];
    if (this.#large === undefined) {
      this.#shuffle(this.#flat ?? [], 0, count, random);
      return (this.#flat ?? []).slice(0, count);
    }
    return this.#sampleGroups(this.#large.groups, count, random);
  }

  /** Each group gives an equal share; what small groups cannot give is shared out again among the rest. */
  #sampleGroups(all: Group<T>[], count: number, random: Random): T[] {
    shuffleHead(all, 0, Math.min(count, all.length), random, (group, slot) => {
      group.slot = slot;
    });
    const sampled: T[] = [];
    let active = all.slice(0, count).map((group) => ({ items: group.items, taken: 0 }));
    while (sampled.length < count && active.length > 0) {
      const share = Math.max(1, Math.floor((count - sampled.length) / active.length));
      for (const group of active) {
        const take = Math.min(share, group.items.length - group.taken, count - sampled.length);
        this.#shuffle(group.items, group.taken, group.taken + take, random);
        for (let at = group.taken; at < group.taken + take; at += 1) sampled.push(group.items[at] as T);
        group.taken += take;
      }
      active = active.filter((group) => group.taken < group.items.length);
    }
    return sampled;
  }

  #addLarge(item: T): void {
    const large = this.#large;
    invariant(large !== undefined, 'a pool is flat or large');
    const name = this.#traits.groupOf(item);
    let group = large.byGroup.get(name);
    if (group === undefined) {
      group = { items: [], slot: large.groups.length };
      large.groups.push(group);
      large.byGroup.set(name, group);
    }
    this.#traits.setSlot(item, group.items.length);
    group.items.push(item);
    large.byKey.set(this.#traits.keyOf(item), item);
  }

  /** Puts the last item of the array in the place of the one that goes. */
  #takeOut(items: T[], item: T): void {
    const slot = this.#traits.slotOf(item);
    invariant(items[slot] === item, 'an item is where its slot says');
    const last = items.pop();
    if (last === undefined || last === item) return;
    items[slot] = last;
    this.#traits.setSlot(last, slot);
  }

  #shuffle(items: T[], from: number, to: number, random: Random): void {
    shuffleHead(items, from, to, random, this.#traits.setSlot);
  }
}

/** Fisher-Yates for places `from` to `to` alone: they become a random choice from all that follows. */
function shuffleHead<T>(items: T[], from: number, to: number, random: Random, setSlot: (item: T, slot: number) => void): void {
  for (let at = from; at < to; at += 1) {
    const other = at + random.below(items.length - at);
    const [here, there] = [items[at] as T, items[other] as T];
    items[at] = there;
    items[other] = here;
    setSlot(there, at);
    setSlot(here, other);
  }
}
