/** A tracker as built, alone in its process, with clients connected to it; all ends with the benchmark that is given to it. */
import type { CommandProcess } from '../processes.js';
import { startTracker } from '../processes.js';
import { createScratch } from '../scratch.js';
import { LineClient } from './line-client.js';
import { BATCH_COUNT, CONNECTION_COUNT, lineLoad, runLoad } from './line-load.js';
import { FILE_COUNT, PEER_COUNT, registration } from './sample.js';

export interface BenchTracker {
  readonly tracker: CommandProcess;
  readonly port: number;
  readonly clients: readonly LineClient[];
  /** Temporary folder, for what else is started. */
  readonly folder: string;
}

/** One source registers more here than one should elsewhere, and nobody says ALIVE for it. */
const FLAGS = ['--max-entries', '4000000', '--max-entries-per-source', '4000000', '--interval', '600s', '--ttl', '3600s'];

/** Gives `use` a running tracker, and ends it whatever happens. */
export async function withTracker<T>(use: (bench: BenchTracker) => Promise<T>): Promise<T> {
  const scratch = createScratch(2 ** 20);
  try {
    const { tracker, address } = await startTracker(scratch.folder, true, FLAGS);
    try {
      const port = Number(address.split(':').at(-1));
      const clients = await LineClient.connectMany(port, CONNECTION_COUNT);
      const result = await use({ tracker, port, clients, folder: scratch.folder });
      for (const client of clients) client.close();
      return result;
    } finally {
      await tracker.stop();
    }
  } finally {
    scratch.remove();
  }
}

/** Registers the sample's files at each of its peers. */
export async function registerSample({ clients, tracker }: BenchTracker): Promise<void> {
  const count = Math.ceil((FILE_COUNT * PEER_COUNT) / BATCH_COUNT) * BATCH_COUNT;
  const load = lineLoad('sample', count, (number) => `REGISTER ${registration(number)}\n`, { undo: [] });
  await runLoad(clients, load, 0, tracker.processId);
}
