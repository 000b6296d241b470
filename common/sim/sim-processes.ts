/** The processes of a simulated machine: each has a token that no other one ever had, and lives until it is ended. */
import type { Processes } from '../ports/processes.js';

/** Ids of processes begin here, as if some had started with the machine. */
const FIRST_ID = 100;

export class SimProcesses {
  readonly #alive = new Set<string>();
  #startedCount = 0;

  /** A process that starts. */
  start(): SimProcess {
    this.#startedCount += 1;
    const token = `${FIRST_ID + this.#startedCount} ${this.#startedCount}`;
    this.#alive.add(token);
    return {
      token,
      isAlive: (other) => this.#alive.has(other),
      end: () => void this.#alive.delete(token),
    };
  }

  /** The machine loses its power. */
  endAll(): void {
    this.#alive.clear();
  }
}

/** The machine as one of its processes knows it. */
export interface SimProcess extends Processes {
  /** It ends, or is killed. Idempotent. */
  end(): void;
}
