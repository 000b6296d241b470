/** What a tracker's client waits while others storm it, over TCP (OV3) and with junk over UDP (OV4), and how soon after that all is as before. */
import { fileURLToPath } from 'node:url';
import { LocalProcess } from '../processes.js';
import { type Figure, figure, type Section } from '../report.js';
import { type BenchTracker, registerSample, withTracker } from '../tracker/bench-tracker.js';
import { delayFigures, delayOf, rest } from '../tracker/delays.js';
import { FILE_COUNT } from '../tracker/sample.js';

const FLOODER = fileURLToPath(new URL('./flooder.js', import.meta.url));
const JUNK_PER_SECOND = 50_000;
const STORM_CONNECTIONS_COUNT = 500;
/** Milliseconds between two requests of the client that is watched. */
const PAUSE_MS = 10;
/** When a client waits no longer than this many times as before the storm, and this long in any case, it is over. */
const CALM_RATIO = 3;
const CALM_MIN_MS = 5;
const CALM_LOOKUPS_COUNT = 20;
const RECOVERY_MAX_MS = 60_000;

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
      '5,000 LOOKUPs each at once, and more as soon as the network takes them: ten seconds of work and more wait all the time. ' +
      `The junk is what one process can send of ${JUNK_PER_SECOND} datagrams a second.`;
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

/** A process that floods the tracker, when it has done so for a second. */
async function flooding(args: readonly (string | number)[]): Promise<{ flooder: LocalProcess; perSecond: number }> {
  const flooder = new LocalProcess('flooder', process.execPath, [FLOODER, ...args.map(String)], process.env);
  const sent = await flooder.line('sent ');
  return { flooder, perSecond: Number(sent.split(' ')[1]) };
}

async function lookupStorm(bench: BenchTracker, stormMs: number, before: readonly number[]): Promise<readonly Figure[]> {
  const { flooder } = await flooding(['lookups', bench.port, STORM_CONNECTIONS_COUNT, FILE_COUNT]);
  const during = await delays(bench, stormMs);
  await flooder.stop();
  const overMs = performance.now();
  const calmMs = Math.max(CALM_MIN_MS, CALM_RATIO * (before.toSorted((a, b) => a - b)[Math.floor(before.length * 0.99)] ?? 0));
  let calmCount = 0;
  let recoveredMs = 0;
  while (calmCount < CALM_LOOKUPS_COUNT && performance.now() - overMs < RECOVERY_MAX_MS) {
    const [delay = 0] = await delays(bench, 0.001);
    if (delay > calmMs) calmCount = 0;
    else if (calmCount++ === 0) recoveredMs = performance.now() - overMs;
  }
  return [
    ...delayFigures('LOOKUP in a storm of LOOKUPs', during),
    figure('LOOKUPs of the one client in the storm', 'requests', [during.length]),
    figure('until LOOKUPs are as fast again', 's', [recoveredMs / 1000]),
  ];
}

async function junkStorm(bench: BenchTracker, stormMs: number): Promise<readonly Figure[]> {
  const { flooder, perSecond } = await flooding(['datagrams', bench.port, JUNK_PER_SECOND]);
  try {
    const during = await delays(bench, stormMs);
    return [...delayFigures('LOOKUP over TCP with junk over UDP', during), figure('junk', 'datagrams/s', [perSecond])];
  } finally {
    await flooder.stop();
  }
}
