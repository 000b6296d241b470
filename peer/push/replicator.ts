/**
 * Keeps copies of what this peer shares at others: looks now and then which of its contents have too few, and pushes what the plan
 * says that it is for this peer to push.
 *
 *     pause (with jitter) ──► members of the group ──► holders of some contents ──► plan ──► pushes ──► pause …
 *
 * Invariant: one look runs at a time, and at most PUSHES_COUNT pushes; nothing is pushed to a peer twice at once.
 */
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import { formatPeerAddress, type PeerAddress } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { Clock, Timer } from '../../common/ports/clock.js';
import type { Random } from '../../common/ports/random.js';
import type { LookupRow, PeerInfo } from '../../common/wire/tracker-replies.js';
import type { PushContent } from './node-push.js';
import { planCopies } from './replication-plan.js';

/** Pushes at once: those that receive it share it at once, so a few go as fast as many. */
const PUSHES_COUNT = 4;
/** Contents that are looked at in one look, and questions to the trackers at once; the next look goes on where this one ended. */
const CONTENTS_PER_LOOK_COUNT = 500;
const QUESTIONS_COUNT = 16;
/** In pauses: until the next holder acts; for how long a copy counts that trackers may not know yet; how long a refusal is remembered. */
const GRACE_PAUSES = 2;
const ASSUMED_PAUSES = 2;
const REFUSED_PAUSES = 20;

export interface ReplicationOptions {
  /** How many peers shall have each content, this one counted. */
  readonly copyCount: number;
  /** Milliseconds from one look to the next, a quarter more or less. */
  readonly everyMs: number;
}

export interface ReplicatorPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** What this peer shares whole, each by itself and not as part of a folder. */
  readonly contents: () => readonly PushContent[];
  /** Under which addresses trackers know this peer; empty while they do not. */
  readonly ownAddresses: () => ReadonlySet<string>;
  /** The peers of the group. Throws where they cannot be asked for. */
  readonly members: () => Promise<readonly PeerInfo[]>;
  readonly holders: (root: ContentRoot) => Promise<readonly LookupRow[]>;
  /** Throws why the receiver does not have it. */
  readonly push: (content: PushContent, to: PeerAddress, signal: AbortSignal) => Promise<void>;
  readonly note: (text: string) => void;
}

export class Replicator {
  readonly #ports: ReplicatorPorts;
  readonly #options: ReplicationOptions;
  readonly #stop = new AbortController();
  /** Since when a content has had too few copies, by root. */
  readonly #lackingSinceMs = new Map<ContentRoot, number>();
  /** `root address` of pushes that run, and until when others count as copies or as refusals. */
  readonly #running = new Map<string, Promise<void>>();
  readonly #copiedUntilMs = new Map<string, number>();
  readonly #refusedUntilMs = new Map<string, number>();
  #nextIndex = 0;
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #trouble: string | undefined;

  /** Begins to look. */
  constructor(ports: ReplicatorPorts, options: ReplicationOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#schedule();
  }

  /** Ends the looks and the pushes that run. Idempotent. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#stop.abort(new ShoalError('STOPPED', 'local', 'Stopped.'));
    await this.#looking;
    await Promise.all(this.#running.values());
  }

  #schedule(): void {
    const { clock, random } = this.#ports;
    const { everyMs } = this.#options;
    // From three to five quarters, so that the peers of a group do not look all at once.
    const delayMs = everyMs * 0.75 + random.below(Math.ceil(everyMs / 2));
    this.#timer = clock.setTimer('replicate', delayMs, () => {
      this.#looking = this.#look().finally(() => {
        if (!this.#stop.signal.aborted) this.#schedule();
      });
    });
  }

  /** Never throws. */
  async #look(): Promise<void> {
    try {
      const self = this.#ports.ownAddresses();
      if (self.size === 0) return;
      const contents = this.#turn(this.#ports.contents());
      if (contents.length === 0) return;
      const members = await this.#ports.members();
      const own = members.find(({ address }) => self.has(formatPeerAddress(address)));
      if (own !== undefined) await this.#lookAt(contents, members, formatPeerAddress(own.address));
      this.#trouble = undefined;
    } catch (error) {
      const { message } = asShoalError(error);
      if (message !== this.#trouble && !this.#stop.signal.aborted)
        this.#ports.note(`Copies cannot be looked after for now: ${message}`);
      this.#trouble = message;
    }
  }

  /** The contents whose turn it is. */
  #turn(contents: readonly PushContent[]): readonly PushContent[] {
    if (this.#nextIndex >= contents.length) this.#nextIndex = 0;
    const turn = contents.slice(this.#nextIndex, this.#nextIndex + CONTENTS_PER_LOOK_COUNT);
    this.#nextIndex += turn.length;
    const roots = new Set(contents.map(({ root }) => root));
    for (const root of this.#lackingSinceMs.keys()) if (!roots.has(root)) this.#lackingSinceMs.delete(root);
    return turn;
  }

  async #lookAt(contents: readonly PushContent[], members: readonly PeerInfo[], self: string): Promise<void> {
    const left = contents.values();
    const lookAtSome = async () => {
      for (const content of left) {
        if (this.#stop.signal.aborted) return;
        this.#act(content, members, self, await this.#ports.holders(content.root));
      }
    };
    await Promise.all(Array.from({ length: QUESTIONS_COUNT }, lookAtSome));
  }

  #act(content: PushContent, members: readonly PeerInfo[], self: string, rows: readonly LookupRow[]): void {
    const { root, totalBytes } = content;
    const nowMs = this.#ports.clock.nowMs();
    const { copyCount, everyMs } = this.#options;
    const holders = new Set(this.#addressesOf(this.#copiedUntilMs, root, nowMs));
    for (const row of rows) if (row.haveChunks === undefined) holders.add(formatPeerAddress(row.address));
    const coming = new Set(rows.map(({ address }) => formatPeerAddress(address)));
    for (const key of this.#running.keys()) if (key.startsWith(root)) coming.add(addressOf(key));
    const sinceMs = this.#lackingSinceMs.get(root) ?? nowMs;
    const { missingCount, receivers } = planCopies({
      root,
      totalBytes,
      self,
      members: members.map((member) => ({ ...member, address: formatPeerAddress(member.address) })),
      holders,
      coming,
      refusing: new Set(this.#addressesOf(this.#refusedUntilMs, root, nowMs)),
      copyCount,
      lackingMs: nowMs - sinceMs,
      graceMs: GRACE_PAUSES * everyMs,
    });
    if (missingCount === 0) this.#lackingSinceMs.delete(root);
    else this.#lackingSinceMs.set(root, sinceMs);
    for (const receiver of receivers) {
      const member = members.find(({ address }) => formatPeerAddress(address) === receiver);
      if (member !== undefined && this.#running.size < PUSHES_COUNT) this.#push(content, member.address);
    }
  }

  #push(content: PushContent, to: PeerAddress): void {
    const { clock, push, note } = this.#ports;
    const key = `${content.root} ${formatPeerAddress(to)}`;
    const until = (pauses: number) => clock.nowMs() + pauses * this.#options.everyMs;
    const run = push(content, to, this.#stop.signal)
      .then(
        () => {
          this.#copiedUntilMs.set(key, until(ASSUMED_PAUSES));
          note(`"${content.name}" was copied to ${formatPeerAddress(to)}.`);
        },
        () => {
          this.#refusedUntilMs.set(key, until(REFUSED_PAUSES));
        },
      )
      .finally(() => this.#running.delete(key));
    this.#running.set(key, run);
  }

  /** Addresses of a root that still count; what does not is forgotten. */
  #addressesOf(untilMs: Map<string, number>, root: ContentRoot, nowMs: number): string[] {
    for (const [key, endMs] of untilMs) if (endMs <= nowMs) untilMs.delete(key);
    return [...untilMs.keys()].filter((key) => key.startsWith(root)).map(addressOf);
  }
}

/** Keys are `root address`. */
function addressOf(key: string): string {
  return key.slice(key.indexOf(' ') + 1);
}
