/** A thread for seeds: they run several times as fast as inside a test runner, and a mistake that never ends can be ended. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { SeedOutcome } from './seed-run.js';
import type { SeedJob } from './worker.js';

export class SeedThread {
  readonly #worker = new Worker(new URL('./worker.js', import.meta.url));
  /** A test whose time is over asks nobody to stop: who comes next waits for it, and is not given its answer. */
  #last: Promise<unknown> = Promise.resolve();

  /** Seeds, one after the other. Rejects where the thread dies. */
  run(job: SeedJob): Promise<readonly SeedOutcome[]> {
    const outcomes = this.#last.then(() => this.#ask(job));
    this.#last = outcomes.catch(() => undefined);
    return outcomes;
  }

  async #ask(job: SeedJob): Promise<readonly SeedOutcome[]> {
    this.#worker.postMessage(job);
    const [outcomes] = (await once(this.#worker, 'message')) as [readonly SeedOutcome[]];
    return outcomes;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
