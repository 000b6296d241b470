/**
 * Scrubs by itself, in idle time: everything that is shared once in a while, slowly, and only while nobody would feel it.
 *
 *     due? (now and then) ──► a few MiB ── idle? no: wait ──► a few MiB ── … ──► all read ──► next time in `everyMs`
 *
 * Where it is goes into the state of the peer, so that a restart goes on there.
 */
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import { formatBytes } from '../../common/core/units.js';
import type { Clock, Timer } from '../../common/ports/clock.js';
import type { LoadPort } from '../../common/ports/load.js';
import { isIdle } from './pace.js';
import type { ScrubOptions, ScrubPlace, ScrubReport } from './scrubber.js';
import { wait } from './wait.js';

/** Milliseconds between two looks whether it is time, and until the first one: a start has other work. */
const LOOK_MS = 60_000;
/** Milliseconds that the load is watched before each few MiB, and that it rests where that was too much. */
const WATCH_MS = 250;
const REST_MS = 5000;

export interface IdleScrubOptions {
  /** From the beginning of one to the next. */
  readonly everyMs: number;
  readonly bytesPerSecond: number;
  /** Whether what is damaged is fetched again and written over, without anybody having looked at it. */
  readonly isRepair: boolean;
}

export interface IdleScrubPorts {
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly epochNowMs: () => number;
  readonly load?: LoadPort | undefined;
  readonly scrub: (options: ScrubOptions) => Promise<ScrubReport>;
  /** As the peer tells trackers: 0 to 100. */
  readonly uploadPercent: () => number;
  /** Whether the peer works for a command. */
  readonly isWorking: () => boolean;
  /** Where it is has changed. */
  readonly changed: () => void;
  readonly note: (text: string) => void;
}

export interface IdleScrubProgress {
  /** When the last one began, in milliseconds since 1970; 0 before the first. */
  readonly startedMs: number;
  /** Where it goes on; `null` where it has come to its end. */
  readonly at: ScrubPlace | null;
}

export class IdleScrub {
  readonly #ports: IdleScrubPorts;
  readonly #options: IdleScrubOptions | undefined;
  readonly #stop = new AbortController();
  #progress: IdleScrubProgress;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #trouble: string | undefined;

  /** `options`: left out, it does nothing. The first begins `everyMs` after `sinceMs`, when the peer was first started. */
  constructor(ports: IdleScrubPorts, options: IdleScrubOptions | undefined, progress: IdleScrubProgress, sinceMs: number) {
    this.#ports = ports;
    this.#options = options;
    this.#progress = progress.startedMs === 0 ? { startedMs: sinceMs, at: null } : progress;
    if (options !== undefined) this.#schedule();
  }

  get progress(): IdleScrubProgress {
    return this.#progress;
  }

  /** Ends what runs; the next start goes on there. Idempotent. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#stop.abort(new ShoalError('STOPPED', 'local', 'Stopped.'));
    await this.#running;
  }

  #schedule(): void {
    this.#timer = this.#ports.clock.setTimer('idle scrub', LOOK_MS, () => {
      this.#running = this.#look().finally(() => {
        if (!this.#stop.signal.aborted) this.#schedule();
      });
    });
  }

  /** Never throws. */
  async #look(): Promise<void> {
    const { epochNowMs, changed, note } = this.#ports;
    const nowMs = epochNowMs();
    const { startedMs, at } = this.#progress;
    if (this.#options === undefined || (at === null && nowMs < startedMs + this.#options.everyMs)) return;
    if (at === null) this.#progress = { startedMs: nowMs, at: { name: '', chunkIndex: 0 } };
    try {
      const report = await this.#scrub(this.#options);
      this.#progress = { ...this.#progress, at: null };
      changed();
      if (report.fileCount > 0) note(wordsOf(report));
      this.#trouble = undefined;
    } catch (error) {
      const { message } = asShoalError(error);
      if (!this.#stop.signal.aborted && message !== this.#trouble) note(`What is shared cannot be checked for now: ${message}`);
      this.#trouble = message;
    }
  }

  #scrub({ isRepair, bytesPerSecond }: IdleScrubOptions): Promise<ScrubReport> {
    const { scrub, changed, note } = this.#ports;
    return scrub({
      isRepair,
      bytesPerSecond,
      from: this.#progress.at ?? undefined,
      turn: () => this.#turn(),
      watcher: {
        progress: (_doneBytes, place) => {
          this.#progress = { ...this.#progress, at: place };
          changed();
        },
        notMended: ({ name }, _chunks, { message }) => note(`"${name}" stays damaged: ${message}`),
        failed: ({ source: { path } }, message) => note(`"${path}" could not be checked: ${message}`),
      },
      signal: this.#stop.signal,
    });
  }

  /** Resolves when the machine is idle. Throws the signal's reason. */
  async #turn(): Promise<void> {
    const { clock, load, uploadPercent, isWorking } = this.#ports;
    for (;;) {
      const watch = load?.watch();
      const sinceMs = clock.nowMs();
      await wait(clock, WATCH_MS, this.#stop.signal).catch((error: unknown) => {
        watch?.close();
        throw error;
      });
      const machine = watch?.read();
      watch?.close();
      const spanMs = clock.nowMs() - sinceMs;
      if (isIdle({ uploadPercent: uploadPercent(), isWorking: isWorking(), machine, spanMs })) return;
      await wait(clock, REST_MS, this.#stop.signal);
    }
  }
}

/** `3 files (1.5 GiB) were read again: …`. */
export function wordsOf({ fileCount, readBytes, damagedCount, mendedCount, changedCount, failedCount }: ScrubReport): string {
  const read = `${fileCount} ${fileCount === 1 ? 'file' : 'files'} (${formatBytes(readBytes)}) read again`;
  const left = damagedCount - mendedCount;
  const chunks = (count: number) => `${count} ${count === 1 ? 'chunk' : 'chunks'}`;
  const words = [
    ...(damagedCount === 0 ? ['nothing is damaged'] : []),
    ...(mendedCount > 0 ? [`${chunks(mendedCount)} mended`] : []),
    ...(left > 0 ? [`${chunks(left)} damaged`] : []),
    ...(changedCount > 0 ? [`${changedCount} changed or gone`] : []),
    ...(failedCount > 0 ? [`${failedCount} not readable`] : []),
  ];
  return `${read}: ${words.join(', ')}.`;
}
