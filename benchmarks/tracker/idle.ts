/** What connections that say nothing cost the tracker, and how long a LOOKUP takes meanwhile. */
import { connect, type Socket } from 'node:net';
import { figure, type Section } from '../report.js';
import { openFilesMaxCount, possibleConnections, residentBytes } from './account.js';
import { type BenchTracker, withTracker } from './bench-tracker.js';
import { delayFigures, delayOf, rest } from './delays.js';
import { registration } from './sample.js';

const MIB = 2 ** 20;
const FILE_COUNT = 100;
/** Connections that are opened at once: fewer than a listener keeps waiting. */
const GROUP_COUNT = 200;
const REST_MS = 3000;
/** Milliseconds between two LOOKUPs: they are spread over some seconds, in which the tracker looks after every connection. */
const PAUSE_MS = 2;

export interface IdleOptions {
  readonly connectionCount: number;
  readonly lookupCount: number;
}

export function benchIdle({ connectionCount, lookupCount }: IdleOptions): Promise<Section> {
  return withTracker(async (bench) => {
    const { count, advice } = possibleConnections(connectionCount, openFilesMaxCount());
    const sockets: Socket[] = [];
    try {
      // Few: a tracker that has grown has room left over, in which the connections would not be seen.
      for (let file = 0; file < FILE_COUNT; file += 1) await bench.clients[0]?.ask(`REGISTER ${registration(file)}`);
      const aloneDelays = await lookupDelays(bench, lookupCount);
      await rest(REST_MS);
      const beforeBytes = residentBytes(bench.tracker.processId);
      while (sockets.length < count) {
        const group = Math.min(GROUP_COUNT, count - sockets.length);
        sockets.push(...(await Promise.all(Array.from({ length: group }, () => openIdle(bench.port)))));
      }
      await rest(REST_MS);
      const idleBytes = residentBytes(bench.tracker.processId);
      const delays = await lookupDelays(bench, lookupCount);
      const figures = [
        figure('memory before', 'MiB', [beforeBytes / MIB]),
        figure(`memory with ${count} idle connections`, 'MiB', [idleBytes / MIB]),
        figure('memory for them', 'MiB', [(idleBytes - beforeBytes) / MIB]),
        ...delayFigures('LOOKUP before', aloneDelays),
        ...delayFigures(`LOOKUP with ${count} idle connections`, delays),
      ];
      const note = `Each connection asked for one LOOKUP and then says nothing. LOOKUPs one at a time, one each ${PAUSE_MS} ms.${advice === undefined ? '' : ` ${advice}`}`;
      return { title: `Tracker with ${count} idle connections`, note, figures };
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });
}

/** Resolves when its first request is answered. */
function openIdle(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('LOOKUP nothing\n'));
    socket.once('error', reject);
    socket.once('data', () => resolve(socket));
  });
}

async function lookupDelays({ clients }: BenchTracker, lookupCount: number): Promise<number[]> {
  const [client] = clients;
  const delays: number[] = [];
  while (client !== undefined && delays.length < lookupCount) {
    await rest(PAUSE_MS);
    delays.push(await delayOf(client, `LOOKUP file-${delays.length % FILE_COUNT}`));
  }
  return delays;
}
