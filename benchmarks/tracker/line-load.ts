/** Requests of one kind, made before the clock starts and sent as fast as they are answered; and how fast that was. */
import { cpuMs } from '../compare/program.js';
import { type Figure, figure } from '../report.js';
import type { LineClient } from './line-client.js';

/** Connections, and requests that are written at once on each: the next ones follow when all of these are answered. */
export const CONNECTION_COUNT = 8;
export const BATCH_COUNT = 128;

export interface LineLoad {
  readonly what: string;
  readonly batches: readonly Uint8Array[];
  /** Lines that answer a batch. */
  readonly lineCount: number;
  /** Whether each batch is good for one time only: the load ends with the last one. */
  readonly isOnce: boolean;
  /** Requests that make all as it was before, one line each, sent when the clock has stopped. */
  readonly undo: readonly string[];
}

/** What one run gave. */
export interface Rate {
  readonly perSecond: number;
  /** What it would be if the server had a processor for itself alone: other programs and a slow client do not count. */
  readonly perProcessorSecond: number;
  /** How much of one processor the client needed, of 1: near 1 it is the client that was measured. */
  readonly clientShare: number;
}

/** A load of so many requests, rounded up to a whole batch; `replyLines` lines come back for each. */
export function lineLoad(
  what: string,
  requestCount: number,
  request: (number: number) => string,
  more: { readonly replyLines?: number; readonly undo?: readonly string[] } = {},
): LineLoad {
  const batches = Array.from({ length: Math.ceil(requestCount / BATCH_COUNT) }, (_, batch) =>
    Buffer.from(Array.from({ length: BATCH_COUNT }, (_none, index) => request(batch * BATCH_COUNT + index)).join('')),
  );
  const { replyLines = 1, undo } = more;
  return { what, batches, lineCount: BATCH_COUNT * replyLines, isOnce: undo !== undefined, undo: undo ?? [] };
}

/** Sends a load for `runMs`, or until it ends. */
export async function runLoad(
  clients: readonly LineClient[],
  load: LineLoad,
  runMs: number,
  serverId: number | undefined,
): Promise<Rate> {
  let next = 0;
  let answeredCount = 0;
  const rate = await measured(serverId, async () => {
    const endMs = performance.now() + runMs;
    const hasMore = () => (load.isOnce ? next < load.batches.length : performance.now() < endMs);
    const drive = async (client: LineClient): Promise<void> => {
      while (hasMore()) {
        await client.send(load.batches[next++ % load.batches.length] ?? '', load.lineCount);
        answeredCount += BATCH_COUNT;
      }
    };
    await Promise.all(clients.map(drive));
    return answeredCount;
  });
  for (const line of load.undo) await clients[0]?.send(line, 1);
  return rate;
}

/** Runs `work`, which gives how many requests were answered meanwhile. */
export async function measured(serverId: number | undefined, work: () => Promise<number>): Promise<Rate> {
  const serverBeforeMs = cpuMs(serverId ?? 'none', 'own');
  const clientBefore = process.cpuUsage();
  const startedMs = performance.now();
  const answeredCount = await work();
  const wallMs = performance.now() - startedMs;
  const { user, system } = process.cpuUsage(clientBefore);
  return {
    perSecond: answeredCount / (wallMs / 1000),
    perProcessorSecond: answeredCount / ((cpuMs(serverId ?? 'none', 'own') - serverBeforeMs) / 1000),
    clientShare: (user + system) / 1000 / wallMs,
  };
}

/** Two rows for each kind of request, and one for the client. */
export function rateFigures(rates: ReadonlyMap<string, readonly Rate[]>): readonly Figure[] {
  const rows = [...rates].flatMap(([what, runs]) => [
    figure(
      what,
      'requests/s',
      runs.map((run) => run.perSecond),
    ),
    figure(
      `${what}, per second of the server's processor`,
      'requests',
      runs.map((run) => run.perProcessorSecond),
    ),
  ]);
  const shares = [...rates.values()].flat().map((run) => 100 * run.clientShare);
  return [...rows, figure('client, at its busiest', '% of one processor', [Math.max(...shares)])];
}
