/**
 * What one peer has told one tracker, and a loop of rounds that tells the rest:
 *
 *     round: WITHDRAW what was taken back ──► ALIVE if the tracker knows us, JOIN where it shall ──► REGISTER what it does not have
 *            (what grew is registered anew, so that the tracker knows how much of it is here)
 *            tracker lost us (NOT_FOUND) or was gone ──► it has nothing: the next round registers everything
 *            failed ──► the next round comes soon, then later and later, never later than an interval
 *
 * A tracker that is older than WITHDRAW is told to forget this peer, and gets everything that is left again; one that is older than JOIN
 * knows it while it has contents.
 * Invariant: one round runs at a time; `#settled` holds what the tracker was told and has acknowledged, and nothing while it is gone.
 */
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import {
  CHUNKS_MAX_COUNT,
  TRACKER_PIPELINE_MAX_COUNT,
  UNREGISTER_DEADLINE_MS,
  UNREGISTER_UNKNOWN_DEADLINE_MS,
} from '../../common/core/limits.js';
import type { HostPort } from '../../common/core/peer-address.js';
import type { Timer } from '../../common/ports/clock.js';
import type { AnnouncedState, Announcement, AnnouncerOptions } from './announcer.js';
import { LossWatch } from './loss-watch.js';
import { openTracker, type TrackerPorts } from './open-tracker.js';
import type { TrackerClient } from './tracker-client.js';
import { within } from './within.js';

/** Milliseconds between rounds until a tracker has said its own; and of the first pause after a failure, which doubles with each. */
const INTERVAL_FIRST_MS = 30_000;
const RETRY_FIRST_MS = 1000;
/** Contents whose registration is told of together: enough that the pipeline stays full. */
const BATCH_COUNT = 4 * TRACKER_PIPELINE_MAX_COUNT;
/** How much a load must differ from what the tracker was told, so that it is told before the next round. */
const LOAD_STEP_PERCENT = 40;

/** What makes a content another one for a tracker. */
export function keyOf({ name, sizeBytes, root }: Announcement): string {
  return `${root} ${sizeBytes} ${name}`;
}

export class TrackerLink {
  readonly #ports: TrackerPorts;
  readonly #options: AnnouncerOptions;
  readonly #tracker: HostPort;
  readonly #contents: ReadonlyMap<string, Announcement>;
  readonly #client: TrackerClient;
  /** Keys that the tracker has, or has refused for good, with the number of chunks that it was told. */
  readonly #settled = new Map<string, number | undefined>();
  /** Keys whose refusal was told. */
  readonly #refused = new Set<string>();
  /** What was taken back, and the tracker may still have. */
  readonly #gone = new Map<string, Announcement>();
  readonly #losses = new LossWatch();
  /** What the tracker was told of this peer. */
  #told: AnnouncedState = {};
  #joining: 'due' | 'done' | 'unknown' = 'due';
  #intervalMs = INTERVAL_FIRST_MS;
  /** It has acknowledged something since it failed last. */
  #isAnswering = false;
  #failureCount = 0;
  #isClosed = false;
  #timer: Timer | undefined;
  #round: Promise<void> | undefined;
  #isHurried = false;
  /** Who waits for the end of a round after which nothing is left to tell. */
  #waiting: (() => void)[] = [];

  constructor(ports: TrackerPorts, options: AnnouncerOptions, tracker: HostPort, contents: ReadonlyMap<string, Announcement>) {
    this.#ports = ports;
    this.#options = options;
    this.#tracker = tracker;
    this.#contents = contents;
    this.#client = openTracker(ports, tracker);
  }

  /** A round now, or right after the one that runs. While the tracker is gone its own pace is kept. */
  hurry(): void {
    if (this.#round !== undefined) this.#isHurried = true;
    else if (this.#failureCount === 0) this.#schedule(0);
  }

  withdraw(contents: readonly Announcement[]): void {
    for (const content of contents) {
      this.#settled.delete(keyOf(content));
      this.#gone.set(keyOf(content), content);
    }
    this.hurry();
  }

  /** Makes this peer known, where it wants to be also without a content. */
  joinMaybe(): void {
    if (this.#isJoinDue) this.hurry();
  }

  /** Tells the tracker before the next round where this peer is much more or less busy than it knows. */
  lookAtState(): void {
    const { load, acceptBytes, group } = this.#state;
    const isFar = Math.abs((load ?? 0) - (this.#told.load ?? 0)) >= LOAD_STEP_PERCENT;
    const isOther = (acceptBytes ?? 0) > 0 !== (this.#told.acceptBytes ?? 0) > 0 || group !== this.#told.group;
    const isNews = isOther && this.#joining !== 'unknown';
    if (isNews) this.#joining = 'due';
    if ((isNews && this.#isJoinDue) || (this.#isKnown && (isFar || isNews))) this.hurry();
  }

  /** Resolves after the round that tells the newest state, or the one that fails; at once where the tracker is gone. */
  settled(): Promise<void> {
    if (this.#isClosed || this.#failureCount > 0) return Promise.resolve();
    this.hurry();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Within UNREGISTER_DEADLINE_MS; one that has acknowledged nothing yet is not waited for as long. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#tellWaiting();
    const { clock } = this.#ports;
    const endMs = clock.nowMs() + UNREGISTER_DEADLINE_MS;
    await within(clock, this.#isAnswering ? UNREGISTER_DEADLINE_MS : UNREGISTER_UNKNOWN_DEADLINE_MS, this.#round);
    const leftMs = endMs - clock.nowMs();
    if (this.#isToTakeBack && leftMs > 0) await within(clock, leftMs, this.#client.unregister(this.#options.address));
    await this.#client.close();
  }

  get #state(): AnnouncedState {
    return this.#options.state?.() ?? {};
  }

  /** Whether the tracker has something of this peer, which a sign of life keeps. */
  get #isKnown(): boolean {
    return this.#settled.size > 0 || this.#joining === 'done';
  }

  /** Whether the tracker has something to take back, as far as is known: one that was not reached has nothing. */
  get #isToTakeBack(): boolean {
    return this.#isAnswering && (this.#isKnown || this.#gone.size > 0);
  }

  get #isJoinDue(): boolean {
    const { acceptBytes, group } = this.#state;
    return this.#joining === 'due' && ((acceptBytes ?? 0) > 0 || group !== undefined);
  }

  #tellWaiting(): void {
    for (const tell of this.#waiting.splice(0)) tell();
  }

  #schedule(delayMs: number): void {
    this.#timer?.cancel();
    if (this.#isClosed) return;
    this.#timer = this.#ports.clock.setTimer('announce', delayMs, () => {
      this.#round = this.#run().finally(() => {
        this.#round = undefined;
        const isAtOnce = this.#isHurried && this.#failureCount === 0;
        this.#isHurried = false;
        if (!isAtOnce) this.#tellWaiting();
        this.#schedule(isAtOnce ? 0 : this.#pauseMs());
      });
    });
  }

  async #run(): Promise<void> {
    try {
      if (this.#gone.size > 0) await this.#withdraw();
      const missing = [...this.#contents.values()].filter((content) => !this.#isSettled(content));
      // REGISTER keeps one entry alive, ALIVE all of them.
      const isJoinedNow = this.#isJoinDue && (await this.#join());
      if (this.#settled.size > 0 || (this.#joining === 'done' && !isJoinedNow)) await this.#alive();
      for (let at = 0; at < missing.length && !this.#isClosed; at += BATCH_COUNT) {
        await this.#register(missing.slice(at, at + BATCH_COUNT));
      }
      if (this.#failureCount > 0) this.#options.events.trackerBack(this.#tracker);
      this.#failureCount = 0;
    } catch (error) {
      this.#noteFailure(asShoalError(error));
    }
  }

  #isSettled(content: Announcement): boolean {
    const key = keyOf(content);
    return this.#settled.has(key) && this.#settled.get(key) === content.haveCount?.();
  }

  async #withdraw(): Promise<void> {
    const { address } = this.#options;
    const gone = [...this.#gone].filter(([key]) => !this.#contents.has(key));
    try {
      for (let at = 0; at < gone.length; at += TRACKER_PIPELINE_MAX_COUNT) {
        const some = gone.slice(at, at + TRACKER_PIPELINE_MAX_COUNT);
        await Promise.all(some.map(([, { name, root }]) => this.#client.withdraw(name, address, root)));
      }
    } catch (error) {
      if (asShoalError(error).code !== 'UNKNOWN_COMMAND') throw error;
      await this.#client.unregister(address);
      this.#forget();
    }
    for (const [key] of gone) {
      this.#gone.delete(key);
      this.#settled.delete(key);
    }
    // What was announced again meanwhile is there again as soon as it is registered.
    for (const key of [...this.#gone.keys()]) if (this.#contents.has(key)) this.#gone.delete(key);
  }

  async #register(contents: readonly Announcement[]): Promise<void> {
    const { address, events } = this.#options;
    const haves = contents.map((content) => content.haveCount?.());
    const { load } = this.#state;
    const results = await this.#client.register(
      contents.map(({ name, sizeBytes, root, type }, at) => {
        const have = haves[at];
        const haveChunks = have === undefined ? undefined : Math.min(have, CHUNKS_MAX_COUNT);
        return { verb: 'REGISTER', name, sizeBytes, address, attributes: { root, type, haveChunks, load } };
      }),
    );
    for (const [at, content] of contents.entries()) {
      const result = results[at];
      if (result === undefined) continue;
      const key = keyOf(content);
      const isFull = result instanceof ShoalError && (result.code === 'BUSY' || result.code === 'LIMIT');
      const isNews = !this.#settled.has(key) || this.#refused.has(key);
      if (!isFull) this.#settled.set(key, haves[at]);
      if (result instanceof ShoalError) {
        if (!this.#refused.has(key)) events.refused(content, result, this.#tracker);
        this.#refused.add(key);
      } else {
        this.#refused.delete(key);
        this.#isAnswering = true;
        this.#intervalMs = result.intervalMs;
        this.#told = { ...this.#told, load };
        if (isNews) events.registered(content, result.address, this.#tracker);
      }
    }
  }

  async #alive(): Promise<void> {
    const { load, acceptBytes } = this.#state;
    try {
      // Nothing is said of nothing: there is none to lose.
      const fileCount = this.#settled.size - [...this.#refused].filter((key) => this.#settled.has(key)).length || undefined;
      const lease = await this.#client.alive(this.#options.address, { load, acceptBytes, fileCount });
      this.#intervalMs = lease.intervalMs;
      this.#told = { ...this.#told, load, acceptBytes };
      if (!this.#losses.isLoss(fileCount ?? 0, lease.fileCount)) return;
      this.#forget();
      this.#isHurried = true;
    } catch (error) {
      const shoal = asShoalError(error);
      // A tracker that lost us, or that knows REGISTER only: it gets everything again.
      if (shoal.code !== 'NOT_FOUND' && shoal.code !== 'UNKNOWN_COMMAND') throw shoal;
      this.#forget();
      if (shoal.code === 'NOT_FOUND') this.#isHurried = true;
    }
  }

  /** Returns whether the tracker knows this peer now. One that does not know how to, or is full, still takes contents. */
  async #join(): Promise<boolean> {
    // One that refuses was told, too: it is asked again in the next round, and not at each look.
    this.#told = this.#state;
    try {
      this.#intervalMs = (await this.#client.join(this.#options.address, this.#told)).intervalMs;
      this.#joining = 'done';
      this.#isAnswering = true;
      return true;
    } catch (error) {
      const shoal = asShoalError(error);
      if (['NETWORK', 'PROTOCOL', 'STOPPED'].includes(shoal.code)) throw shoal;
      if (shoal.code === 'UNKNOWN_COMMAND') this.#joining = 'unknown';
      return false;
    }
  }

  /** The tracker has nothing of this peer. */
  #forget(): void {
    this.#settled.clear();
    this.#told = {};
    if (this.#joining === 'done') this.#joining = 'due';
  }

  #noteFailure(error: ShoalError): void {
    if (this.#isClosed) return;
    // Whether it restarted or was only out of reach cannot be told from here, and registering twice harms nothing.
    this.#forget();
    this.#isAnswering = false;
    this.#joining = 'due';
    if (this.#failureCount === 0) this.#options.events.trackerLost(this.#tracker, error);
    this.#failureCount += 1;
  }

  /** Milliseconds to the next round; a part of it is chance, so that many peers do not come at once. */
  #pauseMs(): number {
    const wholeMs =
      this.#failureCount === 0 ? this.#intervalMs : Math.min(this.#intervalMs, RETRY_FIRST_MS * 2 ** (this.#failureCount - 1));
    const steadyMs = wholeMs * (this.#failureCount === 0 ? 0.75 : 0.5);
    return steadyMs + this.#ports.random.below(Math.ceil(wholeMs - steadyMs) + 1);
  }
}
