/**
 * Cuts a byte stream into lines. Pure: bytes in, lines out.
 *
 * A line ends at LF; one CR before it is dropped. A line longer than LINE_MAX_BYTES with its LF is reported once as `too-long`, after
 * which the splitter is dead: what follows cannot be told from the rest of that line. A line that is not UTF-8 is `not-utf8`.
 * Invariant: what is held between calls is shorter than LINE_MAX_BYTES.
 */
import { LINE_MAX_BYTES } from '../core/limits.js';
import { decodeUtf8 } from './text.js';

export type LineEvent =
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'not-utf8' }
  | { readonly kind: 'too-long' };

const LF = 0x0a;
const CR = 0x0d;

export class LineSplitter {
  #held: Buffer = Buffer.alloc(0);
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
    let rest = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (;;) {
      const end = rest.indexOf(LF);
      const lineBytes = this.#held.length + (end < 0 ? rest.length : end) + 1;
      if (lineBytes > LINE_MAX_BYTES) {
        this.#isDead = true;
        this.#held = Buffer.alloc(0);
        emit({ kind: 'too-long' });
        return bytes.length;
      }
      if (end < 0) {
        if (rest.length > 0) this.#held = Buffer.concat([this.#held, rest]);
        return bytes.length;
      }
      const line = this.#held.length === 0 ? rest.subarray(0, end) : Buffer.concat([this.#held, rest.subarray(0, end)]);
      this.#held = Buffer.alloc(0);
      rest = rest.subarray(end + 1);
      const isGoingOn = emit(decodeLine(line)) !== false;
      if (this.#isDead) return bytes.length;
      if (!isGoingOn) return bytes.length - rest.length;
    }
  }

  /** Stops taking bytes: the connection is being closed. */
  kill(): void {
    this.#isDead = true;
    this.#held = Buffer.alloc(0);
  }
}

function decodeLine(line: Buffer): LineEvent {
  const text = decodeUtf8(line.at(-1) === CR ? line.subarray(0, -1) : line);
  return text === undefined ? { kind: 'not-utf8' } : { kind: 'line', text };
}
