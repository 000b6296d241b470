/**
 * What people do at their machines: they share, they fetch, and when a command ended without what they wanted they give it again.
 *
 * A person knows what the commands say and no more, and is not part of the program: a command that died is given again by whoever
 * starts the machine anew.
 */
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import type { HashName } from '../../common/core/hash.js';
import type { HostPort } from '../../common/core/peer-address.js';
import type { Clock } from '../../common/ports/clock.js';
import type { FetchEvent, FetchResult } from '../../peer/fetch/fetch-events.js';
import { parseFetchSource } from '../../peer/fetch/fetch-source.js';
import { createNode, type NodeOptions, type NodePorts, type PeerNode } from '../../peer/node.js';
import type { SharedContent } from '../../peer/share/shared-content.js';
import { silentEvents } from '../../peer/testkit/silent-events.js';
import type { ProgramRun } from './machine.js';
import type { MachineFlags } from './scenario.js';

export const PEER_PORT = 4701;
export const CACHE_FOLDER = '/home/cache';
export const DOWNLOAD_FOLDER = '/home/downloads';
/** Milliseconds after which a person tries again what failed. */
const AGAIN_MIN_MS = 2000;
const AGAIN_SPREAD_MS = 10_000;
/** What a person may be told without anything being wrong with the program. */
const USUAL_CODES: readonly string[] = [
  'NETWORK',
  'NOT_FOUND',
  'STOPPED',
  'DISK_FULL',
  'IO',
  'VERIFY_FAILED',
  'BUSY',
  'PROTOCOL',
  'LIMIT',
];

export interface UserEvents {
  /** `fileCount` of a folder: those that could not be read are left out of it, and said to be. */
  indexed(content: SharedContent, fileCount: number | undefined): void;
  fetchEvent(event: FetchEvent): void;
  done(result: FetchResult): void;
  /** A command ended with an error. `isUsual`: one that faults explain. */
  failed(error: ShoalError, isUsual: boolean): void;
}

/** What a fetch is asked for, and where it goes if it is said. */
export interface Asked {
  readonly source: string;
  readonly out: string | undefined;
}

export interface UserOptions {
  readonly flags: MachineFlags;
  readonly trackers: readonly HostPort[];
  readonly hashName: HashName;
}

/** Somebody at a machine with one command running. */
export class User {
  readonly #run: ProgramRun;
  readonly #options: UserOptions;
  readonly #events: UserEvents;
  #node: PeerNode | undefined;
  #stop = new AbortController();
  #isLeaving = false;

  constructor(run: ProgramRun, options: UserOptions, events: UserEvents) {
    [this.#run, this.#options, this.#events] = [run, options, events];
  }

  get node(): PeerNode | undefined {
    return this.#node;
  }

  /** Shares these until the end. */
  share(paths: readonly string[]): Promise<void> {
    return this.#again(async (node) => {
      await node.share(paths);
      await this.#untilStopped();
      return this.#isLeaving;
    });
  }

  /** Fetches what was asked for, and goes on serving it where `isSeeding`. */
  fetch(askedNow: () => Asked, plan: { readonly patienceMs: number; readonly isSeeding: boolean }): Promise<void> {
    return this.#again(async (node) => {
      const { source, out } = askedNow();
      const result = await node.fetch({
        source: parseFetchSource(source),
        shown: source,
        trackers: this.#options.trackers,
        out,
        directory: DOWNLOAD_FOLDER,
        isOverwrite: false,
        isFresh: false,
        patienceMs: plan.patienceMs,
        isKept: plan.isSeeding,
        onEvent: (event) => this.#events.fetchEvent(event),
        signal: this.#stop.signal,
      });
      this.#events.done(result);
      if (!plan.isSeeding) return true;
      await node.seed(result);
      await this.#untilStopped();
      return this.#isLeaving;
    });
  }

  /** Ends the command as Ctrl-C does; it is given again. */
  interrupt(): void {
    this.#stop.abort(new ShoalError('STOPPED', 'local', 'Stopped.'));
  }

  /** Ends the command for good. */
  leave(): void {
    this.#isLeaving = true;
    this.interrupt();
  }

  /** Gives a command until it says that nothing is left to do. */
  async #again(command: (node: PeerNode) => Promise<boolean>): Promise<void> {
    for (let isOver = false; !isOver; ) {
      isOver = await this.#once(command);
      isOver ||= this.#isLeaving;
      if (!isOver) await wait(this.#run.clock, AGAIN_MIN_MS + this.#run.ports.random.below(AGAIN_SPREAD_MS));
      isOver ||= this.#isLeaving;
    }
  }

  /** Returns whether it ended as it should. */
  async #once(command: (node: PeerNode) => Promise<boolean>): Promise<boolean> {
    this.#stop = new AbortController();
    try {
      this.#node = await createNode(this.#ports(), this.#nodeOptions());
      return await command(this.#node);
    } catch (error) {
      const known = asShoalError(error);
      this.#events.failed(known, USUAL_CODES.includes(known.code));
      return false;
    } finally {
      await this.#node?.close();
      this.#node = undefined;
    }
  }

  #ports(): NodePorts {
    const { datagrams, ...ports } = this.#run.ports;
    return this.#options.flags.isUdp ? { ...ports, datagrams } : ports;
  }

  #nodeOptions(): NodeOptions {
    const { flags, trackers, hashName } = this.#options;
    const events = silentEvents({ indexed: (content, fileCount) => this.#events.indexed(content, fileCount) });
    const limits = flags.limits === undefined ? {} : { limits: flags.limits };
    const fixed = { host: '0.0.0.0', port: PEER_PORT, isFolderOnly: false, cacheFolder: CACHE_FOLDER, threadCount: 2 };
    return { ...fixed, ...limits, trackers, hashName, events };
  }

  #untilStopped(): Promise<void> {
    const { signal } = this.#stop;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }
}

export function wait(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.setTimer('a person waits', ms, resolve));
}
