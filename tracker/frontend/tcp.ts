/**
 * The TCP front end: accepts streams, gives each a session, and gives every session its turns and its deadlines.
 *
 * It owns the set of sessions and two timers for all of them: one sweep, and one for turns that are due. It never reads a request.
 * Invariant: a session is in `#sessions` from its accept until its stream is closed, and counted for its source as long.
 */
import { TRACKER_LINGER_MS, TRACKER_ROUND_MS, TRACKER_SWEEP_MS, TRACKER_WAITING_MAX_COUNT } from '../../common/core/limits.js';
import { isLoopback, type PeerAddress, sourceOf } from '../../common/core/peer-address.js';
import type { Log } from '../../common/node/log.js';
import type { Clock, Timer } from '../../common/ports/clock.js';
import type { ByteStream, Listener, ListenPort, StreamHandlers } from '../../common/ports/net.js';
import { formatErr } from '../../common/wire/tokens.js';
import type { TrackerLogic } from '../logic.js';
import { LogGate } from './log-gate.js';
import { type SessionOwner, TcpSession } from './tcp-session.js';

export interface TcpFrontendOptions {
  readonly host: string;
  readonly port: number;
  readonly connectionsMaxCount: number;
  /** Of one source; loopback is exempt. */
  readonly sourceConnectionsMaxCount: number;
}

export interface TcpFrontendParts {
  readonly listener: ListenPort;
  readonly clock: Clock;
  readonly log: Log;
  readonly logic: TrackerLogic;
}

/** Streams over the cap that are told so before they are closed; beyond these the listener closes them without a word. */
const REFUSED_MAX_COUNT = 64;

export class TcpFrontend implements SessionOwner {
  readonly #parts: TcpFrontendParts;
  readonly #options: TcpFrontendOptions;
  readonly #sessions = new Set<TcpSession>();
  readonly #perSource = new Map<string, number>();
  /** Sessions with bytes to answer; and those whose clients owe us reading, the longest first. */
  #due: TcpSession[] = [];
  readonly #waiting = new Set<TcpSession>();
  readonly #gate = new LogGate();
  #listener: Listener | undefined;
  #sweepTimer: Timer | undefined;
  #turnTimer: Timer | undefined;
  #closing: Promise<void> | undefined;
  #allGone: (() => void) | undefined;

  private constructor(parts: TcpFrontendParts, options: TcpFrontendOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** Throws what `ListenPort.listen` throws. */
  static async listen(parts: TcpFrontendParts, options: TcpFrontendOptions): Promise<TcpFrontend> {
    const frontend = new TcpFrontend(parts, options);
    const { host, port, connectionsMaxCount } = options;
    frontend.#listener = await parts.listener.listen(
      { host, port, connectionsMaxCount: connectionsMaxCount + REFUSED_MAX_COUNT },
      (stream) => frontend.#accept(stream),
    );
    frontend.#armSweep();
    return frontend;
  }

  get local(): PeerAddress {
    return this.#listener?.local ?? { ip: '0.0.0.0', port: 0 };
  }

  get connectionCount(): number {
    return this.#sessions.size;
  }

  /** Stops accepting, sends what is queued, closes all. Takes at most TRACKER_LINGER_MS. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  wantsTurn(session: TcpSession): void {
    this.#due.push(session);
    this.#turnTimer ??= this.#parts.clock.setTimer('tracker turns', 0, () => this.#giveTurns());
  }

  waitsForClient(session: TcpSession, isWaiting: boolean): void {
    if (!isWaiting) {
      this.#waiting.delete(session);
      return;
    }
    this.#waiting.add(session);
    if (this.#waiting.size <= TRACKER_WAITING_MAX_COUNT) return;
    const [longest] = this.#waiting;
    longest?.destroy();
    if (longest !== undefined) this.#waiting.delete(longest);
  }

  gone(session: TcpSession, error: Error | undefined): void {
    if (!this.#sessions.delete(session)) return;
    this.#waiting.delete(session);
    const source = sourceOf(session.source.ip);
    const count = (this.#perSource.get(source) ?? 1) - 1;
    if (count === 0) this.#perSource.delete(source);
    else this.#perSource.set(source, count);
    if (error !== undefined) this.#logRarely(session.source.ip, error.message, 'connection failed');
    if (this.#sessions.size === 0) this.#allGone?.();
  }

  #accept(stream: ByteStream): StreamHandlers {
    const { clock, logic } = this.#parts;
    const session = new TcpSession(stream, { clock, logic, owner: this });
    const source = sourceOf(session.source.ip);
    const count = this.#perSource.get(source) ?? 0;
    const isFull = this.#sessions.size >= this.#options.connectionsMaxCount;
    this.#sessions.add(session);
    this.#perSource.set(source, count + 1);
    if (isFull || (count >= this.#options.sourceConnectionsMaxCount && !isLoopback(session.source.ip))) {
      const why = isFull ? 'The tracker has too many connections' : 'Your address has too many connections';
      this.#logRarely(session.source.ip, why, 'connection refused');
      session.refuse(formatErr('BUSY', `${why}; close some, or try again later.`));
    }
    return session;
  }

  /** Turns for sessions that are due, in the order they came, for a bounded time; then the sockets have theirs. */
  #giveTurns(): void {
    const { clock } = this.#parts;
    const endMs = clock.nowMs() + TRACKER_ROUND_MS;
    const due = this.#due;
    this.#due = [];
    let given = 0;
    while (given < due.length && (given === 0 || clock.nowMs() < endMs)) {
      due[given]?.turn();
      given += 1;
    }
    // Those that are due again after their turn go behind those that had none.
    this.#due = [...due.slice(given), ...this.#due];
    this.#turnTimer = this.#due.length === 0 ? undefined : clock.setTimer('tracker turns', 0, () => this.#giveTurns());
  }

  #armSweep(): void {
    this.#sweepTimer = this.#parts.clock.setTimer('tracker connections', TRACKER_SWEEP_MS, () => {
      const nowMs = this.#parts.clock.nowMs();
      for (const session of this.#sessions) session.sweep(nowMs);
      this.#armSweep();
    });
  }

  #logRarely(ip: string, why: string, message: string): void {
    const suppressedCount = this.#gate.pass(this.#parts.clock.nowMs());
    if (suppressedCount !== undefined) this.#parts.log.warn({ ip, why, suppressedCount }, message);
  }

  async #closeAll(): Promise<void> {
    await this.#listener?.close();
    this.#sweepTimer?.cancel();
    this.#turnTimer?.cancel();
    if (this.#sessions.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.#parts.clock.setTimer('tracker close', TRACKER_LINGER_MS, () => {
        for (const session of this.#sessions) session.destroy();
      });
      this.#allGone = () => {
        timer.cancel();
        resolve();
      };
      for (const session of this.#sessions) session.finish();
    });
  }
}
