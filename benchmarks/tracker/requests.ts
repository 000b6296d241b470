/** How many requests a second the built tracker answers over TCP, pipelined, with every reply awaited; and redis beside it, by turns. */
import type { ProgramUsed, Section } from '../report.js';
import { figure } from '../report.js';
import { type BenchTracker, registerSample, withTracker } from './bench-tracker.js';
import { LineClient } from './line-client.js';
import { BATCH_COUNT, CONNECTION_COUNT, type LineLoad, lineLoad, type Rate, rateFigures, runLoad } from './line-load.js';
import { REDIS, type RunningServer, startOther } from './other-server.js';
import { FILE_COUNT, PEER_COUNT, peerAddress, realisticName, registration } from './sample.js';

const SAMPLE_COUNT = FILE_COUNT * PEER_COUNT;
const NEW_ADDRESS = '127.0.0.1:30000';

export interface RequestsOptions {
  readonly runCount: number;
  /** How long each kind of request is sent in one run. */
  readonly runMs: number;
  /** New names in one run. */
  readonly newCount: number;
  /** Whether redis takes part where it is installed. */
  readonly hasOthers: boolean;
}

export interface Measured {
  readonly section: Section;
  readonly programs: readonly ProgramUsed[];
}

/** A load, who sends it and to which process. */
interface Turn {
  readonly load: LineLoad;
  readonly clients: readonly LineClient[];
  readonly serverId: number | undefined;
}

export function benchRequests(options: RequestsOptions): Promise<Measured> {
  return withTracker(async (bench) => {
    const redis = options.hasOthers ? await startOther(REDIS, bench.folder) : undefined;
    try {
      await registerSample(bench);
      const turns = [...trackerTurns(bench, options.newCount), ...(redis === undefined ? [] : await redisTurns(redis, options))];
      const rates = new Map<string, Rate[]>(turns.map(({ load }) => [load.what, []]));
      for (let run = 0; run < options.runCount; run += 1) {
        for (const { load, clients, serverId } of turns)
          rates.get(load.what)?.push(await runLoad(clients, load, options.runMs, serverId));
      }
      for (const { clients } of turns) for (const client of clients) client.close();
      return { section: await sectionOf(bench, rates), programs: redis === undefined ? [] : [redis.used] };
    } finally {
      await redis?.process.stop();
    }
  });
}

function trackerTurns({ clients, tracker }: BenchTracker, newCount: number): Turn[] {
  const loads = [
    lineLoad('REGISTER, new names', newCount, (number) => `REGISTER ${realisticName(number)} 1048576 ${NEW_ADDRESS}\n`, {
      undo: [`UNREGISTER ${NEW_ADDRESS}\n`],
    }),
    lineLoad('REGISTER, known before', SAMPLE_COUNT, (number) => `REGISTER ${registration(number)}\n`),
    lineLoad(`LOOKUP, ${PEER_COUNT} peers in the reply`, FILE_COUNT, (number) => `LOOKUP file-${number % FILE_COUNT}\n`, {
      replyLines: 1 + PEER_COUNT,
    }),
    lineLoad('LOOKUP of what nobody has', FILE_COUNT, (number) => `LOOKUP nothing-${number % FILE_COUNT}\n`),
    lineLoad('ALIVE', FILE_COUNT, (number) => `ALIVE ${peerAddress(number)}\n`),
  ];
  return loads.map((load) => ({ load, clients, serverId: tracker.processId }));
}

async function redisTurns({ port, process }: RunningServer, { newCount }: RequestsOptions): Promise<Turn[]> {
  (await LineClient.connectPatiently(port)).close();
  const clients = await LineClient.connectMany(port, CONNECTION_COUNT);
  const add = (set: string, member: string) => bulk('SADD', set, member);
  const loads = [
    lineLoad('redis SADD, new members', newCount, (number) => add('new', realisticName(number)), { undo: [bulk('DEL', 'new')] }),
    lineLoad('redis SADD, known before', SAMPLE_COUNT, (number) => add('known', registration(number))),
  ];
  for (const load of loads) await runLoad(clients, { ...load, isOnce: true }, 0, process.processId);
  return loads.map((load) => ({ load, clients, serverId: process.processId }));
}

/** A command as redis reads it: https://redis.io/docs/latest/develop/reference/protocol-spec/ */
function bulk(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
}

async function sectionOf({ tracker }: BenchTracker, rates: ReadonlyMap<string, readonly Rate[]>): Promise<Section> {
  await tracker.stop();
  const reading = tracker.reading();
  const process =
    reading === undefined
      ? []
      : [
          figure('event loop of the tracker: 99 % below', 'ms', [reading.loopDelayP99Ms]),
          figure('event loop of the tracker: longest', 'ms', [reading.loopDelayMaxMs]),
        ];
  const note =
    `One tracker process with ${SAMPLE_COUNT} registrations, ${CONNECTION_COUNT} connections of one client process, ` +
    `${BATCH_COUNT} requests on the way on each.`;
  return { title: 'Tracker', note, figures: [...rateFigures(rates), ...process] };
}
