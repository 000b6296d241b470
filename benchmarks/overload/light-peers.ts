/** Peers that cost this machine little: fetchers that throw away what they get, and seeds that make up what they give. */
import { connect, type Socket } from 'node:net';
import { chunkCount } from '../../common/core/chunks.js';
import { parseFileName } from '../../common/core/file-name.js';
import { HASH_BYTES } from '../../common/core/hash.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { formatLink } from '../../common/core/link.js';
import { contentRoot } from '../../common/core/root.js';
import { realClock } from '../../common/node/clock.js';
import { hashFunction } from '../../common/node/hash.js';
import { tcpListener } from '../../common/node/tcp.js';
import { ChunkServer } from '../../peer/net/server.js';
import { fullHolding } from '../../peer/share/holding.js';
import { ShareIndex } from '../../peer/share/share-index.js';

/** Chunks that a fetcher keeps asked for. */
const DEPTH_COUNT = 4;

/** Fetchers of one content, each from another chunk on, round and round until they are closed. */
export class LightFetchers {
  readonly #sockets: Socket[] = [];
  #gotBytes = 0;
  #failedCount = 0;

  /** `ref` is a name or `@root`, as a request has it. */
  constructor(port: number, count: number, ref: string, sizeBytes: number) {
    for (let nth = 0; nth < count; nth += 1)
      this.#open(port, ref, chunkCount(sizeBytes), Math.floor((nth * chunkCount(sizeBytes)) / count));
  }

  get gotBytes(): number {
    return this.#gotBytes;
  }

  /** Those whose connection ended early. */
  get failedCount(): number {
    return this.#failedCount;
  }

  close(): void {
    for (const socket of this.#sockets) socket.removeAllListeners('close').destroy();
  }

  #open(port: number, ref: string, chunks: number, firstChunk: number): void {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.#sockets.push(socket);
    let asked = firstChunk;
    let gotBytes = 0;
    let paidBytes = 0;
    const ask = () => {
      socket.write(`GET_CHUNK ${ref} ${asked % chunks}\n`);
      asked += 1;
    };
    for (let count = 0; count < DEPTH_COUNT; count += 1) ask();
    socket.on('data', (bytes: Buffer) => {
      this.#gotBytes += bytes.length;
      gotBytes += bytes.length;
      for (; gotBytes - paidBytes >= CHUNK_BYTES; paidBytes += CHUNK_BYTES) ask();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#failedCount += 1;
    });
  }
}

/** Seeds of a content of which every chunk is its number and zeros. */
export class LightSeeds {
  readonly link: string;
  readonly #servers: readonly ChunkServer[];

  static async open(count: number, sizeBytes: number): Promise<LightSeeds> {
    const name = parseFileName('made-up.bin');
    const hash = hashFunction('blake3');
    const hashes = new Uint8Array(chunkCount(sizeBytes) * HASH_BYTES);
    const chunk = Buffer.alloc(CHUNK_BYTES);
    for (let at = 0; at < chunkCount(sizeBytes); at += 1) {
      chunk.writeUInt32LE(at);
      hashes.set(hash(chunk), at * HASH_BYTES);
    }
    const root = contentRoot({ sizeBytes, chunkBytes: CHUNK_BYTES, hashes }, hash);
    const index = new ShareIndex();
    const manifest = { name, sizeBytes, chunkBytes: CHUNK_BYTES, hashName: 'blake3' as const, hashes };
    const source = { kind: 'memory' as const, bytes: new Uint8Array(0) };
    index.add({ name, root, manifest, source, holding: fullHolding(chunkCount(sizeBytes)) });
    const reader = {
      read: async (_content: unknown, { offset, lengthBytes }: { offset: number; lengthBytes: number }, into: Uint8Array) => {
        into.fill(0, 0, lengthBytes);
        new DataView(into.buffer, into.byteOffset).setUint32(0, offset / CHUNK_BYTES, true);
      },
    };
    const ports = { listener: tcpListener, clock: realClock, index, reader };
    const servers = await Promise.all(
      Array.from({ length: count }, () => ChunkServer.listen(ports, { host: '127.0.0.1', port: 0 })),
    );
    const peers = servers.map((server) => server.local);
    return new LightSeeds(servers, formatLink({ root, name, sizeBytes, trackers: [], peers }));
  }

  private constructor(servers: readonly ChunkServer[], link: string) {
    this.#servers = servers;
    this.link = link;
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
  }
}
