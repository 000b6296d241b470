/**
 * Progress on standard error: a bar on a terminal, a plain line now and then elsewhere, nothing with `--quiet` or `--json`.
 * The one door to cli-progress and to ora.
 */
import { Writable } from 'node:stream';
import { Presets, SingleBar } from 'cli-progress';
import ora, { type Ora } from 'ora';
import { formatBytes, formatDuration, formatRate } from '../../common/core/units.js';
import { realClock } from '../../common/node/clock.js';
import { barLine } from './bar-line.js';

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

/** Milliseconds between plain lines where there is no terminal. */
const PLAIN_LINE_MS = 5000;
/** Milliseconds over which the shown rate is averaged. */
const RATE_WINDOW_MS = 3000;
const CURSOR_SAVE = '\u001b7';
const CURSOR_RESTORE = '\u001b8';

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

  result(text: string): void {
    process.stdout.write(text);
  }

  stop(): void {}
}

function progressText(doneBytes: number, totalBytes: number, meter: RateMeter, nowMs: number): string {
  const { percent, rate, left } = progressWords(doneBytes, totalBytes, meter, nowMs);
  return `${percent} ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)} at ${rate}${left}`;
}

function progressWords(doneBytes: number, totalBytes: number, meter: RateMeter, nowMs: number) {
  const rate = formatRate(meter.update(nowMs, doneBytes));
  const percent = totalBytes === 0 ? 100 : Math.floor((doneBytes * 100) / totalBytes);
  const etaMs = meter.etaMs(totalBytes - doneBytes);
  return { percent: `${percent}%`, rate, left: Number.isFinite(etaMs) ? `, ${formatDuration(etaMs)} left` : '' };
}

class TerminalProgress implements Progress {
  #spinner: Ora | undefined;
  #bar: SingleBar | undefined;
  #rate = new RateMeter();
  #totalBytes = 0;
  #doneBytes = 0;
  #text = '';
  /** A second Ctrl-C ends the process at once: the cursor has to be there again. */
  readonly #onExit = () => this.stop();

  wait(text: string): void {
    this.stop();
    this.#spinner = ora({ text, stream: process.stderr, discardStdin: false }).start();
  }

  phase(name: string, totalBytes: number, doneBytes = 0): void {
    this.stop();
    this.#rate = new RateMeter();
    this.#totalBytes = totalBytes;
    this.#keep(doneBytes, '');
    this.#bar = new SingleBar(
      {
        format: (_options, params, payload: { text: string }) =>
          barLine({ name, fraction: params.progress, text: payload.text }, terminalColumns()),
        stream: new BarStream(),
        fps: 8,
        hideCursor: true,
        linewrap: true,
        clearOnComplete: true,
        stopOnComplete: false,
        gracefulExit: false,
      },
      Presets.rect,
    );
    process.once('exit', this.#onExit);
    this.#startBar();
  }

  update(doneBytes: number, note = ''): void {
    this.#keep(doneBytes, note);
    this.#bar?.update(this.#barValue, { text: this.#text });
  }

  note(text: string): void {
    this.#above(() => process.stderr.write(`${text}\n`));
  }

  result(text: string): void {
    if (process.stdout.isTTY) this.#above(() => process.stdout.write(text));
    else process.stdout.write(text);
  }

  stop(): void {
    process.off('exit', this.#onExit);
    this.#spinner?.stop();
    this.#spinner = undefined;
    this.#bar?.stop();
    this.#bar = undefined;
  }

  /** Takes away the line that the bar or spinner is on, and draws it again below what `write` wrote. */
  #above(write: () => void): void {
    this.#spinner?.clear();
    this.#bar?.stop();
    write();
    this.#spinner?.render();
    this.#startBar();
  }

  #startBar(): void {
    this.#bar?.start(Math.max(this.#totalBytes, 1), this.#barValue, { text: this.#text });
  }

  get #barValue(): number {
    return this.#totalBytes === 0 ? 1 : this.#doneBytes;
  }

  #keep(doneBytes: number, note: string): void {
    const { percent, rate, left } = progressWords(doneBytes, this.#totalBytes, this.#rate, realClock.nowMs());
    this.#doneBytes = doneBytes;
    this.#text = `${percent} ${formatBytes(doneBytes)}/${formatBytes(this.#totalBytes)}, ${rate}${left}${note && `, ${note}`}`;
  }
}

/** Some terminals, a serial line for example, say that they have none. */
function terminalColumns(): number {
  return process.stderr.columns || 80;
}

/**
 * Standard error for the bar, which notes where the cursor is when it starts and goes back there when it stops: over whatever has been
 * written since, where the screen has scrolled. That part is left out.
 */
class BarStream extends Writable {
  readonly isTTY = true;

  get columns(): number {
    return terminalColumns();
  }

  override _write(piece: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const text = piece.toString();
    if (text !== CURSOR_SAVE && text !== CURSOR_RESTORE) process.stderr.write(text);
    done();
  }
}
