/** Runs a tracker with the real ports until the process is told to stop. */
import { formatPeerAddress } from '../../common/core/peer-address.js';
import { realClock, realRandom } from '../../common/node/clock.js';
import { realLan } from '../../common/node/lan-discovery.js';
import { createLog, type LogLevel } from '../../common/node/log.js';
import { tcpDialer, tcpListener } from '../../common/node/tcp.js';
import { udpPort } from '../../common/node/udp.js';
import { createTracker, type TrackerOptions } from '../create-tracker.js';

/** Exit codes of a process that a signal ended, by the usual rule of 128 and the signal's number. */
const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** Resolves with 0 after the first SIGINT or SIGTERM and a clean end; the second one exits at once. Throws as `createTracker` does. */
export async function serve(options: Required<TrackerOptions>, logLevel: LogLevel): Promise<number> {
  const log = createLog('tracker', logLevel);
  const network = { listener: tcpListener, datagrams: udpPort, dialer: tcpDialer, lan: realLan };
  const tracker = await createTracker({ clock: realClock, random: realRandom, ...network, log }, options);
  const signalled = firstSignal();
  const { intervalMs, ttlMs, allowForeign, isUdp } = options;
  log.info({ address: formatPeerAddress(tracker.local), intervalMs, ttlMs, allowForeign, isUdp }, 'tracker started');
  process.stdout.write(`tracker listening on ${formatPeerAddress(tracker.local)}\n`);
  const signal = await signalled;
  log.info({ signal, ...tracker.stats() }, 'tracker stopping');
  await tracker.close();
  log.info({}, 'tracker stopped');
  return 0;
}

function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let isStopping = false;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        // The second signal: whoever sends it does not want to wait for clients.
        if (isStopping) process.exit(SIGNAL_EXIT_CODES[signal]);
        isStopping = true;
        resolve(signal);
      });
    }
  });
}
