/** The ports of this machine over which a command talks to trackers. */
import { realClock, realRandom } from '../../common/node/clock.js';
import { tcpDialer } from '../../common/node/tcp.js';
import type { TrackerPorts } from '../discovery/open-tracker.js';

/** `isUdp` is what UDP_FLAG says. */
export async function trackerPorts(isUdp: boolean): Promise<TrackerPorts> {
  // Loaded where it is asked for: most commands go without.
  const datagrams = isUdp ? { datagrams: (await import('../../common/node/udp.js')).udpPort } : {};
  return { dialer: tcpDialer, clock: realClock, random: realRandom, ...datagrams };
}
