/** A TCP relay that lets so many bytes through and then holds: a transfer that is cut off in the middle, wherever the test wants. */
import { connect, createServer, type Server, type Socket } from 'node:net';

export class Valve {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, port: number, sockets: Set<Socket>) {
    this.#server = server;
    this.port = port;
    this.#sockets = sockets;
  }

  /** Relays connections on a free local port to `address` (`127.0.0.1:port`) until `limitBytes` have come back from there in all. */
  static open(address: string, limitBytes: number): Promise<Valve> {
    const port = Number(address.slice(address.lastIndexOf(':') + 1));
    const sockets = new Set<Socket>();
    let leftBytes = limitBytes;
    const server = createServer((near) => {
      const far = connect(port, '127.0.0.1');
      for (const socket of [near, far]) {
        sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => [near, far].forEach((one) => void one.destroy()));
      }
      near.pipe(far);
      far.on('data', (bytes: Buffer) => {
        const part = bytes.subarray(0, Math.max(0, leftBytes));
        leftBytes -= part.length;
        near.write(part);
        if (leftBytes <= 0) far.pause();
      });
    });
    return new Promise((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(new Valve(server, typeof address === 'object' && address !== null ? address.port : 0, sockets));
      });
    });
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
