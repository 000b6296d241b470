/**
 * Bytes on their way from one end of a stream to the other, and what is waiting to become such.
 *
 * Contents may be left out (`copiesBodies: false` of the network): then the bytes of long parts are a length and nothing else, and what
 * the other side reads in their place is whatever lies there. Short parts, in which texts and headers are, are always carried.
 */
import { invariant } from '../core/errors.js';
import type { Flow, Parcel } from './sim-link.js';

/** Parts of at least this many bytes are bodies, whose contents may be left out. */
const BODY_MIN_BYTES = 16 * 1024;

/** Parts that are gone and still in the list: taking them out one by one would move the others each time. */
const GONE_PARTS_MAX_COUNT = 64;

/** Contents of a packet from `at` on. */
interface Piece {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** The contents of a packet, which may have holes. */
export class Cargo {
  readonly lengthBytes: number;
  readonly #pieces: readonly Piece[];

  constructor(lengthBytes: number, pieces: readonly Piece[]) {
    this.lengthBytes = lengthBytes;
    this.#pieces = pieces;
  }

  /** All contents in one piece, where they are. */
  get whole(): Uint8Array | undefined {
    const first = this.#pieces[0];
    return first?.bytes.length === this.lengthBytes ? first.bytes : undefined;
  }

  /** Its first `count` bytes. */
  first(count: number): Cargo {
    const pieces = this.#pieces
      .filter(({ at }) => at < count)
      .map(({ at, bytes }) => ({ at, bytes: bytes.subarray(0, count - at) }));
    return new Cargo(count, pieces);
  }

  /** Puts what is known of `count` bytes from `from` on at the start of `into`. */
  copy(from: number, count: number, into: Uint8Array): void {
    for (const { at, bytes } of this.#pieces) {
      const first = Math.max(from, at);
      const end = Math.min(from + count, at + bytes.length);
      if (first < end) into.set(bytes.subarray(first - at, end - at), first - from);
    }
  }
}

interface Part {
  /** `undefined` where the contents are left out. */
  readonly bytes: Uint8Array | undefined;
  readonly lengthBytes: number;
  readonly flushed: (() => void) | undefined;
}

/** A packet as its sender gives it to the uplink. */
export interface Load {
  readonly cargo: Cargo;
  readonly isLast: boolean;
  /** Called when the uplink took it. */
  readonly flushes: readonly (() => void)[];
}

export interface SendQueueOptions {
  readonly quantumBytes: number;
  readonly windowBytes: number;
  readonly copiesBodies: boolean;
}

const NO_PIECES: readonly Piece[] = [];
const NO_FLUSHES: readonly (() => void)[] = [];

/** What one end has written and its uplink has not taken. Invariant: at most a window of bytes is taken and not acknowledged. */
export class SendQueue implements Flow {
  nextInTurn: Flow | undefined;
  isInTurn = false;
  throughMs = 0;
  readonly #options: SendQueueOptions;
  readonly #makeParcel: (load: Load) => Parcel;
  #parts: Part[] = [];
  /** The first part that is not all gone, and how many of its bytes are. */
  #partAt = 0;
  #offset = 0;
  #waitingBytes = 0;
  #takenBytes = 0;
  #inFlightBytes = 0;
  #isEnded = false;
  #isLastTaken = false;

  constructor(options: SendQueueOptions, makeParcel: (load: Load) => Parcel) {
    this.#options = options;
    this.#makeParcel = makeParcel;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  get takenBytes(): number {
    return this.#takenBytes;
  }

  get isReady(): boolean {
    if (this.#partAt >= this.#parts.length) return this.#isEnded && !this.#isLastTaken;
    // Not before there is room for a good packet: many small ones would cost more than they bring.
    const room = this.#options.windowBytes - this.#inFlightBytes;
    return room >= Math.min(this.#options.quantumBytes, this.#waitingBytes);
  }

  add(part: Uint8Array | string, flushed?: () => void): void {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part;
    const isHole = !this.#options.copiesBodies && bytes.length >= BODY_MIN_BYTES;
    this.#parts.push({ bytes: isHole ? undefined : bytes, lengthBytes: bytes.length, flushed });
    this.#waitingBytes += bytes.length;
  }

  /** Nothing comes after what is queued. */
  end(): void {
    this.#isEnded = true;
  }

  /** Forgets what is queued. Returns whom to tell that its memory is free. */
  drop(): (() => void)[] {
    const flushes = this.#parts.slice(this.#partAt).flatMap(({ flushed }) => flushed ?? []);
    this.#parts = [];
    this.#partAt = 0;
    this.#offset = 0;
    this.#waitingBytes = 0;
    return flushes;
  }

  /** The other side's program has taken this many bytes. */
  acknowledge(bytes: number): void {
    this.#inFlightBytes -= bytes;
  }

  take(): Parcel {
    const lengthBytes = this.#nextBytes();
    this.#waitingBytes -= lengthBytes;
    this.#takenBytes += lengthBytes;
    this.#inFlightBytes += lengthBytes;
    const load = this.#cut(lengthBytes);
    this.#isLastTaken = load.isLast;
    return this.#makeParcel(load);
  }

  /**
   * Length of the next packet. Where bodies are left out, a header arrives in one piece: whoever reads it can then be given memory that
   * others use too, since what matters in it is looked at as it arrives.
   */
  #nextBytes(): number {
    const lengthBytes = Math.min(this.#options.quantumBytes, this.#waitingBytes);
    if (this.#options.copiesBodies || lengthBytes === this.#waitingBytes) return lengthBytes;
    let before = 0;
    let offset = this.#offset;
    for (let at = this.#partAt; at < this.#parts.length; at += 1) {
      const part = this.#parts[at] as Part;
      const end = before + part.lengthBytes - offset;
      if (end >= lengthBytes) return end > lengthBytes && part.bytes !== undefined && before > 0 ? before : lengthBytes;
      before = end;
      offset = 0;
    }
    return lengthBytes;
  }

  /** The next `lengthBytes` of the parts, and the parts of no length behind them. */
  #cut(lengthBytes: number): Load {
    let pieces: Piece[] | undefined;
    let flushes: (() => void)[] | undefined;
    let at = 0;
    for (let part = this.#parts[this.#partAt]; part !== undefined; part = this.#parts[this.#partAt]) {
      const count = Math.min(part.lengthBytes - this.#offset, lengthBytes - at);
      if (count === 0 && part.lengthBytes > 0) break;
      if (part.bytes !== undefined && count > 0) {
        // A copy: the memory is its owner's again as soon as the part is flushed.
        pieces ??= [];
        pieces.push({ at, bytes: new Uint8Array(part.bytes.subarray(this.#offset, this.#offset + count)) });
      }
      at += count;
      this.#offset += count;
      if (this.#offset < part.lengthBytes) break;
      if (part.flushed !== undefined) {
        flushes ??= [];
        flushes.push(part.flushed);
      }
      this.#partAt += 1;
      this.#offset = 0;
    }
    invariant(at === lengthBytes, 'what waits is in the parts');
    const isEmpty = this.#partAt >= this.#parts.length;
    if (isEmpty || this.#partAt >= GONE_PARTS_MAX_COUNT) {
      this.#parts.splice(0, this.#partAt);
      this.#partAt = 0;
    }
    return {
      cargo: new Cargo(lengthBytes, pieces ?? NO_PIECES),
      isLast: isEmpty && this.#isEnded,
      flushes: flushes ?? NO_FLUSHES,
    };
  }
}
