/**
 * The node's side of the control socket: one session a command, one request at a time.
 *
 * A request that its command gives up, or whose command goes away, is aborted; what that means is up to who answers it.
 * Invariant: every request ends with one result or one error, unless its command has gone.
 */
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import { CONTROL_CLIENTS_MAX_COUNT, CONTROL_QUEUE_MAX_CHARS } from '../../common/core/limits.js';
import { type LocalHandlers, type LocalListener, type LocalStream, listenLocally } from '../../common/node/local-socket.js';
import {
  ControlLines,
  type ControlReply,
  type ControlRequest,
  formatControl,
  type Hello,
  type Json,
  parseControlRequest,
} from './control-protocol.js';

/** What an answer may use while its request runs. */
export interface ControlSession {
  event(event: Json): void;
  /** Its reason is a `ShoalError`. */
  readonly signal: AbortSignal;
}

export interface ControlDesk {
  readonly hello: Hello;
  /** Throws what the command is to end with. */
  answer(request: ControlRequest, session: ControlSession): Promise<Json>;
}

export class ControlServer {
  readonly #sessions = new Set<Session>();
  #listener: LocalListener | undefined;

  private constructor() {}

  /** Throws as `listenLocally`. */
  static async listen(path: string, desk: ControlDesk): Promise<ControlServer> {
    const server = new ControlServer();
    server.#listener = await listenLocally(path, CONTROL_CLIENTS_MAX_COUNT, (stream) => {
      const session = new Session(stream, desk, () => server.#sessions.delete(session));
      server.#sessions.add(session);
      return session;
    });
    return server;
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** Accepts nobody any more and aborts what runs; resolves when all of it has ended. Idempotent. */
  async stop(): Promise<void> {
    await this.#listener?.close();
    await Promise.all([...this.#sessions].map((session) => session.abort()));
  }

  /** Cuts what is left. That tells those who wait for the end of the node. */
  close(): void {
    for (const session of this.#sessions) session.end();
  }
}

class Session implements LocalHandlers {
  readonly #stream: LocalStream;
  readonly #desk: ControlDesk;
  readonly #forget: () => void;
  readonly #lines = new ControlLines();
  #running: { readonly stop: AbortController; readonly over: Promise<void> } | undefined;
  #isStopping = false;

  constructor(stream: LocalStream, desk: ControlDesk, forget: () => void) {
    this.#stream = stream;
    this.#desk = desk;
    this.#forget = forget;
    this.#send({ hello: desk.hello });
  }

  text(text: string): void {
    try {
      this.#lines.push(text, (line) => this.#take(line));
    } catch (error) {
      // What it says next cannot be told from the rest of this.
      const { code, message } = asShoalError(error);
      this.#send({ error: { code, message } });
      this.#stream.end();
    }
  }

  closed(): void {
    this.#forget();
    this.#running?.stop.abort(new ShoalError('STOPPED', 'local', 'The command has gone.'));
  }

  /** Aborts what runs; resolves when it has ended. */
  async abort(): Promise<void> {
    this.#isStopping = true;
    this.#running?.stop.abort(new ShoalError('STOPPED', 'local', 'The running peer stops. What is verified is kept.'));
    await this.#running?.over;
  }

  end(): void {
    this.#stream.end();
  }

  #take(line: string): void {
    const request = parseControlRequest(line);
    if (request.request === 'cancel') {
      this.#running?.stop.abort(new ShoalError('INTERRUPTED', 'local', 'Interrupted. What is verified is kept.'));
      return;
    }
    if (this.#running !== undefined) throw new ShoalError('BUSY', 'remote', 'A connection has one request at a time.');
    if (this.#isStopping) throw new ShoalError('STOPPED', 'remote', 'The running peer stops.');
    const stop = new AbortController();
    this.#running = { stop, over: this.#run(request, stop.signal) };
  }

  async #run(request: ControlRequest, signal: AbortSignal): Promise<void> {
    let reply: ControlReply;
    try {
      const result = await this.#desk.answer(request, { event: (event) => this.#send({ event }), signal });
      reply = { result };
    } catch (error) {
      const { code, message } = asShoalError(error);
      reply = { error: { code, message } };
    }
    this.#running = undefined;
    this.#send(reply);
  }

  #send(reply: ControlReply): void {
    if (this.#stream.queuedChars > CONTROL_QUEUE_MAX_CHARS) this.#stream.destroy();
    else this.#stream.write(formatControl(reply));
  }
}
