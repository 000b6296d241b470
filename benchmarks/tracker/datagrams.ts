/** How many datagrams a second the built tracker answers; and opentracker beside it, by turns, which answers announces. */
import { figure } from '../report.js';
import { registerSample, withTracker } from './bench-tracker.js';
import { DatagramClient, type Dialect, WINDOW_COUNT } from './datagram-client.js';
import { measured, type Rate, rateFigures } from './line-load.js';
import { OPENTRACKER, type RunningServer, startOther } from './other-server.js';
import type { Measured } from './requests.js';
import { FILE_COUNT, PEER_COUNT, registration } from './sample.js';

const SOCKET_COUNT = 4;
/** Requests of one socket that are made before; all sockets together ask for each file once. */
const REQUEST_COUNT = FILE_COUNT / SOCKET_COUNT;

export interface DatagramsOptions {
  readonly runCount: number;
  readonly runMs: number;
}

/** A kind of request, and how the one with a number looks behind a client's key. */
interface Kind {
  readonly what: string;
  readonly dialect: Dialect;
  request(number: number, key: Buffer): Buffer;
}

/** The index datagrams of PROTOCOL.md: a type, 8 bytes of a transaction, and tokens; a cookie proves the address. */
const INDEX: Dialect = {
  greeting: indexDatagram('R', registration(0)),
  keyOf: (reply) => Buffer.from(/cookie=([0-9a-f]{16})/.exec(reply.toString('latin1'))?.[1] ?? ''),
  requestIdAt: 5,
  replyIdAt: 5,
  isAnswer: (reply) => reply[0] === 'A'.charCodeAt(0),
};

/** BEP 15: 8 bytes of a constant, the action, 4 bytes of a transaction; the reply to `connect` gives a connection's number. */
const BEP_15: Dialect = {
  greeting: Buffer.from('00000417271019800000000000000000', 'hex'),
  keyOf: (reply) => Buffer.from(reply.subarray(8, 16)),
  requestIdAt: 12,
  replyIdAt: 4,
  isAnswer: (reply) => reply.readUInt32BE(0) === 1,
};

const TRACKER_KINDS: readonly Kind[] = [
  {
    what: 'R: REGISTER, known before',
    dialect: INDEX,
    request: (number, key) => indexDatagram('R', `${registration(number)} cookie=${key}`),
  },
  {
    what: `S: LOOKUP, ${PEER_COUNT} peers in the reply`,
    dialect: INDEX,
    request: (number, key) => indexDatagram('S', `file-${number % FILE_COUNT} cookie=${key}`),
  },
];

const OPENTRACKER_KINDS: readonly Kind[] = [
  { what: `opentracker announce, ${PEER_COUNT} peers in the reply`, dialect: BEP_15, request: announce },
];

function indexDatagram(type: string, text: string): Buffer {
  return Buffer.from(`${type}${'\0'.repeat(8)}${text}`);
}

/** An announce of a seeder, 98 bytes as in BEP 15; each file has PEER_COUNT of them, who differ by port. */
function announce(number: number, key: Buffer): Buffer {
  const bytes = Buffer.alloc(98);
  key.copy(bytes, 0);
  bytes.writeUInt32BE(1, 8);
  bytes.writeUInt32BE(number % FILE_COUNT, 16);
  bytes.write('-SH0001-benchmarking', 36, 'latin1');
  bytes.writeInt32BE(PEER_COUNT, 92);
  bytes.writeUInt16BE(20_000 + (Math.floor(number / FILE_COUNT) % PEER_COUNT), 96);
  return bytes;
}

/** One kind, and the sockets of its server. */
interface Turn {
  readonly kind: Kind;
  readonly clients: readonly DatagramClient[];
  readonly serverId: number | undefined;
}

export function benchDatagrams(options: DatagramsOptions): Promise<Measured> {
  return withTracker(async (bench) => {
    const other = await startOther(OPENTRACKER, bench.folder);
    const turns: Turn[] = [];
    try {
      await registerSample(bench);
      turns.push(...(await turnsOf(TRACKER_KINDS, bench.port, bench.tracker.processId)));
      if (other !== undefined) turns.push(...(await opentrackerTurns(other)));
      const rates = new Map<string, Rate[]>(turns.map(({ kind }) => [kind.what, []]));
      const lostCounts: number[] = [];
      for (let run = 0; run < options.runCount; run += 1) {
        let lostCount = 0;
        for (const turn of turns) {
          const { rate, lost } = await runTurn(turn, options.runMs);
          rates.get(turn.kind.what)?.push(rate);
          lostCount += lost;
        }
        lostCounts.push(lostCount);
      }
      const note =
        `One tracker process with ${FILE_COUNT * PEER_COUNT} registrations; ${SOCKET_COUNT} sockets of one client process, ` +
        `${WINDOW_COUNT} requests on the way on each, every one with its cookie.`;
      const figures = [...rateFigures(rates), figure('datagrams without an answer, of all kinds', 'datagrams', lostCounts)];
      return { section: { title: 'Tracker: UDP', note, figures }, programs: other === undefined ? [] : [other.used] };
    } finally {
      for (const client of new Set(turns.flatMap(({ clients }) => clients))) client.close();
      await other?.process.stop();
    }
  });
}

async function turnsOf(kinds: readonly Kind[], port: number, serverId: number | undefined): Promise<Turn[]> {
  const clients: DatagramClient[] = [];
  const [first] = kinds;
  while (first !== undefined && clients.length < SOCKET_COUNT) clients.push(await DatagramClient.connect(port, first.dialect));
  return kinds.map((kind) => ({ kind, clients, serverId }));
}

/** Announces every peer of every file before, so that the replies are as full as the tracker's. */
async function opentrackerTurns({ port, process }: RunningServer): Promise<Turn[]> {
  const turns = await turnsOf(OPENTRACKER_KINDS, port, process.processId);
  for (const { kind, clients } of turns) {
    const [client] = clients;
    const all = Array.from({ length: FILE_COUNT * PEER_COUNT }, (_, number) =>
      kind.request(number, client?.key ?? Buffer.alloc(8)),
    );
    await client?.run(all, 2000);
  }
  return turns;
}

async function runTurn({ kind, clients, serverId }: Turn, runMs: number): Promise<{ rate: Rate; lost: number }> {
  const requests: Buffer[][] = [];
  for (const [socket, client] of clients.entries()) {
    await client.greet();
    const first = socket * REQUEST_COUNT;
    requests.push(Array.from({ length: REQUEST_COUNT }, (_, at) => kind.request(first + at, client.key)));
  }
  let lost = 0;
  const rate = await measured(serverId, async () => {
    const counts = await Promise.all(clients.map((client, socket) => client.run(requests[socket] ?? [], runMs)));
    lost = counts.reduce((sum, { lostCount }) => sum + lostCount, 0);
    return counts.reduce((sum, { answeredCount }) => sum + answeredCount, 0);
  });
  return { rate, lost };
}
