/** A tracker on a real socket that answers as a test says, so that failures can be had when they are wanted; it can be restarted. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { HostPort, PeerAddress } from '../../common/core/peer-address.js';
import { formatLookupRow } from '../../common/wire/tracker-replies.js';
import type { TestContent } from './test-content.js';

/** The reply to a line, with its LFs; `undefined` says nothing, `'hang-up'` ends the connection. */
export type Script = (line: string) => string | undefined;

export class ScriptedTracker {
  readonly lines: string[] = [];
  script: Script;
  #server: Server | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #wakes = new Set<() => void>();
  connectionCount = 0;
  address: HostPort = { host: '127.0.0.1', port: 0 };

  constructor(script: Script) {
    this.script = script;
  }

  /** One that listens already. */
  static async started(script: Script): Promise<ScriptedTracker> {
    const tracker = new ScriptedTracker(script);
    await tracker.start();
    return tracker;
  }

  async start(): Promise<void> {
    this.#server = createServer((socket) => {
      this.connectionCount += 1;
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
      const requests = createInterface({ input: socket });
      // It passes on what its stream reports: a client that has heard enough resets the connection.
      requests.on('error', () => undefined);
      requests.on('line', (line) => {
        this.lines.push(line);
        const reply = this.script(line);
        if (reply === 'hang-up') socket.destroy();
        else if (reply !== undefined) socket.write(reply);
        for (const wake of this.#wakes) wake();
      });
    }).listen(this.address.port, '127.0.0.1');
    await once(this.#server, 'listening');
    const bound = this.#server.address();
    if (typeof bound === 'object' && bound !== null) this.address = { host: '127.0.0.1', port: bound.port };
  }

  /** The first line that matches, as soon as `count` of them have come. */
  async told(pattern: RegExp, count = 1): Promise<string> {
    for (;;) {
      const found = this.lines.filter((line) => pattern.test(line));
      if (found[0] !== undefined && found.length >= count) return found[0];
      await new Promise<void>((resolve) => this.#wakes.add(resolve));
    }
  }

  /** Sends this to all that are connected: a reply that it kept them waiting for. */
  tellAll(reply: string): void {
    for (const socket of this.#sockets) socket.write(reply);
  }

  /** Ends all connections and frees the port, as a restart does. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** Says yes to everything, as a tracker with an interval of a minute. */
export function yes(line: string): string {
  const [verb, , , address = ''] = line.split(' ');
  if (verb === 'UNREGISTER' || verb === 'WITHDRAW') return 'OK 1\n';
  if (verb === 'LOOKUP') return 'OK 0\n';
  return `OK interval=60 ttl=180${verb === 'REGISTER' ? ` address=${address.replace('*', '127.0.0.1')}` : ''}\n`;
}

/** Answers every LOOKUP with these rows. */
export function answerRows(
  rows: readonly { readonly content: TestContent; readonly peer: PeerAddress; readonly isRootless?: boolean }[],
): Script {
  const lines = rows.map(({ content, peer, isRootless }) =>
    formatLookupRow({ address: peer, sizeBytes: content.bytes.length, root: isRootless === true ? undefined : content.root }),
  );
  return (line) => (line.startsWith('LOOKUP ') ? `OK ${lines.length}\n${lines.join('')}` : 'ERR UNKNOWN_COMMAND No.\n');
}
