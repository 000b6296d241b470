/** How many requests a second the built tracker answers over real sockets, pipelined, with every reply awaited. */
import { connect, type Socket } from 'node:net';
import type { ProbeReading } from './process-probe.js';
import { startTracker } from './processes.js';
import { figure, type Section } from './report.js';
import { createScratch } from './scratch.js';

const CONNECTION_COUNT = 8;
/** Requests written at once by each connection; the next ones follow when all of these are answered. */
const BATCH_COUNT = 128;
const FILE_COUNT = 20_000;
/** Peers of each file: each is a row of a LOOKUP's reply. */
const PEER_COUNT = 4;
const LF = 10;

export interface TrackerOptions {
  readonly runCount: number;
  /** How long each kind of request is sent in one run. */
  readonly runMs: number;
}

/** Makes the request with a number; `replyLines` lines come back for it. */
interface Kind {
  readonly what: string;
  readonly replyLines: number;
  request(number: number): string;
}

const KINDS: readonly Kind[] = [
  { what: 'REGISTER, known before', replyLines: 1, request: (number) => registration(number) },
  {
    what: `LOOKUP, ${PEER_COUNT} peers in the reply`,
    replyLines: 1 + PEER_COUNT,
    request: (n) => `LOOKUP file-${n % FILE_COUNT}\n`,
  },
  { what: 'LOOKUP of what nobody has', replyLines: 1, request: (number) => `LOOKUP nothing-${number % FILE_COUNT}\n` },
  { what: 'ALIVE', replyLines: 1, request: (number) => `ALIVE 127.0.0.1:${20_000 + (number % PEER_COUNT)}\n` },
];

function registration(number: number): string {
  const file = number % FILE_COUNT;
  const port = 20_000 + (Math.floor(number / FILE_COUNT) % PEER_COUNT);
  return `REGISTER file-${file} 1048576 127.0.0.1:${port} root=${String(file).padStart(64, '0')}\n`;
}

export async function benchTracker(options: TrackerOptions): Promise<Section> {
  const scratch = createScratch(2 ** 20);
  const rates = new Map<Kind, number[]>(KINDS.map((kind) => [kind, []]));
  let reading: ProbeReading | undefined;
  try {
    const { tracker, address } = await startTracker(scratch.folder);
    const port = Number(address.split(':').at(-1));
    try {
      const clients = await Promise.all(Array.from({ length: CONNECTION_COUNT }, () => Client.connect(port)));
      await clients[0]?.send(
        Array.from({ length: FILE_COUNT * PEER_COUNT }, (_, number) => registration(number)).join(''),
        FILE_COUNT * PEER_COUNT,
      );
      for (let run = 0; run < options.runCount; run += 1) {
        for (const [kind, list] of rates) list.push(await requestsPerSecond(clients, kind, options.runMs));
      }
      for (const client of clients) client.close();
    } finally {
      await tracker.stop();
      reading = tracker.reading();
    }
  } finally {
    scratch.remove();
  }
  const figures = [...rates].map(([kind, list]) => figure(kind.what, 'requests/s', list));
  if (reading !== undefined) {
    figures.push(figure(`peak memory with ${FILE_COUNT * PEER_COUNT} registrations`, 'MiB', [reading.peakMemoryBytes / 2 ** 20]));
    figures.push(figure('event loop: 99 % below', 'ms', [reading.loopDelayP99Ms]));
    figures.push(figure('event loop: longest', 'ms', [reading.loopDelayMaxMs]));
  }
  const note = `One tracker process, ${CONNECTION_COUNT} connections of one client process, ${BATCH_COUNT} requests on the way on each.`;
  return { title: 'Tracker', note, figures };
}

async function requestsPerSecond(clients: readonly Client[], kind: Kind, runMs: number): Promise<number> {
  // The texts are made before the clock starts: what is measured is the tracker, not their making.
  const batches = Array.from({ length: Math.ceil((FILE_COUNT * PEER_COUNT) / BATCH_COUNT) }, (_, batch) =>
    Array.from({ length: BATCH_COUNT }, (_none, index) => kind.request(batch * BATCH_COUNT + index)).join(''),
  );
  let next = 0;
  let answered = 0;
  const startedMs = performance.now();
  await Promise.all(
    clients.map(async (client) => {
      while (performance.now() - startedMs < runMs) {
        await client.send(batches[next++ % batches.length] ?? '', BATCH_COUNT * kind.replyLines);
        answered += BATCH_COUNT;
      }
    }),
  );
  return answered / ((performance.now() - startedMs) / 1000);
}

/** A connection that sends a batch and counts the lines that come back. */
class Client {
  readonly #socket: Socket;
  #missingLines = 0;
  #settle: { resolve: () => void; reject: (error: Error) => void } | undefined;

  static connect(port: number): Promise<Client> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true }, () => resolve(new Client(socket)));
      socket.once('error', reject);
    });
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', (error) => this.#settle?.reject(error));
    socket.on('close', () => this.#settle?.reject(new Error('The tracker closed the connection.')));
    socket.on('data', (bytes: Buffer) => {
      for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) this.#missingLines -= 1;
      if (this.#missingLines <= 0) this.#settle?.resolve();
    });
  }

  /** Resolves when `lineCount` lines have come back. */
  send(text: string, lineCount: number): Promise<void> {
    this.#missingLines = lineCount;
    this.#socket.write(text);
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  close(): void {
    this.#settle = undefined;
    this.#socket.destroy();
  }
}
