/** Ports that a test drives by hand: time that moves when told, chance from a seed, a stream without a network, a log that is a list. */
import type { PeerAddress } from '../../common/core/peer-address.js';
import type { Log } from '../../common/node/log.js';
import type { Clock, Timer } from '../../common/ports/clock.js';
import type { ServedStream } from '../../common/ports/net.js';
import type { Random } from '../../common/ports/random.js';

interface DueTimer {
  readonly dueMs: number;
  readonly run: () => void;
}

export class ManualClock implements Clock {
  #nowMs = 1000;
  #timers: DueTimer[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  setTimer(_name: string, delayMs: number, run: () => void): Timer {
    const timer = { dueMs: this.#nowMs + delayMs, run };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  /** Moves time; runs what falls due, in order, those of one time in the order they were set. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const next = this.#timers.reduce<DueTimer | undefined>(
        (best, timer) => (timer.dueMs <= endMs && (best === undefined || timer.dueMs < best.dueMs) ? timer : best),
        undefined,
      );
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.run();
    }
    this.#nowMs = endMs;
  }
}

/** A linear congruential generator: the same numbers for the same seed. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    below(count) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * count);
    },
  };
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: object;
}

export function listLog(): { readonly log: Log; readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: string) => (fields: object, message: string) => void lines.push({ level, message, fields });
  return { log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }, lines };
}

/** A stream whose other side the test plays: `takes` false keeps everything written in its queue. */
export class ManualStream implements ServedStream {
  readonly remote: PeerAddress;
  readonly local: PeerAddress = { ip: '192.0.2.1', port: 4700 };
  output = '';
  queuedBytes = 0;
  takes = true;
  isPaused = false;
  isEnded = false;
  isDestroyed = false;
  writeCount = 0;

  constructor(ip = '192.0.2.7') {
    this.remote = { ip, port: 40_000 };
  }

  write(...parts: (Uint8Array | string)[]): boolean {
    if (this.isEnded || this.isDestroyed) return true;
    this.writeCount += 1;
    for (const part of parts) {
      this.output += String(part);
      if (!this.takes) this.queuedBytes += part.length;
    }
    return this.queuedBytes < 16_384;
  }

  send(flushed: () => void, ...parts: (Uint8Array | string)[]): void {
    this.write(...parts);
    flushed();
  }

  get takenBytes(): number {
    return this.output.length - this.queuedBytes;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  end(): void {
    this.isEnded = true;
  }

  destroy(): void {
    this.isDestroyed = true;
  }
}
