/**
 * A whole tracker on a simulated network. Two of them get the same bytes, one whole and one in pieces: their answers must be the same.
 * Between batches somebody honest registers and is found.
 */
import { INDEX_DATAGRAM_MAX_BYTES, PAGE_MAX_BYTES } from '../../../common/core/limits.js';
import { SimRandom } from '../../../common/sim/sim-random.js';
import { INDEX_HEADER_BYTES } from '../../../common/wire/index-datagrams.js';
import { createTracker, type Tracker } from '../../../tracker/create-tracker.js';
import { silentLog } from '../silent-log.js';
import { type End, SimWorld } from '../sim-world.js';
import { type Judge, law, same, seedOf, type Target } from '../target.js';
import { linesOf, wordsOf } from '../text-grammar.js';
import { datagramOf, REQUEST_TEMPLATES } from './datagrams.js';
import { TRACKER_TEMPLATES } from './tracker-lines.js';

const HOST = '10.0.0.1';
const OTHER_HOST = '10.0.0.2';
const PORT = 4700;
const HONEST_IP = '10.9.9.9';

/** After this long whoever said FIN has its last reply, and the tracker's end. */
const PATIENCE_MS = 15_000;

/** Bytes that an input of these bytes can bring: a page for each line, and a few words. */
function mostReplyBytes(inputBytes: number): number {
  return PAGE_MAX_BYTES * (1 + inputBytes / 'LIST\n'.length) + 10_000;
}

/** Without what STATS counts: of clients that were cut off one tracker has read a little more than the other. */
function uncounted(text: string): string {
  return text.replaceAll(/^OK entries=.*$/gm, 'OK entries');
}

class TrackerJudge implements Judge {
  readonly world = new SimWorld();
  readonly #trackers: Tracker[] = [];
  #count = 0;

  static async open(): Promise<TrackerJudge> {
    const judge = new TrackerJudge();
    for (const ip of [HOST, OTHER_HOST]) judge.#trackers.push(await judge.#tracker(ip));
    return judge;
  }

  #tracker(ip: string): Promise<Tracker> {
    const { listenPort, datagrams } = this.world.host(ip);
    const ports = { clock: this.world.clock, random: new SimRandom(5), listener: listenPort, datagrams, log: silentLog };
    return createTracker(ports, { host: ip, port: PORT, intervalMs: 1000, ttlMs: 600_000, entriesMaxCount: 2000 });
  }

  async judge(input: Uint8Array): Promise<string> {
    const ip = `192.0.2.${1 + (seedOf(input) % 20)}`;
    const [whole, pieces] = [
      await this.world.dial(ip, { host: HOST, port: PORT }),
      await this.world.dial(ip, { host: OTHER_HOST, port: PORT }),
    ];
    whole.write(input, true);
    pieces.write(input);
    const isCut = (seedOf(input) & 15) === 0;
    // All of it has arrived then, and the answers are on their way.
    if (isCut) await this.world.pass(3);
    for (const end of [whole, pieces]) isCut ? end.destroy() : end.end();
    await this.#untilClosed([whole, pieces]);
    if (isCut) return 'cut';
    same(uncounted(whole.text), uncounted(pieces.text), 'answers to the same bytes, whole and in pieces');
    law(whole.receivedBytes <= mostReplyBytes(input.length), 'what is answered is bounded by what was asked');
    const text = whole.text;
    law(text === '' || text.endsWith('\n'), 'an answer is whole lines');
    law(!/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/.test(text), 'an answer holds no control character');
    return text === '' ? 'silence' : (/^(?:OK|ERR [A-Z_]+)/.exec(text)?.[0] ?? 'rows').replace(' ', ':');
  }

  async #untilClosed(ends: readonly End[]): Promise<void> {
    const { clock } = this.world;
    await clock.run({ untilMs: clock.nowMs() + PATIENCE_MS, isOver: () => ends.every((end) => end.isEnded || end.isClosed) });
    law(
      ends.every((end) => end.isEnded || end.isClosed),
      'whoever says goodbye is let go',
    );
    // The tracker's end waits for ours.
    for (const end of ends) end.destroy();
  }

  async settle(): Promise<void> {
    for (const [at, tracker] of this.#trackers.entries()) {
      this.#count += 1;
      const end = await this.world.dial(HONEST_IP, { host: tracker.local.ip, port: PORT });
      end.write(
        Buffer.from(`REGISTER honest${this.#count} ${at} *:5000\nLOOKUP honest${this.#count}\nUNREGISTER *:5000\n`),
        true,
      );
      await this.world.pass(50);
      law(
        /^OK interval=.*\nOK 1\n10\.9\.9\.9:5000 \d - ?.*\nOK 1\n$/.test(end.text),
        `an honest peer is served, not told ${JSON.stringify(end.text)}`,
      );
      end.destroy();
      await this.world.pass(5000);
      same(tracker.stats().connections, 0, 'every connection is forgotten');
      law(tracker.stats().entries <= 2000, 'registrations are bounded');
    }
  }

  async close(): Promise<void> {
    const closing = Promise.all(this.#trackers.map((tracker) => tracker.close()));
    await this.world.settled(closing, 5000);
  }

  get local(): Tracker['local'] {
    return { ip: HOST, port: PORT };
  }
}

/** Datagrams to the same tracker, from a source that may be forged and from one that proves itself. */
class DatagramJudge implements Judge {
  readonly #tracker: TrackerJudge;

  constructor(tracker: TrackerJudge) {
    this.#tracker = tracker;
  }

  async judge(input: Uint8Array): Promise<string> {
    const ip = `192.0.2.${1 + (seedOf(input) % 200)}`;
    const { world, local } = this.#tracker;
    const replies: Buffer[] = [];
    const handlers = { datagram: (bytes: Uint8Array) => void replies.push(Buffer.from(bytes)), failed: () => undefined };
    const socket = await world.host(ip).datagrams.bind({ host: ip, port: 6000 }, handlers);
    socket.send(new Uint8Array(input), local);
    await world.pass(5);
    law(replies.length <= 1, 'a datagram has at most one answer');
    const [reply] = replies;
    if (reply === undefined) {
      await socket.close();
      return 'silence';
    }
    law(reply.length <= 3 * input.length, 'who is not proven gets at most three times what he sent');
    this.#check(input, reply);
    const cookie = /DENIED cookie=([0-9a-f]{16})/.exec(reply.toString('latin1'))?.[1];
    if (cookie !== undefined) await this.#proven(input, cookie, (bytes) => socket.send(bytes, local), replies);
    await socket.close();
    return cookie === undefined ? reply.toString('latin1', 0, 1) : 'challenge';
  }

  /** The same once more with the cookie in place of whatever it had. */
  async #proven(input: Uint8Array, cookie: string, send: (bytes: Uint8Array) => void, replies: Buffer[]): Promise<void> {
    const text = Buffer.from(input)
      .toString('latin1', INDEX_HEADER_BYTES)
      .replace(/ cookie=[^ ]*/g, '');
    send(
      Buffer.concat([
        input.subarray(0, INDEX_HEADER_BYTES),
        Buffer.from(`${text}${text === '' ? '' : ' '}cookie=${cookie}`, 'latin1'),
      ]),
    );
    await this.#tracker.world.pass(5);
    const reply = replies[1];
    if (reply !== undefined) this.#check(input, reply);
  }

  #check(input: Uint8Array, reply: Buffer): void {
    law(reply.length <= INDEX_DATAGRAM_MAX_BYTES, 'an answer fits in a datagram');
    law(reply[0] === 0x41 || reply[0] === 0x45, 'an answer is A or E');
    same(reply.toString('hex', 1, 9), Buffer.from(input).toString('hex', 1, 9), 'an answer has the id of the request');
    law(!/[\u0000-\u0009\u000b-\u001f\u007f]/.test(reply.toString('utf8', 9)), 'an answer holds no control character');
  }

  settle(): Promise<void> {
    return this.#tracker.settle();
  }

  close(): Promise<void> {
    return this.#tracker.close();
  }
}

export const trackerTcp: Target = {
  name: 'tracker-tcp',
  inputMaxBytes: 20_000,
  tokens: wordsOf(TRACKER_TEMPLATES),
  testCount: 400,
  heldToCount: 50_000,
  generate: (random) => linesOf(TRACKER_TEMPLATES, random, 12),
  open: () => TrackerJudge.open(),
};

export const trackerUdp: Target = {
  name: 'tracker-udp',
  inputMaxBytes: 65_507,
  tokens: wordsOf([...REQUEST_TEMPLATES, ...TRACKER_TEMPLATES]),
  testCount: 1000,
  heldToCount: 100_000,
  generate: (random) => datagramOf(REQUEST_TEMPLATES, random),
  open: async () => new DatagramJudge(await TrackerJudge.open()),
};
