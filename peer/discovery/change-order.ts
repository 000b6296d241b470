/**
 * Sequence numbers of the requests that change something, so that what is late or doubled on the way never undoes what was asked for
 * later. Pure.
 *
 * Requests that do not touch each other share a number and may be on the way together, in any order. One that touches what another of
 * this number is about begins the next number, once all of this one are settled; the tracker then takes no more of the older number.
 * Invariant: all changes on the way have one number.
 */
import { INDEX_EPOCH_NAMES_COUNT } from '../../common/core/limits.js';
import type { TrackerRequest } from '../../common/wire/tracker-requests.js';

/** What UNREGISTER is about. No name is so: names hold no line feed. */
const EVERYTHING = '\n';

/** What a request changes; `undefined` where it changes nothing. Names are never empty, so a peer's own state has the empty one. */
export function changedBy(request: TrackerRequest): string | undefined {
  switch (request.verb) {
    case 'REGISTER':
    case 'WITHDRAW':
      return request.name;
    case 'ALIVE':
    case 'JOIN':
      return '';
    case 'UNREGISTER':
      return EVERYTHING;
    default:
      return undefined;
  }
}

export class ChangeOrder {
  readonly #changed = new Set<string>();
  #seq = 1;
  #onTheWayCount = 0;

  /** The number of the changes that are on the way, or were last. */
  get seq(): number {
    return this.#seq;
  }

  /** Whether a change may go out now; then it is on the way until `settled`. */
  admit(change: string): boolean {
    const isApart =
      change === EVERYTHING
        ? this.#changed.size === 0
        : !this.#changed.has(change) && !this.#changed.has(EVERYTHING) && this.#changed.size < INDEX_EPOCH_NAMES_COUNT;
    if (!isApart) {
      if (this.#onTheWayCount > 0) return false;
      this.#changed.clear();
      this.#seq += 1;
    }
    this.#changed.add(change);
    this.#onTheWayCount += 1;
    return true;
  }

  settled(): void {
    this.#onTheWayCount -= 1;
  }

  /** The tracker has seen `seq` from this address, from whoever had it before: those on the way are newer than that. */
  goBeyond(seq: number): void {
    if (seq > this.#seq) this.#seq = seq + 1;
  }
}
