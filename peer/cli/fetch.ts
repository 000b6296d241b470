/** `peer fetch`: from flags to a fetch, and from its end to an exit code. */
import { availableParallelism } from 'node:os';
import type { CommandInput, CommandSpec } from '../../common/cli/command-spec.js';
import { asShoalError } from '../../common/core/errors.js';
import { parseDurationMs } from '../../common/core/units.js';
import { realClock, realRandom } from '../../common/node/clock.js';
import { tcpDialer } from '../../common/node/tcp.js';
import { fetchContent } from '../fetch/fetch-content.js';
import { parseFetchSource } from '../fetch/fetch-source.js';
import { HashPool } from '../hash/hash-pool.js';
import { JSON_FLAG, QUIET_FLAG, SERVE_FLAGS, serveOptionsOf, TRACKER_FLAG, trackersOf } from './common-flags.js';
import { JsonDisplay, PersonDisplay } from './fetch-display.js';
import { createProgress } from './progress.js';
import { runSharing } from './share-run.js';
import { listenForStop } from './stop-signal.js';

/** Hash threads of a fetch: four check more bytes a second than a network brings, and each takes about 12 MiB of memory. */
const THREADS_MAX_COUNT = 4;

export const fetchCommand: CommandSpec = {
  name: 'fetch',
  summary: 'fetch a file or folder from everyone who has it',
  args: [{ name: 'what', help: 'a link, @root, or the name it is shared under' }],
  flags: [
    TRACKER_FLAG,
    { name: 'out', type: 'text', value: 'PATH', help: 'where to put it: a file name, or a folder that exists', isPath: true },
    {
      name: 'directory',
      type: 'text',
      value: 'DIR',
      help: 'folder for what has no --out (default: the current one)',
      isPath: true,
    },
    { name: 'resume', type: 'switch', help: 'go on with an unfinished download (the default); --no-resume starts afresh' },
    { name: 'overwrite', type: 'switch', help: 'replace a different file that has the name already' },
    { name: 'seed', type: 'switch', help: 'go on sharing it when it is fetched, until stopped' },
    ...SERVE_FLAGS,
    { name: 'timeout', type: 'text', value: 'TIME', help: 'give up when no chunk came for this long', default: '30s' },
    JSON_FLAG,
    QUIET_FLAG,
  ],
  examples: [
    "peer fetch 'magnet:?xt=urn:shoal:…'",
    'peer fetch disk.img --tracker 192.168.1.5:4700',
    'peer fetch photos --tracker 192.168.1.5:4700 --seed',
    'peer fetch @9f2c… --tracker 192.168.1.5:4700 --out /data/model.bin',
  ],
  run: runFetch,
};

/** However early it fails, a program hears of it on standard output. */
async function runFetch(input: CommandInput): Promise<number> {
  try {
    return await fetchOnce(input);
  } catch (error) {
    const { code, exitCode, message } = asShoalError(error);
    if (input.switch('json') === true)
      process.stdout.write(`${JSON.stringify({ event: 'error', code, exit: exitCode, message })}\n`);
    throw error;
  }
}

async function fetchOnce(input: CommandInput): Promise<number> {
  const shown = input.args[0] ?? '';
  const source = parseFetchSource(shown);
  const hasOwnSources = source.trackers.length > 0 || source.peers.length > 0;
  const isJson = input.switch('json') === true;
  const isQuiet = input.switch('quiet') === true;
  const progress = createProgress({ isQuiet, isJson });
  const display = isJson ? new JsonDisplay() : new PersonDisplay(progress);
  const options = {
    source,
    shown: source.name ?? shown,
    trackers: hasOwnSources ? trackersOf(input, []) : trackersOf(input),
    out: input.text('out'),
    directory: input.text('directory'),
    isOverwrite: input.switch('overwrite') === true,
    isFresh: input.switch('resume') === false,
    patienceMs: parseDurationMs(input.text('timeout') ?? '30s'),
  };
  const stop = listenForStop('What is verified is kept: run the same command again to go on.');
  const seedOptions = { ...serveOptionsOf(input), hashName: 'blake3', isFolderOnly: false, isJson, isQuiet } as const;
  const pool = new HashPool({ threadCount: Math.min(THREADS_MAX_COUNT, availableParallelism()) });
  try {
    const ports = { dialer: tcpDialer, clock: realClock, random: realRandom, pool };
    const result = await fetchContent(ports, { ...options, onEvent: (event) => display.event(event), signal: stop.signal });
    display.result(result);
    if (input.switch('seed') !== true) return 0;
    await pool.close();
    const trackers = [...source.trackers, ...options.trackers];
    return await runSharing({ paths: [result.path], trackers, ...seedOptions }, stop);
  } finally {
    progress.stop();
    stop.close();
    await pool.close();
  }
}
