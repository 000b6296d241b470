/**
 * Who may be connected: so many streams in all, so many of one source (`sourceOf`) that is not this machine. Pure.
 *
 * Where there is no room the newcomer is refused, but a source that has fewer streams than another takes one of that one's places: a crowd of
 * a few addresses keeps nobody out. A stream whose other side has ended its half, and may be long gone, makes room before any other,
 * then one that was asked for nothing, and among these the oldest. Whoever is refused is told so while no more than
 * LEAVING_MAX_COUNT of those are still there.
 * Invariant: a guest that was let in is counted until it is forgotten.
 */
import { isLoopback, sourceOf } from '../../common/core/peer-address.js';

/** Streams that were refused and are not gone yet, beyond all others. */
export const LEAVING_MAX_COUNT = 32;

/** A stream as the doors see it. */
export interface Guest {
  readonly remoteIp: string;
  /** What would be lost with it: `gone` where the other side has ended its half, `idle` where nothing is asked for. */
  readonly use: 'gone' | 'idle' | 'busy';
  /** Cuts it off; it is forgotten in a moment. */
  destroy(): void;
}

const USES = ['gone', 'idle', 'busy'] as const;

export interface DoorLimits {
  readonly streamsMaxCount: number;
  readonly perSourceMaxCount: number;
}

export class ServeDoors<G extends Guest> {
  readonly #limits: DoorLimits;
  /** The oldest first. */
  readonly #bySource = new Map<string, Set<G>>();
  readonly #leaving = new Set<G>();
  #count = 0;

  constructor(limits: DoorLimits) {
    this.#limits = limits;
  }

  /** Streams that may be open at once, with those that are being refused. */
  get openMaxCount(): number {
    return this.#limits.streamsMaxCount + LEAVING_MAX_COUNT;
  }

  /** Lets a stream in, which may cost another one its place. False where it is to be refused. */
  admit(guest: G): boolean {
    const source = sourceOf(guest.remoteIp);
    const mates = this.#bySource.get(source);
    if (mates !== undefined && mates.size >= this.#limits.perSourceMaxCount && !isLoopback(guest.remoteIp)) {
      if (!this.#cut(mates, 'gone')) return this.#refuse(guest);
    } else if (this.#count >= this.#limits.streamsMaxCount && !this.#makeRoom(mates)) return this.#refuse(guest);
    const own = this.#bySource.get(source) ?? new Set<G>();
    this.#bySource.set(source, own.add(guest));
    this.#count += 1;
    return true;
  }

  /** The stream is gone. Idempotent. */
  forget(guest: G): void {
    this.#leaving.delete(guest);
    const source = sourceOf(guest.remoteIp);
    const mates = this.#bySource.get(source);
    if (mates?.delete(guest) !== true) return;
    this.#count -= 1;
    if (mates.size === 0) this.#bySource.delete(source);
  }

  /** Cuts a stream of the newcomer's source that is no use, or one of a source that has more. */
  #makeRoom(mates: Set<G> | undefined): boolean {
    if (mates !== undefined && this.#cut(mates, 'gone')) return true;
    let largest: Set<G> | undefined;
    for (const guests of this.#bySource.values()) if (guests.size > (largest?.size ?? 0)) largest = guests;
    return largest !== undefined && largest.size > (mates?.size ?? 0) + 1 && this.#cut(largest, 'busy');
  }

  /** Cuts the one of least use, which is no more than `useMax`. */
  #cut(guests: Set<G>, useMax: Guest['use']): boolean {
    for (const use of USES.slice(0, USES.indexOf(useMax) + 1)) {
      for (const guest of guests) {
        if (guest.use !== use) continue;
        this.forget(guest);
        guest.destroy();
        return true;
      }
    }
    return false;
  }

  #refuse(guest: G): false {
    this.#leaving.add(guest);
    const [oldest] = this.#leaving;
    if (oldest === undefined || this.#leaving.size <= LEAVING_MAX_COUNT) return false;
    this.#leaving.delete(oldest);
    oldest.destroy();
    return false;
  }
}
