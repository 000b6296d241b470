/** The one place where a client of a tracker is made, over the channel that is wanted. */
import type { HostPort } from '../../common/core/peer-address.js';
import type { Clock } from '../../common/ports/clock.js';
import type { Dialer } from '../../common/ports/net.js';
import { TcpChannel } from './tcp-channel.js';
import { TrackerClient } from './tracker-client.js';

export interface TrackerPorts {
  readonly dialer: Dialer;
  readonly clock: Clock;
}

/** A client that connects when it is first asked for something. */
export function openTracker(ports: TrackerPorts, tracker: HostPort): TrackerClient {
  return new TrackerClient(new TcpChannel(ports, tracker));
}
