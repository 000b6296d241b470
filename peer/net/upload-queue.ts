/**
 * Who may send a chunk next: one queue for all connections of a node, so that they share its link fairly and it sends each chunk to
 * somebody before it sends one twice. Pure: it owns no socket, no memory of chunks and no clock.
 *
 *     ask ──► granted ────────────────────────► given back (sent, or not)
 *        └──► waiting ──► granted, or busy: ask for another
 *
 * Slots are counted in bytes, CHUNK_BYTES each, so that the chunks of many small files do not wait for each other. Among the heads
 * that wait, in this order: the chunk that went out least often (heads of connections that know no BUSY count as never sent), the
 * connection that was given fewest bytes (start-time fair queueing: Goyal, Vin and Cheng 1996), and who waited longest. A head is told
 * to come later only while another waits for a chunk that went out less often and no slot is free, and not for ever: after
 * PATIENCE_COUNT grants for each that waits, it counts as never sent.
 * Invariants: nobody waits while the first in the order would fit; each grant is given back once; the connections of a queue never
 * hold more than its slots, but for those that stand still.
 */
import { invariant } from '../../common/core/errors.js';
import { CHUNK_BYTES, UPLOAD_SLOTS_START_COUNT } from '../../common/core/limits.js';
import type { ContentRoot } from '../../common/core/root.js';
import { SentCounts } from './sent-counts.js';
import { SlotClimb } from './slot-climb.js';

/** Grants to others, for each connection that waits, after which one that was told to come later is served whatever it asks for. */
const PATIENCE_COUNT = 32;

/** A chunk that somebody asks for. */
export interface Upload {
  readonly root: ContentRoot;
  readonly chunkIndex: number;
  /** Chunks of the content, so of those that can be counted. */
  readonly chunkCount: number;
  /** Bytes of the chunk. */
  readonly lengthBytes: number;
}

/** A connection's place at the queue. Its fields are the queue's alone. */
export interface UploadSeat {
  readonly answered: (verdict: 'granted' | 'busy') => void;
  /** Whether it knows BUSY and comes back later. */
  isSwarm: boolean;
  isStalled: boolean;
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
  /** What the network took lately; 0 before the first tick. */
  readonly bytesPerSecond: number;
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
  #hasWaited = false;
  #tickedMs: number | undefined;
  #bytesPerSecond = 0;

  /** `slotCount` is what it begins with. */
  constructor(slotCount: number = UPLOAD_SLOTS_START_COUNT) {
    this.#climb = new SlotClimb(slotCount);
  }

  get load(): UploadLoad {
    return {
      slotCount: this.#climb.slotCount,
      usedSlotCount: this.#usedBytes / CHUNK_BYTES,
      waitingCount: this.#waiting.size,
      bytesPerSecond: this.#bytesPerSecond,
    };
  }

  /** `answered` is called for a request that had to wait, never during the seat's own `ask`. */
  join(answered: UploadSeat['answered']): UploadSeat {
    const none = { head: undefined, verdict: undefined, busySinceCount: undefined };
    return { answered, isSwarm: false, isStalled: false, isAsking: false, grantedBytes: 0, shareBytes: 0, ...none };
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
    if (isSent) this.setStalled(seat, false);
    else {
      this.#sent.remove(upload.root, upload.chunkIndex);
      seat.shareBytes -= upload.lengthBytes;
    }
    seat.grantedBytes -= upload.lengthBytes;
    if (!seat.isStalled) this.#usedBytes -= upload.lengthBytes;
    invariant(seat.grantedBytes >= 0 && this.#usedBytes >= 0, 'a grant is given back once');
    this.#settle();
  }

  /** The other side takes nothing: what this seat was granted keeps nobody else waiting. */
  setStalled(seat: UploadSeat, isStalled: boolean): void {
    if (seat.isStalled === isStalled) return;
    seat.isStalled = isStalled;
    this.#usedBytes += isStalled ? -seat.grantedBytes : seat.grantedBytes;
    if (isStalled) this.#settle();
  }

  /** Waits no longer. Its grants are still to be given back. */
  leave(seat: UploadSeat): void {
    seat.head = undefined;
    if (this.#waiting.delete(seat)) this.#settle();
  }

  /** To be called about once a second, with what the network took from all seats since the last call. */
  tick(tookBytes: number, nowMs: number): void {
    const elapsedMs = nowMs - (this.#tickedMs ?? nowMs);
    if (elapsedMs > 0) this.#bytesPerSecond = (1000 * tookBytes) / elapsedMs;
    this.#tickedMs = nowMs;
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
    if (!seat.isStalled) this.#usedBytes += upload.lengthBytes;
    this.#sent.add(upload.root, upload.chunkIndex, upload.chunkCount);
    this.#grantCount += 1;
  }

  /** Answers who can be answered. Whoever is answered may ask again at once, and is then in the same round. */
  #settle(): void {
    if (this.#isSettling) return;
    this.#isSettling = true;
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
      if (rank > lastRank) [last, lastRank] = [seat, rank];
    }
    if (first?.head === undefined || last === undefined) return false;
    if (this.#isRoomFor(first.head)) {
      this.#levelBytes = Math.max(this.#levelBytes, leastBytes);
      this.#waiting.delete(first);
      this.#grant(first, first.head);
      this.#answer(first, 'granted');
      return true;
    }
    if (lastRank === firstRank) return false;
    this.#waiting.delete(last);
    last.head = undefined;
    last.busySinceCount ??= this.#grantCount;
    this.#answer(last, 'busy');
    return true;
  }

  /** How often the chunk at the seat's head went out, as far as that counts; 0 goes first. */
  #rankOf(seat: UploadSeat): number {
    if (!seat.isSwarm || seat.head === undefined) return 0;
    const isOverdue = this.#grantCount - (seat.busySinceCount ?? this.#grantCount) >= PATIENCE_COUNT * this.#waiting.size;
    return isOverdue ? 0 : this.#sent.of(seat.head.root, seat.head.chunkIndex);
  }

  #answer(seat: UploadSeat, verdict: 'granted' | 'busy'): void {
    if (seat.isAsking) seat.verdict = verdict;
    else seat.answered(verdict);
  }
}
