/**
 * A simulated machine that fetches, shares and loses its power: one disk, one process after another on it, and a peer on another machine
 * that has everything.
 */
import type { Disk } from '../../common/ports/disk.js';
import { SimClock } from '../../common/sim/sim-clock.js';
import { SimDisk, type SimDiskOptions } from '../../common/sim/sim-disk.js';
import type { DiskOperation } from '../../common/sim/sim-disk-faults.js';
import { SimLife } from '../../common/sim/sim-life.js';
import type { SimMount } from '../../common/sim/sim-mount.js';
import { SimNetwork } from '../../common/sim/sim-network.js';
import { type SimProcess, SimProcesses } from '../../common/sim/sim-processes.js';
import { SimRandom } from '../../common/sim/sim-random.js';
import { fetchContent } from '../fetch/fetch-content.js';
import type { FetchEvent, FetchResult } from '../fetch/fetch-events.js';
import type { FetchOptions } from '../fetch/fetch-session.js';
import { parseFetchSource } from '../fetch/fetch-source.js';
import { linkOf } from './fetch-bench.js';
import { ScriptedPeer } from './scripted-peer.js';
import { SimHasher } from './sim-hasher.js';
import type { TestContent } from './test-content.js';

const SEED_IP = '10.0.0.1';
/** As few as a fetch from one peer needs: they are memory, and tests make thousands. */
const SLOT_COUNT = 4;

export type Stop = 'without power' | 'killed';

/** A process on the machine, until it dies. */
export interface SimRun {
  readonly life: SimLife;
  readonly mount: SimMount;
  readonly process: SimProcess;
}

export class SimMachine {
  readonly clock = new SimClock();
  readonly disk: SimDisk;
  readonly processes = new SimProcesses();
  readonly events: FetchEvent[] = [];
  readonly #random: SimRandom;
  readonly #network = new SimNetwork(this.clock);
  readonly #contents: readonly TestContent[];
  readonly #bytesPerSecond: number;
  #runs: SimRun[] = [];
  #hostCount = 1;
  #seed: ScriptedPeer | undefined;

  /** `bytesPerSecond`: of the line to the peer that has `contents`. */
  constructor(seed: number, contents: readonly TestContent[], bytesPerSecond: number, options: SimDiskOptions = {}) {
    this.#random = new SimRandom(seed);
    this.disk = new SimDisk(this.clock, this.#random.fork(), options);
    this.#contents = contents;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Whether any process was started since the machine stopped. */
  get isRunning(): boolean {
    return this.#runs.length > 0;
  }

  /** A process starts. */
  start(): SimRun {
    const run = { life: new SimLife(), mount: this.disk.mount(), process: this.processes.start() };
    this.#runs.push(run);
    return run;
  }

  /**
   * The power goes and comes back: every process is dead, and what was not synced is left to chance. Or they are only `killed`: what they
   * wrote is still there. May be called from `disk.observe`.
   */
  stop(how: Stop): void {
    for (const { life } of this.#runs) life.die();
    this.#runs = [];
    this.processes.endAll();
    if (how === 'killed') this.disk.crash();
    else this.disk.powerLoss();
  }

  /** Stops before the change of the disk with this number, from 0 on; `before` sees each change that is about to happen. */
  stopAt(changeNumber: number, how: Stop, before: (operation: DiskOperation, path: string) => void = () => undefined): void {
    let seenCount = 0;
    this.disk.observe = (operation, path) => {
      before(operation, path);
      seenCount += 1;
      if (seenCount <= changeNumber) return;
      this.disk.observe = () => undefined;
      this.stop(how);
    };
  }

  /** Fetches in a process of its own, on the disk that `diskOf` makes of its own one. */
  async fetch(
    content: TestContent,
    options: Partial<FetchOptions> = {},
    diskOf = (mount: SimMount): Disk => mount,
  ): Promise<FetchResult> {
    const { life, mount, process } = this.start();
    const seed = await this.#startedSeed();
    this.#hostCount += 1;
    const line = { downBytesPerSecond: this.#bytesPerSecond, latencyMs: 5 };
    const host = this.#network.host({ ip: `10.0.0.${this.#hostCount}`, ...line });
    const clock = life.clock(this.clock);
    const pool = new SimHasher(mount, clock, { slotCount: SLOT_COUNT });
    const shown = linkOf(content, [seed]);
    const ports = { dialer: host.dialer, clock, random: this.#random.fork(), pool, disk: diskOf(mount), processes: process };
    const result = await fetchContent(ports, {
      ...{ source: parseFetchSource(shown), shown, trackers: [], out: undefined, directory: '/home' },
      ...{ isOverwrite: false, isFresh: false, patienceMs: 30_000, signal: new AbortController().signal },
      onEvent: (event) => this.events.push(event),
      ...options,
    });
    await pool.close();
    return result;
  }

  /** Lets time pass until this has come to something, or the machine stopped: then `undefined`. Throws what it throws. */
  async settledOrStopped<T>(working: Promise<T>): Promise<T | undefined> {
    let outcome: { readonly value: T } | { readonly error: unknown } | undefined;
    working.then(
      (value) => {
        outcome = { value };
      },
      (error: unknown) => {
        outcome = { error };
      },
    );
    await this.clock.run({ isOver: () => outcome !== undefined || this.#runs.length === 0 });
    if (outcome === undefined) return undefined;
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  }

  async #startedSeed(): Promise<ScriptedPeer> {
    const host = this.#seed === undefined ? this.#network.host({ ip: SEED_IP, latencyMs: 5 }) : undefined;
    if (host !== undefined) {
      const ports = { listener: host.listenPort, clock: this.clock, host: SEED_IP };
      this.#seed = await ScriptedPeer.start(this.#contents, {}, ports);
    }
    if (this.#seed === undefined) throw new Error('the peer did not start');
    return this.#seed;
  }
}
