/**
 * What one connection is told of chunks that come in: the contents that it asked about with HAVE, and the news of them that wait.
 *
 *     nothing waits ── a chunk comes in ──► gathering ── HAVE_NEWS_GATHER_MS ──► due ── all taken ──► nothing waits
 *                                               └──────── all taken ────────────────────────────────────▲
 *
 * Soon after a line the next one is gathered for longer, HAVE_NEWS_PAUSE_MS from line to line: the first chunk of a swarm has to be known
 * at once, the hundredth has not, and lines cost a large swarm more than anything else.
 *
 * Bounded whatever the other side takes: of each content at most a line's worth of chunks is kept. When more come in, the list is
 * dropped and the content is walked through from its beginning instead, a line at a time, which repeats old news and forgets none.
 */
import {
  HAVE_CONTENTS_MAX_COUNT,
  HAVE_NEWS_GATHER_MS,
  HAVE_NEWS_PAUSE_MS,
  HAVE_NEWS_RANGES_MAX_COUNT,
} from '../../common/core/limits.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { Clock, Timer } from '../../common/ports/clock.js';
import { formatHaveNews } from '../../common/wire/peer-lines.js';
import type { Holding } from '../share/holding.js';
import type { SharedContent } from '../share/shared-content.js';
import { rangesOf, rangesOfBits } from './chunk-ranges.js';

interface Subscription {
  readonly root: ContentRoot;
  readonly holding: Holding;
  readonly unwatch: () => void;
  /** News, in the order in which they came; none of a chunk that the walk has before it. */
  readonly chunkIndexes: number[];
  /** Where the walk is. */
  walkIndex: number | undefined;
}

export class HaveFeed {
  readonly #clock: Clock;
  readonly #due: () => void;
  readonly #subscriptions = new Map<ContentRoot, Subscription>();
  /** The ones that have news; whose line was taken last comes last. */
  readonly #waiting = new Set<Subscription>();
  #timer: Timer | undefined;
  #isDue = false;
  /** When a line was taken last. */
  #tookMs = Number.NEGATIVE_INFINITY;

  /** `due` is called once news have been gathered for long enough. */
  constructor(clock: Clock, due: () => void) {
    this.#clock = clock;
    this.#due = due;
  }

  /** Whether news have been gathered for long enough. */
  get isDue(): boolean {
    return this.#isDue;
  }

  /** What is here of a content, as it goes over the wire; its news begin behind that. `undefined` where it is one content too many. */
  subscribe({ root, holding }: SharedContent): Uint8Array | undefined {
    if (!this.#subscriptions.has(root) && this.#subscriptions.size >= HAVE_CONTENTS_MAX_COUNT) return undefined;
    this.#drop(this.#subscriptions.get(root));
    const unwatch = holding.watch((chunkIndex) => this.#add(made, chunkIndex));
    const made: Subscription = { root, holding, unwatch, chunkIndexes: [], walkIndex: undefined };
    this.#subscriptions.set(root, made);
    return holding.bits();
  }

  /** The next line of news, whether they are due or not; `undefined` where there are none. */
  takeLine(): string | undefined {
    const [subscription] = this.#waiting;
    if (subscription === undefined) return undefined;
    this.#waiting.delete(subscription);
    this.#tookMs = this.#clock.nowMs();
    const { root, holding, chunkIndexes, walkIndex } = subscription;
    // What was there a moment ago may be lost since, with its disk.
    let ranges = rangesOf(chunkIndexes.splice(0).filter((chunkIndex) => holding.has(chunkIndex)));
    if (ranges.length === 0 && walkIndex !== undefined) {
      const walked = rangesOfBits(holding.bits(), walkIndex, HAVE_NEWS_RANGES_MAX_COUNT);
      subscription.walkIndex = walked.nextIndex;
      ranges = walked.ranges;
    }
    if (subscription.walkIndex !== undefined) this.#waiting.add(subscription);
    if (this.#waiting.size === 0) this.#rest();
    return ranges.length === 0 ? this.takeLine() : formatHaveNews(root, ranges);
  }

  /** Ends all subscriptions. Idempotent. */
  close(): void {
    for (const subscription of this.#subscriptions.values()) this.#drop(subscription);
    this.#subscriptions.clear();
    this.#rest();
  }

  #drop(subscription: Subscription | undefined): void {
    if (subscription === undefined) return;
    subscription.unwatch();
    // Otherwise nobody would be told of what comes next: it would count as due, and have been told of.
    if (this.#waiting.delete(subscription) && this.#waiting.size === 0) this.#rest();
  }

  #add(subscription: Subscription, chunkIndex: number): void {
    const { chunkIndexes, walkIndex } = subscription;
    if (walkIndex !== undefined && chunkIndex >= walkIndex) return;
    if (chunkIndexes.length < HAVE_NEWS_RANGES_MAX_COUNT) chunkIndexes.push(chunkIndex);
    else {
      chunkIndexes.length = 0;
      subscription.walkIndex = 0;
    }
    this.#waiting.add(subscription);
    if (this.#isDue || this.#timer !== undefined) return;
    const pauseMs = this.#tookMs + HAVE_NEWS_PAUSE_MS - this.#clock.nowMs();
    this.#timer = this.#clock.setTimer('gather news', Math.max(HAVE_NEWS_GATHER_MS, pauseMs), () => {
      this.#timer = undefined;
      this.#isDue = true;
      this.#due();
    });
  }

  #rest(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#isDue = false;
  }
}
