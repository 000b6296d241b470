/** Starts a process that is to die, and says how far it came. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Order, Survived } from './victim.js';

const VICTIM = fileURLToPath(new URL('./victim.js', import.meta.url));

export interface Fate {
  /** Chunks that it had checked and written. */
  readonly landedCount: number;
  /** Points that it passed; `undefined` where it was killed. */
  readonly pointCount: number | undefined;
}

/** When a process is killed from outside, if it does not end before. */
export interface Killing {
  /** Milliseconds after its start, or chunks that it has landed, whatever comes first. */
  readonly afterMs?: number;
  readonly afterLandedCount?: number;
}

/** Runs a victim to its end. Throws what it says where it fails in another way than by being killed. */
export async function runVictim(order: Order, killing: Killing = {}): Promise<Fate> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', VICTIM, JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [printed, errors] = ['', ''];
  const landedCount = () => printed.split('landed\n').length - 1;
  const timer = killing.afterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killing.afterMs);
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
    if (landedCount() >= (killing.afterLandedCount ?? Number.POSITIVE_INFINITY)) child.kill('SIGKILL');
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  clearTimeout(timer);
  if (signal === 'SIGKILL') return { landedCount: landedCount(), pointCount: undefined };
  if (code !== 0) throw new Error(`It failed by itself, with ${code ?? signal}: ${errors}`);
  const last = printed.trimEnd().split('\n').at(-1) ?? '';
  return { landedCount: landedCount(), pointCount: (JSON.parse(last) as Survived).pointCount };
}
