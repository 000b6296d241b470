/** How long single requests take, and waiting between them. */
import { type Figure, figure } from '../report.js';
import type { LineClient } from './line-client.js';

export function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Milliseconds from a request to the last byte of its reply. */
export async function delayOf(client: LineClient, request: string): Promise<number> {
  const startedMs = performance.now();
  await client.ask(request);
  return performance.now() - startedMs;
}

/** Many delays as three figures: the one in the middle, the one that a hundredth is beyond, and the longest. */
export function delayFigures(what: string, delaysMs: readonly number[]): readonly Figure[] {
  const sorted = delaysMs.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return [
    figure(`${what}: half below`, 'ms', [at(0.5)]),
    figure(`${what}: 99 % below`, 'ms', [at(0.99)]),
    figure(`${what}: longest`, 'ms', [at(1)]),
  ];
}
