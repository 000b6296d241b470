/** Which trackers a command uses. */
import type { CommandInput } from '../../common/cli/command-spec.js';
import type { HostPort } from '../../common/core/peer-address.js';
import { realClock } from '../../common/node/clock.js';
import { realLan } from '../../common/node/lan-discovery.js';
import { tcpDialer } from '../../common/node/tcp.js';
import { findTrackers } from '../discovery/find-trackers.js';
import { TRACKER_PORT, trackersOf } from './common-flags.js';

/**
 * Those that were named, otherwise those that are found, at least one; what is found on the network is told on standard error, or as an
 * event for programs. Throws `USAGE`, and `NETWORK` with what to do where none is found.
 */
export async function trackersToUse(input: CommandInput): Promise<readonly HostPort[]> {
  const named = trackersOf(input);
  if (named.length > 0) return named;
  const ports = { dialer: tcpDialer, clock: realClock, lan: realLan };
  return findTrackers(ports, { host: '127.0.0.1', port: TRACKER_PORT }, (text) => {
    if (input.switch('json') === true) process.stdout.write(`${JSON.stringify({ event: 'note', message: text })}\n`);
    else if (input.switch('quiet') !== true) process.stderr.write(`${text}\n`);
  });
}
