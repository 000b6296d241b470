/** A BitTorrent tracker for one torrent on loopback: aria2c takes peers from a tracker only. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerAnnounce } from './torrent.js';

export class AnnounceServer {
  readonly #server: Server;
  readonly #seederPorts = new Set<number>();
  #onSeeder: () => void = () => undefined;

  /** Listens on a free port. */
  static async open(): Promise<AnnounceServer> {
    const one = new AnnounceServer();
    one.#server.listen(0, '127.0.0.1');
    await once(one.#server, 'listening');
    return one;
  }

  private constructor() {
    this.#server = createServer((request, response) => {
      response.end(answerAnnounce(new URL(request.url ?? '', 'http://tracker').searchParams, this.#seederPorts));
      this.#onSeeder();
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/announce`;
  }

  /** Resolves when so many seeders have announced themselves; throws if that takes longer than `limitMs`. */
  seeders(count: number, limitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`Only ${this.#seederPorts.size} of ${count} seeders came.`)), limitMs);
      this.#onSeeder = () => {
        if (this.#seederPorts.size < count) return;
        clearTimeout(timer);
        resolve();
      };
      this.#onSeeder();
    });
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}
