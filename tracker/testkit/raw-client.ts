/** A stranger's client for tests: a bare socket that sends bytes and collects what comes. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export class RawClient {
  readonly socket: Socket;
  text = '';
  isEnded = false;
  #news: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    const tell = () => {
      for (const wake of this.#news.splice(0)) wake();
    };
    socket.on('data', (bytes: Buffer) => {
      this.text += bytes.toString('utf8');
      tell();
    });
    socket.on('end', () => {
      this.isEnded = true;
      tell();
    });
    // A reset is an end, too; `close` follows it.
    socket.on('error', () => undefined);
    socket.on('close', tell);
  }

  static async connect(port: number, host = '127.0.0.1', localAddress?: string): Promise<RawClient> {
    const socket = connect({ port, host, allowHalfOpen: true, ...(localAddress === undefined ? {} : { localAddress }) });
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Waits until what came satisfies `isDone`, or the connection has closed. */
  async until(isDone: (text: string) => boolean): Promise<string> {
    while (!isDone(this.text) && !this.isEnded && !this.socket.destroyed) {
      await new Promise<void>((resolve) => {
        this.#news.push(resolve);
      });
    }
    return this.text;
  }

  /** Waits for this many lines. */
  lines(count: number): Promise<string> {
    return this.until((text) => text.split('\n').length > count);
  }

  /** Waits for the other side's end; gives everything that came. */
  whole(): Promise<string> {
    return this.until(() => false);
  }

  async close(): Promise<void> {
    if (this.socket.destroyed) return;
    const closed = once(this.socket, 'close').catch(() => undefined);
    this.socket.destroy();
    await closed;
  }
}
