/**
 * Keeps what this peer shares registered at every tracker, and the peer itself known where it wants to be.
 *
 * Each tracker has a link of its own (tracker-link.ts), so that a dead one costs the others nothing. Invariant: what was announced and
 * not withdrawn is in `#contents`, and a tracker that answers has all of it within one interval.
 */
import type { ShoalError } from '../../common/core/errors.js';
import type { FileName } from '../../common/core/file-name.js';
import type { HostPort, PeerAddress } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { Timer } from '../../common/ports/clock.js';
import type { TrackerPorts } from './open-tracker.js';
import { keyOf, TrackerLink } from './tracker-link.js';

/** Milliseconds between two looks whether this peer is so much more or less busy that trackers should know at once. */
const STATE_LOOK_MS = 3000;

/** One content as trackers know it. */
export interface Announcement {
  readonly name: FileName;
  readonly sizeBytes: number;
  readonly root: ContentRoot;
  readonly type?: string;
  /** How many chunks of it are here, where that is not all of them. */
  readonly haveCount?: () => number;
}

/** What a peer tells of itself. */
export interface AnnouncedState {
  /** 0 (idle) to 100. */
  readonly load?: number | undefined;
  /** Bytes that it still takes in pushes; absent or 0: none. */
  readonly acceptBytes?: number | undefined;
  readonly group?: string | undefined;
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
  /** Left out, nothing is told. One that accepts pushes or is in a group is known to trackers also while it has no content. */
  readonly state?: () => AnnouncedState;
  readonly events: AnnouncerEvents;
}

export class Announcer {
  readonly #ports: TrackerPorts;
  readonly #links: readonly TrackerLink[];
  readonly #contents = new Map<string, Announcement>();
  #looking: Timer | undefined;
  #closing: Promise<void> | undefined;

  constructor(ports: TrackerPorts, options: AnnouncerOptions) {
    this.#ports = ports;
    this.#links = options.trackers.map((tracker) => new TrackerLink(ports, options, tracker, this.#contents));
    if (options.state === undefined) return;
    for (const link of this.#links) link.joinMaybe();
    this.#lookLater();
  }

  /** Adds contents; each tracker gets them at once if it is there, and as soon as it is otherwise. */
  announce(contents: readonly Announcement[]): void {
    for (const content of contents) this.#contents.set(keyOf(content), content);
    for (const link of this.#links) link.hurry();
  }

  /** Takes contents back. */
  withdraw(contents: readonly Announcement[]): void {
    const gone = contents.filter((content) => this.#contents.delete(keyOf(content)));
    if (gone.length > 0) for (const link of this.#links) link.withdraw(gone);
  }

  /** Resolves when each tracker that answers was told what was announced and withdrawn until now. */
  async settled(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.settled()));
  }

  /** Says goodbye to all trackers, within UNREGISTER_DEADLINE_MS. Idempotent. */
  close(): Promise<void> {
    this.#looking?.cancel();
    this.#closing ??= Promise.all(this.#links.map((link) => link.close())).then(() => undefined);
    return this.#closing;
  }

  #lookLater(): void {
    this.#looking = this.#ports.clock.setTimer('state', STATE_LOOK_MS, () => {
      for (const link of this.#links) link.lookAtState();
      this.#lookLater();
    });
  }
}
