/**
 * Progress on standard error: a bar on a terminal, a plain line now and then elsewhere, nothing with `--quiet` or `--json`.
 * The one door to cli-progress and to ora.
 */
import { Presets, SingleBar } from 'cli-progress';
import ora, { type Ora } from 'ora';
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
  /** Ends the phase and its bar. Idempotent. */
  stop(): void;
}

/** Milliseconds between plain lines where there is no terminal. */
const PLAIN_LINE_MS = 5000;
/** Milliseconds over which the shown rate is averaged. */
const RATE_WINDOW_MS = 3000;

export function createProgress(options: ProgressOptions): Progress {
  if (options.isQuiet || options.isJson) return new QuietProgress(options.isQuiet);
  return process.stderr.isTTY ? new TerminalProgress() : new PlainProgress();
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
}

class PlainProgress implements Progress {
  #name = '';
  #totalBytes = 0;
  #doneBytes = 0;
  #lastLineMs = 0;
  #rate = new RateMeter();

  wait(text: string): void {
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

  stop(): void {}
}

function progressText(doneBytes: number, totalBytes: number, meter: RateMeter, nowMs: number): string {
  const rate = meter.update(nowMs, doneBytes);
  const percent = totalBytes === 0 ? 100 : Math.floor((doneBytes * 100) / totalBytes);
  const eta = formatDuration(meter.etaMs(totalBytes - doneBytes));
  return `${percent}% ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)} at ${formatRate(rate)}, ${eta} left`;
}

class TerminalProgress implements Progress {
  #spinner: Ora | undefined;
  #bar: SingleBar | undefined;
  #rate = new RateMeter();
  #totalBytes = 0;

  wait(text: string): void {
    this.stop();
    this.#spinner = ora({ text, stream: process.stderr, discardStdin: false }).start();
  }

  phase(name: string, totalBytes: number, doneBytes = 0): void {
    this.stop();
    this.#rate = new RateMeter();
    this.#totalBytes = totalBytes;
    this.#bar = new SingleBar(
      {
        format: `${name} [{bar}] {text} {note}`,
        stream: process.stderr,
        barsize: 24,
        fps: 8,
        hideCursor: true,
        clearOnComplete: true,
        stopOnComplete: false,
        gracefulExit: false,
      },
      Presets.rect,
    );
    this.#bar.start(Math.max(totalBytes, 1), doneBytes, { text: '', note: '' });
    this.update(doneBytes);
  }

  update(doneBytes: number, note = ''): void {
    const text = progressText(doneBytes, this.#totalBytes, this.#rate, realClock.nowMs());
    this.#bar?.update(this.#totalBytes === 0 ? 1 : doneBytes, { text, note });
  }

  note(text: string): void {
    if (this.#bar === undefined && this.#spinner === undefined) process.stderr.write(`${text}\n`);
    else {
      // Clears the line that the bar or spinner is on; it draws itself again below the note.
      process.stderr.write(`\r\u001b[2K${text}\n`);
    }
  }

  stop(): void {
    this.#spinner?.stop();
    this.#spinner = undefined;
    this.#bar?.stop();
    this.#bar = undefined;
  }
}
