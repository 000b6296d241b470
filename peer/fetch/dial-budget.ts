/**
 * How often an address that trackers name may be dialed while nobody ever answered there.
 *
 * Whoever runs a tracker can name any address, a victim's too, and make all who ask dial it. So an address that did not answer rests for a
 * minute however often it is named, and is forgotten for good after a few tries (libtorrent does the same). Where a peer was reached
 * once, this says nothing any more: how often such a one is tried again is for its score.
 * One is shared by all steps of a fetch, since each dials for itself. Pure: time comes in.
 */

/** Milliseconds between two dials of an address where nobody answers. */
const REST_MS = 60_000;
/** Tries without an answer after which it is forgotten. */
const FAILURES_MAX_COUNT = 3;

export class DialBudget {
  readonly #failures = new Map<string, { readonly count: number; readonly atMs: number }>();
  readonly #reached = new Set<string>();

  /** Whether an address may be dialed now. */
  mayDial(key: string, nowMs: number): boolean {
    const failed = this.#failures.get(key);
    return failed === undefined || (failed.count < FAILURES_MAX_COUNT && nowMs - failed.atMs >= REST_MS);
  }

  /** Somebody answered there. */
  reached(key: string): void {
    this.#reached.add(key);
    this.#failures.delete(key);
  }

  /** Nobody answered. */
  failed(key: string, nowMs: number): void {
    if (!this.#reached.has(key)) this.#failures.set(key, { count: (this.#failures.get(key)?.count ?? 0) + 1, atMs: nowMs });
  }
}
