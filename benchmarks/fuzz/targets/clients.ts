/**
 * Clients against whatever answers: a peer's client, and a tracker's over TCP and UDP. What an input holds is what the other side says,
 * at once and whatever was asked. Every question must end, with an answer or an error of ours, and with nothing left behind.
 */

import { ShoalError, WIRE_CODES } from '../../../common/core/errors.js';
import { parseFileName } from '../../../common/core/file-name.js';
import type { HostPort } from '../../../common/core/peer-address.js';
import type { ContentRoot } from '../../../common/core/root.js';
import type { ByteStream, StreamHandlers } from '../../../common/ports/net.js';
import { SimRandom } from '../../../common/sim/sim-random.js';
import { decodeRequest } from '../../../common/wire/index-datagrams.js';
import { TcpChannel } from '../../../peer/discovery/tcp-channel.js';
import { TrackerClient } from '../../../peer/discovery/tracker-client.js';
import { UdpChannel } from '../../../peer/discovery/udp-channel.js';
import { SlotMemory } from '../../../peer/hash/slot-memory.js';
import { PeerConnection } from '../../../peer/net/peer-connection.js';
import { lawfulAddress, lawfulName } from '../laws.js';
import { piecesOf } from '../line-feeding.js';
import { outcomeOf, SimWorld } from '../sim-world.js';
import { type Judge, law, same, seedOf, type Target } from '../target.js';
import { linesOf, wordsOf } from '../text-grammar.js';
import { peerReplies } from './peer-replies.js';

const OTHER = { host: '10.0.0.1', port: 5000 } as const;
const OWN_IP = '10.0.0.2';

/** Longer than every deadline of a client, with all its tries. */
const PATIENCE_MS = 120_000;

const CODES = ['NETWORK', 'PROTOCOL', 'STOPPED', ...WIRE_CODES];

const byRoot = { by: 'root', root: 'ab'.repeat(32) as ContentRoot } as const;

/** The other side, over TCP: says its piece when it is first spoken to, then nothing, or goodbye. */
class Talker {
  answer: Uint8Array = new Uint8Array(0);
  openCount = 0;

  async listen(world: SimWorld): Promise<void> {
    await world.host(OTHER.host).listenPort.listen({ ...OTHER, connectionsMaxCount: 1000 }, (stream) => this.#accept(stream));
  }

  #accept(stream: ByteStream): StreamHandlers {
    this.openCount += 1;
    let isSaid = false;
    const isLeaving = (seedOf(this.answer) & 3) === 0;
    return {
      data: () => {
        if (isSaid) return;
        isSaid = true;
        for (const piece of piecesOf(this.answer)) stream.write(piece);
        if (isLeaving) stream.end();
      },
      ended: () => stream.end(),
      closed: () => {
        this.openCount -= 1;
      },
    };
  }
}

/** Small ones: a chunk of 512 KiB would be nearly all of the time. */
const CHUNK_BYTES = 12;

class FetcherJudge implements Judge {
  readonly #world = new SimWorld();
  readonly #talker = new Talker();
  readonly #slots = new SlotMemory(3);

  static async open(): Promise<FetcherJudge> {
    const judge = new FetcherJudge();
    await judge.#talker.listen(judge.#world);
    return judge;
  }

  async judge(input: Uint8Array): Promise<string> {
    const [head = 0] = input;
    this.#talker.answer = new Uint8Array(input.subarray(1));
    const { clock } = this.#world;
    const ports = { dialer: this.#world.host(OWN_IP).dialer, clock, slots: this.#slots };
    const connection = await this.#world.settled(PeerConnection.connect(ports, { ip: OTHER.host, port: OTHER.port }, 1000), 3000);
    const asked = Array.from({ length: 5 }, (_, at) => outcomeOf(this.#ask(connection, (head & (1 << at)) === 0, at), CODES));
    await this.#world.pass(100);
    // The download gives up who says nothing more: here, after a tenth of a second.
    connection.close(new ShoalError('STOPPED', 'local', 'Enough.'));
    const outcomes = await this.#world.settled(Promise.all(asked), PATIENCE_MS);
    await this.#world.pass(100);
    const free = [this.#slots.take(), this.#slots.take(), this.#slots.take()].filter((slot) => slot !== undefined);
    same(free.length, 3, 'every slot comes back');
    for (const slot of free) this.#slots.release(slot);
    same(this.#talker.openCount, 0, 'no stream stays open');
    return outcomes.join(' ');
  }

  /** One of the questions that there are; a chunk's slot is given back at once. */
  async #ask(connection: PeerConnection, isChunk: boolean, at: number): Promise<void> {
    if (isChunk) {
      const slot = await connection.getChunk(byRoot, at, CHUNK_BYTES);
      this.#slots.release(slot);
    } else if (at === 0) await connection.getStatus();
    else if (at === 1) law((await connection.getManifest(byRoot, 40)).length <= 40, 'a manifest is bounded');
    else if (at === 2) await connection.getHave(byRoot, {}, 40, ({ ranges }) => law(ranges.length > 0, 'news tell something'));
    else if (at === 3) for (const row of (await connection.getList({})).rows) lawfulName(row.name);
    else await connection.push({ name: parseFileName('a'), sizeBytes: 1, root: byRoot.root, port: 1 });
  }
}

const name = parseFileName('a');

/** Asks a tracker everything once; gives what each came to. */
async function askAll(client: TrackerClient): Promise<string[]> {
  const register = { verb: 'REGISTER', name, sizeBytes: 1, address: '*:5000', attributes: {} } as const;
  const questions: readonly (() => Promise<unknown>)[] = [
    async () => {
      const rows = await client.lookup({ by: 'name', name });
      law(rows.length <= 100, 'rows are bounded');
      for (const row of rows) {
        lawfulAddress(row.address);
        law(
          !row.address.ip.startsWith('127.') && row.address.ip !== '::1',
          'MT1: nobody elsewhere names what listens here alone',
        );
      }
    },
    () => client.register([register, register]),
    async () => (await client.search('a')).rows.forEach((row) => void lawfulName(row.name)),
    async () => (await client.peers()).rows.forEach((row) => void lawfulAddress(row.address)),
    () => client.stats(),
    () => client.alive('*:5000'),
    () => client.withdraw(name, '*:5000'),
  ];
  return Promise.all(questions.map((ask) => outcomeOf(ask(), CODES)));
}

class TrackerTcpJudge implements Judge {
  readonly #world = new SimWorld();
  readonly #talker = new Talker();

  static async open(): Promise<TrackerTcpJudge> {
    const judge = new TrackerTcpJudge();
    await judge.#talker.listen(judge.#world);
    return judge;
  }

  async judge(input: Uint8Array): Promise<string> {
    this.#talker.answer = new Uint8Array(input);
    const client = new TrackerClient(
      new TcpChannel({ dialer: this.#world.host(OWN_IP).dialer, clock: this.#world.clock }, OTHER),
    );
    const outcomes = await this.#world.settled(askAll(client), PATIENCE_MS);
    await client.close();
    await this.#world.pass(100);
    same(this.#talker.openCount, 0, 'no stream stays open');
    return outcomes.join(' ');
  }
}

/** Over UDP the answer gets the id of its request, or it would not be looked at; one in eight is sent as it is. */
class TrackerUdpJudge implements Judge {
  readonly #world = new SimWorld();
  #answer: Uint8Array = new Uint8Array(0);

  static async open(): Promise<TrackerUdpJudge> {
    const judge = new TrackerUdpJudge();
    const { datagrams } = judge.#world.host(OTHER.host);
    const socket = await datagrams.bind(OTHER, {
      datagram: (bytes, from) => {
        const reply = Buffer.from(judge.#answer);
        const request = decodeRequest(bytes);
        law(request?.kind === 'request', 'a client sends requests');
        if (reply.length >= 9 && (seedOf(judge.#answer) & 7) !== 0) reply.write(request.id, 1, 'hex');
        socket.send(reply, from);
        // Once more, as networks do.
        if ((seedOf(judge.#answer) & 8) !== 0) socket.send(reply, from);
      },
      failed: () => undefined,
    });
    return judge;
  }

  async judge(input: Uint8Array): Promise<string> {
    this.#answer = new Uint8Array(input);
    const { datagrams } = this.#world.host(OWN_IP);
    const at: HostPort = OTHER;
    const client = new TrackerClient(
      new UdpChannel({ datagrams, clock: this.#world.clock, random: new SimRandom(seedOf(input)) }, at),
    );
    const outcomes = await this.#world.settled(askAll(client), PATIENCE_MS);
    await client.close();
    await this.#world.pass(10);
    return outcomes.join(' ');
  }
}

const ANSWERS = [
  'OK interval={count} ttl={count} [address={address}]',
  'OK 1\n{address} {size} {root} [have={count}] [load={load}]',
  'OK 1 [next={cursor}]\n{name} {size} {root} [holders={count}]',
  'OK 2\n{address} [files={count}] [seen={count}]\n127.0.0.1:22 [files={count}]',
  'OK 0',
  'OK {count}',
  'OK entries={count} [version={label}]',
  'ERR {code} {text}',
] as const;

const DATAGRAMS = [
  'AOK interval=30 ttl=60',
  'AOK 1\n{address} {size} {root}',
  'AOK {count}',
  'E{code} {text}',
  'EDENIED cookie={id}',
  'AOK interval=1 ttl=2 seq={count}',
] as const;

export const fetcher: Target = {
  name: 'fetching-client',
  inputMaxBytes: 6000,
  tokens: peerReplies.tokens,
  testCount: 500,
  heldToCount: 50_000,
  generate: (random) => peerReplies.generate(random),
  open: () => FetcherJudge.open(),
};

export const trackerClientTcp: Target = {
  name: 'tracker-client-tcp',
  inputMaxBytes: 20_000,
  tokens: wordsOf(ANSWERS),
  testCount: 500,
  heldToCount: 50_000,
  generate: (random) => linesOf(ANSWERS, random, 9),
  open: () => TrackerTcpJudge.open(),
};

export const trackerClientUdp: Target = {
  name: 'tracker-client-udp',
  inputMaxBytes: 65_507,
  tokens: wordsOf(DATAGRAMS),
  testCount: 400,
  heldToCount: 50_000,
  generate: (random) => {
    const text = linesOf(DATAGRAMS, random, 1);
    return Buffer.concat([text.subarray(0, 1), Buffer.alloc(8), text.subarray(1, -1)]);
  },
  open: () => TrackerUdpJudge.open(),
};
