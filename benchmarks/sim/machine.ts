/**
 * A simulated machine: its place in the network, its disk, and the program that runs on it, which dies with it and is started again.
 *
 * Invariant: at most one program runs at a time, and nothing of one that is dead touches network or disk.
 */
import type { Clock } from '../../common/ports/clock.js';
import type { Processes } from '../../common/ports/processes.js';
import { livingDisk } from '../../common/sim/living-disk.js';
import { livingDatagrams, livingDialer, livingListener } from '../../common/sim/living-network.js';
import type { SimClock } from '../../common/sim/sim-clock.js';
import { SimDisk } from '../../common/sim/sim-disk.js';
import { SimLife } from '../../common/sim/sim-life.js';
import type { SimHost, SimNetwork } from '../../common/sim/sim-network.js';
import { SimProcesses } from '../../common/sim/sim-processes.js';
import type { SimRandom } from '../../common/sim/sim-random.js';
import type { NodePorts } from '../../peer/node.js';
import { SimHasher } from '../../peer/testkit/sim-hasher.js';
import type { Line } from './scenario.js';

/** Milliseconds since 1970 at which simulations begin. */
export const EPOCH_MS = 1_600_000_000_000;
/** What disks have unless a fault makes them full. */
export const DISK_BYTES = 2 ** 30;

export interface MachineOptions {
  readonly name: string;
  readonly ip: string;
  readonly line: Line;
  readonly random: SimRandom;
}

/** One run of a program, from its start to its end or death. */
export interface ProgramRun {
  readonly life: SimLife;
  readonly clock: Clock;
  readonly host: SimHost;
  readonly ports: Required<Omit<NodePorts, 'load'>>;
}

export class Machine {
  readonly name: string;
  readonly disk: SimDisk;
  readonly random: SimRandom;
  readonly #clock: SimClock;
  readonly #network: SimNetwork;
  readonly #line: Line;
  readonly #processes = new SimProcesses();
  #host: SimHost;
  #life: SimLife | undefined;
  #moveCount = 0;

  constructor(clock: SimClock, network: SimNetwork, { name, ip, line, random }: MachineOptions) {
    [this.name, this.#clock, this.#network, this.#line, this.random] = [name, clock, network, line, random];
    this.#host = network.host({ ip, ...line });
    this.disk = new SimDisk(clock, random.fork(), { capacityBytes: DISK_BYTES, epochMs: EPOCH_MS });
  }

  get host(): SimHost {
    return this.#host;
  }

  get ip(): string {
    return this.#host.ip;
  }

  get isOn(): boolean {
    return this.#life !== undefined;
  }

  get life(): SimLife | undefined {
    return this.#life;
  }

  /** Starts a program. None may run. */
  start(): ProgramRun {
    const life = new SimLife();
    this.#life = life;
    const host = this.#host;
    host.restart();
    const clock = life.clock(this.#clock);
    const mount = this.disk.mount();
    const processes: Processes = this.#processes.start();
    const ports: ProgramRun['ports'] = {
      clock,
      random: this.random.fork(),
      dialer: livingDialer(life, host.dialer),
      listener: livingListener(life, host.listenPort),
      datagrams: livingDatagrams(life, host.datagrams),
      epochNowMs: () => EPOCH_MS + clock.nowMs(),
      disk: livingDisk(life, mount),
      processes,
      openHasher: (options) => new SimHasher(mount, clock, options),
    };
    return { life, clock, host, ports };
  }

  /** The program is killed, or the machine loses its power with all that was not synced. */
  crash(isPower: boolean): void {
    this.#life?.die();
    this.#life = undefined;
    this.#processes.endAll();
    this.#host.crash({ isSilent: isPower });
    if (isPower) this.disk.powerLoss();
    else this.disk.crash();
    // Without its program, but there: who dials it is refused.
    if (!isPower) this.#host.restart();
  }

  /** The program has ended by itself. */
  ended(life: SimLife): void {
    if (this.#life !== life) return;
    life.die();
    this.#life = undefined;
    this.#processes.endAll();
  }

  /** The machine has another address from its next start on; the one it had belongs to nobody. */
  move(): void {
    this.#moveCount += 1;
    const [, , middle, last] = this.#host.ip.split('.');
    if (this.#host.isUp) this.#host.crash();
    this.#host = this.#network.host({ ip: `10.${this.#moveCount + 100}.${middle}.${last}`, ...this.#line });
  }
}
