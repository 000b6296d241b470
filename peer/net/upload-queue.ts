/**
 * Who may send a chunk next: one queue for all connections of a node, so that they share its link fairly and it sends each chunk to
 * somebody before it sends one twice. Pure: it owns no socket, no memory of chunks and no clock.
 *
 *     ask ──► granted ────────────────────────► given back (sent, or not)
 *        └──► waiting ──► granted, or busy: ask for another
 *
 * Slots are counted in bytes, CHUNK_BYTES each, so that the chunks of many small files do not wait for each other. Among the heads
 * that wait, in this order: those whose chunk did not go out yet (ranges, and heads of connections that know no BUSY, count as such, and
 * whoever has fallen far behind), those that were given least (`UploadShares`: by address, then by connection), and who waited longest.
 * How often a chunk went out makes no difference beyond once: then others have it, and what counts is that nobody's link is idle.
 *
 * Where this peer has all of a content, and may be the only one, a head is told to come later while another waits for a chunk that did
 * not go out and no slot is free; but not for ever: after PATIENCE_COUNT grants for each that waits, it counts as never sent. Where it
 * has a part itself, its chunks are new to somebody all the time, and who had to come again and again would only cost both sides time.
 *
 * A slot is there to be used. So a connection that takes a small part of what the link is known to carry holds none: readers that
 * are slow, or pretend to be, cost a fast one nothing. What such connections hold in memory is bounded all the same.
 * Invariants: nobody waits while the first in the order would fit; each grant is given back once; connections that hold slots never
 * hold more than there are, and the others not more than LIGHT_MAX_BYTES.
 */
import { invariant } from '../../common/core/errors.js';
import { CHUNK_BYTES, UPLOAD_SLOTS_MAX_COUNT, UPLOAD_SLOTS_START_COUNT } from '../../common/core/limits.js';
import type { ContentRoot } from '../../common/core/root.js';
import { SentCounts } from './sent-counts.js';
import { SlotClimb } from './slot-climb.js';
import { type Pace, type UploadPlace, UploadShares } from './upload-shares.js';

/** Grants to others, for each connection that waits, after which one that was told to come later is served whatever it asks for. */
const PATIENCE_COUNT = 32;
/**
 * Heads that are told to come later in one go: whoever is told so may ask again at once, so that a crowd of hundreds with full pipelines
 * could keep the event loop for seconds. The others are told at the next grant.
 */
const REFUSALS_AT_ONCE_COUNT = 16;

/** The part of the most that went out lately that a connection has to take to hold slots: 64 that take less do not fill the link. */
const LIGHT_RATIO = 1 / 64;
/** Bytes a second below which a connection holds no slot in any case: a chunk would take it half a minute. */
const LIGHT_MIN_BYTES = CHUNK_BYTES / 32;
/** Bytes that all who take so little are given at once: whoever reads nothing at all still costs memory, until it is cut off. */
const LIGHT_MAX_BYTES = UPLOAD_SLOTS_MAX_COUNT * CHUNK_BYTES;
/** Seconds over which rates are averaged, and in which the most that went out is half forgotten. */
const AVERAGE_SECONDS = 3;
const PEAK_HALF_LIFE_SECONDS = 60;

/** A chunk that somebody asks for, or a range of bytes. */
export interface Upload {
  readonly root: ContentRoot;
  /** Of a range, the one that it begins in. */
  readonly chunkIndex: number;
  /** Chunks of the content, so of those that can be counted. */
  readonly chunkCount: number;
  /** Bytes that are sent. */
  readonly lengthBytes: number;
  /** Bytes that need not be a chunk: they do not count as one that went out. */
  readonly isRange?: boolean;
  /** Whether this peer has all of the content, so that somebody may depend on it for what nobody else has. */
  readonly isWhole: boolean;
}

/** A connection's place at the queue. Its fields are the queue's alone. */
export interface UploadSeat {
  readonly answered: (verdict: 'granted' | 'busy') => void;
  /** Whether it knows BUSY and comes back later. */
  isSwarm: boolean;
  /** What it was given. */
  place: UploadPlace;
  /** How it reads: while it is light, its grants hold no slot. */
  readonly pace: Pace;
  isGone: boolean;
  /** The one request that waits. */
  head: Upload | undefined;
  /** While it asks, its answer is what `ask` returns. */
  verdict: 'granted' | 'busy' | undefined;
  isAsking: boolean;
  grantedBytes: number;
  /** Grants that there had been in all when it was first told to come later. */
  busySinceCount: number | undefined;
}

/** How busy the uploading side is. */
export interface UploadLoad {
  readonly slotCount: number;
  /** Whole and part slots in use. */
  readonly usedSlotCount: number;
  readonly waitingCount: number;
  /** What the network takes, in bytes a second, averaged over a few. */
  readonly rateBytes: number;
}

export class UploadQueue {
  readonly #climb: SlotClimb;
  readonly #sent = new SentCounts();
  /** In the order in which they came. */
  readonly #waiting = new Set<UploadSeat>();
  readonly #shares = new UploadShares();
  /** Granted to those that hold slots, and to the others. */
  #usedBytes = 0;
  #lightBytes = 0;
  #grantCount = 0;
  #isSettling = false;
  #refusalsLeftCount = 0;
  #hasWaited = false;
  /** What all take, and the most that they took lately, in bytes a second. */
  #rateBytes = 0;
  #peakBytes = 0;

  /** `slotCount` is what it begins with. */
  constructor(slotCount: number = UPLOAD_SLOTS_START_COUNT) {
    this.#climb = new SlotClimb(slotCount);
  }

  get load(): UploadLoad {
    return {
      slotCount: this.#climb.slotCount,
      usedSlotCount: this.#usedBytes / CHUNK_BYTES,
      waitingCount: this.#waiting.size,
      rateBytes: Math.round(this.#rateBytes),
    };
  }

  /** A connection from `ip`. `answered` is called for a request that had to wait, never during the seat's own `ask`. */
  join(ip: string, answered: UploadSeat['answered']): UploadSeat {
    const none = { head: undefined, verdict: undefined, busySinceCount: undefined };
    return { answered, ...this.#shares.enter(ip), isSwarm: false, isGone: false, isAsking: false, grantedBytes: 0, ...none };
  }

  /** Asks to send a chunk; one request of a seat may wait. A grant is the caller's to give back. */
  ask(seat: UploadSeat, upload: Upload): 'granted' | 'busy' | 'waiting' {
    invariant(seat.head === undefined, 'one request of a connection waits');
    this.#shares.claim(seat.place, seat.busySinceCount !== undefined);
    seat.head = upload;
    if (this.#waiting.size === 0 && this.#isRoomFor(seat, upload)) {
      this.#grant(seat, upload);
      return 'granted';
    }
    this.#hasWaited = true;
    this.#waiting.add(seat);
    seat.isAsking = true;
    seat.verdict = undefined;
    this.#settle();
    seat.isAsking = false;
    return seat.verdict ?? 'waiting';
  }

  /** Gives a grant back: the network took the chunk (`isSent`), or it was not sent. */
  giveBack(seat: UploadSeat, upload: Upload, isSent: boolean): void {
    if (!isSent) {
      if (upload.isRange !== true) this.#sent.remove(upload.root, upload.chunkIndex);
      // Whoever goes may have taken most of it.
      if (!seat.isGone) this.#shares.refund(seat.place, upload.lengthBytes);
    }
    seat.grantedBytes -= upload.lengthBytes;
    this.#hold(seat, -upload.lengthBytes);
    invariant(seat.grantedBytes >= 0 && this.#usedBytes >= 0, 'a grant is given back once');
    this.#settle();
  }

  /** To be called once a second for each seat, with what the network took from it. */
  took(seat: UploadSeat, tookBytes: number): void {
    const { pace, grantedBytes } = seat;
    // Who waits takes some news and refusals, and shows nothing by that.
    if (grantedBytes === 0 && tookBytes < pace.rateBytes) return;
    pace.rateBytes += (tookBytes - pace.rateBytes) / AVERAGE_SECONDS;
    const isLight = pace.rateBytes < Math.max(LIGHT_MIN_BYTES, LIGHT_RATIO * this.#peakBytes);
    if (isLight === pace.isLight) return;
    this.#hold(seat, -grantedBytes);
    pace.isLight = isLight;
    this.#hold(seat, grantedBytes);
    this.#settle();
  }

  /** Waits no longer. Its grants are still to be given back. */
  takeBack(seat: UploadSeat): void {
    seat.head = undefined;
    if (this.#waiting.delete(seat)) this.#settle();
  }

  /** The other side has ended its half of the connection, and may be gone. */
  retire(seat: UploadSeat): void {
    if (!seat.isGone) seat.place = this.#shares.retire(seat.place, seat.pace);
  }

  /** The connection is gone. To be called once; its grants are still to be given back. */
  leave(seat: UploadSeat): void {
    seat.isGone = true;
    this.#shares.leave(seat.place, seat.pace);
    this.takeBack(seat);
  }

  /** To be called once a second, with what the network took from all seats. */
  tick(tookBytes: number, nowMs: number): void {
    this.#rateBytes += (tookBytes - this.#rateBytes) / AVERAGE_SECONDS;
    this.#peakBytes = Math.max(this.#rateBytes, this.#peakBytes * 2 ** (-1 / PEAK_HALF_LIFE_SECONDS));
    this.#climb.tick(tookBytes, this.#hasWaited || this.#waiting.size > 0, nowMs);
    this.#hasWaited = false;
    this.#shares.tick();
    this.#settle();
  }

  #isRoomFor(seat: UploadSeat, upload: Upload): boolean {
    if (!this.#mayHold(seat, upload)) return false;
    return this.#usedBytes + upload.lengthBytes <= this.#climb.slotCount * CHUNK_BYTES;
  }

  /** False where readers that take next to nothing hold so much that another one has to wait for them, and for nobody else. */
  #mayHold({ pace }: UploadSeat, upload: Upload): boolean {
    return !pace.isLight || this.#lightBytes + upload.lengthBytes <= LIGHT_MAX_BYTES;
  }

  #hold({ pace }: UploadSeat, bytes: number): void {
    if (pace.isLight) this.#lightBytes += bytes;
    else this.#usedBytes += bytes;
  }

  #grant(seat: UploadSeat, upload: Upload): void {
    seat.head = undefined;
    seat.grantedBytes += upload.lengthBytes;
    this.#shares.charge(seat.place, upload.lengthBytes);
    seat.busySinceCount = undefined;
    this.#hold(seat, upload.lengthBytes);
    if (upload.isRange !== true) this.#sent.add(upload.root, upload.chunkIndex, upload.chunkCount);
    this.#grantCount += 1;
  }

  /** Answers who can be answered. Whoever is answered may ask again at once, and is then in the same round. */
  #settle(): void {
    if (this.#isSettling) return;
    this.#isSettling = true;
    this.#refusalsLeftCount = REFUSALS_AT_ONCE_COUNT;
    try {
      while (this.#answerOne());
    } finally {
      this.#isSettling = false;
    }
  }

  /** Returns whether there was one to answer. */
  #answerOne(): boolean {
    let [first, last]: [UploadSeat?, UploadSeat?] = [];
    let [firstRank, lastRank] = [Infinity, -1];
    for (const seat of this.#waiting) {
      if (seat.head === undefined || !this.#mayHold(seat, seat.head)) continue;
      const rank = this.#rankOf(seat);
      const isFirst =
        rank < firstRank || (rank === firstRank && first !== undefined && this.#shares.compare(seat.place, first.place) < 0);
      if (isFirst) [first, firstRank] = [seat, rank];
      if (rank > lastRank && seat.head.isWhole) [last, lastRank] = [seat, rank];
    }
    if (first?.head === undefined) return false;
    if (this.#isRoomFor(first, first.head)) {
      this.#waiting.delete(first);
      this.#grant(first, first.head);
      this.#answer(first, 'granted');
      return true;
    }
    if (last === undefined || lastRank <= firstRank || this.#refusalsLeftCount === 0) return false;
    this.#refusalsLeftCount -= 1;
    this.#waiting.delete(last);
    last.head = undefined;
    last.busySinceCount ??= this.#grantCount;
    this.#answer(last, 'busy');
    return true;
  }

  /** Whether the chunk at the seat's head went out already, as far as that counts; 0 goes first. */
  #rankOf(seat: UploadSeat): number {
    if (!seat.isSwarm || seat.head === undefined || seat.head.isRange === true || this.#shares.isBehind(seat.place)) return 0;
    const isOverdue = this.#grantCount - (seat.busySinceCount ?? this.#grantCount) >= PATIENCE_COUNT * this.#waiting.size;
    return isOverdue ? 0 : Math.min(1, this.#sent.of(seat.head.root, seat.head.chunkIndex));
  }

  #answer(seat: UploadSeat, verdict: 'granted' | 'busy'): void {
    if (seat.isAsking) seat.verdict = verdict;
    else seat.answered(verdict);
  }
}
