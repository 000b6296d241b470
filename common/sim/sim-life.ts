/**
 * One run of a program on a simulated machine: it can be stopped for a while, as by SIGSTOP, go on, and die at any instant.
 *
 * Time passes for a program that is stopped, and its system goes on taking bytes for it until the windows are full; whatever the program
 * would have been told waits until it goes on. Who is dead is told nothing ever, and what is left of it does nothing any more.
 */
import { invariant } from '../core/errors.js';
import type { Clock, Timer } from '../ports/clock.js';

export class SimLife {
  #state: 'running' | 'stopped' | 'dead' = 'running';
  #held: (() => void)[] = [];
  readonly #watchers = new Set<LifeWatcher>();
  readonly #timers = new Map<object, string>();

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  get isDead(): boolean {
    return this.#state === 'dead';
  }

  /** Names of the timers that are set: a program that leaves one behind does not end. */
  get timerNames(): string[] {
    return [...this.#timers.values()];
  }

  /** Calls into the program: at once where it runs, when it goes on where it is stopped, never where it is dead. */
  call(tell: () => void): void {
    if (this.#state === 'running') tell();
    else if (this.#state === 'stopped') this.#held.push(tell);
  }

  /** What the program waits for. */
  promise<T>(promised: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      promised.then(
        (value) => this.call(() => resolve(value)),
        (error: unknown) => this.call(() => reject(error)),
      );
    });
  }

  stop(): void {
    if (this.#state !== 'running') return;
    this.#state = 'stopped';
    for (const watcher of this.#watchers) watcher.stopped();
  }

  goOn(): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'running';
    for (const tell of this.#held.splice(0)) this.call(tell);
    for (const watcher of this.#watchers) if (this.isRunning) watcher.goesOn();
  }

  /** To be followed by the crash of its host, or the close of what it holds open. */
  die(): void {
    this.#state = 'dead';
    this.#held = [];
    this.#watchers.clear();
    this.#timers.clear();
  }

  /** Tells `watcher` of stops until the function that is returned is called. */
  watch(watcher: LifeWatcher): () => void {
    invariant(!this.isDead, 'who is dead opens nothing');
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** Time for this program. */
  clock(clock: Clock): Clock {
    return {
      nowMs: () => clock.nowMs(),
      setTimer: (name, delayMs, run) => (this.isDead ? { cancel: () => undefined } : this.#timer(clock, name, delayMs, run)),
    };
  }

  #timer(clock: Clock, name: string, delayMs: number, run: () => void): Timer {
    let isCancelled = false;
    const timer = clock.setTimer(name, delayMs, () => {
      this.call(() => {
        this.#timers.delete(timer);
        if (!isCancelled) run();
      });
    });
    this.#timers.set(timer, name);
    return {
      cancel: () => {
        isCancelled = true;
        this.#timers.delete(timer);
        timer.cancel();
      },
    };
  }
}

export interface LifeWatcher {
  stopped(): void;
  goesOn(): void;
}
