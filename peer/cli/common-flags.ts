/** Flags that several commands of `peer` share, and how their values are read. */
import type { CommandInput, FlagSpec } from '../../common/cli/command-spec.js';
import { ShoalError } from '../../common/core/errors.js';
import { HASH_NAMES, type HashName, isHashName } from '../../common/core/hash.js';
import { RATE_LIMIT_MIN_BYTES, TRACKERS_MAX_COUNT } from '../../common/core/limits.js';
import { formatHostPort, type HostPort, parseHostPort, parsePort } from '../../common/core/peer-address.js';
import { parseBytes } from '../../common/core/units.js';
import type { RateLimitOptions } from '../net/rate-limits.js';

/** The port that trackers listen on unless told otherwise. */
export const TRACKER_PORT = 4700;

export const UDP_FLAG: FlagSpec = {
  name: 'udp',
  type: 'switch',
  help: 'talk to trackers by UDP datagrams, on the same port, in place of TCP',
};

export const TRACKER_FLAG: FlagSpec = {
  name: 'tracker',
  type: 'list',
  value: 'host:port',
  help: `tracker to use; may be given several times (default 127.0.0.1:${TRACKER_PORT}, or those found on the local network)`,
  configAliases: ['trackerIP'],
};

export const JSON_FLAG: FlagSpec = { name: 'json', type: 'switch', help: 'print one JSON event a line on standard output' };

export const QUIET_FLAG: FlagSpec = { name: 'quiet', type: 'switch', help: 'print no progress and no notes' };

/** Whether a command may be done by the node of its user. */
export const NODE_FLAG: FlagSpec = {
  name: 'node',
  type: 'switch',
  isOnByDefault: true,
  help: 'let the running peer do it, where "peer serve" runs (the default); --no-node does it here',
};

/** Where a peer serves, and as what it is announced. */
export const SERVE_FLAGS: readonly FlagSpec[] = [
  { name: 'host', type: 'text', value: 'address', help: 'address to serve on', default: '0.0.0.0' },
  { name: 'port', type: 'text', value: 'port', help: 'port to serve on; 0 takes a free one', default: '0' },
  { name: 'announce', type: 'text', value: 'ip:port', help: 'address that others reach this peer at, if not where it is seen' },
];

/** What a command shares where it is given no path, and how. */
export const CONTENT_FLAGS: readonly FlagSpec[] = [
  { name: 'directory', type: 'text', value: 'DIR', help: 'folder to share where no path is given', isPath: true },
  { name: 'folder-only', type: 'switch', help: 'register a folder, and not each of its files' },
  { name: 'hash', type: 'text', value: 'name', help: 'hash function', default: 'blake3', choices: HASH_NAMES },
];

/** How fast a process may be, in all and with each other machine. */
export const LIMIT_FLAGS: readonly FlagSpec[] = [
  { name: 'limit-down', type: 'text', value: 'RATE', help: 'most bytes a second that are received, in all: 10M, 500k, 1.5MiB/s' },
  { name: 'limit-up', type: 'text', value: 'RATE', help: 'most bytes a second that are sent, in all' },
  { name: 'limit-down-peer', type: 'text', value: 'RATE', help: 'the same for each IP address that is received from' },
  { name: 'limit-up-peer', type: 'text', value: 'RATE', help: 'the same for each IP address that is sent to' },
  {
    name: 'limit-lan',
    type: 'text',
    value: 'word',
    help: 'limit local networks and this machine as well',
    default: 'yes',
    choices: ['yes', 'no'],
  },
];

export interface ServeOptions {
  readonly host: string;
  readonly port: number;
  readonly announce: string | undefined;
}

/** The values of SERVE_FLAGS. Throws `USAGE`. */
export function serveOptionsOf(input: CommandInput): ServeOptions {
  const text = input.text('port') ?? '0';
  const port = text === '0' ? 0 : parsePort(text);
  if (port === undefined) throw new ShoalError('USAGE', 'local', `--port takes a number from 0 to 65535, not "${text}".`);
  return { host: input.text('host') ?? '0.0.0.0', port, announce: input.text('announce') };
}

export interface ContentOptions {
  /** As they were given; empty where nothing is to be shared. */
  readonly paths: readonly string[];
  readonly hashName: HashName;
  readonly isFolderOnly: boolean;
}

/** The paths of a command, and the values of CONTENT_FLAGS. */
export function contentOptionsOf(input: CommandInput): ContentOptions {
  const directory = input.text('directory');
  const hashName = input.text('hash');
  return {
    paths: input.args.length > 0 ? input.args : directory === undefined ? [] : [directory],
    hashName: isHashName(hashName) ? hashName : 'blake3',
    isFolderOnly: input.switch('folder-only') === true,
  };
}

/** The values of LIMIT_FLAGS, or `undefined` where nothing is limited. Throws `USAGE`. */
export function limitsOf(input: CommandInput): RateLimitOptions | undefined {
  const down = rateOf(input, 'limit-down');
  const up = rateOf(input, 'limit-up');
  const downPeer = rateOf(input, 'limit-down-peer');
  const upPeer = rateOf(input, 'limit-up-peer');
  if ([down, up, downPeer, upPeer].every((rate) => rate === undefined)) return undefined;
  return {
    ...(down === undefined ? {} : { downBytesPerSecond: down }),
    ...(up === undefined ? {} : { upBytesPerSecond: up }),
    ...(downPeer === undefined ? {} : { downPeerBytesPerSecond: downPeer }),
    ...(upPeer === undefined ? {} : { upPeerBytesPerSecond: upPeer }),
    isLanLimited: input.text('limit-lan') !== 'no',
  };
}

function rateOf(input: CommandInput, flag: string): number | undefined {
  const text = input.text(flag);
  if (text === undefined) return undefined;
  const refuse = (): never => {
    const example =
      'for example 10M, 500k or 1.5MiB/s; 32k is the least, with which a chunk takes 16 seconds; without the flag there is no limit';
    throw new ShoalError('USAGE', 'local', `--${flag} takes bytes a second (${example}), not "${text}".`);
  };
  try {
    const bytes = parseBytes(text);
    return bytes >= RATE_LIMIT_MIN_BYTES ? bytes : refuse();
  } catch {
    return refuse();
  }
}

/** The trackers that were named, each once; empty where none was. Throws `USAGE`. */
export function trackersOf(input: CommandInput): readonly HostPort[] {
  const named = new Map<string, HostPort>();
  for (const text of input.list('tracker')) {
    const tracker = parseHostPort(text, TRACKER_PORT);
    named.set(formatHostPort(tracker), tracker);
  }
  if (named.size > TRACKERS_MAX_COUNT)
    throw new ShoalError('USAGE', 'local', `At most ${TRACKERS_MAX_COUNT} trackers can be used.`);
  return [...named.values()];
}
