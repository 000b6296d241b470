/** `peer share`: reads its flags, runs a node, and stops it at a signal. */
import { networkInterfaces } from 'node:os';
import type { CommandInput, CommandSpec } from '../../common/cli/command-spec.js';
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import { HASH_NAMES, isHashName } from '../../common/core/hash.js';
import { TRACKERS_MAX_COUNT } from '../../common/core/limits.js';
import { formatHostPort, type HostPort, isLoopback, parseHostPort, parsePort } from '../../common/core/peer-address.js';
import { epochNowMs, realClock, realRandom } from '../../common/node/clock.js';
import { tcpDialer, tcpListener } from '../../common/node/tcp.js';
import { cacheFolder } from '../../common/node/user-folders.js';
import { createNode, type PeerNode } from '../node.js';
import { createProgress } from './progress.js';
import { ShareReport } from './share-report.js';

const TRACKER_DEFAULT_PORT = 4700;

export const share: CommandSpec = {
  name: 'share',
  summary: 'share files and folders until it is stopped',
  args: [{ name: 'path', help: 'files and folders to share', isOptional: true, isVariadic: true, isPath: true }],
  flags: [
    {
      name: 'tracker',
      type: 'list',
      value: 'host:port',
      help: 'tracker to register at; may be given several times',
      default: `127.0.0.1:${TRACKER_DEFAULT_PORT}`,
      configAliases: ['trackerIP'],
    },
    { name: 'host', type: 'text', value: 'address', help: 'address to serve on', default: '0.0.0.0' },
    { name: 'port', type: 'text', value: 'port', help: 'port to serve on; 0 takes a free one', default: '0' },
    { name: 'announce', type: 'text', value: 'ip:port', help: 'address that others reach this peer at, if not where it is seen' },
    { name: 'directory', type: 'text', value: 'folder', help: 'folder to share where no path is given', isPath: true },
    { name: 'folder-only', type: 'switch', help: 'register a folder, and not each of its files' },
    { name: 'hash', type: 'text', value: 'name', help: 'hash function', default: 'blake3', choices: HASH_NAMES },
    { name: 'json', type: 'switch', help: 'print one JSON event a line on standard output' },
    { name: 'quiet', type: 'switch', help: 'say nothing but results and errors' },
  ],
  examples: [
    'peer share ubuntu.iso',
    'peer share photos/ notes.txt --tracker 192.168.1.5:4700',
    'peer share model.bin --tracker a.example:4700 --tracker b.example:4700 --port 4701',
  ],
  run: (input) => runShare(input),
};

async function runShare(input: CommandInput): Promise<number> {
  const directory = input.text('directory');
  const paths = input.args.length > 0 ? input.args : directory === undefined ? [] : [directory];
  if (paths.length === 0) throw usage('Nothing to share: name a file or a folder, or set directory= in the configuration file.');
  const trackers = readTrackers(input.list('tracker'));
  const hashName = input.text('hash');
  const [isJson, isQuiet] = [input.switch('json') === true, input.switch('quiet') === true];
  const progress = createProgress({ isQuiet, isJson });
  // Whoever reads our output may leave; that ends no sharing.
  process.stdout.on('error', () => undefined);
  const print = (text: string) => void process.stdout.write(text);
  const report = new ShareReport({ isJson, isQuiet, trackers, progress, print, nowMs: () => realClock.nowMs() });
  const announce = input.text('announce');
  const node = await createNode(
    { dialer: tcpDialer, listener: tcpListener, clock: realClock, random: realRandom, epochNowMs },
    {
      host: input.text('host') ?? '0.0.0.0',
      port: readPort(input.text('port') ?? '0'),
      trackers,
      ...(announce === undefined ? {} : { announce }),
      hashName: isHashName(hashName) ? hashName : 'blake3',
      isFolderOnly: input.switch('folder-only') === true,
      cacheFolder: process.env['SHOAL_CACHE_DIR'] ?? cacheFolder,
      events: report,
    },
  );
  if (!isQuiet) noteLoopback(trackers, (text) => report.note(text));
  return shareUntilStopped(node, paths, report);
}

async function shareUntilStopped(node: PeerNode, paths: readonly string[], report: ShareReport): Promise<number> {
  const signal = new Promise<void>((resolve) => {
    let signalCount = 0;
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.on(name, () => {
        signalCount += 1;
        if (signalCount > 1) process.exit(name === 'SIGINT' ? 130 : 143);
        resolve();
      });
    }
  });
  let isStopping = false;
  const sharing = node.share(paths).then(
    () => report.hashedAll(),
    (error: unknown) => {
      // Work that the end cut short failed for no reason that anybody needs to hear.
      if (!isStopping) throw asShoalError(error);
    },
  );
  try {
    await Promise.race([signal, sharing.then(() => signal)]);
  } finally {
    isStopping = true;
    report.hashedAll();
    await node.close();
  }
  return 0;
}

function usage(text: string): ShoalError {
  return new ShoalError('USAGE', 'local', text);
}

function readTrackers(texts: readonly string[]): HostPort[] {
  const trackers = new Map<string, HostPort>();
  for (const text of texts) {
    const tracker = parseHostPort(text, TRACKER_DEFAULT_PORT);
    trackers.set(formatHostPort(tracker), tracker);
  }
  if (trackers.size > TRACKERS_MAX_COUNT) throw usage(`At most ${TRACKERS_MAX_COUNT} trackers can be given.`);
  return [...trackers.values()];
}

function readPort(text: string): number {
  const port = text === '0' ? 0 : parsePort(text);
  if (port === undefined) throw usage(`--port takes a number from 0 to 65535, not "${text}".`);
  return port;
}

/** Says that a link to this machine's own loopback address is of no use elsewhere. */
function noteLoopback(trackers: readonly HostPort[], note: (text: string) => void): void {
  const isLocal = ({ host }: HostPort) => host === 'localhost' || isLoopback(host);
  const [tracker] = trackers;
  if (tracker === undefined || !trackers.every(isLocal)) return;
  const lan = lanAddress();
  const advice =
    lan === undefined ? '' : ` Use --tracker ${formatHostPort({ host: lan, port: tracker.port })} for others to fetch it.`;
  note(`The tracker ${formatHostPort(tracker)} can be reached from this machine only, and so can what the link names.${advice}`);
}

/** The first address of this machine that others on its network may reach. */
function lanAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find((address) => !address.internal && address.family === 'IPv4')?.address;
}
