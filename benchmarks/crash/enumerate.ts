/** Every point of a subject in turn, and once more half-way through it: until one run passes them all. */
import type { Outcome, Subject, Trials } from './trial.js';

export interface Enumeration {
  readonly subject: Subject;
  /** Kills that were survived. */
  readonly killCount: number;
  readonly againMaxBytes: number;
  readonly againBytes: number;
  readonly leftMaxCount: number;
}

/** Kills at each point, or at every `stride`th from `first` on. Throws as `Trials.kill`. */
export async function enumerate(trials: Trials, subject: Subject, first = 1, stride = 1): Promise<Enumeration> {
  const outcomes: Outcome[] = [];
  for (let at = first; ; at += stride) {
    const whole = await trials.kill(subject, { at, isHalf: false });
    if (whole.fate.pointCount !== undefined) break;
    outcomes.push(whole, await trials.kill(subject, { at, isHalf: true }));
  }
  return summed(subject, outcomes);
}

/** Kills at moments that a seed draws. Throws as `Trials.kill`. */
export async function killAtRandom(trials: Trials, subject: Subject, moments: Iterable<number>): Promise<Enumeration> {
  const outcomes: Outcome[] = [];
  for (const afterMs of moments) outcomes.push(await trials.kill(subject, { at: 0, isHalf: false, afterMs }));
  return summed(
    subject,
    outcomes.filter(({ fate }) => fate.pointCount === undefined),
  );
}

function summed(subject: Subject, outcomes: readonly Outcome[]): Enumeration {
  const againBytes = outcomes.map((outcome) => Math.max(0, outcome.againBytes));
  return {
    subject,
    killCount: outcomes.length,
    againMaxBytes: Math.max(0, ...againBytes),
    againBytes: againBytes.reduce((sum, bytes) => sum + bytes, 0),
    leftMaxCount: Math.max(0, ...outcomes.map(({ leftCount }) => leftCount)),
  };
}
