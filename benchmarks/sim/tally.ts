/** What many seeds came to, and how it is told. */
import type { SeedOutcome } from './seed-run.js';

const HOUR_MS = 3_600_000;
const LINE_CHARACTERS = 120;

export class Tally {
  readonly #canary: string | undefined;
  readonly failures: SeedOutcome[] = [];
  readonly #counts = new Map<string, number>();
  #seedCount = 0;
  #eventCount = 0;
  #simulatedMs = 0;

  constructor(canary?: string) {
    this.#canary = canary;
  }

  get seedCount(): number {
    return this.#seedCount;
  }

  get failedCount(): number {
    return this.failures.length;
  }

  /** The seed that failed first of all, and what broke there. */
  get firstFailure(): string | undefined {
    const first = this.failures.toSorted((a, b) => a.seed - b.seed)[0];
    return first === undefined ? undefined : `seed ${first.seed}: ${first.broken[0]}`;
  }

  add(outcome: SeedOutcome): void {
    this.#seedCount += 1;
    this.#eventCount += outcome.eventCount;
    this.#simulatedMs += outcome.simulatedMs;
    for (const [kind, count] of outcome.counts) this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + count);
    if (outcome.broken.length > 0) this.failures.push(outcome);
  }

  /** A seed that failed, and the command that shows it again. */
  report({ seed, broken }: SeedOutcome): string {
    const canary = this.#canary === undefined ? '' : ` --canary ${this.#canary}`;
    return `seed ${seed} failed:\n${broken.map((what) => `  ${what}\n`).join('')}  replay: npm run sim -- --seed ${seed} --trace${canary}\n`;
  }

  summary(seconds: number): string {
    const kinds = [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([kind, count]) => `${kind} ${count}`);
    const hours = (this.#simulatedMs / HOUR_MS).toFixed(1);
    return (
      `${wrapped(kinds)}\n` +
      `${this.#seedCount} ${this.#seedCount === 1 ? 'seed' : 'seeds'}, ${hours} simulated hours, ${this.#eventCount} events in ${seconds.toFixed(1)} s: ${this.failedCount} failed\n`
    );
  }
}

/** As a list that fits a screen. */
function wrapped(words: readonly string[]): string {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length + 2 <= LINE_CHARACTERS) lines[lines.length - 1] = `${last}, ${word}`;
    else lines.push(word);
  }
  return lines.join(',\n');
}
