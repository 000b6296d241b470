/**
 * Keeps what this peer shares registered at every tracker.
 *
 * Each tracker has a link of its own, so that a dead one costs the others nothing. A link is one loop of rounds:
 *
 *     round: withdraw if something was taken back ──► REGISTER what the tracker does not have ──► otherwise ALIVE
 *            (what grew is registered anew, so that the tracker knows how much of it is here)
 *            tracker lost us (NOT_FOUND) or was gone ──► it has nothing: the next round registers everything
 *            failed ──► the next round comes soon, then later and later, never later than an interval
 *
 * Invariant: one round of a link runs at a time; what was announced and not withdrawn is in `#contents`, and a tracker that answers has
 * all of it within one interval.
 */
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import type { FileName } from '../../common/core/file-name.js';
import { CHUNKS_MAX_COUNT, TRACKER_PIPELINE_MAX_COUNT, UNREGISTER_DEADLINE_MS } from '../../common/core/limits.js';
import type { HostPort, PeerAddress } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { Clock, Timer } from '../../common/ports/clock.js';
import type { Dialer } from '../../common/ports/net.js';
import type { Random } from '../../common/ports/random.js';
import { openTracker } from './open-tracker.js';
import type { TrackerClient } from './tracker-client.js';

/** Milliseconds between rounds until a tracker has said its own interval. */
const INTERVAL_FIRST_MS = 30_000;
/** The first pause after a failure; it doubles with each. */
const RETRY_FIRST_MS = 1000;

/** Contents whose registration is told of together: enough that the pipeline stays full. */
const BATCH_COUNT = 4 * TRACKER_PIPELINE_MAX_COUNT;

/** One content as trackers know it. */
export interface Announcement {
  readonly name: FileName;
  readonly sizeBytes: number;
  readonly root: ContentRoot;
  readonly type?: string;
  /** How many chunks of it are here, where that is not all of them. */
  readonly haveCount?: () => number;
}

export interface AnnouncerPorts {
  readonly dialer: Dialer;
  readonly clock: Clock;
  readonly random: Random;
}

export interface AnnouncerEvents {
  /** `address` is the entry as the tracker keeps it. Told once for each content and tracker, until the tracker is lost. */
  registered(content: Announcement, address: PeerAddress | undefined, tracker: HostPort): void;
  /** The tracker refused one content. */
  refused(content: Announcement, error: ShoalError, tracker: HostPort): void;
  /** Told once until it is back. */
  trackerLost(tracker: HostPort, error: ShoalError): void;
  trackerBack(tracker: HostPort): void;
}

export interface AnnouncerOptions {
  readonly trackers: readonly HostPort[];
  /** `*:port`, or `IP:port` where the peer is reached elsewhere than it is seen. */
  readonly address: string;
  readonly events: AnnouncerEvents;
}

export class Announcer {
  readonly #links: readonly TrackerLink[];
  readonly #contents = new Map<string, Announcement>();
  #closing: Promise<void> | undefined;

  constructor(ports: AnnouncerPorts, options: AnnouncerOptions) {
    this.#links = options.trackers.map((tracker) => new TrackerLink(ports, options, tracker, this.#contents));
  }

  /** Adds contents; each tracker gets them at once if it is there, and as soon as it is otherwise. */
  announce(contents: readonly Announcement[]): void {
    for (const content of contents) this.#contents.set(keyOf(content), content);
    for (const link of this.#links) link.hurry();
  }

  /** Takes contents back. The protocol takes back an address as a whole, so the others are registered again. */
  withdraw(contents: readonly Announcement[]): void {
    const gone = contents.filter((content) => this.#contents.delete(keyOf(content)));
    if (gone.length > 0) for (const link of this.#links) link.startOver();
  }

  /** Says goodbye to all trackers, within UNREGISTER_DEADLINE_MS. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= Promise.all(this.#links.map((link) => link.close())).then(() => undefined);
    return this.#closing;
  }
}

function keyOf({ name, sizeBytes, root }: Announcement): string {
  return `${root} ${sizeBytes} ${name}`;
}

/** The announcements at one tracker. */
class TrackerLink {
  readonly #ports: AnnouncerPorts;
  readonly #options: AnnouncerOptions;
  readonly #tracker: HostPort;
  readonly #contents: ReadonlyMap<string, Announcement>;
  readonly #client: TrackerClient;
  /** Keys that the tracker has, or has refused for good, with the number of chunks that it was told. */
  readonly #settled = new Map<string, number | undefined>();
  /** Keys whose refusal was told. */
  readonly #refused = new Set<string>();
  #intervalMs = INTERVAL_FIRST_MS;
  #failureCount = 0;
  #isToWithdraw = false;
  #isClosed = false;
  #timer: Timer | undefined;
  #round: Promise<void> | undefined;
  #isHurried = false;

  constructor(ports: AnnouncerPorts, options: AnnouncerOptions, tracker: HostPort, contents: ReadonlyMap<string, Announcement>) {
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

  startOver(): void {
    this.#isToWithdraw = true;
    this.hurry();
  }

  /** Within UNREGISTER_DEADLINE_MS, also while a connection is being made that nobody answers. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await new Promise<void>((resolve) => {
      const deadline = this.#ports.clock.setTimer('goodbye', UNREGISTER_DEADLINE_MS, resolve);
      void this.#sayGoodbye().finally(() => {
        deadline.cancel();
        resolve();
      });
    });
    await this.#client.close();
  }

  async #sayGoodbye(): Promise<void> {
    await this.#round;
    // A tracker that was not reached has nothing to take back.
    if (this.#settled.size > 0) await this.#client.unregister(this.#options.address).catch(() => 0);
  }

  #schedule(delayMs: number): void {
    this.#timer?.cancel();
    if (this.#isClosed) return;
    this.#timer = this.#ports.clock.setTimer('announce', delayMs, () => {
      this.#round = this.#run().finally(() => {
        this.#round = undefined;
        const isAtOnce = this.#isHurried && this.#failureCount === 0;
        this.#isHurried = false;
        this.#schedule(isAtOnce ? 0 : this.#pauseMs());
      });
    });
  }

  async #run(): Promise<void> {
    try {
      await this.#withdrawMaybe();
      const missing = [...this.#contents.values()].filter((content) => !this.#isSettled(content));
      // REGISTER keeps one entry alive, ALIVE all of them.
      if (this.#settled.size > 0) await this.#alive();
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

  async #withdrawMaybe(): Promise<void> {
    if (!this.#isToWithdraw) return;
    await this.#client.unregister(this.#options.address);
    this.#isToWithdraw = false;
    this.#settled.clear();
  }

  async #register(contents: readonly Announcement[]): Promise<void> {
    const { address, events } = this.#options;
    const haves = contents.map((content) => content.haveCount?.());
    const results = await this.#client.register(
      contents.map(({ name, sizeBytes, root, type }, at) => {
        const have = haves[at];
        const attributes = {
          root,
          ...(type === undefined ? {} : { type }),
          ...(have === undefined ? {} : { haveChunks: Math.min(have, CHUNKS_MAX_COUNT) }),
        };
        return { verb: 'REGISTER', name, sizeBytes, address, attributes };
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
        this.#intervalMs = result.intervalMs;
        if (isNews) events.registered(content, result.address, this.#tracker);
      }
    }
  }

  async #alive(): Promise<void> {
    try {
      this.#intervalMs = (await this.#client.alive(this.#options.address)).intervalMs;
    } catch (error) {
      const shoal = asShoalError(error);
      // A tracker that lost us, or that knows REGISTER only: it gets everything again.
      if (shoal.code !== 'NOT_FOUND' && shoal.code !== 'UNKNOWN_COMMAND') throw shoal;
      this.#settled.clear();
      if (shoal.code === 'UNKNOWN_COMMAND') return;
      this.#isHurried = true;
    }
  }

  #noteFailure(error: ShoalError): void {
    if (this.#isClosed) return;
    // Whether it restarted or was only out of reach cannot be told from here, and registering twice harms nothing.
    this.#settled.clear();
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
