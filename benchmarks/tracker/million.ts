/** A tracker that knows a million names: what memory that takes, and how long its requests take then, one at a time and pipelined. */
import { cpuMs } from '../compare/program.js';
import { type Figure, figure, type Section } from '../report.js';
import { peakBytes, residentBytes } from './account.js';
import { type BenchTracker, withTracker } from './bench-tracker.js';
import { delayFigures, delayOf, rest } from './delays.js';
import { BATCH_COUNT, lineLoad, type Rate, rateFigures, runLoad } from './line-load.js';
import { realisticName } from './sample.js';

const MIB = 2 ** 20;
/** Names that are made and registered in one go, and at one peer. */
const PORTION_COUNT = 800 * BATCH_COUNT;
const PEER_FILES_COUNT = 50;
const FIRST_PORT = 10_000;
/** Milliseconds without requests before memory is read: what is no longer needed may go. */
const REST_MS = 3000;

export interface MillionOptions {
  readonly nameCount: number;
  readonly runCount: number;
  readonly runMs: number;
  /** Searches of each kind. */
  readonly searchCount: number;
}

/** Searches of one kind: the text of the one with a number. */
interface SearchKind {
  readonly what: string;
  text(number: number): string;
}

export function benchMillion(options: MillionOptions): Promise<Section> {
  return withTracker(async (bench) => {
    const { nameCount } = options;
    await rest(REST_MS);
    const emptyBytes = residentBytes(bench.tracker.processId);
    const filled = await fill(bench, nameCount);
    await rest(REST_MS);
    const fullBytes = residentBytes(bench.tracker.processId);
    const figures = [
      ...rateFigures(
        new Map([
          ['REGISTER, new names', filled],
          ['LOOKUP, 1 peer in the reply', await lookups(bench, options)],
        ]),
      ),
      figure('memory without registrations', 'MiB', [emptyBytes / MIB]),
      figure(`memory with ${nameCount} registrations`, 'MiB', [fullBytes / MIB]),
      figure('memory for a registration', 'bytes', [(fullBytes - emptyBytes) / nameCount]),
      ...(await searches(bench, options)),
      figure('peak memory', 'MiB', [peakBytes(bench.tracker.processId) / MIB]),
    ];
    const note =
      `One tracker process; each registration has a name of its own (about 30 bytes) and a root of its own, ${PEER_FILES_COUNT} of them at a ` +
      'peer. A search is asked for alone, one page of up to 100 rows, from the request to the last byte of the reply.';
    return { title: `Tracker with ${nameCount} registrations`, note, figures };
  });
}

function registerLine(number: number): string {
  const port = FIRST_PORT + (Math.floor(number / PEER_FILES_COUNT) % 50_000);
  return `REGISTER ${realisticName(number)} 1048576 127.0.0.1:${port} root=${number.toString(16).padStart(64, '0')}\n`;
}

/** Portions, so that neither all the text nor its making is in the way. */
async function fill({ clients, tracker }: BenchTracker, nameCount: number): Promise<Rate[]> {
  const rates: Rate[] = [];
  for (let first = 0; first < nameCount; first += PORTION_COUNT) {
    const load = lineLoad('', Math.min(PORTION_COUNT, nameCount - first), (number) => registerLine(first + number), { undo: [] });
    rates.push(await runLoad(clients, load, 0, tracker.processId));
  }
  return rates;
}

async function lookups({ clients, tracker }: BenchTracker, { nameCount, runCount, runMs }: MillionOptions): Promise<Rate[]> {
  // A step that has no divisor in common with the count: names from everywhere, each another one.
  const name = (number: number) => realisticName((number * 7919) % nameCount);
  const load = lineLoad('', PORTION_COUNT, (number) => `LOOKUP ${name(number)}\n`, { replyLines: 2 });
  const rates: Rate[] = [];
  while (rates.length < runCount) rates.push(await runLoad(clients, load, runMs, tracker.processId));
  return rates;
}

async function searches({ clients, tracker }: BenchTracker, { nameCount, searchCount }: MillionOptions): Promise<Figure[]> {
  const [client] = clients;
  if (client === undefined) return [];
  const partOf = (number: number, start: number, length: number) =>
    realisticName((number * 7919) % nameCount).slice(start, start + length);
  const kinds: readonly SearchKind[] = [
    { what: 'SEARCH, a whole name', text: (number) => realisticName((number * 7919) % nameCount) },
    { what: 'SEARCH, 9 bytes of a name', text: (number) => partOf(number, 3 + (number % 12), 9) },
    { what: 'SEARCH, what nearly all names have', text: (number) => ['.mkv', 'e', '-0', 'mk'][number % 4] ?? '' },
    { what: 'SEARCH, what no name has', text: (number) => `zq${number}~` },
    {
      what: 'SEARCH, what no name has, of parts that all names have',
      text: (number) => ['.mkv.mkv', '-000.mkv', 'v-00'][number % 3] ?? '',
    },
  ];
  const figures: Figure[] = [];
  for (const { what, text } of kinds) {
    const delays: number[] = [];
    const beforeMs = cpuMs(tracker.processId ?? 'none', 'own');
    for (let number = 0; number < searchCount; number += 1) delays.push(await delayOf(client, `SEARCH ${text(number)}`));
    const spentMs = cpuMs(tracker.processId ?? 'none', 'own') - beforeMs;
    figures.push(
      ...delayFigures(what, delays),
      figure(`${what}: the tracker's processor, on average`, 'ms', [spentMs / searchCount]),
    );
  }
  const pages: number[] = [];
  for (let after = ''; pages.length < searchCount; ) {
    const startedMs = performance.now();
    const [head = ''] = await client.ask(`LIST${after}`);
    pages.push(performance.now() - startedMs);
    after = ` after=${/ next=(\S+)/.exec(head)?.[1] ?? '0'}`;
  }
  return [...figures, ...delayFigures('LIST, a page', pages)];
}
