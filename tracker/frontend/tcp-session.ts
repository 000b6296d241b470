/**
 * One client of the text protocol: bytes in, replies out. It knows a `ByteStream` and the time, and owns no timer and no socket.
 *
 * Requests are answered in order, at most a turn's worth at a time; the rest waits as bytes, with the stream paused, until the client
 * took its replies or until its next turn. So what a client can make us hold is bounded: one read's bytes, half a line, and
 * TRACKER_OUTPUT_PAUSE_BYTES and one reply of output.
 * Invariant: the stream is paused exactly while bytes wait in `#held` or replies are owed to a client that does not take them.
 */
import {
  BAD_LINES_MAX_COUNT,
  LINE_DEADLINE_MS,
  LINE_MAX_BYTES,
  TRACKER_IDLE_MS,
  TRACKER_LINGER_MAX_BYTES,
  TRACKER_LINGER_MS,
  TRACKER_OUTPUT_PAUSE_BYTES,
  TRACKER_OUTPUT_STALL_MS,
  TRACKER_TURN_LINES_COUNT,
  TRACKER_TURN_MS,
} from '../../common/core/limits.js';
import type { Clock } from '../../common/ports/clock.js';
import type { ByteStream, StreamHandlers } from '../../common/ports/net.js';
import { type LineEvent, LineSplitter } from '../../common/wire/line-splitter.js';
import { formatErr } from '../../common/wire/tokens.js';
import { parseTrackerRequest, type TrackerVerb } from '../../common/wire/tracker-requests.js';
import type { Source, TrackerLogic } from '../logic.js';

/** Requests that take long only where their replies are long: a SEARCH that finds nothing has looked at as much as one that does. */
const QUICK_VERBS: ReadonlySet<TrackerVerb> = new Set<TrackerVerb>(['REGISTER', 'LOOKUP', 'ALIVE']);

export interface SessionOwner {
  /** The session has bytes left: call `turn` after the others had theirs. */
  wantsTurn(session: TcpSession): void;
  /** The client must take replies before more is answered; false when it has. */
  waitsForClient(session: TcpSession, isWaiting: boolean): void;
  /** Last call. */
  gone(session: TcpSession, error: Error | undefined): void;
}

/**
 * `open` takes requests. `ended`: the client sent FIN, what it asked before is still answered. `closing`: our last word is said;
 * what still comes is read and dropped, since a socket closed with unread bytes sends a reset that can overtake the reply.
 */
type Phase =
  | { readonly name: 'open' }
  | { readonly name: 'ended' }
  | { readonly name: 'closing'; readonly sinceMs: number; droppedBytes: number };

export class TcpSession implements StreamHandlers {
  readonly source: Source;
  readonly #stream: ByteStream;
  readonly #logic: TrackerLogic;
  readonly #clock: Clock;
  readonly #owner: SessionOwner;
  readonly #splitter = new LineSplitter();
  #phase: Phase = { name: 'open' };
  #held: Buffer | undefined;
  #isWaiting = false;
  #badLineCount = 0;
  #lastVerb: TrackerVerb = 'HELP';
  /** Nothing after the line that is being answered is: it said QUIT, or it was one mistake too many. */
  #isLeaving = false;
  /** When the last byte came; when the unfinished line began; when the client last took a reply. */
  #heardMs: number;
  #lineMs = 0;
  #takenMs: number;
  #queuedBytes = 0;

  constructor(stream: ByteStream, parts: { readonly logic: TrackerLogic; readonly clock: Clock; readonly owner: SessionOwner }) {
    this.#stream = stream;
    this.#logic = parts.logic;
    this.#clock = parts.clock;
    this.#owner = parts.owner;
    this.source = { ip: stream.remote.ip, localIp: stream.local.ip };
    this.#heardMs = this.#takenMs = this.#clock.nowMs();
  }

  data(bytes: Uint8Array): void {
    this.#heardMs = this.#clock.nowMs();
    if (this.#phase.name === 'closing') {
      this.#phase.droppedBytes += bytes.length;
      if (this.#phase.droppedBytes > TRACKER_LINGER_MAX_BYTES) this.#stream.destroy();
    } else if (this.#held !== undefined || this.#isWaiting) {
      // What was on its way when the stream was paused.
      this.#held = Buffer.concat([this.#held ?? Buffer.alloc(0), bytes]);
    } else {
      this.#answer(bytes);
    }
  }

  /** Goes on with the bytes that wait. */
  turn(): void {
    const held = this.#held;
    if (held === undefined || this.#isWaiting || this.#phase.name === 'closing') return;
    this.#held = undefined;
    this.#answer(held);
    if (this.#held === undefined && !this.#isWaiting) this.#stream.resume();
  }

  drained(): void {
    this.#takenMs = this.#clock.nowMs();
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.#owner.waitsForClient(this, false);
    if (this.#held !== undefined) this.#owner.wantsTurn(this);
    else if (this.#phase.name === 'ended') this.#finish();
    else this.#stream.resume();
  }

  ended(): void {
    if (this.#phase.name !== 'open') return;
    this.#phase = { name: 'ended' };
    if (this.#held === undefined && !this.#isWaiting) this.#finish();
  }

  closed(error: Error | undefined): void {
    this.#held = undefined;
    this.#splitter.kill();
    this.#owner.gone(this, error);
  }

  /** Says a last error and closes. */
  refuse(reply: string): void {
    this.#stream.write(reply);
    this.#close();
  }

  /** Sends what is queued and closes; for the end of the tracker. */
  finish(): void {
    this.#close();
  }

  destroy(): void {
    this.#stream.destroy();
  }

  /** Enforces deadlines; called about every TRACKER_SWEEP_MS. */
  sweep(nowMs: number): void {
    const queuedBytes = this.#stream.queuedBytes;
    if (queuedBytes === 0 || queuedBytes < this.#queuedBytes) this.#takenMs = nowMs;
    this.#queuedBytes = queuedBytes;
    if (nowMs - this.#takenMs >= TRACKER_OUTPUT_STALL_MS) {
      this.#stream.destroy();
    } else if (this.#phase.name === 'closing') {
      if (queuedBytes === 0 && nowMs - this.#phase.sinceMs >= TRACKER_LINGER_MS) this.#stream.destroy();
    } else if (this.#splitter.isMidLine && nowMs - this.#lineMs >= LINE_DEADLINE_MS) {
      this.refuse(formatErr('BAD_REQUEST', `A line must end within ${LINE_DEADLINE_MS / 1000} s of its first byte.`));
    } else if (nowMs - this.#heardMs >= TRACKER_IDLE_MS && this.#held === undefined) {
      this.#close();
    }
  }

  /** Answers lines until the bytes, the turn or the client's room for replies ends; keeps what is left. */
  #answer(bytes: Uint8Array): void {
    const nowMs = this.#clock.nowMs();
    const wasMidLine = this.#splitter.isMidLine;
    let output = '';
    let lineCount = 0;
    const taken = this.#splitter.push(bytes, (event) => {
      lineCount += 1;
      const reply = this.#reply(event, nowMs);
      output += reply;
      if (event.kind === 'too-long' || this.#badLineCount >= BAD_LINES_MAX_COUNT) this.#isLeaving = true;
      if (this.#isLeaving || lineCount >= TRACKER_TURN_LINES_COUNT || output.length >= TRACKER_OUTPUT_PAUSE_BYTES) return false;
      return !this.#isHeavy(reply) || this.#clock.nowMs() - nowMs < TRACKER_TURN_MS;
    });
    if (this.#splitter.isMidLine && (!wasMidLine || lineCount > 0)) this.#lineMs = nowMs;
    if (output !== '') this.#stream.write(output);
    if (this.#isLeaving) {
      this.#close();
      return;
    }
    if (taken < bytes.length) this.#held = Buffer.from(bytes.subarray(taken));
    this.#goOn();
  }

  /** Whether the request that was answered last may have taken long. Most take microseconds, and to look at a clock a part of one. */
  #isHeavy(reply: string): boolean {
    return !QUICK_VERBS.has(this.#lastVerb) || reply.length >= LINE_MAX_BYTES / 4;
  }

  /** After some lines: waits for the client, or for the next turn, or is done. */
  #goOn(): void {
    if (this.#stream.queuedBytes > TRACKER_OUTPUT_PAUSE_BYTES) {
      this.#isWaiting = true;
      this.#takenMs = this.#clock.nowMs();
      this.#stream.pause();
      this.#owner.waitsForClient(this, true);
    } else if (this.#held !== undefined) {
      this.#stream.pause();
      this.#owner.wantsTurn(this);
    } else if (this.#phase.name === 'ended') {
      this.#finish();
    }
  }

  /** The reply to a line; nothing to an empty one. A mistake of ours costs this line alone. */
  #reply(event: LineEvent, nowMs: number): string {
    if (event.kind === 'too-long') return formatErr('TOO_LONG', `A line has at most ${LINE_MAX_BYTES} bytes with its line feed.`);
    let reply: string;
    if (event.kind === 'not-utf8') {
      reply = formatErr('BAD_REQUEST', 'A line is UTF-8.');
    } else if (event.text === '') {
      return '';
    } else {
      try {
        const request = parseTrackerRequest(event.text);
        this.#lastVerb = request.verb;
        if (request.verb === 'QUIT') this.#isLeaving = true;
        reply = this.#logic.handle(request, this.source, nowMs);
      } catch (error) {
        reply = this.#logic.refusal(error);
      }
    }
    if (reply.startsWith('ERR BAD_REQUEST') || reply.startsWith('ERR UNKNOWN_COMMAND')) this.#badLineCount += 1;
    return reply;
  }

  /** The client has ended and everything is answered. */
  #finish(): void {
    if (this.#splitter.isMidLine) this.#stream.write(formatErr('BAD_REQUEST', 'The last line does not end with a line feed.'));
    this.#close();
  }

  #close(): void {
    if (this.#phase.name === 'closing') return;
    this.#phase = { name: 'closing', sinceMs: this.#clock.nowMs(), droppedBytes: 0 };
    this.#held = undefined;
    this.#splitter.kill();
    if (this.#isWaiting) this.#owner.waitsForClient(this, false);
    this.#isWaiting = false;
    this.#stream.end();
    this.#stream.resume();
  }
}
