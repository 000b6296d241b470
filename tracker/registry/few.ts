/**
 * One item, or a pool of several: most names have one content and most contents one holder, and those cost no pool.
 * Nothing is `undefined`. Each function gives what the caller keeps in place of what it had.
 */
import type { Random } from '../../common/ports/random.js';
import { FairPool, type PoolTraits } from './fair-pool.js';

export type Few<T extends object> = T | FairPool<T> | undefined;

export function fewAdd<T extends object>(few: Few<T>, item: T, traits: PoolTraits<T>): Few<T> {
  if (few === undefined) return item;
  if (!(few instanceof FairPool)) return new FairPool(traits, [few, item]);
  few.add(item);
  return few;
}

/** `item` must be in it. */
export function fewRemove<T extends object>(few: Few<T>, item: T): Few<T> {
  if (!(few instanceof FairPool)) return undefined;
  few.remove(item);
  return few.size === 0 ? undefined : few;
}

export function fewFind<T extends object>(few: Few<T>, key: unknown, traits: PoolTraits<T>): T | undefined {
  if (few === undefined) return undefined;
  if (few instanceof FairPool) return few.find(key);
  return traits.keyOf(few) === key ? few : undefined;
}

export function fewSize<T extends object>(few: Few<T>): number {
  return few === undefined ? 0 : few instanceof FairPool ? few.size : 1;
}

/** Items of one group. One that is alone is not counted: it can crowd nobody out. */
export function fewGroupSize<T extends object>(few: Few<T>, group: string): number {
  return few instanceof FairPool ? few.groupSize(group) : 0;
}

export function fewSample<T extends object>(few: Few<T>, count: number, random: Random): T[] {
  return few === undefined ? [] : few instanceof FairPool ? few.sample(count, random) : [few];
}
