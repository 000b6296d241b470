/**
 * What happened in a run: a hash over every event in order, faults by kind, and what broke. The lines of a trace are made only where
 * somebody wants them.
 */

/** FNV-1a (Fowler, Noll, Vo), 32 bits: enough to tell two runs apart, and cheap enough for every event. */
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
/** What breaks again and again is told so often. */
const BROKEN_MAX_COUNT = 20;

export class Record {
  readonly broken: string[] = [];
  readonly counts = new Map<string, number>();
  readonly #trace: ((line: string) => void) | undefined;
  readonly #nowMs: () => number;
  #hash = FNV_OFFSET;

  constructor(nowMs: () => number, trace?: (line: string) => void) {
    this.#nowMs = nowMs;
    this.#trace = trace;
  }

  /** Of all events so far. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  /** An event of the clock; not in the trace, of which it would make millions of lines. */
  event(nowMs: number, name: string): void {
    this.#mix(Math.round(nowMs * 1000) | 0);
    for (let at = 0; at < name.length; at += 1) this.#mix(name.charCodeAt(at));
  }

  /** What a person would want to read. */
  note(who: string, what: string): void {
    for (const text of [who, what]) for (let at = 0; at < text.length; at += 1) this.#mix(text.charCodeAt(at));
    this.#trace?.(`${(this.#nowMs() / 1000).toFixed(3).padStart(9)} ${who.padEnd(10)} ${what}`);
  }

  count(kind: string): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }

  /** Something that must never be. */
  breaks(who: string, what: string): void {
    this.note(who, `BROKEN: ${what}`);
    if (this.broken.length < BROKEN_MAX_COUNT) this.broken.push(`${(this.#nowMs() / 1000).toFixed(3)} s, ${who}: ${what}`);
  }

  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ value, FNV_PRIME);
  }
}
