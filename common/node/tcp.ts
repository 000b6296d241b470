/**
 * Byte streams over TCP. Every socket and server has an error path here, so that a reset costs one stream and never the process.
 *
 * Dialed sockets read straight into the memory that their owner provides (`onread`), which is how chunk bytes land where they are
 * hashed and written from. Accepted sockets carry short requests and use Node's own buffers.
 */
import { createServer, type Server, Socket } from 'node:net';
import { canonicalIp, type PeerAddress } from '../core/peer-address.js';
import type { Dialer, Listener, ListenPort, ServedStream, StreamHandlers } from '../ports/net.js';
import { listenError, reachError } from './net-errors.js';

/** What Node keeps of a socket beneath it. */
interface SocketHandle {
  /** Bytes that were handed to the system, those that it has not taken included. */
  readonly bytesWritten?: number;
  readonly writeQueueSize?: number;
}

class TcpStream implements ServedStream {
  readonly remote: PeerAddress;
  readonly local: PeerAddress;
  readonly #socket: Socket;
  #takenBytes = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    // Kept as values: a closed socket forgets its addresses.
    this.remote = { ip: canonicalIp(stripZone(socket.remoteAddress)) ?? '0.0.0.0', port: socket.remotePort ?? 0 };
    this.local = { ip: canonicalIp(stripZone(socket.localAddress)) ?? '0.0.0.0', port: socket.localPort ?? 0 };
  }

  get queuedBytes(): number {
    return this.#socket.writableLength;
  }

  write(...parts: (Uint8Array | string)[]): boolean {
    if (!this.#socket.writable) return true;
    if (parts.length > 1) this.#socket.cork();
    let isRoom = true;
    for (const part of parts) isRoom = this.#socket.write(part);
    if (parts.length > 1) this.#socket.uncork();
    return isRoom;
  }

  send(flushed: () => void, ...parts: (Uint8Array | string)[]): void {
    const last = parts.pop();
    if (last === undefined || !this.#socket.writable) {
      queueMicrotask(flushed);
      return;
    }
    // Corked, all parts go out with one system call; parts that are bytes are not copied. The callback comes on failure too.
    this.#socket.cork();
    for (const part of parts) this.#socket.write(part);
    this.#socket.write(last, () => flushed());
    this.#socket.uncork();
  }

  get takenBytes(): number {
    // Node counts what is left of a write only on the handle; its own socket timeout looks there too. A closed socket has none.
    const handle = (this.#socket as unknown as { readonly _handle?: SocketHandle | null })._handle;
    if (handle) this.#takenBytes = (handle.bytesWritten ?? 0) - (handle.writeQueueSize ?? 0);
    return this.#takenBytes;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }
}

function stripZone(address: string | undefined): string {
  return (address ?? '').split('%')[0] ?? '';
}

/** Connects the events of an open socket to its owner's handlers. */
function attach(socket: Socket, handlers: StreamHandlers): void {
  let failure: Error | undefined;
  socket.on('data', (bytes: Uint8Array) => handlers.data(bytes));
  socket.on('drain', () => handlers.drained?.());
  socket.on('end', () => handlers.ended());
  socket.on('error', (error) => {
    failure = error;
  });
  socket.on('close', () => handlers.closed(failure));
}

/** Why a dial failed that nobody waits for. */
const GIVEN_UP = 'given up';

export const tcpDialer: Dialer = {
  dial(to, timeoutMs, makeHandlers, signal) {
    return new Promise((resolve, reject) => {
      // A socket that was destroyed would come to life again by its `connect`.
      if (signal?.aborted === true) return reject(reachError(to, new Error(GIVEN_UP)));
      let handlers: StreamHandlers | undefined;
      const scratch = new Uint8Array(64 * 1024);
      const socket = new Socket({
        allowHalfOpen: true,
        onread: {
          // Asked once before the connection is there, when nobody owns it yet.
          buffer: () => handlers?.buffer?.() ?? scratch,
          callback: (byteCount: number, memory: Uint8Array) => {
            handlers?.data(memory.subarray(0, byteCount));
            return !socket.isPaused();
          },
        },
      } as ConstructorParameters<typeof Socket>[0]);
      socket.setTimeout(timeoutMs, () => socket.destroy(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' })));
      const giveUp = () => socket.destroy(new Error(GIVEN_UP));
      const failed = (error: Error) => {
        signal?.removeEventListener('abort', giveUp);
        reject(reachError(to, error));
      };
      socket.once('error', failed);
      signal?.addEventListener('abort', giveUp, { once: true });
      socket.connect({ host: to.host, port: to.port, noDelay: true, keepAlive: true }, () => {
        socket.off('error', failed);
        signal?.removeEventListener('abort', giveUp);
        socket.setTimeout(0);
        const stream = new TcpStream(socket);
        handlers = makeHandlers(stream);
        attach(socket, handlers);
        resolve(stream);
      });
    });
  },
};

export const tcpListener: ListenPort = {
  listen(options, accept) {
    return new Promise((resolve, reject) => {
      const server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, (socket) => {
        // Reset before it was accepted: whose it was can no longer be told, and what it sent could still be read. Nobody may speak so.
        if (socket.remoteAddress === undefined) dropUnowned(socket);
        else attach(socket, accept(new TcpStream(socket)));
      });
      server.maxConnections = options.connectionsMaxCount;
      server.once('error', (error) => reject(listenError(options, error)));
      server.listen({ host: options.host, port: options.port, backlog: 1024 }, () => {
        // Accept errors (no file handles left) must not end the process; the loop goes on when handles are free again.
        server.on('error', () => undefined);
        resolve(new TcpListener(server));
      });
    });
  },
};

function dropUnowned(socket: Socket): void {
  socket.on('error', () => undefined);
  socket.destroy();
}

class TcpListener implements Listener {
  readonly #server: Server;
  readonly local: PeerAddress;
  #closing: Promise<void> | undefined;

  constructor(server: Server) {
    this.#server = server;
    const address = server.address();
    this.local =
      typeof address === 'object' && address !== null ? { ip: address.address, port: address.port } : { ip: '0.0.0.0', port: 0 };
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#server.close(() => resolve());
      // `close` waits for open streams, which their owners end; the port itself is free at once.
      resolve();
    });
    return this.#closing;
  }
}
