/** `peer fetch`: from flags to a fetch, and from its end to an exit code. */

import { availableParallelism } from 'node:os';
import type { CommandInput, CommandSpec } from '../../common/cli/command-spec.js';
import { untilAborted } from '../../common/core/abortable.js';
import { asShoalError } from '../../common/core/errors.js';
import { formatHostPort, type HostPort, parseHostPort } from '../../common/core/peer-address.js';
import { realClock } from '../../common/node/clock.js';
import type { FetchOptions } from '../fetch/fetch-session.js';
import { parseFetchSource } from '../fetch/fetch-source.js';
import {
  JSON_FLAG,
  LIMIT_FLAGS,
  limitsOf,
  NODE_FLAG,
  QUIET_FLAG,
  SERVE_FLAGS,
  serveOptionsOf,
  TRACKER_FLAG,
  TRACKER_PORT,
  trackersOf,
  UDP_FLAG,
} from './common-flags.js';
import { type FetchDisplay, JsonDisplay, PersonDisplay } from './fetch-display.js';
import { HeldEvents } from './held-events.js';
import { withJsonErrors } from './json-errors.js';
import { createProgress, type Progress } from './progress.js';
import { runningNode } from './running-node.js';
import { type Seeding, seedingOf } from './seeding.js';
import { ShareReport } from './share-report.js';
import { noteLoopback, startNode } from './share-run.js';
import { listenForStop } from './stop-signal.js';
import { trackersToUse } from './tracker-choice.js';

/** Hash threads of a fetch: four check more bytes a second than a network brings, and each takes about 12 MiB of memory. */
const THREADS_MAX_COUNT = 4;

/** What to do after an interruption. */
const GO_ON = 'What is verified is kept: run the same command again to go on.';

export const fetchCommand: CommandSpec = {
  name: 'fetch',
  summary: 'fetch a file or folder from everyone who has it',
  args: [{ name: 'filename|link|@root', help: 'the name it is shared under, a link, or a root with an @ before it' }],
  flags: [
    TRACKER_FLAG,
    UDP_FLAG,
    { name: 'out', type: 'text', value: 'PATH', help: 'where to put it: a file name, or a folder that exists', isPath: true },
    {
      name: 'directory',
      type: 'text',
      value: 'DIR',
      help: 'folder for what has no --out (default: the current one)',
      isPath: true,
    },
    {
      name: 'resume',
      type: 'switch',
      isOnByDefault: true,
      help: 'go on with an unfinished fetch (the default); --no-resume starts afresh',
    },
    { name: 'overwrite', type: 'switch', help: 'replace a different file that has the name already' },
    {
      name: 'seed',
      type: 'switch',
      help: 'go on sharing it when it is fetched, until stopped; --no-seed: the running peer does not either',
    },
    { name: 'seed-time', type: 'text', value: 'TIME', help: 'go on sharing it for this long: 90m, 12h, 7d' },
    { name: 'seed-ratio', type: 'text', value: 'N', help: 'go on sharing it until N times its size was given to others: 1.5' },
    ...SERVE_FLAGS,
    ...LIMIT_FLAGS,
    { name: 'timeout', type: 'text', value: 'TIME', help: 'give up when no chunk came for this long', default: '30s' },
    { name: 'why', type: 'switch', help: 'print where the time went, stage by stage and peer by peer' },
    NODE_FLAG,
    JSON_FLAG,
    QUIET_FLAG,
  ],
  examples: [
    "peer fetch 'magnet:?xt=urn:shoal:…'",
    'peer fetch disk.img --tracker 192.168.1.5:4700',
    'peer fetch photos --tracker 192.168.1.5:4700 --seed',
    'peer fetch @9f2c… --tracker 192.168.1.5:4700 --out /data/model.bin',
  ],
  run: (input) => withJsonErrors(input, fetchOnce),
};

async function fetchOnce(input: CommandInput): Promise<number> {
  const shown = input.args[0] ?? '';
  const source = parseFetchSource(shown);
  const hasOwnSources = source.trackers.length > 0 || source.peers.length > 0;
  const isJson = input.switch('json') === true;
  const isQuiet = input.switch('quiet') === true;
  const progress = await createProgress({ isQuiet, isJson });
  const table = input.switch('why') === true ? (await import('./why-table.js')).whyTable : undefined;
  const display = isJson ? new JsonDisplay() : new PersonDisplay(progress, table);
  const asked = {
    source,
    shown: source.name ?? shown,
    trackers: trackersOf(input),
    out: input.text('out'),
    directory: input.text('directory'),
    isOverwrite: input.switch('overwrite') === true,
    isFresh: input.switch('resume') === false,
    patienceMs: input.durationMs('timeout', '30s'),
  };
  const seeding = seedingOf(input);
  // Whoever seeds until something ends it does that itself.
  const byNode = seeding === undefined ? await fetchByNode(input, asked, display, progress) : undefined;
  if (byNode?.isDone === true) return 0;
  const isAnySource = hasOwnSources || asked.trackers.length > 0;
  const options = { ...asked, trackers: byNode?.trackers ?? (isAnySource ? asked.trackers : await trackersToUse(input)) };
  const named = [...source.trackers, ...options.trackers].map((tracker) => [formatHostPort(tracker), tracker] as const);
  const trackers = [...new Map(named).values()];
  const { node, events, report } = await startFetchingNode(input, trackers, progress, seeding);
  const stop = listenForStop(GO_ON);
  try {
    const isKept = seeding !== undefined;
    const result = await node.fetch({ ...options, isKept, onEvent: (event) => display.event(event), signal: stop.signal });
    display.result(result);
    if (seeding === undefined) return 0;
    events.release();
    // Whoever reads our output may leave; that ends no sharing.
    process.stdout.on('error', () => undefined);
    if (!isQuiet) noteLoopback(trackers, (text) => report.note(text));
    const over = seeded(node.seed(result), report, stop.signal).then(() =>
      seeding.untilOver(result.size, realClock, stop.signal),
    );
    await Promise.race([over, untilAborted(stop.signal)]);
    report.hashedAll();
    return 0;
  } finally {
    progress.stop();
    stop.close();
    await node.close();
  }
}

/**
 * Lets a running node fetch it; `undefined` where none does. What the node has itself is not done: then the command has to, by way of the
 * same trackers. Throws as `fetchContent`.
 */
async function fetchByNode(
  input: CommandInput,
  options: Omit<FetchOptions, 'onEvent' | 'signal'>,
  display: FetchDisplay,
  progress: Progress,
): Promise<{ readonly isDone: boolean; readonly trackers: readonly HostPort[] } | undefined> {
  const isSilent = input.switch('json') === true || input.switch('quiet') === true;
  const note = (text: string) => void (isSilent || process.stderr.write(`${text}\n`));
  const { source } = options;
  const isNamed = input.list('tracker').length > 0;
  const hasOwnSources = isNamed || source.trackers.length > 0 || source.peers.length > 0;
  const named = [...source.trackers, ...(isNamed ? options.trackers : [])];
  const wanted = { trackers: named.length > 0 ? named : undefined, areTrackersAll: false };
  const client = await runningNode(input, wanted, note);
  if (client === undefined) return undefined;
  const { fetchThrough } = await import('./through-node.js');
  const stop = listenForStop(GO_ON);
  try {
    const own = client.hello.settings.trackers.map((tracker) => parseHostPort(tracker, TRACKER_PORT));
    const trackers = hasOwnSources ? options.trackers : own;
    const isKept = input.switch('seed') !== false;
    const result = await fetchThrough(client, { ...options, what: input.args[0] ?? '', trackers, isKept }, display, stop);
    if (result !== undefined) display.result(result);
    return { isDone: result !== undefined, trackers };
  } finally {
    progress.stop();
    stop.close();
  }
}

/** Work that the end cut short failed for no reason that anybody needs to hear. */
async function seeded(seed: Promise<void>, report: ShareReport, signal: AbortSignal): Promise<void> {
  try {
    await seed;
    report.hashedAll();
  } catch (error) {
    if (!signal.aborted) throw asShoalError(error);
  }
}

/**
 * A node that says nothing of its sharing until its events are released. Where its port is taken and nothing is to be seeded, it has
 * another. Throws `USAGE`, `NETWORK` or `DENIED`.
 */
async function startFetchingNode(
  input: CommandInput,
  trackers: readonly HostPort[],
  progress: Progress,
  seeding: Seeding | undefined,
) {
  const [isJson, isQuiet] = [input.switch('json') === true, input.switch('quiet') === true];
  const print = (text: string) => progress.result(text);
  const report = new ShareReport({ isJson, isQuiet, trackers, progress, print, nowMs: () => realClock.nowMs() });
  const events = new HeldEvents(report, (bytes) => seeding?.served(bytes));
  const rest = {
    limits: limitsOf(input),
    isUdp: input.switch('udp') === true,
    trackers,
    hashName: 'blake3',
    isFolderOnly: false,
    threadCount: Math.min(THREADS_MAX_COUNT, availableParallelism()),
    events,
  } as const;
  const wanted = serveOptionsOf(input);
  const node = await startNode({ ...wanted, ...rest }).catch((error: unknown) => {
    if (seeding !== undefined || wanted.port === 0 || asShoalError(error).code !== 'NETWORK') throw error;
    // Most likely a share of this machine has it, by the same configuration file; nobody who only fetches should have to care.
    return startNode({ ...wanted, port: 0, announce: undefined, ...rest });
  });
  return { node, events, report };
}
