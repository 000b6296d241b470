/** Progress on a terminal: a spinner while nothing can be counted, then a bar. The one door to cli-progress and to ora. */
import { Writable } from 'node:stream';
import { MultiBar, Presets, SingleBar } from 'cli-progress';
import ora, { type Ora } from 'ora';
import { formatBytes } from '../../common/core/units.js';
import { realClock } from '../../common/node/clock.js';
import { barLine } from './bar-line.js';
import { type Progress, type ProgressLines, progressWords, RateMeter } from './progress.js';

const CURSOR_SAVE = '\u001b7';
const CURSOR_RESTORE = '\u001b8';

/** What one bar and several have in common. */
const BAR_OPTIONS = {
  fps: 8,
  hideCursor: true,
  linewrap: true,
  clearOnComplete: true,
  stopOnComplete: false,
  gracefulExit: false,
} as const;

export class TerminalProgress implements Progress {
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
    // The spinner divides by the columns to know how many lines to take away, and without any it would never be done.
    if (process.stderr.columns === 0) {
      process.stderr.write(`${text} ...\n`);
      return;
    }
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
        ...BAR_OPTIONS,
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

/** A bar for each of several things; what does not fit on the screen goes on unseen. */
export class TerminalLines implements ProgressLines {
  readonly #bars = new Map<string, SingleBar>();
  readonly #all = new MultiBar(
    {
      format: (_options, params, payload: { name: string; text: string }) =>
        barLine({ name: payload.name, fraction: params.progress, text: payload.text }, terminalColumns()),
      ...BAR_OPTIONS,
      emptyOnZero: true,
    },
    Presets.rect,
  );
  readonly #onExit = () => this.stop();

  constructor() {
    process.once('exit', this.#onExit);
  }

  set(name: string, fraction: number, text: string): void {
    const known = this.#bars.get(name);
    if (known !== undefined) known.update(fraction, { name, text });
    else if (this.#bars.size < (process.stderr.rows || 24) - 2)
      this.#bars.set(name, this.#all.create(1, fraction, { name, text }));
  }

  note(text: string): void {
    // Without a bar it draws nothing, notes neither.
    if (this.#bars.size === 0) process.stderr.write(`${text}\n`);
    else this.#all.log(`${text}\n`);
  }

  stop(): void {
    process.off('exit', this.#onExit);
    this.#all.stop();
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
