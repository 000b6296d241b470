/** Flags that several commands of `peer` share, and how their values are read. */
import type { CommandInput, FlagSpec } from '../../common/cli/command-spec.js';
import { ShoalError } from '../../common/core/errors.js';
import { TRACKERS_MAX_COUNT } from '../../common/core/limits.js';
import { type HostPort, parseHostPort } from '../../common/core/peer-address.js';

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

/** The trackers that were named, or `fallback` where none was. Throws `USAGE`. */
export function trackersOf(
  input: CommandInput,
  fallback: readonly HostPort[] = [{ host: '127.0.0.1', port: TRACKER_PORT }],
): readonly HostPort[] {
  const named = input.list('tracker').map((text) => parseHostPort(text, TRACKER_PORT));
  if (named.length > TRACKERS_MAX_COUNT)
    throw new ShoalError('USAGE', 'local', `At most ${TRACKERS_MAX_COUNT} trackers can be used.`);
  return named.length > 0 ? named : fallback;
}
