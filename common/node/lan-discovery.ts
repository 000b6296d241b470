/**
 * Local discovery by multicast DNS (RFC 6762, 6763): a tracker is a service `_shoal._tcp`. The one door to bonjour-service, which is loaded
 * when it is first needed, so that whoever names a tracker does not pay for it.
 *
 * Anybody on the network can answer. What is found is an address, and nothing else of it is believed.
 */
import { hostname } from 'node:os';
import type { Bonjour } from 'bonjour-service';
import { canonicalIp, formatHostPort, type HostPort } from '../core/peer-address.js';
import type { LanActivity, LanDiscovery } from '../ports/lan-discovery.js';
import { realRandom } from './clock.js';

const SERVICE_TYPE = 'shoal';
/** Milliseconds that saying goodbye may take. */
const GOODBYE_MS = 500;

export interface MulticastOptions {
  /** Address of the only network interface to use; default all of them. */
  readonly interface?: string;
  /** Default 5353, as the standard has it. */
  readonly port?: number;
}

export function multicastLan(options: MulticastOptions = {}): LanDiscovery {
  return {
    async announce({ port, ip }) {
      const bonjour = await openBonjour(options);
      // Two trackers of one machine have different names, so nothing has to be asked before.
      const name = `Shoal tracker on ${hostname()} ${realRandom.below(2 ** 32).toString(16)}`;
      bonjour.publish({ name, type: SERVICE_TYPE, port, probe: false, ...(ip === undefined ? {} : { txt: { ip } }) });
      return closing(async () => {
        await within(GOODBYE_MS, (over) => bonjour.unpublishAll(over));
        await within(GOODBYE_MS, (over) => bonjour.destroy(over));
      });
    },
    async seek(found) {
      const bonjour = await openBonjour(options);
      const told = new Set<string>();
      bonjour.find({ type: SERVICE_TYPE }, (service) => {
        const tracker = trackerOf(service);
        if (tracker === undefined || told.has(formatHostPort(tracker))) return;
        told.add(formatHostPort(tracker));
        found(tracker);
      });
      return closing(() => within(GOODBYE_MS, (over) => bonjour.destroy(over)));
    },
  };
}

/** Discovery on all interfaces of this machine. */
export const realLan: LanDiscovery = multicastLan();

/** What this machine cannot send or hear (no multicast, no right to the port) is as if nobody were there. */
async function openBonjour(options: MulticastOptions): Promise<Bonjour> {
  const module = await import('bonjour-service');
  // A socket that is bound to an interface's own address does not get what is sent to the group.
  const socketOptions = { ...options, bind: '0.0.0.0' } as ConstructorParameters<typeof module.Bonjour>[0];
  const bonjour = new module.Bonjour(socketOptions, () => undefined);
  // The package leaves the errors of its socket to whoever listens beneath it, and a process that has no such listener ends.
  const { server } = bonjour as unknown as { readonly server: { readonly mdns: NodeJS.EventEmitter } };
  server.mdns.on('error', () => undefined);
  return bonjour;
}

/** Where a service says that it is: the address that it was seen at, unless it names its only one. */
function trackerOf(service: {
  readonly port?: unknown;
  readonly txt?: { readonly ip?: unknown } | undefined;
  readonly referer?: { readonly address: string } | undefined;
}): HostPort | undefined {
  const { port, txt, referer } = service;
  const host = canonicalIp(typeof txt?.ip === 'string' ? txt.ip : '') ?? canonicalIp(referer?.address ?? '');
  if (host === undefined || typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) return undefined;
  return { host, port };
}

function closing(end: () => Promise<void>): LanActivity {
  let ended: Promise<void> | undefined;
  return {
    close: () => {
      ended ??= end();
      return ended;
    },
  };
}

/** Begins something and waits for its end, at most so long. */
function within(ms: number, begin: (over: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    begin(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
