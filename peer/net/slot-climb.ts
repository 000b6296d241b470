/**
 * How many chunks go out at once. Too few leave the link idle, too many make each slow and late; which number is right shows only by
 * trying. So while somebody waits it tries more, keeps them if more bytes went out, and else tries fewer, which it keeps if that cost
 * nothing. Pure: bytes and time are passed in.
 *
 *     resting ── some windows ──► more ── better ──► more ──► …
 *        ▲                         └── no better ──► fewer, than before
 *        └──────────────── kept or taken back ────────┘
 */
import { CHUNK_BYTES, UPLOAD_SLOTS_MAX_COUNT, UPLOAD_SLOTS_MIN_COUNT } from '../../common/core/limits.js';

/** Milliseconds over which a number of slots is judged: short beside a transfer, long beside a chunk of an ordinary link. */
const WINDOW_MS = 2000;
/** Windows between two trials. */
const REST_COUNT = 4;
/** By how much the rate has to rise for more slots to be kept, and may fall for fewer; and what is chance rather than a change. */
const GAIN_RATIO = 1.1;
const LOSS_RATIO = 0.98;
const NOISE_BYTES = CHUNK_BYTES / 8;
/** How much more, or fewer, is tried. */
const STEP_RATIO = 1.5;

export class SlotClimb {
  #slotCount: number;
  #phase: 'resting' | 'more' | 'fewer' = 'resting';
  #restLeftCount = 1;
  /** What there was before the trial, and what it brought. */
  #formerCount: number;
  #formerRate = 0;
  #windowSinceMs: number | undefined;
  #windowBytes = 0;

  constructor(startCount: number) {
    this.#slotCount = startCount;
    this.#formerCount = startCount;
  }

  get slotCount(): number {
    return this.#slotCount;
  }

  /** What the network took since the last call; `isContended` where somebody had to wait for a slot since then. */
  tick(tookBytes: number, isContended: boolean, nowMs: number): void {
    if (!isContended || this.#windowSinceMs === undefined) {
      // A window in which nobody waited says nothing. A trial that it belongs to begins again.
      this.#begin(isContended ? nowMs : undefined);
      return;
    }
    this.#windowBytes += tookBytes;
    const windowMs = nowMs - this.#windowSinceMs;
    if (windowMs < WINDOW_MS) return;
    this.#judge(this.#windowBytes / windowMs, NOISE_BYTES / windowMs);
    this.#begin(nowMs);
  }

  #begin(nowMs: number | undefined): void {
    this.#windowSinceMs = nowMs;
    this.#windowBytes = 0;
  }

  /** Both in bytes a millisecond. */
  #judge(rate: number, noiseRate: number): void {
    switch (this.#phase) {
      case 'resting':
        this.#restLeftCount -= 1;
        this.#formerRate = rate;
        if (this.#restLeftCount <= 0) this.#try('more');
        return;
      case 'more':
        if (rate > this.#formerRate * GAIN_RATIO + noiseRate) {
          this.#formerRate = rate;
          this.#try('more');
        } else {
          this.#slotCount = this.#formerCount;
          this.#try('fewer');
        }
        return;
      case 'fewer':
        if (rate < this.#formerRate * LOSS_RATIO - noiseRate) this.#slotCount = this.#formerCount;
        this.#rest();
    }
  }

  #try(phase: 'more' | 'fewer'): void {
    const wanted = phase === 'more' ? Math.ceil(this.#slotCount * STEP_RATIO) : Math.floor(this.#slotCount / STEP_RATIO);
    const next = Math.max(UPLOAD_SLOTS_MIN_COUNT, Math.min(UPLOAD_SLOTS_MAX_COUNT, wanted));
    this.#formerCount = this.#slotCount;
    this.#slotCount = next;
    if (next === this.#formerCount) this.#rest();
    else this.#phase = phase;
  }

  #rest(): void {
    this.#phase = 'resting';
    this.#restLeftCount = REST_COUNT;
  }
}
