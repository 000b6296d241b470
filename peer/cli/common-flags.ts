/** Flags that several commands of `peer` share, and how their values are read. */
import type { CommandInput, FlagSpec } from '../../common/cli/command-spec.js';
import { ShoalError } from '../../common/core/errors.js';
import { TRACKERS_MAX_COUNT } from '../../common/core/limits.js';
import { formatHostPort, type HostPort, parseHostPort, parsePort } from '../../common/core/peer-address.js';

/** The port that trackers listen on unless told otherwise. */
export const TRACKER_PORT = 4700;

export const TRACKER_FLAG: FlagSpec = {
  name: 'tracker',
  type: 'list',
  value: 'host:port',
  help: `tracker to use; may be given several times (default 127.0.0.1:${TRACKER_PORT})`,
  configAliases: ['trackerIP'],
};

export const JSON_FLAG: FlagSpec = { name: 'json', type: 'switch', help: 'print one JSON event a line on standard output' };

export const QUIET_FLAG: FlagSpec = { name: 'quiet', type: 'switch', help: 'print no progress and no notes' };

/** Where a peer serves, and as what it is announced. */
export const SERVE_FLAGS: readonly FlagSpec[] = [
  { name: 'host', type: 'text', value: 'address', help: 'address to serve on', default: '0.0.0.0' },
  { name: 'port', type: 'text', value: 'port', help: 'port to serve on; 0 takes a free one', default: '0' },
  { name: 'announce', type: 'text', value: 'ip:port', help: 'address that others reach this peer at, if not where it is seen' },
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

/** The trackers that were named, each once, or `fallback` where none was. Throws `USAGE`. */
export function trackersOf(
  input: CommandInput,
  fallback: readonly HostPort[] = [{ host: '127.0.0.1', port: TRACKER_PORT }],
): readonly HostPort[] {
  const named = new Map<string, HostPort>();
  for (const text of input.list('tracker')) {
    const tracker = parseHostPort(text, TRACKER_PORT);
    named.set(formatHostPort(tracker), tracker);
  }
  if (named.size > TRACKERS_MAX_COUNT)
    throw new ShoalError('USAGE', 'local', `At most ${TRACKERS_MAX_COUNT} trackers can be used.`);
  return named.size > 0 ? [...named.values()] : fallback;
}
