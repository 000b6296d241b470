/** A connection to a server of lines: sends requests by the batch and counts the lines that come back, or asks one and reads the reply. */
import { connect, type Socket } from 'node:net';

const LF = 10;
/** Milliseconds until a server that was just started accepts connections, and between two tries. */
const READY_MS = 10_000;
const RETRY_MS = 20;

export class LineClient {
  readonly #socket: Socket;
  #missingLines = 0;
  #take: (bytes: Buffer) => void = () => undefined;
  #settle: { resolve: () => void; reject: (error: Error) => void } | undefined;

  /** Connects to a port of loopback. Throws what the socket says. */
  static connect(port: number): Promise<LineClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true }, () => resolve(new LineClient(socket)));
      socket.once('error', reject);
    });
  }

  /** Several, one after the other. */
  static async connectMany(port: number, count: number): Promise<readonly LineClient[]> {
    const clients: LineClient[] = [];
    while (clients.length < count) clients.push(await LineClient.connect(port));
    return clients;
  }

  /** Connects to a server that may still be starting. */
  static async connectPatiently(port: number): Promise<LineClient> {
    for (const endMs = performance.now() + READY_MS; ; ) {
      try {
        return await LineClient.connect(port);
      } catch (error) {
        if (performance.now() > endMs) throw error;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', (error) => this.#settle?.reject(error));
    socket.on('close', () => this.#settle?.reject(new Error('The server closed the connection.')));
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
  }

  /** Resolves when `lineCount` lines have come back. What is in them is not looked at. */
  send(requests: Uint8Array | string, lineCount: number): Promise<void> {
    this.#missingLines = lineCount;
    return this.#exchange(requests, (bytes) => {
      for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) this.#missingLines -= 1;
      if (this.#missingLines <= 0) this.#settle?.resolve();
    });
  }

  /** The lines of the reply to one request: the first, and as many more as it says. Throws where the server refuses. */
  async ask(line: string): Promise<readonly string[]> {
    let text = '';
    await this.#exchange(`${line}\n`, (bytes) => {
      text += bytes.toString('latin1');
      const rowCount = Number(/^OK (\d+)(?= |\n)/.exec(text)?.[1] ?? 0);
      if (text.endsWith('\n') && text.split('\n').length > rowCount + 1) this.#settle?.resolve();
    });
    if (!text.startsWith('OK')) throw new Error(`The tracker answered "${text.trim()}" to "${line}".`);
    return text.slice(0, -1).split('\n');
  }

  close(): void {
    this.#settle = undefined;
    this.#socket.destroy();
  }

  #exchange(requests: Uint8Array | string, take: (bytes: Buffer) => void): Promise<void> {
    this.#take = take;
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#socket.write(requests);
    });
  }
}
