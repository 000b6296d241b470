/**
 * Who may send a chunk next: one queue for all connections of a node, so that they share its link fairly and it sends each chunk to
 * somebody before it sends one twice. Pure: it owns no socket, no memory of chunks and no clock.
 *
 *     ask ──► granted ────────────────────────► given back (sent, or not)
 *        └──► waiting ──► granted, or busy: ask for another
 *
 * Slots are counted in bytes, CHUNK_BYTES each, so that the chunks of many small files do not wait for each other. Among the heads
 * that wait, in this order: those whose chunk did not go out yet (ranges, and heads of connections that know no BUSY, count as such), the
 * connection that was given fewest bytes (start-time fair queueing: Goyal, Vin and Cheng 1996), and who waited longest. How often a
 * chunk went out makes no difference beyond once: then others have it, and what counts is that nobody's link is idle.
 *
 * Where this peer has all of a content, and may be the only one, a head is told to come later while another waits for a chunk that did
 * not go out and no slot is free; but not for ever: after PATIENCE_COUNT grants for each that waits, it counts as never sent. Where it
 * has a part itself, its chunks are new to somebody all the time, and who had to come again and again would only cost both sides time.
 *
 * A slot is there to be used. So a connection that takes a small part of what the link is known to carry holds none: readers that
 * are slow, or pretend to be, cost a fast one nothing.
 * Invariants: nobody waits while the first in the order would fit; each grant is given back once; connections that hold slots never
 * hold more than there are.
 */
import { invariant } from '../../common/core/errors.js';
import { CHUNK_BYTES, UPLOAD_SLOTS_START_COUNT } from '../../common/core/limits.js';
import type { ContentRoot } from '../../common/core/root.js';
import { SentCounts } from './sent-counts.js';
import { SlotClimb } from './slot-climb.js';

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
  /** Whether its grants hold no slot. */
  isLight: boolean;
  /** What it takes, in bytes a second. */
  rateBytes: number;
  /** The one request that waits. */
  head: Upload | undefined;
  /** While it asks, its answer is what `ask` returns. */
  verdict: 'granted' | 'busy' | undefined;
  isAsking: boolean;
  grantedBytes: number;
  /** Bytes that it was given, on the scale that all share. */
  shareBytes: number;
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
  #usedBytes = 0;
  /** The share of the waiting head that had least, at the last grant: what newcomers begin with. */
  #levelBytes = 0;
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

  /** `answered` is called for a request that had to wait, never during the seat's own `ask`. */
  join(answered: UploadSeat['answered']): UploadSeat {
    const none = { head: undefined, verdict: undefined, busySinceCount: undefined };
    const rateBytes = CHUNK_BYTES;
    return { answered, isSwarm: false, isLight: false, rateBytes, isAsking: false, grantedBytes: 0, shareBytes: 0, ...none };
  }

  /** Asks to send a chunk; one request of a seat may wait. A grant is the caller's to give back. */
  ask(seat: UploadSeat, upload: Upload): 'granted' | 'busy' | 'waiting' {
    invariant(seat.head === undefined, 'one request of a connection waits');
    // Who did not ask for a while has no claim to what it missed; a chunk is left to who only came a moment late.
    seat.shareBytes = Math.max(seat.shareBytes, this.#levelBytes - CHUNK_BYTES);
    seat.head = upload;
    if (this.#waiting.size === 0 && this.#isRoomFor(upload)) {
      this.#levelBytes = seat.shareBytes;
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
      seat.shareBytes -= upload.lengthBytes;
    }
    seat.grantedBytes -= upload.lengthBytes;
    if (!seat.isLight) this.#usedBytes -= upload.lengthBytes;
    invariant(seat.grantedBytes >= 0 && this.#usedBytes >= 0, 'a grant is given back once');
    this.#settle();
  }

  /** To be called once a second for each seat, with what the network took from it. */
  took(seat: UploadSeat, tookBytes: number): void {
    // Who waits takes some news and refusals, and shows nothing by that.
    if (seat.grantedBytes === 0 && tookBytes < seat.rateBytes) return;
    seat.rateBytes += (tookBytes - seat.rateBytes) / AVERAGE_SECONDS;
    const isLight = seat.rateBytes < Math.max(LIGHT_MIN_BYTES, LIGHT_RATIO * this.#peakBytes);
    if (isLight === seat.isLight) return;
    seat.isLight = isLight;
    this.#usedBytes += isLight ? -seat.grantedBytes : seat.grantedBytes;
    if (isLight) this.#settle();
  }

  /** Waits no longer. Its grants are still to be given back. */
  leave(seat: UploadSeat): void {
    seat.head = undefined;
    if (this.#waiting.delete(seat)) this.#settle();
  }

  /** To be called once a second, with what the network took from all seats. */
  tick(tookBytes: number, nowMs: number): void {
    this.#rateBytes += (tookBytes - this.#rateBytes) / AVERAGE_SECONDS;
    this.#peakBytes = Math.max(this.#rateBytes, this.#peakBytes * 2 ** (-1 / PEAK_HALF_LIFE_SECONDS));
    this.#climb.tick(tookBytes, this.#hasWaited || this.#waiting.size > 0, nowMs);
    this.#hasWaited = false;
    this.#settle();
  }

  #isRoomFor(upload: Upload): boolean {
    return this.#usedBytes + upload.lengthBytes <= this.#climb.slotCount * CHUNK_BYTES;
  }

  #grant(seat: UploadSeat, upload: Upload): void {
    seat.head = undefined;
    seat.grantedBytes += upload.lengthBytes;
    seat.shareBytes += upload.lengthBytes;
    seat.busySinceCount = undefined;
    if (!seat.isLight) this.#usedBytes += upload.lengthBytes;
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
    let [firstRank, lastRank, leastBytes] = [Infinity, -1, Infinity];
    for (const seat of this.#waiting) {
      const rank = this.#rankOf(seat);
      leastBytes = Math.min(leastBytes, seat.shareBytes);
      if (rank < firstRank || (rank === firstRank && seat.shareBytes < (first?.shareBytes ?? 0)))
        [first, firstRank] = [seat, rank];
      if (rank > lastRank && seat.head?.isWhole === true) [last, lastRank] = [seat, rank];
    }
    if (first?.head === undefined) return false;
    if (this.#isRoomFor(first.head)) {
      this.#levelBytes = Math.max(this.#levelBytes, leastBytes);
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
    if (!seat.isSwarm || seat.head === undefined || seat.head.isRange === true) return 0;
    const isOverdue = this.#grantCount - (seat.busySinceCount ?? this.#grantCount) >= PATIENCE_COUNT * this.#waiting.size;
    return isOverdue ? 0 : Math.min(1, this.#sent.of(seat.head.root, seat.head.chunkIndex));
  }

  #answer(seat: UploadSeat, verdict: 'granted' | 'busy'): void {
    if (seat.isAsking) seat.verdict = verdict;
    else seat.answered(verdict);
  }
}
