/** A fetcher as thirty lines of any language would write it: a socket, lines and bodies. */
import { connect, type Socket } from 'node:net';

export class RawClient {
  readonly socket: Socket;
  #held = Buffer.alloc(0);
  #wake: () => void = () => undefined;
  isClosed = false;

  /** `place` is a port of this machine, or the path of a local socket. */
  constructor(place: number | string) {
    const to = typeof place === 'string' ? { path: place } : { host: '127.0.0.1', port: place };
    this.socket = connect({ ...to, allowHalfOpen: true });
    this.socket.on('data', (bytes: Buffer) => {
      this.#held = Buffer.concat([this.#held, bytes]);
      this.#wake();
    });
    for (const event of ['close', 'error', 'end']) {
      this.socket.on(event, () => {
        this.isClosed = true;
        this.#wake();
      });
    }
  }

  async line(): Promise<string> {
    for (let at = this.#held.indexOf(10); ; at = this.#held.indexOf(10)) {
      if (at >= 0)
        return this.#take(at + 1)
          .toString()
          .slice(0, -1);
      await this.#more();
    }
  }

  async body(): Promise<Buffer> {
    const line = await this.line();
    if (!/^[0-9]+$/.test(line)) throw new Error(`no body: ${line}`);
    while (this.#held.length < Number(line)) await this.#more();
    return this.#take(Number(line));
  }

  async closed(): Promise<void> {
    while (!this.isClosed) await this.#more();
  }

  #take(count: number): Buffer {
    const taken = Buffer.from(this.#held.subarray(0, count));
    this.#held = this.#held.subarray(count);
    return taken;
  }

  async #more(): Promise<void> {
    if (this.isClosed) throw new Error('closed');
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}
