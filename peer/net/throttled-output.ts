/**
 * The sending half of a stream with a rate limit: what its owner hands in is given to the network in pieces, as tokens come.
 *
 *     owner ──► queue ── tokens, and the network took the piece before ──► stream
 *
 * Nothing is copied but texts: a piece is a view of the owner's memory. One piece is with the network at a time, so that tokens are
 * paid for what moves and not for what piles up.
 * Invariants: order is kept; each `flushed` is called once, when the network took all of its parts or the stream is gone.
 */
import { invariant } from '../../common/core/errors.js';
import type { ByteStream, ServedStream } from '../../common/ports/net.js';
import type { Allowance } from './rate-limits.js';

/** The stream beneath: only one that was accepted can `send`. */
export type InnerStream = ByteStream & Partial<Pick<ServedStream, 'send' | 'takenBytes'>>;

/** What was handed in with one call. */
interface Entry {
  /** What is not given to the network. */
  readonly parts: Uint8Array[];
  leftBytes: number;
  readonly flushed: (() => void) | undefined;
}

export class ThrottledOutput {
  readonly #inner: InnerStream;
  readonly #allowance: Allowance;
  readonly #drained: () => void;
  readonly #queue: Entry[] = [];
  #waitingBytes = 0;
  /** The network has not taken what `write` and what `send` gave it. */
  #isInnerFull = false;
  #unflushedCount = 0;
  #isEnding = false;
  #isGone = false;
  #isPumping = false;
  #isDrainDue = false;

  /** `drained` is called when there is room after `write` said that there is none. */
  constructor(inner: InnerStream, allowance: Allowance, drained: () => void) {
    this.#inner = inner;
    this.#allowance = allowance;
    this.#drained = drained;
  }

  /** Bytes that were handed in and not given to the network. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Whether it waits for tokens, and not for the other side. */
  get isHeld(): boolean {
    return this.#queue.length > 0 && !this.#isBusy;
  }

  /** As `ByteStream.write`. */
  write(parts: readonly (Uint8Array | string)[]): boolean {
    if (this.#isEnding || this.#isGone) return true;
    this.#add(parts, undefined);
    const isRoom = this.#queue.length === 0 && !this.#isBusy;
    if (!isRoom) this.#isDrainDue = true;
    return isRoom;
  }

  /** As `ServedStream.send`. */
  send(flushed: () => void, parts: readonly (Uint8Array | string)[]): void {
    if (this.#isEnding || this.#isGone) queueMicrotask(flushed);
    else this.#add(parts, flushed);
  }

  /** Ends the stream after what is queued. */
  end(): void {
    if (this.#isEnding || this.#isGone) return;
    this.#isEnding = true;
    this.pump();
  }

  /** Nothing more is given to the network. */
  stop(): void {
    this.#isGone = true;
    this.#allowance.want(false);
  }

  /** The stream is gone: gives back the memory of what is still queued. */
  closed(): void {
    this.stop();
    this.#allowance.close();
    this.#waitingBytes = 0;
    for (const entry of this.#queue.splice(0)) entry.flushed?.();
  }

  /** The network took all that `write` gave it. */
  innerDrained(): void {
    this.#isInnerFull = false;
    this.pump();
  }

  /** Gives to the network what may go. To be called when the allowance has changed. */
  pump(): void {
    if (this.#isPumping || this.#isGone) return;
    this.#isPumping = true;
    for (let entry = this.#queue[0]; entry !== undefined && !this.#isBusy; entry = this.#queue[0]) {
      const bytes = Math.min(entry.leftBytes, this.#allowance.bytes);
      if (bytes === 0 && entry.leftBytes > 0) break;
      this.#give(entry, bytes);
    }
    this.#isPumping = false;
    if (this.#queue.length === 0) this.#finish();
  }

  get #isBusy(): boolean {
    return this.#isInnerFull || this.#unflushedCount > 0;
  }

  #add(texts: readonly (Uint8Array | string)[], flushed: (() => void) | undefined): void {
    const parts = texts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part));
    const leftBytes = parts.reduce((sum, part) => sum + part.length, 0);
    this.#queue.push({ parts, leftBytes, flushed });
    this.#waitingBytes += leftBytes;
    this.#allowance.want(true);
    this.pump();
  }

  #give(entry: Entry, bytes: number): void {
    const piece = takeBytes(entry.parts, bytes);
    entry.leftBytes -= bytes;
    this.#waitingBytes -= bytes;
    const isLast = entry.leftBytes === 0;
    if (isLast) this.#queue.shift();
    if (bytes > 0) this.#allowance.pay(bytes);
    if (isLast && entry.flushed !== undefined) this.#sendLast(entry.flushed, piece);
    else this.#isInnerFull = !this.#inner.write(...piece);
  }

  #sendLast(flushed: () => void, piece: readonly Uint8Array[]): void {
    invariant(this.#inner.send !== undefined, 'a stream that was dialed cannot tell when memory is free');
    this.#unflushedCount += 1;
    this.#inner.send(
      () => {
        this.#unflushedCount -= 1;
        flushed();
        this.pump();
      },
      ...piece,
    );
  }

  /** Nothing is queued. */
  #finish(): void {
    this.#allowance.want(false);
    if (this.#isEnding) {
      this.#isGone = true;
      this.#inner.end();
    }
    if (!this.#isDrainDue || this.#isBusy) return;
    this.#isDrainDue = false;
    this.#drained();
  }
}

/** Takes the first bytes away from `parts`, without copying any. */
function takeBytes(parts: Uint8Array[], bytes: number): Uint8Array[] {
  const taken: Uint8Array[] = [];
  for (let leftBytes = bytes; ; ) {
    const part = parts[0];
    if (part === undefined || (leftBytes === 0 && part.length > 0)) return taken;
    if (part.length <= leftBytes) {
      taken.push(part);
      parts.shift();
    } else {
      taken.push(part.subarray(0, leftBytes));
      parts[0] = part.subarray(leftBytes);
    }
    leftBytes -= Math.min(leftBytes, part.length);
  }
}
