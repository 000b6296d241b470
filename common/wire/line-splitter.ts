/**
 * Cuts a byte stream into lines. Pure: bytes in, lines out.
 *
 * A line ends at LF; one CR before it is dropped. A line longer than LINE_MAX_BYTES with its LF is reported once as `too-long`, after
 * which the splitter is dead: what follows cannot be told from the rest of that line. A line that is not UTF-8 is `not-utf8`.
 * Invariant: what is held between calls is shorter than LINE_MAX_BYTES.
 */
import { isAscii } from 'node:buffer';
import { LINE_MAX_BYTES } from '../core/limits.js';
import { decodeUtf8 } from './text.js';

export type LineEvent =
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'not-utf8' }
  | { readonly kind: 'too-long' };

const LF = 0x0a;
const CR = 0x0d;
const NOTHING = Buffer.alloc(0);

export class LineSplitter {
  #held: Buffer = NOTHING;
  #isDead = false;

  /** Whether a line has begun and not ended: the caller runs its deadline while this is so. */
  get isMidLine(): boolean {
    return this.#held.length > 0;
  }

  /**
   * Takes bytes; calls `emit` for each line in order. `bytes` may be reused by the caller afterwards. Where `emit` returns false,
   * it stops after that line; the caller pushes the rest when it is ready for it. Returns how many bytes it took.
   */
  push(bytes: Uint8Array, emit: (event: LineEvent) => unknown): number {
    if (this.#isDead) return bytes.length;
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    // Asked once for many lines, as nearly all are.
    const isPlain = isAscii(buffer);
    for (let from = 0; ; ) {
      const end = buffer.indexOf(LF, from);
      const lineBytes = this.#held.length + (end < 0 ? buffer.length : end) - from + 1;
      if (lineBytes > LINE_MAX_BYTES) {
        this.#isDead = true;
        this.#held = NOTHING;
        emit({ kind: 'too-long' });
        return bytes.length;
      }
      if (end < 0) {
        if (from < buffer.length) this.#held = Buffer.concat([this.#held, buffer.subarray(from)]);
        return bytes.length;
      }
      const event =
        this.#held.length === 0 ? decodeLine(buffer, from, end, isPlain) : this.#decodeHeld(buffer.subarray(from, end));
      from = end + 1;
      const isGoingOn = emit(event) !== false;
      if (this.#isDead) return bytes.length;
      if (!isGoingOn) return from;
    }
  }

  /** The line that began in an earlier call. */
  #decodeHeld(tail: Buffer): LineEvent {
    const line = Buffer.concat([this.#held, tail]);
    this.#held = NOTHING;
    return decodeLine(line, 0, line.length, false);
  }

  /** Stops taking bytes: the connection is being closed. */
  kill(): void {
    this.#isDead = true;
    this.#held = NOTHING;
  }
}

function decodeLine(buffer: Buffer, from: number, lineEnd: number, isPlain: boolean): LineEvent {
  const end = lineEnd > from && buffer[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
  if (isPlain) return { kind: 'line', text: buffer.toString('latin1', from, end) };
  const text = decodeUtf8(buffer.subarray(from, end));
  return text === undefined ? { kind: 'not-utf8' } : { kind: 'line', text };
}
