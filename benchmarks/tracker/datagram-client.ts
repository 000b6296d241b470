/**
 * A client of a datagram server: keeps a number of requests on the way, sends the next one for each reply, and counts those that are
 * never answered. The requests are made before; only their number is written into them.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** Requests on the way at once. */
export const WINDOW_COUNT = 32;
/** Milliseconds after which a request counts as lost, between two looks for such, and between two greetings. */
const LOST_MS = 500;
const LOOK_MS = 100;
const GREETING_MS = 500;
const GREETINGS_COUNT = 10;
const SOCKET_BYTES = 2 ** 20;

/** What a protocol looks like to this client. */
export interface Dialect {
  /** Sent first: what the reply to it gives goes into every request. */
  readonly greeting: Uint8Array;
  keyOf(reply: Buffer): Buffer;
  /** Where four bytes of a transaction's number are in a request, and in its reply. */
  readonly requestIdAt: number;
  readonly replyIdAt: number;
  /** Whether a reply says that it was done. */
  isAnswer(reply: Buffer): boolean;
}

export interface DatagramCount {
  readonly answeredCount: number;
  readonly lostCount: number;
}

/** A request that is on the way; `number` is that of the last one that was sent from this place. */
interface Place {
  number: number;
  sentMs: number;
  isOut: boolean;
}

export class DatagramClient {
  readonly #socket: Socket;
  readonly #dialect: Dialect;
  readonly #places: readonly Place[] = Array.from({ length: WINDOW_COUNT }, () => ({ number: 0, sentMs: 0, isOut: false }));
  /** What the server gave for the greeting. */
  key: Buffer = Buffer.alloc(0);
  #take: (reply: Buffer) => void = () => undefined;

  /** Greets the server at a port of loopback until it answers. Throws where it does not. */
  static async connect(port: number, dialect: Dialect): Promise<DatagramClient> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: SOCKET_BYTES, sendBufferSize: SOCKET_BYTES });
    socket.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const client = new DatagramClient(socket, dialect);
    await client.greet();
    return client;
  }

  private constructor(socket: Socket, dialect: Dialect) {
    this.#socket = socket;
    this.#dialect = dialect;
    socket.on('message', (reply) => this.#take(reply));
    // A server that is still starting: the greeting is said again.
    socket.on('error', () => undefined);
  }

  /** Asks for a fresh key: those of some servers end after a while. */
  async greet(): Promise<void> {
    const answered = new Promise<Buffer>((resolve) => {
      this.#take = resolve;
    });
    for (let tries = 0; tries < GREETINGS_COUNT; tries += 1) {
      this.#socket.send(this.#dialect.greeting);
      const reply = await Promise.race([answered, new Promise<void>((resolve) => setTimeout(resolve, GREETING_MS))]);
      if (reply === undefined) continue;
      this.key = this.#dialect.keyOf(reply);
      return;
    }
    this.close();
    throw new Error('The server answers no datagram.');
  }

  /** Sends the requests over and over for `runMs`, then waits for what is on the way. Throws where one is refused. */
  async run(requests: readonly Buffer[], runMs: number): Promise<DatagramCount> {
    const { requestIdAt, replyIdAt, isAnswer } = this.#dialect;
    const endMs = performance.now() + runMs;
    let nowMs = performance.now();
    let sentCount = 0;
    let answeredCount = 0;
    let lostCount = 0;
    let outCount = 0;
    const send = (place: number): void => {
      const one = this.#places[place];
      const request = requests[sentCount % requests.length];
      if (one === undefined || request === undefined) return;
      sentCount += 1;
      one.number = (one.number + WINDOW_COUNT) % 2 ** 32;
      one.sentMs = nowMs;
      one.isOut = true;
      request.writeUInt32BE(one.number + place, requestIdAt);
      this.#socket.send(request);
    };
    return new Promise((resolve, reject) => {
      const next = (place: number): void => {
        if (nowMs < endMs) send(place);
        else if (--outCount === 0) end();
      };
      const end = (): void => {
        clearInterval(looks);
        resolve({ answeredCount, lostCount });
      };
      this.#take = (reply) => {
        const number = reply.readUInt32BE(replyIdAt);
        const place = number % WINDOW_COUNT;
        const one = this.#places[place];
        // A reply that came when it was given up already.
        if (one === undefined || !one.isOut || one.number + place !== number) return;
        one.isOut = false;
        if (!isAnswer(reply)) {
          clearInterval(looks);
          reject(new Error(`The server refused: ${reply.toString('latin1').replace(/[^ -~]/g, '.')}`));
          return;
        }
        answeredCount += 1;
        // A look at the clock costs as much as a request does elsewhere: a rough one is enough.
        if (answeredCount % WINDOW_COUNT === 0) nowMs = performance.now();
        next(place);
      };
      const looks = setInterval(() => {
        nowMs = performance.now();
        for (const [place, one] of this.#places.entries()) {
          if (!one.isOut || nowMs - one.sentMs < LOST_MS) continue;
          one.isOut = false;
          lostCount += 1;
          next(place);
        }
      }, LOOK_MS);
      outCount = WINDOW_COUNT;
      for (let place = 0; place < WINDOW_COUNT; place += 1) send(place);
    });
  }

  close(): void {
    this.#socket.close();
  }
}
