/** A command's side of the control socket. */
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import { CONTROL_GREETING_MS } from '../../common/core/limits.js';
import { dialLocally, type LocalStream } from '../../common/node/local-socket.js';
import type { Clock } from '../../common/ports/clock.js';
import {
  CONTROL_VERSION,
  ControlLines,
  type ControlReply,
  type ControlRequest,
  errorOf,
  formatControl,
  type Hello,
  type Json,
  parseControlReply,
} from './control-protocol.js';

export interface AskOptions {
  readonly onEvent?: (event: Json) => void;
  /** Gives the request up; what the node then says is waited for. */
  readonly signal?: AbortSignal;
}

export class ControlClient {
  readonly hello: Hello;
  readonly #stream: LocalStream;
  readonly #inbox: Inbox;

  private constructor(hello: Hello, stream: LocalStream, inbox: Inbox) {
    this.hello = hello;
    this.#stream = stream;
    this.#inbox = inbox;
  }

  /**
   * Connects to the node of this user; `undefined` where none runs. Throws `DENIED` for somebody else's socket, `NETWORK` for a node that
   * does not say who it is, `PROTOCOL` for one of another version.
   */
  static async connect(path: string, clock: Clock): Promise<ControlClient | undefined> {
    const inbox = new Inbox();
    const stream = await dialLocally(path, () => inbox);
    if (stream === undefined) return undefined;
    const deadline = clock.setTimer('control greeting', CONTROL_GREETING_MS, () => {
      inbox.fail(
        new ShoalError('NETWORK', 'environment', 'The running peer does not answer. "peer serve" may have to be started anew.'),
      );
    });
    try {
      const hello = await inbox.hello();
      if (hello.protocol === CONTROL_VERSION) return new ControlClient(hello, stream, inbox);
      const text = `The running peer (process ${hello.pid}) is Shoal ${hello.version}, which speaks otherwise; stop it and start it anew.`;
      throw new ShoalError('PROTOCOL', 'environment', text);
    } catch (error) {
      stream.destroy();
      throw error;
    } finally {
      deadline.cancel();
    }
  }

  /** Asks, and resolves with the result. One at a time. Throws what the node answers, the signal's reason, or `NETWORK` where the node is gone. */
  async ask(request: ControlRequest, options: AskOptions = {}): Promise<Json> {
    const { onEvent, signal } = options;
    signal?.throwIfAborted();
    const cancel = () => this.#stream.write(formatControl({ request: 'cancel' }));
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      const result = this.#inbox.result(onEvent ?? (() => undefined));
      this.#stream.write(formatControl(request));
      return await result;
    } catch (error) {
      // What the node says of the end is less than what the command knows of it.
      if (signal?.aborted === true) throw signal.reason;
      throw error;
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  /** Resolves when the node has ended the connection. */
  ended(): Promise<void> {
    return this.#inbox.ended();
  }

  close(): void {
    this.#stream.destroy();
  }
}

/** What comes from the node, for the one who waits for it. */
class Inbox {
  readonly #lines = new ControlLines();
  #hello: Hello | undefined;
  #failure: ShoalError | undefined;
  #isOver = false;
  #onHello: ((hello: Hello) => void) | undefined;
  #onFailure: ((error: ShoalError) => void) | undefined;
  #onReply: ((reply: ControlReply) => void) | undefined;
  readonly #onEnd: (() => void)[] = [];

  text(text: string): void {
    if (this.#failure !== undefined) return;
    try {
      this.#lines.push(text, (line) => this.#take(parseControlReply(line)));
    } catch (error) {
      this.fail(asShoalError(error));
    }
  }

  closed(): void {
    this.#isOver = true;
    const text =
      this.#hello === undefined
        ? 'The running peer takes no more commands at the moment, or is just ending; try again in a moment.'
        : 'The running peer has ended. Run the same command again; what is verified is kept.';
    this.fail(new ShoalError('NETWORK', 'environment', text));
    for (const tell of this.#onEnd) tell();
  }

  fail(error: ShoalError): void {
    this.#failure ??= error;
    this.#onFailure?.(this.#failure);
  }

  hello(): Promise<Hello> {
    return this.#waited((resolve) => {
      if (this.#hello !== undefined) resolve(this.#hello);
      else this.#onHello = resolve;
    });
  }

  result(onEvent: (event: Json) => void): Promise<Json> {
    return this.#waited((resolve, reject) => {
      this.#onReply = (reply) => {
        if ('event' in reply) {
          onEvent(reply.event);
          return;
        }
        this.#onReply = undefined;
        if ('result' in reply) resolve(reply.result);
        if ('error' in reply) reject(errorOf(reply.error));
      };
    });
  }

  ended(): Promise<void> {
    return this.#isOver ? Promise.resolve() : new Promise((resolve) => this.#onEnd.push(resolve));
  }

  #take(reply: ControlReply): void {
    if ('hello' in reply) {
      this.#hello = reply.hello;
      this.#onHello?.(reply.hello);
    } else this.#onReply?.(reply);
  }

  #waited<T>(begin: (resolve: (value: T) => void, reject: (error: ShoalError) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#onFailure = reject;
      begin(resolve, reject);
      if (this.#failure !== undefined) reject(this.#failure);
    });
  }
}
