/**
 * Fuzzes a target in a thread of its own and looks after it: a thread that uses the processor and gets no further hangs, one that ends
 * without a word was ended by its input.
 */
import { Worker } from 'node:worker_threads';
import type { Find } from './loop.js';
import { SharedInput } from './shared-input.js';
import type { Target } from './target.js';
import type { WorkerReport, WorkerTask } from './worker.js';

/** Milliseconds between two looks. */
const LOOK_MS = 250;

/** Milliseconds of processor time without a next input that are a hang: more than any measure of a slow one takes. */
const HANG_CPU_MS = 8000;

/** Milliseconds of waiting without a next input, where nothing is computed: something is waited for that never comes. */
const STUCK_MS = 120_000;

export interface WatchedOptions {
  readonly seed: number;
  readonly inputCount: number;
  readonly untilMs: number | undefined;
  /** Milliseconds of processor time without a next input that are a hang; default HANG_CPU_MS. */
  readonly hangCpuMs?: number;
}

/** What came of it; `lost` is the input after which nothing more came. */
export interface Watched {
  readonly report: WorkerReport | undefined;
  readonly lost: Find | undefined;
}

/** `script`: the thread, which tests replace by ones that misbehave. */
export function runWatched(
  target: Pick<Target, 'name' | 'inputMaxBytes'>,
  { hangCpuMs = HANG_CPU_MS, ...options }: WatchedOptions,
  script = new URL('./worker.js', import.meta.url),
): Promise<Watched> {
  const shared = new SharedInput(target.inputMaxBytes);
  const task: WorkerTask = { targetName: target.name, memory: shared.memory, ...options };
  return new Promise((resolve) => {
    const worker = new Worker(script, { workerData: task });
    const lose = (why: string): void => end({ report: undefined, lost: { input: shared.input, why } });
    const stopLooking = look(shared, hangCpuMs, lose);
    let isOver = false;
    const end = (watched: Watched): void => {
      // The thread's exit is news only where nothing came before it.
      if (isOver) return;
      isOver = true;
      stopLooking();
      void worker.terminate().then(() => resolve(watched));
    };
    worker.once('message', (report: WorkerReport) => end({ report, lost: undefined }));
    worker.once('error', (error) => lose(`Nobody caught ${error.name}: ${error.message}`));
    worker.once('exit', () => lose('It ended the program.'));
  });
}

/** Calls `lose` where no next input comes. Returns how to end the looking. */
function look(shared: SharedInput, hangCpuMs: number, lose: (why: string) => void): () => void {
  let count = shared.count;
  let sinceMs = performance.now();
  let since = process.cpuUsage();
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage(since);
    if (shared.count !== count) {
      count = shared.count;
      sinceMs = performance.now();
      since = process.cpuUsage();
    } else if ((user + system) / 1000 > hangCpuMs) lose(`It hangs: ${hangCpuMs} ms of processor time and no end.`);
    else if (performance.now() - sinceMs > STUCK_MS) lose(`It waits for something that never comes, for ${STUCK_MS} ms.`);
  }, LOOK_MS);
  return () => clearInterval(timer);
}
