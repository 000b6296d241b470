/** A thread for seeds: they run several times as fast as inside a test runner, and a mistake that never ends can be ended. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { SeedOutcome } from './seed-run.js';
import type { SeedJob } from './worker.js';

export class SeedThread {
  readonly #worker = new Worker(new URL('./worker.js', import.meta.url));

  /** Seeds, one after the other. One job at a time. Rejects where the thread dies. */
  async run(job: SeedJob): Promise<readonly SeedOutcome[]> {
    this.#worker.postMessage(job);
    const [outcomes] = (await once(this.#worker, 'message')) as [readonly SeedOutcome[]];
    return outcomes;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
