/** A thread that fuzzes one target and tells what it found. What it hangs at, or dies of, its parent sees. */
import { parentPort, workerData } from 'node:worker_threads';
import { DECODERS, SERVERS } from './all-targets.js';
import { entriesOf } from './corpus.js';
import { fuzz, type LoopResult } from './loop.js';
import { keptBytes } from './memory.js';
import { SharedInput } from './shared-input.js';

export interface WorkerTask {
  readonly targetName: string;
  readonly seed: number;
  readonly inputCount: number;
  readonly untilMs: number | undefined;
  readonly memory: SharedArrayBuffer;
}

export interface WorkerReport extends LoopResult {
  /** What the thread keeps at the end, beyond what it kept when a tenth was done. */
  readonly keptGrowthBytes: number;
  /** The same of all that the process takes of the machine; garbage that was not collected is in it. */
  readonly residentGrowthBytes: number;
}

/** Inputs after which compiled code, caches and pools are as large as they get. */
const WARM_COUNT = 5000;

async function work({ targetName, seed, inputCount, untilMs, memory }: WorkerTask): Promise<WorkerReport> {
  const target = [...DECODERS, ...SERVERS].find(({ name }) => name === targetName);
  if (target === undefined) throw new Error(`There is no target "${targetName}".`);
  const shared = new SharedInput(memory);
  let warm: { readonly kept: number; readonly resident: number } | undefined;
  const warmCount = Math.min(WARM_COUNT, inputCount / 10);
  const result = await fuzz(target, {
    seed,
    inputCount,
    corpus: entriesOf(target.name).map(({ bytes }) => bytes),
    ...(untilMs === undefined ? {} : { untilMs }),
    watch: (input) => shared.put(input),
    pause: (count) => {
      if (warm === undefined && count >= warmCount) warm = { kept: keptBytes(), resident: process.memoryUsage().rss };
    },
  });
  const [kept, resident] = [keptBytes(), process.memoryUsage().rss];
  const growth = { keptGrowthBytes: kept - (warm?.kept ?? kept), residentGrowthBytes: resident - (warm?.resident ?? resident) };
  return { ...result, ...growth };
}

if (parentPort !== null) {
  const port = parentPort;
  const report = await work(workerData as WorkerTask);
  port.postMessage(report);
}
