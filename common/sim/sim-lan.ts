/** The simulated twin of discovery on a local network: who looks hears of everybody who is announced, and of those who come later. */
import type { HostPort } from '../core/peer-address.js';
import type { Clock } from '../ports/clock.js';
import type { LanDiscovery } from '../ports/lan-discovery.js';

export interface SimLanOptions {
  /** Milliseconds until news arrive; default 20. */
  readonly delayMs?: number;
}

export class SimLan {
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #announced = new Set<HostPort>();
  readonly #seekers = new Set<(tracker: HostPort) => void>();

  constructor(clock: Clock, options: SimLanOptions = {}) {
    this.#clock = clock;
    this.#delayMs = options.delayMs ?? 20;
  }

  /** Trackers that are announced now. */
  get announced(): readonly HostPort[] {
    return [...this.#announced];
  }

  /** The network as the machine with this address is on it. */
  at(machineIp: string): LanDiscovery {
    return {
      announce: async ({ port, ip }) => {
        const tracker = { host: ip ?? machineIp, port };
        this.#announced.add(tracker);
        for (const hear of this.#seekers) this.#tell(hear, tracker);
        return { close: async () => void this.#announced.delete(tracker) };
      },
      seek: async (found) => {
        const hear = (tracker: HostPort) => {
          if (this.#seekers.has(hear)) found(tracker);
        };
        this.#seekers.add(hear);
        for (const tracker of this.#announced) this.#tell(hear, tracker);
        return { close: async () => void this.#seekers.delete(hear) };
      },
    };
  }

  #tell(hear: (tracker: HostPort) => void, tracker: HostPort): void {
    this.#clock.setTimer('multicast', this.#delayMs, () => {
      if (this.#announced.has(tracker)) hear(tracker);
    });
  }
}
