/**
 * The receiving half of the peer protocol, without a socket: says where the next bytes should land, takes them, and gives back whole
 * replies in the order of the requests.
 *
 *     idle ── expect ──► chunk ── whole ──► idle or the next
 *                    ├─► starved (no slot free) ── slot ──► chunk
 *                    └─► line ── size ──► document ── whole ──► idle or the next
 *                              ├─ ERR ──► idle or the next
 *                              └─ HAVE (news, answers nothing) ──► what was expected before
 *
 * A chunk's size is known before it is asked for, so its header is known too: header and chunk are read in one piece into a slot,
 * the chunk on its cache line, and nothing is copied. What lands elsewhere (behind an ERR line, or while no slot was free) is copied.
 * Invariant: memory is bounded by what we asked for and never by what the other side claims.
 */
import { protocolError, ShoalError } from '../../common/core/errors.js';
import { LINE_MAX_BYTES } from '../../common/core/limits.js';
import { formatBodyHeader, parseBodyHeader } from '../../common/wire/peer-lines.js';
import { parseErr, printable } from '../../common/wire/tokens.js';
import { SLOT_HEAD_BYTES, type Slot } from '../hash/slot-memory.js';

/** What the oldest open request will be answered with. */
export type Expected =
  | { readonly kind: 'chunk'; readonly sizeBytes: number }
  | { readonly kind: 'document'; readonly maxBytes: number };

/** What the parser tells its owner; each `chunk`, `document` and `refused` answers the oldest open request. */
export interface ReplyHandlers {
  /** A free slot, which the parser owns until it gives it away with `chunk` or back with `releaseSlot`. */
  takeSlot(): Slot | undefined;
  releaseSlot(slot: Slot): void;
  /** The chunk lies in the slot from SLOT_HEAD_BYTES on; the slot is the receiver's now. */
  chunk(slot: Slot, sizeBytes: number): void;
  document(bytes: Uint8Array): void;
  refused(error: ShoalError): void;
  /** A line of news, which answers no request. */
  news(line: string): void;
}

type State =
  | { readonly phase: 'idle' }
  | { readonly phase: 'starved'; readonly sizeBytes: number }
  | { readonly phase: 'chunk'; readonly sizeBytes: number; readonly header: Uint8Array; readonly slot: Slot; gotBytes: number }
  /** `expected` is missing where nothing was asked: only news can come. */
  | { readonly phase: 'line'; readonly expected: Expected | undefined; held: Uint8Array }
  | { readonly phase: 'document'; readonly bytes: Uint8Array; gotBytes: number };

/** Longest header line: 16 digits and the LF. */
const HEADER_MAX_BYTES = 17;
const LF = 0x0a;
/** The first bytes of lines that are no header: `ERR …` and `HAVE …`. */
const E = 0x45;
const H = 0x48;

/** Bytes that arrive when nothing offered a better place; read and consumed in one call, so that one is enough for all. */
const scratch = new Uint8Array(64 * 1024);

export class ReplyParser {
  readonly #handlers: ReplyHandlers;
  readonly #queue: Expected[] = [];
  #state: State = { phase: 'idle' };
  /** Bytes of the reply under way, which tells a slow sender from a dead one. */
  #replyBytes = 0;
  /** Whether news may come between replies. */
  #isListening = false;

  constructor(handlers: ReplyHandlers) {
    this.#handlers = handlers;
  }

  /** Bytes of the oldest open reply that are here. */
  get replyBytes(): number {
    return this.#replyBytes;
  }

  /** Whether it waits for a slot of ours, and not for the other side. */
  get isStarved(): boolean {
    return this.#state.phase === 'starved';
  }

  /** A request was sent; its reply will be this. */
  expect(expected: Expected): void {
    this.#queue.push(expected);
    if (this.#state.phase === 'idle') this.#next();
  }

  /** Lines of news may come from now on. */
  listen(): void {
    this.#isListening = true;
  }

  /** Where the next bytes should be read to. Never empty. */
  buffer(): Uint8Array {
    return this.#room() ?? scratch;
  }

  /** A slot may be free again; returns whether the parser can go on. */
  retrySlot(): boolean {
    if (this.#state.phase === 'starved') this.#begin({ kind: 'chunk', sizeBytes: this.#state.sizeBytes });
    return !this.isStarved;
  }

  /**
   * Takes bytes that arrived, in `buffer()` or elsewhere. Returns what could not be taken because no slot is free: give it again
   * later. Throws `PROTOCOL` where the other side broke the rules: then the connection is to be closed.
   */
  receive(bytes: Uint8Array): Uint8Array | undefined {
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#state.phase === 'starved') return Uint8Array.from(rest);
      if (this.#state.phase === 'idle') this.#state = this.#unasked();
      rest = this.#state.phase === 'line' ? this.#takeLine(this.#state, rest) : this.#takeBody(rest);
    }
    return undefined;
  }

  #unasked(): State {
    if (!this.#isListening) throw protocolError('It sent bytes that nobody asked for.');
    return { phase: 'line', expected: undefined, held: new Uint8Array(0) };
  }

  /** Gives back the slot of a reply that will not end. */
  close(): void {
    if (this.#state.phase === 'chunk') this.#handlers.releaseSlot(this.#state.slot);
    this.#state = { phase: 'idle' };
    this.#queue.length = 0;
  }

  /** The rest of the place for the reply under way. */
  #room(): Uint8Array | undefined {
    const state = this.#state;
    if (state.phase === 'chunk') {
      const from = SLOT_HEAD_BYTES - state.header.length + state.gotBytes;
      return state.slot.bytes.subarray(from, SLOT_HEAD_BYTES + state.sizeBytes);
    }
    return state.phase === 'document' ? state.bytes.subarray(state.gotBytes) : undefined;
  }

  #takeBody(bytes: Uint8Array): Uint8Array {
    const state = this.#state;
    const room = this.#room();
    if (room === undefined || (state.phase !== 'chunk' && state.phase !== 'document')) return bytes;
    const count = Math.min(bytes.length, room.length);
    const isInPlace = bytes.buffer === room.buffer && bytes.byteOffset === room.byteOffset;
    if (!isInPlace) room.set(bytes.subarray(0, count));
    const before = state.gotBytes;
    state.gotBytes += count;
    this.#replyBytes += count;
    if (state.phase === 'chunk' && before < state.header.length) {
      const unexpected = this.#checkHeader(state);
      // The place is given back, so what follows in it is copied out first.
      if (unexpected !== undefined) return Buffer.concat([unexpected, bytes.subarray(count)]);
    }
    if (count === room.length) this.#finishBody();
    return bytes.subarray(count);
  }

  /** Compares the header bytes that are here with the only ones that are right. Returns them where they begin a line. */
  #checkHeader(state: Extract<State, { phase: 'chunk' }>): Uint8Array | undefined {
    const from = SLOT_HEAD_BYTES - state.header.length;
    const got = Math.min(state.gotBytes, state.header.length);
    for (let at = 0; at < got; at += 1) {
      const byte = state.slot.bytes[from + at];
      if (byte === state.header[at]) continue;
      if (!this.#beginsLine(state.slot.bytes[from])) {
        const start = Buffer.from(state.slot.bytes.subarray(from, from + Math.min(state.gotBytes, HEADER_MAX_BYTES))).toString(
          'latin1',
        );
        throw protocolError(`It answered "${printable(start)}" where ${state.sizeBytes} bytes were due.`);
      }
      const received = Uint8Array.from(state.slot.bytes.subarray(from, from + state.gotBytes));
      this.#handlers.releaseSlot(state.slot);
      // They are taken, and counted, once more as a line.
      this.#replyBytes = 0;
      this.#state = { phase: 'line', expected: { kind: 'chunk', sizeBytes: state.sizeBytes }, held: new Uint8Array(0) };
      return received;
    }
    return undefined;
  }

  #beginsLine(byte: number | undefined): boolean {
    return byte === E || (byte === H && this.#isListening);
  }

  #finishBody(): void {
    const state = this.#state;
    if (state.phase === 'chunk') this.#handlers.chunk(state.slot, state.sizeBytes);
    else if (state.phase === 'document') this.#handlers.document(state.bytes);
    this.#next();
  }

  #takeLine(state: Extract<State, { phase: 'line' }>, bytes: Uint8Array): Uint8Array {
    const end = bytes.indexOf(LF);
    const line = Buffer.concat([state.held, end < 0 ? bytes : bytes.subarray(0, end)]);
    const maxBytes = this.#beginsLine(line[0]) ? LINE_MAX_BYTES : HEADER_MAX_BYTES;
    if (line.length >= maxBytes) throw protocolError(`Its reply line is longer than ${maxBytes} bytes.`);
    this.#replyBytes += end < 0 ? bytes.length : end + 1;
    if (end < 0) {
      state.held = line;
      return new Uint8Array(0);
    }
    this.#finishLine(state.expected, line.toString('utf8').replace(/\r$/, ''));
    return bytes.subarray(end + 1);
  }

  #finishLine(expected: Expected | undefined, line: string): void {
    if (this.#isListening && line.startsWith('HAVE ')) {
      this.#replyBytes = 0;
      if (expected === undefined) this.#next();
      else this.#begin(expected);
      // Last: whoever hears it may end the connection.
      this.#handlers.news(line);
      return;
    }
    if (expected === undefined) throw protocolError(`It sent "${printable(line)}", which nobody asked for.`);
    const error = parseErr(line) ?? looseError(line);
    if (error !== undefined) {
      this.#handlers.refused(error);
      this.#next();
      return;
    }
    const sizeBytes = parseBodyHeader(line);
    if (sizeBytes === undefined || expected.kind === 'chunk')
      throw protocolError(`It answered "${printable(line)}" where a size was due.`);
    if (sizeBytes > expected.maxBytes)
      throw protocolError(`It wants to send ${sizeBytes} bytes where ${expected.maxBytes} can be right.`);
    this.#state = { phase: 'document', bytes: new Uint8Array(sizeBytes), gotBytes: 0 };
    if (sizeBytes === 0) this.#finishBody();
  }

  #next(): void {
    this.#replyBytes = 0;
    const expected = this.#queue.shift();
    if (expected === undefined) this.#state = { phase: 'idle' };
    else this.#begin(expected);
  }

  #begin(expected: Expected): void {
    if (expected.kind === 'document') {
      this.#state = { phase: 'line', expected, held: new Uint8Array(0) };
      return;
    }
    const slot = this.#handlers.takeSlot();
    const { sizeBytes } = expected;
    this.#state =
      slot === undefined
        ? { phase: 'starved', sizeBytes }
        : { phase: 'chunk', sizeBytes, header: headerBytes(sizeBytes), slot, gotBytes: 0 };
  }
}

/** A line like `ERROR not found`: a stranger's way to say ERR. */
function looseError(line: string): ShoalError | undefined {
  return line.startsWith('ERR') ? new ShoalError('INTERNAL', 'remote', printable(line)) : undefined;
}

let lastHeader: { readonly sizeBytes: number; readonly bytes: Uint8Array } = { sizeBytes: -1, bytes: new Uint8Array(0) };

/** The header of a body; nearly all chunks have the same. */
function headerBytes(sizeBytes: number): Uint8Array {
  if (lastHeader.sizeBytes !== sizeBytes) lastHeader = { sizeBytes, bytes: Buffer.from(formatBodyHeader(sizeBytes)) };
  return lastHeader.bytes;
}
