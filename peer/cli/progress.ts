/**
 * Progress on standard error: a bar on a terminal, a plain line now and then elsewhere, nothing with `--quiet` or `--json`.
 */
import { formatBytes, formatDuration, formatRate } from '../../common/core/units.js';
import { realClock } from '../../common/node/clock.js';

export interface ProgressOptions {
  readonly isQuiet: boolean;
  /** Machine output: events go to standard output, and nothing here. */
  readonly isJson: boolean;
}

export interface Progress {
  /** A phase of unknown length begins (connecting, looking up). */
  wait(text: string): void;
  /** A phase over `totalBytes` begins, of which `doneBytes` are there already. */
  phase(name: string, totalBytes: number, doneBytes?: number): void;
  /** Bytes done of the phase; `note` is shown at the end of the bar. */
  update(doneBytes: number, note?: string): void;
  /** A line on standard error that does not tear the bar. */
  note(text: string): void;
  /** Text on standard output that neither tears the bar nor is torn by it. */
  result(text: string): void;
  /** Ends the phase and its bar. Idempotent. */
  stop(): void;
}

/** Several things that go on at once, a line each. */
export interface ProgressLines {
  /** The line `name` is from 0 to 1 done; `text` is shown at its end. */
  set(name: string, fraction: number, text: string): void;
  /** A line on standard error that does not tear the others. */
  note(text: string): void;
  /** Takes the lines away. Idempotent. */
  stop(): void;
}

/** Milliseconds between plain lines where there is no terminal. */
const PLAIN_LINE_MS = 5000;
/** Milliseconds over which the shown rate is averaged. */
const RATE_WINDOW_MS = 3000;

export async function createProgress(options: ProgressOptions): Promise<Progress> {
  if (options.isQuiet || options.isJson) return new QuietProgress(options.isQuiet);
  if (!process.stderr.isTTY) return new PlainProgress();
  // What draws takes longer to load than all that fetches, and is of use on a terminal only.
  const { TerminalProgress } = await import('./terminal-progress.js');
  return new TerminalProgress();
}

/** As `createProgress`, for several things at once. */
export async function createProgressLines(options: ProgressOptions): Promise<ProgressLines> {
  if (options.isQuiet || options.isJson) return { set: () => undefined, note: () => undefined, stop: () => undefined };
  if (!process.stderr.isTTY) return new PlainLines();
  const { TerminalLines } = await import('./terminal-progress.js');
  return new TerminalLines();
}

/** Rate and remaining time of a phase, from what was done in the last seconds. */
export class RateMeter {
  readonly #samples: { readonly atMs: number; readonly bytes: number }[] = [];
  #bytesPerSecond = 0;

  /** Takes the bytes done so far and returns bytes a second. */
  update(nowMs: number, doneBytes: number): number {
    this.#samples.push({ atMs: nowMs, bytes: doneBytes });
    while (this.#samples.length > 2 && nowMs - (this.#samples[0]?.atMs ?? nowMs) > RATE_WINDOW_MS) this.#samples.shift();
    const first = this.#samples[0];
    if (first !== undefined && nowMs > first.atMs)
      this.#bytesPerSecond = ((doneBytes - first.bytes) * 1000) / (nowMs - first.atMs);
    return this.#bytesPerSecond;
  }

  /** Milliseconds until `leftBytes` are done; `Infinity` while nothing moves. */
  etaMs(leftBytes: number): number {
    return leftBytes === 0 ? 0 : this.#bytesPerSecond > 0 ? (leftBytes * 1000) / this.#bytesPerSecond : Number.POSITIVE_INFINITY;
  }
}

class QuietProgress implements Progress {
  readonly #isSilent: boolean;

  constructor(isSilent: boolean) {
    this.#isSilent = isSilent;
  }

  wait(): void {}
  phase(): void {}
  update(): void {}
  stop(): void {}

  note(text: string): void {
    if (!this.#isSilent) process.stderr.write(`${text}\n`);
  }

  result(text: string): void {
    process.stdout.write(text);
  }
}

class PlainProgress implements Progress {
  #name = '';
  #totalBytes = 0;
  #doneBytes = 0;
  #lastLineMs = 0;
  #rate = new RateMeter();
  /** What was waited for: where a command begins anew, by itself in place of by the running node, a log says it once. */
  readonly #waits = new Set<string>();

  wait(text: string): void {
    if (this.#waits.has(text)) return;
    this.#waits.add(text);
    process.stderr.write(`${text} ...\n`);
  }

  phase(name: string, totalBytes: number, doneBytes = 0): void {
    this.#name = name;
    this.#totalBytes = totalBytes;
    this.#doneBytes = doneBytes;
    this.#rate = new RateMeter();
    this.#lastLineMs = realClock.nowMs();
    this.#rate.update(this.#lastLineMs, doneBytes);
  }

  update(doneBytes: number, note = ''): void {
    const nowMs = realClock.nowMs();
    this.#doneBytes = doneBytes;
    if (nowMs - this.#lastLineMs < PLAIN_LINE_MS) return;
    this.#lastLineMs = nowMs;
    process.stderr.write(`${this.#name} ${progressText(this.#doneBytes, this.#totalBytes, this.#rate, nowMs)} ${note}\n`);
  }

  note(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  result(text: string): void {
    process.stdout.write(text);
  }

  stop(): void {}
}

function progressText(doneBytes: number, totalBytes: number, meter: RateMeter, nowMs: number): string {
  const { percent, rate, left } = progressWords(doneBytes, totalBytes, meter, nowMs);
  return `${percent} ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)} at ${rate}${left}`;
}

/** How far a phase is, in words. */
export function progressWords(doneBytes: number, totalBytes: number, meter: RateMeter, nowMs: number) {
  const rate = formatRate(meter.update(nowMs, doneBytes));
  const percent = totalBytes === 0 ? 100 : Math.floor((doneBytes * 100) / totalBytes);
  const etaMs = meter.etaMs(totalBytes - doneBytes);
  return { percent: `${percent}%`, rate, left: Number.isFinite(etaMs) ? `, ${formatDuration(etaMs)} left` : '' };
}

/** A line for each now and then. */
class PlainLines implements ProgressLines {
  readonly #lastLineMs = new Map<string, number>();

  set(name: string, _fraction: number, text: string): void {
    const nowMs = realClock.nowMs();
    const lastMs = this.#lastLineMs.get(name);
    if (lastMs !== undefined && nowMs - lastMs < PLAIN_LINE_MS) return;
    this.#lastLineMs.set(name, nowMs);
    process.stderr.write(`${name} ${text}\n`);
  }

  note(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  stop(): void {}
}
