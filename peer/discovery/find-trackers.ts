/**
 * Which trackers to use where nobody named one: the one on this machine if it is there, otherwise all that make themselves known on the
 * local network within about a second.
 */
import { ShoalError } from '../../common/core/errors.js';
import { TRACKERS_MAX_COUNT } from '../../common/core/limits.js';
import { formatHostPort, type HostPort } from '../../common/core/peer-address.js';
import type { Clock } from '../../common/ports/clock.js';
import type { LanDiscovery } from '../../common/ports/lan-discovery.js';
import type { Dialer } from '../../common/ports/net.js';

/** Milliseconds for a program on this machine to take a connection: it is there at once, or not at all. */
const LOCAL_WAIT_MS = 1000;
/** Milliseconds that the network is listened to, and how long for others when one was found. */
const LAN_WAIT_MS = 1000;
const LAN_GRACE_MS = 250;

export interface FindTrackersPorts {
  readonly dialer: Dialer;
  readonly clock: Clock;
  readonly lan: LanDiscovery;
}

/** At least one, each once; `note` hears of each that was found on the network. Throws `NETWORK` with what to do where there is none. */
export async function findTrackers(
  ports: FindTrackersPorts,
  onThisMachine: HostPort,
  note: (text: string) => void,
): Promise<readonly HostPort[]> {
  if (await isListening(ports.dialer, onThisMachine)) return [onThisMachine];
  const found = await lookAround(ports);
  for (const tracker of found) note(`found tracker ${formatHostPort(tracker)} on the local network`);
  if (found.length > 0) return found;
  const looked = `none runs on this machine (${formatHostPort(onThisMachine)}), and none was found on the local network`;
  throw new ShoalError(
    'NETWORK',
    'environment',
    `No tracker was named, ${looked}. Start one: tracker. Or name one that runs elsewhere: --tracker host:port.`,
  );
}

async function isListening(dialer: Dialer, at: HostPort): Promise<boolean> {
  const nothing = { data: () => undefined, ended: () => undefined, closed: () => undefined };
  try {
    (await dialer.dial(at, LOCAL_WAIT_MS, () => nothing)).destroy();
    return true;
  } catch {
    return false;
  }
}

async function lookAround({ clock, lan }: FindTrackersPorts): Promise<readonly HostPort[]> {
  const found = new Map<string, HostPort>();
  let end = () => {};
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  const deadline = clock.setTimer('look around', LAN_WAIT_MS, () => end());
  const looking = await lan.seek((tracker) => {
    if (found.size === 0) clock.setTimer('look around', LAN_GRACE_MS, () => end());
    if (found.size < TRACKERS_MAX_COUNT) found.set(formatHostPort(tracker), tracker);
  });
  await over;
  deadline.cancel();
  await looking.close();
  return [...found.values()];
}
