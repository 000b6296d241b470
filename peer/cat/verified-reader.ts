/**
 * A run of chunks of one content, in order, from everyone who has them: whoever takes one knows that it is right.
 *
 *     wanted ── asked (of one peer; of two where the first is slow and all wait for it) ──► checked ──► taken, in order
 *        ▲                              │ refused, lost, or wrong: then its sender is banned
 *        └──────────────────────────────┘
 *
 * Peers are asked for ranges that are whole chunks, and for chunks where they do not know ranges. At most WINDOW_COUNT chunks are asked
 * for or wait to be taken, so a reader that takes its time holds up the peers and takes no memory.
 * Invariants: a chunk is given out once, in its place, only if it is what was expected; slots held are never more than twice the window.
 */
import { chunkLength, chunkOffset } from '../../common/core/chunks.js';
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import type { Timer } from '../../common/ports/clock.js';
import type { ContentRef } from '../../common/wire/peer-lines.js';
import type { KnownPeers } from '../fetch/known-peers.js';
import { type PeerLookup, PeerRefresh } from '../fetch/peer-refresh.js';
import { type Lane, Swarm, type SwarmPorts } from '../fetch/swarm.js';
import { SLOT_HEAD_BYTES, type Slot } from '../hash/slot-memory.js';
import type { PeerConnection } from '../net/peer-connection.js';

/** Chunks in memory: 8 MiB, enough for a few peers at a few hundred milliseconds. */
const WINDOW_COUNT = 16;
/** Milliseconds between two looks at who is slow; a look that comes this much later says nothing of anybody. */
const TICK_MS = 250;
const TICK_LATE_MS = 1000;
/** Milliseconds for which a peer is not asked again for what it refused, and not at all where it has too much to do. */
const REFUSED_REST_MS = 2000;
const BUSY_REST_MS = 1000;
/** Milliseconds without a byte after which another one is asked for what comes next. */
const QUIET_MS = 2000;

export interface ReadPlan {
  readonly content: ContentRef;
  readonly sizeBytes: number;
  readonly firstChunk: number;
  readonly lastChunk: number;
  /** Whether the bytes are those of the chunk. */
  readonly isRight: (chunkIndex: number, bytes: Uint8Array) => boolean;
}

export interface ReaderOptions {
  readonly peers: KnownPeers;
  /** How trackers are asked for more. */
  readonly lookups: readonly PeerLookup[];
  /** Milliseconds without a chunk, while one is waited for, after which it is given up. */
  readonly patienceMs: number;
  readonly peerFailed: (address: string, reason: string) => void;
  readonly peerBanned: (address: string, reason: string) => void;
}

interface Wanted {
  readonly chunkIndex: number;
  readonly askers: Set<Source>;
  slot: Slot | undefined;
}

/** A connection to a peer. */
interface Source {
  readonly lane: Lane;
  readonly connection: PeerConnection;
  openCount: number;
  /** Whether it knows GET_RANGE; until that is clear it is asked once. */
  knowsRanges: boolean | undefined;
  isSlow: boolean;
  /** Until when it is not asked. */
  restUntilMs: number;
  /** Chunks that it refused, and until when it is not asked for them. */
  readonly refused: Map<number, number>;
}

/** A chunk that is right. `release` gives its memory back; nobody may look at `bytes` after that. */
export interface ReadChunk {
  readonly bytes: Uint8Array;
  release(): void;
}

export class VerifiedReader {
  readonly #ports: SwarmPorts;
  readonly #plan: ReadPlan;
  readonly #options: ReaderOptions;
  readonly #swarm: Swarm;
  readonly #refreshes: readonly PeerRefresh[];
  readonly #unwatch: () => void;
  readonly #sources = new Map<Lane, Source>();
  /** In order; the first is the next to be taken. */
  readonly #window: Wanted[] = [];
  #nextChunk: number;
  #lastMs: number;
  #tickMs: number;
  #timer: Timer | undefined;
  #wake: () => void = () => undefined;
  #failure: ShoalError | undefined;
  #isLied = false;

  constructor(ports: SwarmPorts, plan: ReadPlan, options: ReaderOptions) {
    [this.#ports, this.#plan, this.#options] = [ports, plan, options];
    this.#nextChunk = plan.firstChunk;
    this.#lastMs = ports.clock.nowMs();
    this.#tickMs = this.#lastMs;
    this.#swarm = new Swarm(ports, {
      connected: (lane) => this.#connected(lane),
      failed: (lane, error) => options.peerFailed(lane.key, error.message),
      banned: (lane, reason) => options.peerBanned(lane.key, reason),
    });
    const answered = (isAnswered: boolean) => this.#asked(isAnswered);
    this.#refreshes = options.lookups.map((lookup) => new PeerRefresh(lookup, ports.random, this.#lastMs, answered));
    this.#fill();
    this.#unwatch = options.peers.watch((peers, source) => this.#swarm.add(peers, source));
    this.#keepTicking();
  }

  /** The next chunk, or `undefined` behind the last. Throws `NETWORK` or `VERIFY_FAILED` where nobody is left, and what `close` was given. */
  async next(): Promise<ReadChunk | undefined> {
    // What passed before somebody waits is no fault of the peers.
    this.#lastMs = this.#ports.clock.nowMs();
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const first = this.#window[0];
      if (first === undefined) return undefined;
      const { slot, chunkIndex } = first;
      if (slot !== undefined) {
        this.#window.shift();
        for (const { refused } of this.#sources.values()) refused.delete(chunkIndex);
        this.#fill();
        this.#askAll();
        return { bytes: this.#bytesOf(slot, chunkIndex), release: () => this.#ports.slots.release(slot) };
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Ends all connections. Idempotent. */
  close(reason: ShoalError): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason;
    this.#timer?.cancel();
    this.#unwatch();
    this.#swarm.close(reason);
    for (const { slot } of this.#window.splice(0)) if (slot !== undefined) this.#ports.slots.release(slot);
    this.#wake();
  }

  #fill(): void {
    for (; this.#window.length < WINDOW_COUNT && this.#nextChunk <= this.#plan.lastChunk; this.#nextChunk += 1)
      this.#window.push({ chunkIndex: this.#nextChunk, askers: new Set(), slot: undefined });
  }

  #bytesOf(slot: Slot, chunkIndex: number): Uint8Array {
    return slot.bytes.subarray(SLOT_HEAD_BYTES, SLOT_HEAD_BYTES + chunkLength(chunkIndex, this.#plan.sizeBytes));
  }

  #connected(lane: Lane): void {
    const { connection } = lane;
    if (connection === undefined) return;
    const knowsRanges = this.#sources.get(lane)?.knowsRanges;
    const fresh = { openCount: 0, isSlow: false, restUntilMs: 0, refused: new Map() };
    this.#sources.set(lane, { lane, connection, knowsRanges, ...fresh });
    this.#askAll();
  }

  /** Asks for what is wanted, the first first, until nobody is left who may be asked. */
  #askAll(): void {
    if (this.#failure !== undefined) return;
    for (const [at, wanted] of this.#window.entries()) {
      // The next in line is worth asking for twice, where whoever was asked is slow.
      const isHeldUp = at === 0 && wanted.askers.size === 1 && [...wanted.askers].every(({ isSlow }) => isSlow);
      if (wanted.slot !== undefined || (wanted.askers.size > 0 && !isHeldUp)) continue;
      const source = this.#bestFor(wanted);
      if (source !== undefined) void this.#ask(source, wanted);
    }
  }

  /** Who would bring a chunk first, of those who may be asked for it. */
  #bestFor({ chunkIndex, askers }: Wanted): Source | undefined {
    const nowMs = this.#ports.clock.nowMs();
    let [best, bestMs]: [Source | undefined, number] = [undefined, Number.POSITIVE_INFINITY];
    for (const source of this.#sources.values()) {
      const { lane, connection, openCount, restUntilMs, refused } = source;
      const isThere = lane.connection === connection && !askers.has(source) && !source.isSlow && restUntilMs <= nowMs;
      const hasRoom = source.knowsRanges === undefined ? openCount === 0 : openCount < lane.score.depth(CHUNK_BYTES);
      if (!isThere || !hasRoom || (refused.get(chunkIndex) ?? 0) > nowMs) continue;
      // Of those whose rate is not known, who has least to do.
      const expectedMs = lane.score.expectedMs(CHUNK_BYTES, openCount + 1) + openCount;
      if (expectedMs < bestMs) [best, bestMs] = [source, expectedMs];
    }
    return best;
  }

  async #ask(source: Source, wanted: Wanted): Promise<void> {
    const { lane } = source;
    const askedMs = this.#ports.clock.nowMs();
    lane.score.asked(askedMs, source.openCount === 0);
    source.openCount += 1;
    wanted.askers.add(source);
    try {
      this.#arrived(source, wanted, await this.#request(source, wanted.chunkIndex), askedMs);
    } catch (error) {
      this.#refused(source, wanted, asShoalError(error));
    } finally {
      source.openCount -= 1;
      wanted.askers.delete(source);
      this.#askAll();
    }
  }

  #request({ connection, knowsRanges }: Source, chunkIndex: number): Promise<Slot> {
    const { content, sizeBytes } = this.#plan;
    const lengthBytes = chunkLength(chunkIndex, sizeBytes);
    return knowsRanges === false
      ? connection.getChunk(content, chunkIndex, lengthBytes)
      : connection.getRange(content, chunkOffset(chunkIndex), lengthBytes);
  }

  #arrived(source: Source, wanted: Wanted, slot: Slot, askedMs: number): void {
    const { chunkIndex } = wanted;
    source.knowsRanges ??= true;
    source.isSlow = false;
    const bytes = this.#bytesOf(slot, chunkIndex);
    if (!this.#plan.isRight(chunkIndex, bytes)) {
      this.#ports.slots.release(slot);
      this.#isLied = true;
      this.#swarm.ban(source.lane, `chunk ${chunkIndex} is not the one that its manifest names`);
      return;
    }
    const nowMs = this.#ports.clock.nowMs();
    source.lane.score.delivered(askedMs, nowMs, bytes.length);
    // Somebody else was faster, or nobody wants it any more.
    if (wanted.slot !== undefined || !this.#window.includes(wanted)) {
      this.#ports.slots.release(slot);
      return;
    }
    wanted.slot = slot;
    this.#lastMs = nowMs;
    if (wanted === this.#window[0]) this.#wake();
  }

  #refused(source: Source, wanted: Wanted, error: ShoalError): void {
    const { lane, connection } = source;
    const nowMs = this.#ports.clock.nowMs();
    if (connection.failure !== undefined) {
      if (lane.connection !== connection) return;
      if (connection.failure.code === 'PROTOCOL') this.#swarm.ban(lane, error.message);
      else this.#swarm.drop(lane, error);
    } else if (error.code === 'UNKNOWN_COMMAND' && source.knowsRanges === undefined) source.knowsRanges = false;
    else if (error.code === 'BUSY' || error.code === 'LIMIT') source.restUntilMs = nowMs + BUSY_REST_MS;
    else source.refused.set(wanted.chunkIndex, nowMs + REFUSED_REST_MS);
  }

  #keepTicking(): void {
    this.#timer = this.#ports.clock.setTimer('read on', TICK_MS, () => {
      const nowMs = this.#ports.clock.nowMs();
      // After a pause of ours nobody is to blame for what could not be read.
      if (nowMs - this.#tickMs < TICK_MS + TICK_LATE_MS) this.#judgeAll(nowMs);
      this.#tickMs = nowMs;
      this.#swarm.dialSome();
      for (const refresh of this.#refreshes) refresh.tick(nowMs, this.#swarm.isHopeless);
      if (this.#isWaiting && nowMs - this.#lastMs >= this.#options.patienceMs) this.#giveUp();
      if (this.#failure !== undefined) return;
      this.#askAll();
      this.#keepTicking();
    });
  }

  #judgeAll(nowMs: number): void {
    for (const source of this.#sources.values()) {
      const { lane, connection } = source;
      const { head } = connection;
      if (lane.connection !== connection || head === undefined) continue;
      const verdict = lane.score.judge(head, CHUNK_BYTES, nowMs);
      source.isSlow = verdict === 'slow' || lane.score.quietMs(head.sinceMs, nowMs) > QUIET_MS;
      if (verdict === 'dead') this.#swarm.drop(lane, new ShoalError('NETWORK', 'remote', `Peer ${lane.key} does not answer.`));
    }
  }

  /** A tracker was asked again. */
  #asked(isAnswered: boolean): void {
    const isMoreToCome = !this.#options.peers.isWhole || this.#refreshes.some((refresh) => refresh.isAsking);
    // Nobody is left, and nobody new came: waiting longer helps nobody. Where no tracker answers, one may be back before the patience ends.
    if (isAnswered && !isMoreToCome && this.#isWaiting && this.#swarm.isHopeless) this.#giveUp();
  }

  /** Whether the next chunk is not here. */
  get #isWaiting(): boolean {
    return this.#window[0] !== undefined && this.#window[0].slot === undefined;
  }

  #giveUp(): void {
    const chunk = this.#window[0]?.chunkIndex ?? 0;
    const isAllLiars = this.#isLied && this.#swarm.lanes.every(({ score }) => score.isBanned);
    this.close(
      isAllLiars
        ? new ShoalError('VERIFY_FAILED', 'remote', 'Every peer sent wrong data and was banned.')
        : new ShoalError('NETWORK', 'remote', `No peer is left that has what comes next (chunk ${chunk}).`),
    );
  }
}
