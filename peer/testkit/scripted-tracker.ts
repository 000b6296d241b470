/** A tracker on 127.0.0.1 that answers each line as a test says. */
import { createServer, type Server, type Socket } from 'node:net';
import type { HostPort, PeerAddress } from '../../common/core/peer-address.js';
import { formatLookupRow } from '../../common/wire/tracker-lines.js';
import type { TestContent } from './test-content.js';

/** The bytes that answer a request line; `undefined`: no answer. */
export type Answer = (line: string, socket: Socket) => string | Uint8Array | undefined;

export class ScriptedTracker {
  readonly address: HostPort;
  /** Request lines, in order. */
  readonly lines: string[] = [];
  connectionCount = 0;
  /** May be changed while it runs. */
  answer: Answer;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  /** `port` 0: any. */
  static async start(answer: Answer, port = 0): Promise<ScriptedTracker> {
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port }, resolve));
    return new ScriptedTracker(server, answer);
  }

  private constructor(server: Server, answer: Answer) {
    const at = server.address();
    this.address = { host: '127.0.0.1', port: typeof at === 'object' && at !== null ? at.port : 0 };
    this.#server = server;
    this.answer = answer;
    server.on('connection', (socket) => this.#accept(socket));
  }

  /** Connections that are open. */
  get openCount(): number {
    return this.#sockets.size;
  }

  /** Sends something that was not asked for, to all. */
  say(text: string): void {
    for (const socket of this.#sockets) socket.write(text);
  }

  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cutAll();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    this.connectionCount += 1;
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('end', () => socket.end());
    socket.on('close', () => this.#sockets.delete(socket));
    let held = '';
    socket.on('data', (bytes: Buffer) => {
      const lines = (held + bytes.toString('utf8')).split('\n');
      held = lines.pop() ?? '';
      for (const line of lines) {
        this.lines.push(line);
        const reply = this.answer(line, socket);
        if (reply !== undefined && socket.writable) socket.write(reply);
      }
    });
  }
}

/** Answers every LOOKUP with these rows. */
export function answerRows(
  rows: readonly { readonly content: TestContent; readonly peer: PeerAddress; readonly isRootless?: boolean }[],
): Answer {
  const lines = rows.map(({ content, peer, isRootless }) =>
    formatLookupRow({ address: peer, sizeBytes: content.bytes.length, root: isRootless === true ? undefined : content.root }),
  );
  return (line) => (line.startsWith('LOOKUP ') ? `OK ${lines.length}\n${lines.join('')}` : 'ERR UNKNOWN_COMMAND No.\n');
}
