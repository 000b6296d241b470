/** What the network does to datagrams and to new streams at the moment: faults change it while they last. */
import type { DatagramFaults } from '../../common/sim/sim-datagrams.js';
import type { SimRandom } from '../../common/sim/sim-random.js';
import type { StreamFate } from '../../common/sim/sim-transit.js';
import type { Fault } from './fault-schedule.js';

type DatagramTrouble = Extract<Fault, { kind: 'datagrams' }>;
type StreamTrouble = Extract<Fault, { kind: 'resets' | 'silences' }>;

export class Weather implements DatagramFaults {
  readonly random: SimRandom;
  readonly #fates: SimRandom;
  readonly #datagrams = new Set<DatagramTrouble>();
  readonly #streams = new Set<StreamTrouble>();

  constructor(random: SimRandom) {
    this.random = random.fork();
    this.#fates = random.fork();
  }

  get lossShare(): number {
    return Math.max(0, ...[...this.#datagrams].map(({ lossShare }) => lossShare));
  }

  get duplicateShare(): number {
    return Math.max(0, ...[...this.#datagrams].map(({ duplicateShare }) => duplicateShare));
  }

  get delayMaxMs(): number {
    return Math.max(0, ...[...this.#datagrams].map(({ delayMaxMs }) => delayMaxMs));
  }

  readonly streamFate = (): StreamFate | undefined => {
    for (const { kind, share, bytesMax } of this.#streams) {
      if (this.#fates.unit() >= share) continue;
      const afterBytes = this.#fates.below(bytesMax + 1);
      if (kind === 'resets') return { kind: 'reset', afterBytes };
      return { kind: 'silent', afterBytes, side: (['dialer', 'listener', 'both'] as const)[this.#fates.below(3)] ?? 'both' };
    }
    return undefined;
  };

  begin(fault: DatagramTrouble | StreamTrouble): void {
    if (fault.kind === 'datagrams') this.#datagrams.add(fault);
    else this.#streams.add(fault);
  }

  end(fault: DatagramTrouble | StreamTrouble): void {
    if (fault.kind === 'datagrams') this.#datagrams.delete(fault);
    else this.#streams.delete(fault);
  }
}
