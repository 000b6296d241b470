/**
 * What is known of one peer: how fast it is, how far away, how often it failed, whether it lied. Pure: `now` comes in.
 *
 * Rates count verified bytes only, so that a liar earns nothing. After a failure the peer rests, twice as long each time; the first
 * bad chunk bans it for the session.
 */
import type { Random } from '../../common/ports/random.js';

/** Requests kept open at a peer before its rate is known. */
const FIRST_DEPTH_COUNT = 4;
/** Fewest and most requests kept open: one being sent and one waiting, and what fits in the buffers of a long fat link. */
const DEPTH_MIN_COUNT = 2;
const DEPTH_MAX_COUNT = 64;
/** Bytes of chunks kept open at one peer at most. */
const DEPTH_MAX_BYTES = 16 * 1024 * 1024;
/** Milliseconds of work that a peer should have waiting beyond the round trip. */
const DEPTH_MARGIN_MS = 50;
/** Part of the depth that is asked for at once: requests that leave together cost both sides less than one after the other. */
const REFILL_SHARE = 0.25;

/** Weight of a new wait, and the wait above which a peer is busy with others rather than far away. */
const WAIT_WEIGHT = 0.5;
const QUEUED_MS = 100;

/** A chunk may take this many times what the peer's rate says, within these bounds. */
const DEADLINE_FACTOR = 8;
const DEADLINE_MIN_MS = 5000;
const DEADLINE_MAX_MS = 15_000;
const DEADLINE_UNKNOWN_MS = 10_000;

/**
 * Past its deadline a peer must bring this much at least, or it is cut off: a slow modem does, a drip does not. What it brought at first
 * does not speak for it longer than this: one that stops before the last byte is as good as silent.
 */
const RATE_MIN_BYTES_PER_SECOND = 4096;
const PROGRESS_MAX_MS = 10_000;

const REST_FIRST_MS = 1000;
const REST_MAX_MS = 30_000;
/** Failures in a row, without one chunk between them, after which a peer is left alone. */
const FAILURES_MAX_COUNT = 4;

/** Weight of a new rate sample, and the shortest time that one is taken over: chunks arrive in bursts. */
const RATE_WEIGHT = 0.3;
const WINDOW_MS = 50;
const FIRST_WINDOW_MS = 2;

export type HeadVerdict = 'ok' | 'slow' | 'dead';

/** The oldest open request: since when it is that, and how much of it is there. */
export interface Head {
  readonly sinceMs: number;
  readonly gotBytes: number;
}

/** Whether a reply comes so slowly that it is as good as none. */
export function isDripping({ sinceMs, gotBytes }: Head, nowMs: number): boolean {
  return (gotBytes * 1000) / Math.max(1, nowMs - sinceMs) < RATE_MIN_BYTES_PER_SECOND;
}

/** How much of the oldest open request was there, and when that was seen first. */
interface HeadMark extends Head {
  readonly atMs: number;
}

export class PeerScore {
  #bytesPerSecond: number | undefined;
  #latencyMs: number | undefined;
  #windowSinceMs = 0;
  #windowBytes = 0;
  #failureCount = 0;
  #restUntilMs = Number.NEGATIVE_INFINITY;
  #isBanned = false;
  #isFilling = true;
  /** The last time that anything came, and the last time that enough came, as far as `judge` looked. */
  #heard: HeadMark | undefined;
  #progress: HeadMark | undefined;
  /** Smoothed; what of the way of a chunk was spent in the peer's queue. */
  #waitMs = 0;

  /** Bytes a second of verified chunks; `undefined` before the first. */
  get bytesPerSecond(): number | undefined {
    return this.#bytesPerSecond;
  }

  get isBanned(): boolean {
    return this.#isBanned;
  }

  /** Whether it failed too often to be tried again. */
  get isGivenUp(): boolean {
    return this.#isBanned || this.#failureCount >= FAILURES_MAX_COUNT;
  }

  /** When it may be tried again, by the clock. */
  get restUntilMs(): number {
    return this.#restUntilMs;
  }

  /** A request is sent; `isFirst` where none was open, so that idle time does not count as slowness. */
  asked(nowMs: number, isFirst: boolean): void {
    if (!isFirst) return;
    this.#windowSinceMs = nowMs;
    this.#windowBytes = 0;
  }

  /** A chunk that was asked for at `askedMs` arrived at `receivedMs` and is right. */
  delivered(askedMs: number, receivedMs: number, bytes: number): void {
    this.#failureCount = 0;
    this.#latencyMs = Math.min(this.#latencyMs ?? Number.POSITIVE_INFINITY, receivedMs - askedMs);
    this.#windowBytes += bytes;
    const windowMs = receivedMs - this.#windowSinceMs;
    if (windowMs < (this.#bytesPerSecond === undefined ? FIRST_WINDOW_MS : WINDOW_MS)) return;
    const rate = (this.#windowBytes * 1000) / windowMs;
    this.#bytesPerSecond =
      this.#bytesPerSecond === undefined ? rate : this.#bytesPerSecond + RATE_WEIGHT * (rate - this.#bytesPerSecond);
    this.#windowSinceMs = receivedMs;
    this.#windowBytes = 0;
  }

  /** How long it let us wait for our turn. */
  waited(waitMs: number): void {
    this.#waitMs += WAIT_WEIGHT * (waitMs - this.#waitMs);
  }

  /** The connection failed, stalled or refused. */
  failed(nowMs: number, random: Random): void {
    this.#failureCount += 1;
    const restMs = Math.min(REST_MAX_MS, REST_FIRST_MS * 2 ** (this.#failureCount - 1));
    // Half of the rest is chance, so that many fetchers do not come back at once.
    this.#restUntilMs = nowMs + restMs / 2 + random.below(Math.ceil(restMs / 2) + 1);
  }

  /** It is left alone until then, without a fault of its own. */
  rest(untilMs: number): void {
    this.#restUntilMs = untilMs;
  }

  /** A tracker names it again long after it failed: it may be back. */
  revive(nowMs: number): void {
    if (!this.#isBanned && nowMs > this.#restUntilMs + REST_MAX_MS) this.#failureCount = 0;
  }

  /** It sent a chunk that is not what was asked for. */
  lied(): void {
    this.#isBanned = true;
  }

  /**
   * Whether it should be asked for one more, where `openCount` are open: until the depth is reached, and again when some were answered.
   * Of a peer whose rate is not known no more than `firstMaxCount` are wanted: its part, were all as fast.
   */
  wants(openCount: number, chunkBytes: number, firstMaxCount = FIRST_DEPTH_COUNT): boolean {
    const isUnknown = this.#bytesPerSecond === undefined;
    const depth = Math.min(this.depth(chunkBytes), isUnknown ? firstMaxCount : Number.POSITIVE_INFINITY);
    if (openCount >= depth) this.#isFilling = false;
    else if (openCount <= depth - Math.max(1, Math.floor(depth * REFILL_SHARE))) this.#isFilling = true;
    return this.#isFilling;
  }

  /** How many requests to keep open: bandwidth × delay, and a margin, in chunks of `chunkBytes`. */
  depth(chunkBytes: number): number {
    // Its others come first: a second request would wait behind the first, and is for somebody else to bring meanwhile.
    if (this.#waitMs > QUEUED_MS) return 1;
    if (this.#bytesPerSecond === undefined) return FIRST_DEPTH_COUNT;
    const horizonMs = 2 * Math.min(this.#latencyMs ?? 0, 1000) + DEPTH_MARGIN_MS;
    const wanted = Math.ceil((this.#bytesPerSecond * horizonMs) / 1000 / chunkBytes);
    const most = Math.min(DEPTH_MAX_COUNT, Math.max(DEPTH_MIN_COUNT, Math.floor(DEPTH_MAX_BYTES / chunkBytes)));
    return Math.max(DEPTH_MIN_COUNT, Math.min(most, wanted));
  }

  /**
   * Judges the oldest open request: `slow` may be helped by another peer, `dead` is to be cut off. To be called now and then: it sees only
   * so how long nothing came.
   */
  judge(head: Head, chunkBytes: number, nowMs: number): HeadVerdict {
    const { sinceMs, gotBytes } = head;
    const isNew = this.#progress?.sinceMs !== sinceMs;
    if (isNew || this.#heard?.gotBytes !== gotBytes) this.#heard = { sinceMs, gotBytes, atMs: gotBytes === 0 ? sinceMs : nowMs };
    const from = isNew || this.#progress === undefined ? { sinceMs, gotBytes: 0, atMs: sinceMs } : this.#progress;
    const ageMs = nowMs - from.atMs;
    const isEnough = (gotBytes - from.gotBytes) * 1000 >= RATE_MIN_BYTES_PER_SECOND * Math.max(1, ageMs);
    this.#progress = isEnough ? { sinceMs, gotBytes, atMs: nowMs } : from;
    if (nowMs - sinceMs <= this.#deadlineMs(chunkBytes)) return 'ok';
    return !isEnough && (from.gotBytes === 0 || ageMs > PROGRESS_MAX_MS) ? 'dead' : 'slow';
  }

  /** Milliseconds for which nothing came of the oldest open request, as far as `judge` saw; 0 where it was not looked at. */
  quietMs(sinceMs: number, nowMs: number): number {
    return this.#heard?.sinceMs === sinceMs ? nowMs - this.#heard.atMs : 0;
  }

  /** Milliseconds that `chunkCount` more chunks would take. Unknown peers count as slow. */
  expectedMs(chunkBytes: number, chunkCount: number): number {
    return this.#bytesPerSecond === undefined ? DEADLINE_UNKNOWN_MS : (chunkBytes * chunkCount * 1000) / this.#bytesPerSecond;
  }

  #deadlineMs(chunkBytes: number): number {
    if (this.#bytesPerSecond === undefined) return DEADLINE_UNKNOWN_MS;
    const usualMs = (chunkBytes * 1000) / this.#bytesPerSecond;
    return Math.max(DEADLINE_MIN_MS, Math.min(DEADLINE_MAX_MS, DEADLINE_FACTOR * usualMs));
  }
}
