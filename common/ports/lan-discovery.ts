/** How a tracker and those who look for one find each other on a local network, without an address that anybody typed. */
import type { HostPort } from '../core/peer-address.js';

/** Something that goes on until it is closed. */
export interface LanActivity {
  /** Idempotent. */
  close(): Promise<void>;
}

export interface LanTracker {
  readonly port: number;
  /** Where it listens at one address alone; left out, others take the address that they see. */
  readonly ip?: string;
}

export interface LanDiscovery {
  /** Makes a tracker known until it is closed, and then takes that back. Never throws: where nothing can be sent, nobody hears of it. */
  announce(tracker: LanTracker): Promise<LanActivity>;
  /** Calls `found` with each tracker that makes itself known, once each, until it is closed. Never throws. Nobody says that it is one. */
  seek(found: (tracker: HostPort) => void): Promise<LanActivity>;
}
