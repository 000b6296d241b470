/**
 * The driver of a fetch: asks the plan what is next, the swarm for it, the pool to check and write it, the store to make it last.
 *
 * Each event ends in giving requests to peers as far as their score says: to one peer when it delivered or told of new chunks, to all
 * in turn when a chunk was given back. A peer that is slow loses its chunks to idle ones, a dead one is cut off, a liar is banned at
 * the first bad chunk.
 * Invariant: a unit counts only after a worker checked and wrote it; it is reported only after a checkpoint.
 */
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import type { Timer } from '../../common/ports/clock.js';
import { Checkpointer } from './checkpointer.js';
import { Crew } from './crew.js';
import type { DownloadOptions, DownloadReport } from './download-options.js';
import { landChunk } from './landing.js';
import { nobodyLeft } from './nobody-left.js';
import { PeerRefresh } from './peer-refresh.js';
import type { PlanPeer } from './plan-peer.js';
import { createRequestQueue } from './request-queue.js';
import type { Supplier } from './supplier.js';
import type { SwarmPorts } from './swarm.js';

/** Requests under way at all peers together. */
const REQUESTS_MAX_COUNT = 512;
const TICK_MS = 250;
/** Refusals without one chunk between them after which a peer rests. */
const REFUSALS_MAX_COUNT = 32;

/** A unit that was asked of a peer. */
interface Request {
  readonly supplier: Supplier;
  /** What the plan knew it as. */
  readonly peer: PlanPeer;
  readonly unit: number;
}

export class Download {
  readonly #ports: SwarmPorts;
  readonly #options: DownloadOptions;
  readonly #crew: Crew;
  readonly #checkpointer: Checkpointer;
  readonly #refreshes: readonly PeerRefresh[];
  readonly #queue = createRequestQueue(REQUESTS_MAX_COUNT);
  /** Bytes of an average chunk: small in a folder of small files. */
  readonly #usualChunkBytes: number;
  #settle: { resolve: () => void; reject: (error: ShoalError) => void } | undefined;
  #timer: Timer | undefined;
  #isOver = false;
  #doneBytes = 0;
  #fetchedBytes = 0;
  #wastedBytes = 0;
  #lastProgressMs: number;
  #turn = 0;
  #lossCount = 0;

  constructor(ports: SwarmPorts, options: DownloadOptions) {
    this.#ports = ports;
    this.#options = options;
    const nowMs = ports.clock.nowMs();
    this.#lastProgressMs = nowMs;
    const { events, catalog, plan } = options;
    this.#usualChunkBytes = Math.max(1, Math.ceil(catalog.totalBytes / Math.max(1, catalog.unitCount)));
    for (const [first, count] of plan.had.runs()) this.#doneBytes += catalog.bytesOf(first, count);
    const take = (isAnswered: boolean) => this.#takeAnswer(isAnswered);
    this.#refreshes = options.lookups.map((lookup) => new PeerRefresh(lookup, ports.random, nowMs, take));
    this.#checkpointer = new Checkpointer(options.store, nowMs, {
      lost: (units) => this.#noteLost(units),
      failed: (error) => this.#end(error),
    });
    this.#crew = new Crew(ports, {
      plan,
      catalog,
      swarm: options.swarm,
      usualChunkBytes: this.#usualChunkBytes,
      events,
      ready: (supplier) => this.#feed(supplier),
    });
  }

  /**
   * Fetches everything that the plan misses; resolves when it is verified, written and synced. Throws `NETWORK` or `VERIFY_FAILED` where
   * no peer is left, `DISK_FULL`, `DENIED` or `IO` for the disk, and what `stop` was given; what was verified is kept in each case.
   */
  async run(): Promise<DownloadReport> {
    let failure: ShoalError | undefined;
    let unwatch: (() => void) | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#settle = { resolve, reject };
        if (this.#options.plan.isDone) return this.#end();
        unwatch = this.#options.peers.watch((peers, source) => this.#crew.add(peers, source));
        this.#tick();
      });
    } catch (error) {
      failure = asShoalError(error);
    }
    unwatch?.();
    this.#timer?.cancel();
    this.#crew.close(new ShoalError('STOPPED', 'local', 'The fetch has ended.'));
    await this.#queue.onIdle();
    await this.#checkpointer.close().catch((error: unknown) => {
      failure ??= asShoalError(error);
    });
    if (failure !== undefined) throw failure;
    // A sync that failed after the last chunk had landed took chunks back.
    if (!this.#options.plan.isDone) {
      throw new ShoalError(
        'IO',
        'environment',
        'The disk failed to keep what was written; check it, then run the same command again.',
      );
    }
    return this.report();
  }

  /** Ends the fetch early; `run` throws `reason` after what was written is made to last. */
  stop(reason: ShoalError): void {
    this.#end(reason);
  }

  /** What came until now, and from whom. */
  report(): DownloadReport {
    const peers = this.#crew.suppliers
      .filter((supplier) => supplier.chunkCount > 0)
      .map(({ lane, bytes, chunkCount }) => ({ address: lane.key, bytes, chunks: chunkCount }));
    return { fetchedBytes: this.#fetchedBytes, wastedBytes: this.#wastedBytes, peers };
  }

  #end(error?: ShoalError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (error === undefined) this.#settle?.resolve();
    else this.#settle?.reject(error);
  }

  #tick(): void {
    if (this.#isOver) return;
    const nowMs = this.#ports.clock.nowMs();
    this.#crew.tick(nowMs);
    for (const refresh of this.#refreshes) refresh.tick(nowMs, this.#crew.isHopeless);
    this.#checkpointer.tick(nowMs);
    this.#giveUpMaybe(nowMs);
    this.#feedAll();
    this.#options.events.progress(this.#doneBytes, this.#crew.connectedCount);
    this.#timer = this.#ports.clock.setTimer('fetch tick', TICK_MS, () => this.#tick());
  }

  /** Gives every peer what it has room for, one chunk at a time in turn. */
  #feedAll(): void {
    if (this.#isOver) return;
    const { suppliers } = this.#crew;
    // Another peer begins each time, so that a short file is spread as evenly as a long one.
    this.#turn += 1;
    const first = this.#turn % Math.max(1, suppliers.length);
    const ordered = [...suppliers.slice(first), ...suppliers.slice(0, first)];
    for (let isMore = true; isMore; ) {
      isMore = false;
      for (const supplier of ordered) if (this.#giveOne(supplier)) isMore = true;
    }
  }

  /** Gives one peer what it has room for. */
  #feed(supplier: Supplier): void {
    while (!this.#isOver && this.#giveOne(supplier));
  }

  #giveOne(supplier: Supplier): boolean {
    if (supplier.isDry || this.#queue.size > 0) return false;
    const { lane, peer, asked } = supplier;
    if (peer === undefined || !lane.score.wants(asked.size, this.#usualChunkBytes, this.#evenCount)) return false;
    const nowMs = this.#ports.clock.nowMs();
    if (!supplier.isReady(nowMs) || !this.#crew.mayAsk(supplier)) return false;
    const unit = this.#options.plan.next(peer, nowMs) ?? this.#crew.claimHelp(supplier, nowMs);
    if (unit === undefined) {
      supplier.isDry = true;
      return false;
    }
    lane.score.asked(nowMs, asked.size === 0);
    asked.set(unit, nowMs);
    void this.#queue.add(() => this.#fetchUnit({ supplier, peer, unit }));
    return true;
  }

  /** What each peer would bring of what is missing, were all as fast; 1 at least. */
  get #evenCount(): number {
    return Math.ceil(this.#options.plan.missingCount / Math.max(1, this.#crew.expectedCount));
  }

  async #fetchUnit(request: Request): Promise<void> {
    const { supplier, unit } = request;
    const { asked, lane } = supplier;
    const { file, chunkIndex, lengthBytes } = this.#options.catalog.locate(unit);
    const askedMs = asked.get(unit) ?? 0;
    const { connection } = lane;
    try {
      if (connection === undefined || this.#isOver) throw new ShoalError('NETWORK', 'remote', 'The peer is gone.');
      const slot = await connection.getChunk(file.content, chunkIndex, lengthBytes);
      const receivedMs = this.#ports.clock.nowMs();
      supplier.answered(unit);
      lane.score.waited(connection.waitedMs);
      this.#feed(supplier);
      try {
        if (await this.#land(request, slot.chunkOffset)) this.#crew.delivered(supplier, askedMs, receivedMs, lengthBytes);
      } finally {
        this.#ports.slots.release(slot);
      }
    } catch (error) {
      this.#notDelivered(request, asShoalError(error));
    }
  }

  /** Checks and writes a chunk that arrived, and counts it. Returns whether the peer sent what it should. */
  async #land(request: Request, slotOffset: number): Promise<boolean> {
    const { plan, catalog } = this.#options;
    const { supplier, unit } = request;
    const place = catalog.locate(unit);
    if (plan.had.has(unit)) {
      this.#wastedBytes += place.lengthBytes;
      return true;
    }
    const lossCount = this.#lossCount;
    const landed = await landChunk(this.#options, place, slotOffset);
    if (landed.kind === 'landed' && lossCount === this.#lossCount) {
      this.#count(supplier, unit, place.lengthBytes, landed.hash);
      return true;
    }
    // Written while the disk lost chunks: it may be among them, or have been disowned after it was written.
    if (landed.kind === 'landed') this.#wastedBytes += place.lengthBytes;
    if (landed.kind === 'failed') this.#end(landed.error);
    if (landed.kind === 'mismatch')
      this.#crew.banLiar(supplier, `chunk ${place.chunkIndex} that it sent is not what its hash says`);
    this.#giveBack(request, 'gone');
    return false;
  }

  #count(supplier: Supplier, unit: number, bytes: number, hash: Uint8Array): void {
    const { plan, onLanded } = this.#options;
    if (!plan.landed(unit)) {
      this.#wastedBytes += bytes;
      return;
    }
    this.#checkpointer.wrote(unit, bytes);
    supplier.brought(bytes);
    this.#doneBytes += bytes;
    this.#fetchedBytes += bytes;
    this.#lastProgressMs = this.#ports.clock.nowMs();
    onLanded(unit, hash);
    if (plan.isDone) this.#end();
  }

  #notDelivered(request: Request, error: ShoalError): void {
    const { supplier, unit } = request;
    const { lane } = supplier;
    const isTakenBack = supplier.answered(unit);
    const isRefusal = lane.connection !== undefined && lane.connection.failure === undefined;
    const isBusy = isRefusal && error.code === 'BUSY' && supplier.greeting === 'telling';
    const isFull = !isBusy && (error.code === 'BUSY' || error.code === 'LIMIT');
    if (isBusy) lane.score.waited(lane.connection?.waitedMs ?? 0);
    if (isBusy && !isTakenBack) supplier.busy(this.#ports.clock.nowMs());
    else if (!this.#isOver && !isRefusal) this.#crew.cutOff(supplier, error);
    else if (isRefusal) supplier.refusalCount += 1;
    if (isRefusal && (isFull || supplier.refusalCount >= REFUSALS_MAX_COUNT)) {
      supplier.refusalCount = 0;
      this.#crew.cutOff(supplier, error);
    }
    this.#giveBack(request, isBusy ? 'later' : isRefusal && !isFull ? 'lacks' : 'gone');
  }

  /** A unit that a peer did not bring is for anybody to ask for again. */
  #giveBack({ unit, peer }: Request, why: 'gone' | 'lacks' | 'later'): void {
    this.#options.plan.failed(unit, peer, why, this.#ports.clock.nowMs());
    this.#crew.wake();
    this.#feedAll();
  }

  /** A tracker was asked again. */
  #takeAnswer(isAnswered: boolean): void {
    const isMoreToCome = !this.#options.peers.isWhole || this.#refreshes.some((refresh) => refresh.isAsking);
    // Nobody is left, and nobody new came: waiting longer helps nobody. Where no tracker answers, one may be back before the patience ends.
    if (isAnswered && !isMoreToCome && !this.#isOver && this.#crew.isHopeless && this.#queue.pending === 0) this.#giveUp();
  }

  #giveUpMaybe(nowMs: number): void {
    // What has arrived and is being written is under way too: a slow disk is no missing peer.
    if (this.#queue.pending === 0 && nowMs - this.#lastProgressMs > this.#options.patienceMs) this.#giveUp();
  }

  #giveUp(): void {
    this.#end(nobodyLeft(this.#options.plan, this.#crew.isAllLiars));
  }

  #noteLost(lost: readonly number[]): void {
    this.#lossCount += 1;
    for (const unit of lost) {
      this.#options.plan.lost(unit);
      this.#doneBytes -= this.#options.catalog.lengthOf(unit);
    }
    this.#crew.wake();
    this.#options.events.syncFailed(lost.length);
  }
}
