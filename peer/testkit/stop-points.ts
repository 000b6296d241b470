/** Every point at which a machine can stop: the work is run once for each change that it makes on the disk, and stopped before that. */
import { SimMachine, type Stop } from './sim-machine.js';
import type { TestContent } from './test-content.js';

export interface StopPoints {
  readonly how: Stop;
  /** What the peer on the other machine has. */
  readonly contents: readonly TestContent[];
  /** Of the line to it. */
  readonly bytesPerSecond: number;
  /** Runs for each point, each with chances of its own. */
  readonly seedCount: number;
  /** What is on the disk before; default: an empty folder `/home`. */
  readonly prepare?: (machine: SimMachine) => void;
  /** What is stopped. */
  readonly work: (machine: SimMachine) => Promise<unknown>;
  /** Sees the machine before each change of its disk. */
  readonly before?: (machine: SimMachine) => void;
  /** Looks at what the machine has after it stopped, and goes on from there. `point` names it for messages. */
  readonly after: (machine: SimMachine, point: string) => Promise<void>;
}

/** Returns how many points there are. */
export async function stopAtEveryPoint(points: StopPoints): Promise<number> {
  const { how, contents, bytesPerSecond, seedCount } = points;
  for (let number = 0; ; number += 1) {
    for (let nth = 0; nth < seedCount; nth += 1) {
      const seed = number * seedCount + nth;
      const machine = new SimMachine(seed, contents, bytesPerSecond);
      machine.disk.plantFolder('/home');
      points.prepare?.(machine);
      let last = '';
      machine.stopAt(number, how, (operation, path) => {
        points.before?.(machine);
        last = `${operation} ${path}`;
      });
      await machine.settledOrStopped(points.work(machine));
      if (machine.isRunning) return number;
      await points.after(machine, `before ${last}, point ${number}, seed ${seed}`);
    }
  }
}
