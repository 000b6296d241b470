import { describe, expect, test } from '@jest/globals';
import { parseFileName } from '../../common/core/file-name.js';
import { CHUNK_BYTES, SERVE_STREAMS_MAX_COUNT } from '../../common/core/limits.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { ByteStream, StreamHandlers } from '../../common/ports/net.js';
import { SimClock } from '../../common/sim/sim-clock.js';
import { type SimHost, SimNetwork } from '../../common/sim/sim-network.js';
import { fullHolding } from '../share/holding.js';
import type { SharedContent } from '../share/shared-content.js';
import { RateLimits } from './rate-limits.js';
import { LEAVING_MAX_COUNT } from './serve-doors.js';
import { ChunkServer } from './server.js';
import { throttledListener } from './throttle.js';

const MIB = 1024 * 1024;
/** Bytes a second that the sharing peer can send. */
const RATE = 4 * MIB;
const CHUNK_COUNT = 4000;
const ROOT = 'ab'.repeat(32) as ContentRoot;
const SECONDS = 20;
/** Of its fair part, what an honest fetcher has to get; the simulated line is shared by stream, which costs whoever has the fewest. */
const FAIR_RATIO_MIN = 0.6;

const content: SharedContent = {
  name: parseFileName('file'),
  root: ROOT,
  manifest: {
    name: parseFileName('file'),
    sizeBytes: CHUNK_COUNT * CHUNK_BYTES,
    chunkBytes: CHUNK_BYTES,
    hashName: 'blake3',
    hashes: new Uint8Array(32 * CHUNK_COUNT),
  },
  source: { kind: 'memory', bytes: new Uint8Array(0) },
  holding: fullHolding(CHUNK_COUNT),
};

/** Somebody who asks for chunks of the file. */
class Client implements StreamHandlers {
  readonly #scene: Scene;
  readonly #host: SimHost;
  readonly #lines: () => string;
  /** Milliseconds after which it connects anew; `undefined` for never. */
  readonly #stayMs: number | undefined;
  #stream: ByteStream | undefined;
  #askedBytes = 0;
  gotBytes = 0;

  constructor(scene: Scene, host: SimHost, lines: () => string, stayMs?: number) {
    this.#scene = scene;
    this.#host = host;
    this.#lines = lines;
    this.#stayMs = stayMs;
    void this.#connect();
  }

  async #connect(): Promise<void> {
    const { server, clock } = this.#scene;
    const stream = await this.#host.dialer
      .dial({ host: SERVER_IP, port: server.local.port }, 10_000, () => this)
      .catch(() => undefined);
    const isStaying = stream !== undefined && this.#stayMs === undefined;
    if (!isStaying) clock.setTimer('come again', this.#stayMs ?? 50, () => this.#comeAgain(stream));
    if (stream === undefined) return;
    this.#stream = stream;
    this.#askedBytes = this.gotBytes;
    this.#ask();
  }

  #comeAgain(stream: ByteStream | undefined): void {
    this.#stream = undefined;
    stream?.destroy();
    void this.#connect();
  }

  /** Keeps four chunks asked for. */
  #ask(): void {
    for (; this.#askedBytes < this.gotBytes + 4 * CHUNK_BYTES; this.#askedBytes += CHUNK_BYTES)
      this.#stream?.write(this.#lines());
  }

  data(bytes: Uint8Array): void {
    if (this.#stream === undefined) return;
    this.gotBytes += bytes.length;
    this.#ask();
  }
  ended(): void {}
  closed(): void {}
}

const SERVER_IP = '192.0.2.1';

class Scene {
  readonly clock = new SimClock();
  readonly network = new SimNetwork(this.clock, { copiesBodies: false });
  server!: ChunkServer;

  /** `isLimited`: the rate limit of the process is what is narrow, and not the line. */
  async open(isLimited: boolean): Promise<void> {
    const host = this.network.host({ ip: SERVER_IP, ...(isLimited ? {} : { upBytesPerSecond: RATE }), latencyMs: 5 });
    const limits = new RateLimits(this.clock, { upBytesPerSecond: RATE, isLanLimited: true });
    const listener = isLimited ? throttledListener(host.listenPort, limits) : host.listenPort;
    const index = { find: () => content, from: () => [].values() };
    const reader = { read: () => Promise.resolve() };
    this.server = await ChunkServer.listen({ listener, clock: this.clock, index, reader }, { host: SERVER_IP, port: 4701 });
  }

  host(ip: string): SimHost {
    return this.network.host({ ip, latencyMs: 5 });
  }

  /** Bytes that `client` gets in SECONDS, from ten seconds on. */
  async gain(client: Client): Promise<number> {
    await this.clock.run({ untilMs: 10_000 });
    const before = client.gotBytes;
    await this.clock.run({ untilMs: 10_000 + 1000 * SECONDS });
    return client.gotBytes - before;
  }
}

/** Chunks one after the other, as a fetcher asks. */
function inOrder(): () => string {
  let chunk = 0;
  return () => {
    chunk += 1;
    return `GET_CHUNK file ${chunk % CHUNK_COUNT}\n`;
  };
}
const theSame = () => 'GET_CHUNK file 7\n';

describe.each([
  ['the line', false],
  ['the rate limit', true],
])('where %s is narrow', (_, isLimited) => {
  test('MX1: clients of one address that connect anew twenty times a second take no more than a fair part from another address', async () => {
    const scene = new Scene();
    await scene.open(isLimited);
    const crowd = scene.host('192.0.2.66');
    for (let at = 0; at < 20; at += 1) new Client(scene, crowd, theSame, 50);
    const honest = new Client(scene, scene.host('192.0.2.7'), inOrder());
    const fairBytes = (RATE * SECONDS) / 2;
    expect((await scene.gain(honest)) / fairBytes).toBeGreaterThan(FAIR_RATIO_MIN);
  });

  test('MX1: and take no more than theirs from a client of the same address', async () => {
    const scene = new Scene();
    await scene.open(isLimited);
    const machine = scene.host('127.0.0.1');
    for (let at = 0; at < 9; at += 1) new Client(scene, machine, theSame, 50);
    const honest = new Client(scene, machine, inOrder());
    const fairBytes = (RATE * SECONDS) / 10;
    expect((await scene.gain(honest)) / fairBytes).toBeGreaterThan(FAIR_RATIO_MIN);
  });

  test('MX1: of thousands of connections with one request each, no more are open than the caps say, and an honest fetcher has its part', async () => {
    const scene = new Scene();
    await scene.open(isLimited);
    // From 18 addresses, 35 at a time from each, again and again: all streams there are.
    for (let nth = 0; nth < 18; nth += 1) {
      const host = scene.host(`192.0.2.${100 + nth}`);
      for (let at = 0; at < 35; at += 1) new Client(scene, host, theSame, 1000);
    }
    await scene.clock.run({ untilMs: 5000 });
    expect(scene.server.streamCount).toBeGreaterThan(SERVE_STREAMS_MAX_COUNT - 2 * LEAVING_MAX_COUNT);
    const honest = new Client(scene, scene.host('192.0.2.7'), inOrder());
    expect((await scene.gain(honest)) / ((RATE * SECONDS) / 19)).toBeGreaterThan(FAIR_RATIO_MIN);
    expect(scene.server.streamCount).toBeLessThanOrEqual(SERVE_STREAMS_MAX_COUNT + LEAVING_MAX_COUNT);
  });

  test('MX3: who asks for the same chunk 10,000 times has its part and no more, beside one who knows BUSY too', async () => {
    const scene = new Scene();
    await scene.open(isLimited);
    new Client(scene, scene.host('192.0.2.66'), theSame);
    const lines = inOrder();
    let isFirst = true;
    const honest = new Client(scene, scene.host('192.0.2.7'), () => {
      const line = isFirst ? `HAVE file\n${lines()}` : lines();
      isFirst = false;
      return line;
    });
    expect((await scene.gain(honest)) / ((RATE * SECONDS) / 2)).toBeGreaterThan(FAIR_RATIO_MIN);
  });
});
