/** What a tracker's client waits while others storm it, over TCP (OV3) and with junk over UDP (OV4), and how soon after that all is as before. */
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { LocalProcess } from '../processes.js';
import { type Figure, figure, type Section } from '../report.js';
import { type BenchTracker, registerSample, withTracker } from '../tracker/bench-tracker.js';
import { delayFigures, delayOf, rest } from '../tracker/delays.js';
import { FILE_COUNT } from '../tracker/sample.js';

const JUNK = fileURLToPath(new URL('./junk.js', import.meta.url));
const JUNK_PER_SECOND = 50_000;
const STORM_CONNECTIONS_COUNT = 500;
/** Requests that each writes at once: together as many as the tracker answers in ten seconds or more. */
const STORM_REQUESTS_COUNT = 5000;
/** Milliseconds between two requests of the client that is watched. */
const PAUSE_MS = 10;
/** When a client waits no longer than this many times as before the storm, and this long in any case, it is over. */
const CALM_RATIO = 3;
const CALM_MIN_MS = 5;
const CALM_LOOKUPS_COUNT = 20;

export function benchStorms(stormMs: number): Promise<Section> {
  return withTracker(async (bench) => {
    await registerSample(bench);
    const before = await delays(bench, stormMs / 2);
    const figures = [
      ...delayFigures('LOOKUP before', before),
      ...(await lookupStorm(bench, stormMs, before)),
      ...(await junkStorm(bench, stormMs)),
    ];
    const note =
      `One client asks a LOOKUP each ${PAUSE_MS} ms and waits for the answer. In the storm ${STORM_CONNECTIONS_COUNT} others write ` +
      `${STORM_REQUESTS_COUNT} LOOKUPs each at once, and again as soon as they are answered; the junk is what one process can send of ${JUNK_PER_SECOND} datagrams a second.`;
    return { title: 'Tracker in a storm (OV3, OV4)', note, figures };
  });
}

async function delays({ clients }: BenchTracker, forMs: number): Promise<number[]> {
  const [client] = clients;
  const found: number[] = [];
  for (const endMs = performance.now() + forMs; client !== undefined && performance.now() < endMs; ) {
    found.push(await delayOf(client, `LOOKUP file-${found.length % FILE_COUNT}`));
    await rest(PAUSE_MS);
  }
  return found;
}

async function lookupStorm(bench: BenchTracker, stormMs: number, before: readonly number[]): Promise<readonly Figure[]> {
  const requests = Buffer.from(
    Array.from({ length: STORM_REQUESTS_COUNT }, (_, at) => `LOOKUP file-${(at * 7) % FILE_COUNT}\n`).join(''),
  );
  const sockets: Socket[] = [];
  let closedCount = 0;
  for (let nth = 0; nth < STORM_CONNECTIONS_COUNT; nth += 1) {
    const socket = connect(bench.port, '127.0.0.1', () => write());
    const write = () => void socket.write(requests, () => socket.destroyed || write());
    socket.on('error', () => undefined);
    socket.on('close', () => {
      closedCount += 1;
    });
    socket.resume();
    sockets.push(socket);
  }
  const during = await delays(bench, stormMs);
  for (const socket of sockets) socket.removeAllListeners('close').destroy();
  const overMs = performance.now();
  const calmMs = Math.max(CALM_MIN_MS, CALM_RATIO * (before.toSorted((a, b) => a - b)[Math.floor(before.length * 0.99)] ?? 0));
  let calmCount = 0;
  let recoveredMs = 0;
  while (calmCount < CALM_LOOKUPS_COUNT && performance.now() - overMs < 60_000) {
    const [delay = 0] = await delays(bench, 0.001);
    if (delay <= calmMs) calmCount += 1;
    else calmCount = 0;
    if (calmCount === 1) recoveredMs = performance.now() - overMs;
  }
  return [
    ...delayFigures('LOOKUP in a storm of LOOKUPs', during),
    figure('connections of the storm that the tracker dropped', 'connections', [closedCount]),
    figure('until LOOKUPs are as fast again', 's', [recoveredMs / 1000]),
  ];
}

async function junkStorm(bench: BenchTracker, stormMs: number): Promise<readonly Figure[]> {
  const junk = new LocalProcess('junk', process.execPath, [JUNK, String(bench.port), String(JUNK_PER_SECOND)], process.env);
  try {
    const sent = await junk.line('sent ');
    const during = await delays(bench, stormMs);
    return [
      ...delayFigures('LOOKUP over TCP with junk over UDP', during),
      figure('junk', 'datagrams/s', [Number(sent.split(' ')[1])]),
    ];
  } finally {
    await junk.stop();
  }
}
