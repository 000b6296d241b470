/** The one place where a client of a tracker is made, over the channel that is wanted. */
import type { HostPort } from '../../common/core/peer-address.js';
import type { Clock } from '../../common/ports/clock.js';
import type { DatagramPort } from '../../common/ports/datagram.js';
import type { Dialer } from '../../common/ports/net.js';
import type { Random } from '../../common/ports/random.js';
import { TcpChannel } from './tcp-channel.js';
import { TrackerClient } from './tracker-client.js';
import { UdpChannel } from './udp-channel.js';

export interface TrackerPorts {
  readonly dialer: Dialer;
  readonly clock: Clock;
  readonly random: Random;
  /** Where it is given, trackers are talked to over UDP, otherwise over TCP. */
  readonly datagrams?: DatagramPort | undefined;
}

/** A client that connects when it is first asked for something. */
export function openTracker({ datagrams, ...ports }: TrackerPorts, tracker: HostPort): TrackerClient {
  return new TrackerClient(
    datagrams === undefined ? new TcpChannel(ports, tracker) : new UdpChannel({ ...ports, datagrams }, tracker),
  );
}
