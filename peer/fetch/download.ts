/**
 * The driver of a fetch: asks the plan what is next, the swarm for it, the pool to check and write it, the store to make it last.
 *
 * Each event (a peer connected, a reply, a tick) ends in `#pump`, which gives every peer as many requests as its score says.
 * A peer that is slow loses its chunks to idle ones, a dead one is cut off, a liar is banned at the first bad chunk.
 * Invariant: a unit counts only after a worker checked and wrote it; it is reported only after a checkpoint.
 */
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import type { PeerAddress } from '../../common/core/peer-address.js';
import type { Timer } from '../../common/ports/clock.js';
import { diskErrorOfCode } from '../store/disk-error.js';
import type { UnitPlace } from './catalog.js';
import { Checkpointer } from './checkpointer.js';
import type { DownloadOptions, DownloadReport } from './download-options.js';
import { claimHelp } from './helping.js';
import { PeerRefresh } from './peer-refresh.js';
import { createRequestQueue } from './request-queue.js';
import { type Lane, Swarm, type SwarmPorts } from './swarm.js';

/** Requests under way at all peers together. */
const REQUESTS_MAX_COUNT = 512;
const TICK_MS = 250;
/** Refusals without one chunk between them after which a peer rests. */
const REFUSALS_MAX_COUNT = 32;

export class Download {
  readonly #ports: SwarmPorts;
  readonly #options: DownloadOptions;
  readonly #swarm: Swarm;
  readonly #checkpointer: Checkpointer;
  readonly #refresh: PeerRefresh;
  readonly #queue = createRequestQueue(REQUESTS_MAX_COUNT);
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
    for (const [first, count] of plan.had.runs()) this.#doneBytes += catalog.bytesOf(first, count);
    this.#refresh = new PeerRefresh(options.findPeers, nowMs, (peers) => this.#takePeers(peers));
    this.#checkpointer = new Checkpointer(options.store, nowMs, {
      lost: (units) => this.#noteLost(units),
      failed: (error) => this.#end(error),
    });
    this.#swarm = new Swarm(ports, {
      connected: (lane) => {
        events.peerConnected(lane.key);
        plan.forgetLacks(lane.key);
        this.#pump();
      },
      failed: (lane, error) => events.peerFailed(lane.key, error.message),
      banned: (lane, reason) => events.peerBanned(lane.key, reason),
    });
  }

  /**
   * Fetches everything that the plan misses; resolves when it is verified, written and synced. Throws `NETWORK` or `VERIFY_FAILED` where
   * no peer is left, `DISK_FULL`, `DENIED` or `IO` for the disk, and what `stop` was given; what was verified is kept in each case.
   */
  async run(): Promise<DownloadReport> {
    let failure: ShoalError | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#settle = { resolve, reject };
        if (this.#options.plan.isDone) return this.#end();
        this.#swarm.add(this.#options.peers);
        this.#tick();
      });
    } catch (error) {
      failure = asShoalError(error);
    }
    this.#timer?.cancel();
    this.#swarm.close(new ShoalError('STOPPED', 'local', 'The fetch has ended.'));
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
    return this.#report();
  }

  /** Ends the fetch early; `run` throws `reason` after what was written is made to last. */
  stop(reason: ShoalError): void {
    this.#end(reason);
  }

  #report(): DownloadReport {
    const peers = this.#swarm.lanes
      .filter((lane) => lane.chunkCount > 0)
      .map((lane) => ({ address: lane.key, bytes: lane.bytes, chunks: lane.chunkCount }));
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
    this.#judgeLanes(nowMs);
    this.#swarm.dialSome();
    this.#refresh.tick(nowMs, this.#swarm.isHopeless);
    this.#checkpointer.tick(nowMs);
    this.#giveUpMaybe(nowMs);
    this.#pump();
    this.#options.events.progress(this.#doneBytes, this.#swarm.connected.length);
    this.#timer = this.#ports.clock.setTimer('fetch tick', TICK_MS, () => this.#tick());
  }

  /** Gives every connected peer what it has room for, one chunk at a time in turn. */
  #pump(): void {
    if (this.#isOver) return;
    const lanes = this.#swarm.connected;
    // Another peer begins each time, so that a short file is spread as evenly as a long one.
    this.#turn += 1;
    const first = this.#turn % Math.max(1, lanes.length);
    const ordered = [...lanes.slice(first), ...lanes.slice(0, first)];
    for (let isMore = true; isMore; ) {
      isMore = false;
      for (const lane of ordered) if (this.#giveOne(lane)) isMore = true;
    }
  }

  #giveOne(lane: Lane): boolean {
    const { plan } = this.#options;
    if (lane.connection === undefined || this.#queue.size > 0) return false;
    if (lane.asked.size >= lane.score.depth(this.#usualChunkBytes)) return false;
    const nowMs = this.#ports.clock.nowMs();
    const unit = plan.next(lane.key) ?? claimHelp(lane, this.#swarm.connected, plan, this.#usualChunkBytes, nowMs);
    if (unit === undefined) return false;
    lane.score.asked(nowMs, lane.asked.size === 0);
    lane.asked.set(unit, nowMs);
    void this.#queue.add(() => this.#fetchUnit(lane, unit));
    return true;
  }

  /** Bytes of an average chunk: small in a folder of small files. */
  get #usualChunkBytes(): number {
    const { catalog } = this.#options;
    return Math.max(1, Math.ceil(catalog.totalBytes / Math.max(1, catalog.unitCount)));
  }

  async #fetchUnit(lane: Lane, unit: number): Promise<void> {
    const place = this.#options.catalog.locate(unit);
    const askedMs = lane.asked.get(unit) ?? 0;
    const connection = lane.connection;
    if (connection === undefined || this.#isOver)
      return this.#notDelivered(lane, unit, new ShoalError('NETWORK', 'remote', 'The peer is gone.'));
    try {
      const slot = await connection.getChunk(place.file.content, place.chunkIndex, place.lengthBytes);
      const receivedMs = this.#ports.clock.nowMs();
      lane.asked.delete(unit);
      this.#pump();
      try {
        await this.#land(lane, unit, place, slot.chunkOffset, askedMs, receivedMs);
      } finally {
        this.#ports.slots.release(slot);
      }
    } catch (error) {
      this.#notDelivered(lane, unit, asShoalError(error));
    }
    this.#pump();
  }

  async #land(
    lane: Lane,
    unit: number,
    place: UnitPlace,
    slotOffset: number,
    askedMs: number,
    receivedMs: number,
  ): Promise<void> {
    const { plan, store, pool } = this.#options;
    if (plan.had.has(unit)) {
      this.#wastedBytes += place.lengthBytes;
      return;
    }
    const lossCount = this.#lossCount;
    const landing = { slotOffset, lengthBytes: place.lengthBytes, expectation: place.expectation, position: place.position };
    try {
      const fd = await store.acquire(place.fileIndex);
      const result = await pool.land({ ...landing, fd }, place.file.hashName).finally(() => store.release(place.fileIndex));
      if (result.kind === 'failed') throw diskErrorOfCode(result.code, store.pathOf(place.fileIndex), result.message);
      if (result.kind === 'mismatch') {
        plan.failed(unit, lane.key, false);
        lane.isLiar = true;
        this.#swarm.ban(lane, `chunk ${place.chunkIndex} that it sent is not what its hash says`);
        return;
      }
      if (lossCount !== this.#lossCount) {
        // Written while the disk lost chunks: it may be among them, or have been disowned after it was written.
        this.#wastedBytes += place.lengthBytes;
        return plan.failed(unit, lane.key, false);
      }
      this.#options.onHash?.(unit, result.hash);
    } catch (error) {
      // The disk, not the peer: nothing can go on until it is mended.
      plan.failed(unit, lane.key, false);
      this.#end(asShoalError(error));
      return;
    }
    lane.score.delivered(askedMs, receivedMs, place.lengthBytes);
    this.#count(lane, unit, place.lengthBytes);
  }

  #count(lane: Lane, unit: number, bytes: number): void {
    if (!this.#options.plan.landed(unit)) {
      this.#wastedBytes += bytes;
      return;
    }
    this.#checkpointer.wrote(unit, bytes);
    lane.refusalCount = 0;
    lane.bytes += bytes;
    lane.chunkCount += 1;
    this.#doneBytes += bytes;
    this.#fetchedBytes += bytes;
    this.#lastProgressMs = this.#ports.clock.nowMs();
    if (this.#options.plan.isDone) this.#end();
  }

  #notDelivered(lane: Lane, unit: number, error: ShoalError): void {
    lane.asked.delete(unit);
    const isRefusal = lane.connection !== undefined && lane.connection.failure === undefined;
    this.#options.plan.failed(unit, lane.key, isRefusal && error.code !== 'BUSY' && error.code !== 'LIMIT');
    if (this.#isOver) return;
    if (!isRefusal) {
      if (error.code === 'PROTOCOL') this.#swarm.ban(lane, error.message);
      else this.#swarm.drop(lane, error);
      return;
    }
    lane.refusalCount += 1;
    if (error.code === 'BUSY' || error.code === 'LIMIT' || lane.refusalCount >= REFUSALS_MAX_COUNT) {
      lane.refusalCount = 0;
      this.#swarm.drop(lane, error);
    }
  }

  #judgeLanes(nowMs: number): void {
    for (const lane of this.#swarm.connected) {
      if (lane.connection?.failure !== undefined) this.#swarm.drop(lane, lane.connection.failure);
      const head = lane.connection?.head;
      if (head !== undefined && lane.score.judge(head, this.#usualChunkBytes, nowMs) === 'dead') {
        this.#swarm.drop(lane, new ShoalError('NETWORK', 'remote', `Peer ${lane.key} stopped sending.`));
      }
    }
  }

  #takePeers(peers: readonly PeerAddress[]): void {
    if (this.#isOver) return;
    this.#swarm.add(peers);
    // Nobody is left, and nobody new came: waiting longer helps nobody.
    if (this.#swarm.isHopeless && this.#queue.pending === 0) this.#giveUp();
  }

  #giveUpMaybe(nowMs: number): void {
    // What has arrived and is being written is under way too: a slow disk is no missing peer.
    if (this.#queue.pending === 0 && nowMs - this.#lastProgressMs > this.#options.patienceMs) this.#giveUp();
  }

  #giveUp(): void {
    const { plan } = this.#options;
    const missing = `${plan.missingCount} of ${plan.had.length} chunks are missing (the first is ${plan.had.nextMissing(0)})`;
    const keep = 'What is verified is kept: run the same command again when a peer is there.';
    const lanes = this.#swarm.lanes;
    if (lanes.length > 0 && lanes.every((lane) => lane.isLiar)) {
      this.#end(new ShoalError('VERIFY_FAILED', 'remote', `Every peer sent wrong data and was banned; ${missing}. ${keep}`));
    } else this.#end(new ShoalError('NETWORK', 'remote', `No peer is left that has what is missing; ${missing}. ${keep}`));
  }

  #noteLost(lost: readonly number[]): void {
    this.#lossCount += 1;
    for (const unit of lost) {
      this.#options.plan.lost(unit);
      this.#doneBytes -= this.#options.catalog.lengthOf(unit);
    }
    this.#options.events.syncFailed(lost.length);
  }
}
