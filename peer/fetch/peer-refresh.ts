/**
 * When a tracker is asked for more peers while a fetch runs: soon at its beginning, when others begin too, then now and then, and soon
 * again when nobody is left. One that fails is left alone for longer and longer. One question at a time; each tracker has its own, so
 * that one that does not answer holds up no other.
 */
import type { Random } from '../../common/ports/random.js';

/** Whoever begins at the same moment is named by the second answer, and holds nothing that is worth it much later. */
const LOOKUP_FIRST_MS = 200;
const LOOKUP_MAX_MS = 15_000;
const LOOKUP_AGAIN_MS = 2000;
/** Pauses after failures, twice as long after each; a part of them is chance, so that many fetchers do not come back at once. */
const FAILURE_FIRST_MS = 1000;
const FAILURE_MAX_MS = 60_000;

/** Asks one tracker and hands on what it names. Returns whether it answered; never throws. */
export type PeerLookup = () => Promise<boolean>;

export class PeerRefresh {
  readonly #lookup: PeerLookup;
  readonly #random: Random;
  readonly #asked: (isAnswered: boolean) => void;
  #lastMs: number;
  #pauseMs = LOOKUP_FIRST_MS;
  #failureCount = 0;
  #failurePauseMs = 0;
  #isAsking = false;

  /** `asked` hears of the end of each question. The beginning counts as one, at `nowMs`. */
  constructor(lookup: PeerLookup, random: Random, nowMs: number, asked: (isAnswered: boolean) => void) {
    this.#lookup = lookup;
    this.#random = random;
    this.#asked = asked;
    this.#lastMs = nowMs;
  }

  get isAsking(): boolean {
    return this.#isAsking;
  }

  /** Asks if it is time. */
  tick(nowMs: number, isNobodyLeft: boolean): void {
    const pauseMs = this.#failureCount > 0 ? this.#failurePauseMs : isNobodyLeft ? LOOKUP_AGAIN_MS : this.#pauseMs;
    if (this.#isAsking || nowMs - this.#lastMs <= pauseMs) return;
    this.#isAsking = true;
    this.#lastMs = nowMs;
    this.#pauseMs = Math.min(LOOKUP_MAX_MS, 2 * this.#pauseMs);
    void this.#lookup().then((isAnswered) => {
      this.#isAsking = false;
      this.#failureCount = isAnswered ? 0 : this.#failureCount + 1;
      if (!isAnswered) this.#failurePauseMs = this.#drawPauseMs();
      this.#asked(isAnswered);
    });
  }

  #drawPauseMs(): number {
    const wholeMs = Math.min(FAILURE_MAX_MS, FAILURE_FIRST_MS * 2 ** (this.#failureCount - 1));
    return wholeMs / 2 + this.#random.below(Math.ceil(wholeMs / 2) + 1);
  }
}
