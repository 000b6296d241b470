/**
 * A node that stays: answers the commands of its user, remembers what it shares for good, and counts what goes to and fro.
 *
 * What changes is on disk within SAVE_MS; what was promised to a command is there before the command hears of it.
 */
import { untilAborted } from '../../common/core/abortable.js';
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import { formatPeerAddress, type HostPort, parseHostPort } from '../../common/core/peer-address.js';
import type { Clock, Timer } from '../../common/ports/clock.js';
import type { LoadPort } from '../../common/ports/load.js';
import type { PeerStatus } from '../../common/wire/peer-documents.js';
import type { FetchResult } from '../fetch/fetch-events.js';
import type { PeerNode } from '../node.js';
import type { DamageLedger } from '../scrub/damage-ledger.js';
import { IdleScrub, type IdleScrubOptions } from '../scrub/idle-scrub.js';
import type { ScrubOptions } from '../scrub/scrubber.js';
import {
  CONTROL_VERSION,
  type ControlRequest,
  type Hello,
  type Json,
  type NodeSettings,
  type PushRequest,
  type ShareRequest,
} from './control-protocol.js';
import type { ControlDesk, ControlSession } from './control-server.js';
import type { NewsBoard } from './news-board.js';
import { NodeFetches, type RunningFetch } from './node-fetches.js';
import { pushForCommand } from './node-pushes.js';
import { NodeScrubs } from './node-scrubs.js';
import { hashingSender, newsSender } from './share-news.js';
import { namesOf, ShareOwners } from './share-owners.js';
import type { StateFile } from './state-file.js';
import type { ServeState } from './state-format.js';
import { Statistics } from './statistics.js';
import { statsJson } from './stats-json.js';

/** Milliseconds after a change until it is written: what a power cut may cost of the statistics. */
const SAVE_MS = 3000;
/** A reply to a command is one line, which has a limit. */
const DAMAGED_TOLD_MAX_COUNT = 100;

export interface ServingParts {
  readonly node: PeerNode;
  readonly board: NewsBoard;
  readonly clock: Clock;
  readonly file: StateFile;
  readonly state: ServeState;
  /** What the node knows of damaged files; kept in the state from now on. */
  readonly damage: DamageLedger;
  /** How it looks for damage by itself; `undefined` where it does not. */
  readonly scrub: IdleScrubOptions | undefined;
  readonly epochNowMs: () => number;
  readonly load?: LoadPort;
  /** Of the program. */
  readonly version: string;
  readonly pid: number;
  readonly settings: NodeSettings;
  /** Ends the node, as a signal would. */
  readonly stop: () => void;
}

/** What `peer status` tells. */
export interface NodeStatus extends PeerStatus {
  readonly address: string;
  readonly pid: number;
  readonly uptimeMs: number;
  /** Paths; `fileCount` are names, those inside folders too. */
  readonly shareCount: number;
  readonly trackers: readonly { readonly tracker: string; readonly isReachable: boolean; readonly message: string | null }[];
  readonly fetches: readonly RunningFetch[];
  readonly uploads: readonly {
    readonly name: string;
    readonly root: string | null;
    readonly sizeBytes: number;
    readonly bytesPerSecond: number;
  }[];
  readonly uploadedBytes: number;
  readonly downloadedBytes: number;
  /** Files with damaged chunks, a hundred at most. */
  readonly damaged: readonly { readonly path: string; readonly root: string; readonly chunkCount: number }[];
}

export class ServingNode implements ControlDesk {
  readonly hello: Hello;
  readonly #parts: ServingParts;
  readonly #statistics: Statistics;
  readonly #owners: ShareOwners;
  readonly #fetches: NodeFetches;
  readonly #scrubs: NodeScrubs;
  readonly #idleScrub: IdleScrub;
  #pushCount = 0;
  #isBegun = false;
  readonly #startedMs: number;
  readonly #stopReading: () => void;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(parts: ServingParts) {
    const { node, board, clock, state, version, pid, settings } = parts;
    this.#parts = parts;
    this.hello = { protocol: CONTROL_VERSION, version, pid, settings };
    this.#startedMs = clock.nowMs();
    this.#statistics = new Statistics(state.totals);
    const note = board.note;
    const forgotten = (name: string) => board.forget(name);
    this.#owners = new ShareOwners({ node, note, save: () => this.#save(), forgotten }, state.kept);
    this.#fetches = new NodeFetches({
      node,
      downloaded: (content, bytes) => {
        this.#statistics.downloaded(content, bytes);
        this.#changed();
      },
      keep: (result) => this.#keep(result),
      fetched: ({ name, path }) => board.note(`"${name}" was fetched to ${path} for a command.`),
    });
    this.#scrubs = new NodeScrubs({ node, clock, missing: () => (this.#isBegun ? this.#owners.missing : []) });
    const scrubPorts = {
      ...parts,
      note,
      scrub: (how: ScrubOptions) => node.scrub(how),
      uploadPercent: () => node.status().load ?? 0,
      isWorking: () => this.#isWorking,
      changed: () => this.#changed(),
    };
    this.#idleScrub = new IdleScrub(scrubPorts, parts.scrub, state.scrub, state.sinceMs);
    parts.damage.keepWith({ changed: () => this.#changed(), save: () => this.#save() });
    this.#stopReading = board.read({
      served: ({ name, root, manifest }, bytes) => {
        this.#statistics.uploaded({ name, root, sizeBytes: manifest.sizeBytes }, bytes, clock.nowMs());
        this.#changed();
      },
      // What others pushed here is kept like what was fetched.
      pushReceived: ({ name, root, sizeBytes }, _ip, { type, path, fetchedBytes }) => {
        if (fetchedBytes > 0) this.#statistics.downloaded({ name, root, sizeBytes }, fetchedBytes);
        void this.#keep({ type, path, name });
      },
    });
  }

  /** Shares again what is kept, and `paths`, which belong to this run alone. Throws what stands against those paths. */
  async begin(paths: readonly string[]): Promise<void> {
    await this.#parts.node.settleHalfMended();
    if (paths.length > 0) await this.#owners.share(paths, this, this.#parts.board);
    await this.#owners.restore();
    this.#isBegun = true;
  }

  async answer(request: ControlRequest, session: ControlSession): Promise<Json> {
    switch (request.request) {
      case 'status':
        return { ...this.#status() };
      case 'list':
        return {
          shares: this.#parts.node
            .shares()
            .map((share) => ({ ...share, root: share.root ?? null, isKept: this.#owners.isKept(share.name) })),
        };
      case 'stats':
        return { ...statsJson(this.#state()) };
      case 'share':
        return this.#share(request, session);
      case 'unshare': {
        const names = await this.#owners.unshare(request);
        await this.#parts.node.settled();
        return { names };
      }
      case 'fetch':
        return this.#fetches.fetch(request, session);
      case 'push':
        return this.#push(request, session);
      case 'scrub':
        return this.#scrubs.scrub(request, session);
      case 'stop':
        this.#parts.stop();
        return { pid: this.hello.pid };
      case 'cancel':
        throw new ShoalError('BAD_REQUEST', 'remote', 'There is nothing to cancel.');
    }
  }

  /** Writes what is not written yet, and nothing after that. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    await this.#idleScrub.close();
    this.#stopReading();
    this.#timer?.cancel();
    this.#isClosed = true;
    await this.#parts.file.save(this.#state()).catch((error: unknown) => this.#parts.board.note(asShoalError(error).message));
  }

  async #share({ paths, isKept }: ShareRequest, session: ControlSession): Promise<Json> {
    const { board, node, clock } = this.#parts;
    const names = namesOf(paths);
    const reader = newsSender(new Set(names), session.event);
    const hashing = hashingSender(clock, session.event);
    const stopReading = board.read(reader);
    try {
      const sharing = isKept ? this.#owners.keep(paths, hashing) : this.#owners.share(paths, session, hashing);
      // Whoever gives it up does not wait for the hashing of what nobody wants any more.
      await (isKept ? sharing : orAborted(sharing, session.signal));
      hashing.over();
      for (const name of names) board.repeat(name, reader);
      await node.settled();
      if (!isKept) await untilAborted(session.signal);
    } finally {
      stopReading();
      if (!isKept) {
        this.#owners.release(names, session);
        await node.settled();
      }
    }
    return { names };
  }

  async #push(request: PushRequest, session: ControlSession): Promise<Json> {
    const { node, clock } = this.#parts;
    this.#pushCount += 1;
    try {
      return await pushForCommand({ node, owners: this.#owners, clock }, request, session);
    } finally {
      this.#pushCount -= 1;
    }
  }

  /** Whether it does anything that somebody waits for. */
  get #isWorking(): boolean {
    return !this.#isBegun || this.#scrubs.isRunning || this.#pushCount > 0 || this.#fetches.running.length > 0;
  }

  async #keep({ type, path, name }: Pick<FetchResult, 'type' | 'path' | 'name'>): Promise<void> {
    try {
      await this.#owners.keepFetched({ kind: type, path, name });
    } catch (error) {
      // It is fetched all the same.
      this.#parts.board.note(`"${path}" is not kept: ${asShoalError(error).message}`);
    }
  }

  #status(): NodeStatus {
    const { node, board, clock, damage } = this.#parts;
    const { trackers } = this.hello.settings;
    return {
      address: formatPeerAddress(node.local),
      pid: this.hello.pid,
      uptimeMs: Math.round(clock.nowMs() - this.#startedMs),
      ...node.status(),
      shareCount: node.shares().length,
      trackers: trackers.map((tracker) => {
        const trouble = board.troubleOf(addressOf(tracker));
        return { tracker, isReachable: trouble === undefined, message: trouble ?? null };
      }),
      fetches: this.#fetches.running,
      uploads: this.#statistics.uploads(clock.nowMs()).map((upload) => ({ ...upload, root: upload.root ?? null })),
      uploadedBytes: this.#statistics.totals.uploadedBytes,
      downloadedBytes: this.#statistics.totals.downloadedBytes,
      damaged: damage.records
        .slice(0, DAMAGED_TOLD_MAX_COUNT)
        .map(({ path, root, chunks }) => ({ path, root, chunkCount: chunks.length })),
    };
  }

  #state(): ServeState {
    const { state, damage } = this.#parts;
    const scrub = { ...this.#idleScrub.progress, damage: damage.records };
    return { sinceMs: state.sinceMs, kept: this.#owners.kept, totals: this.#statistics.totals, scrub };
  }

  #changed(): void {
    if (this.#isClosed) return;
    this.#timer ??= this.#parts.clock.setTimer('save state', SAVE_MS, () => {
      this.#timer = undefined;
      // The next change tries again.
      this.#save().catch((error: unknown) => this.#parts.board.note(asShoalError(error).message));
    });
  }

  /** Throws as `StateFile.save`. */
  #save(): Promise<void> {
    return this.#isClosed ? Promise.resolve() : this.#parts.file.save(this.#state());
  }
}

function addressOf(tracker: string): HostPort {
  return parseHostPort(tracker, 0);
}

/** As `work`; resolves at once when the signal comes. */
async function orAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  work.catch(() => undefined);
  await Promise.race([work, untilAborted(signal)]);
}
