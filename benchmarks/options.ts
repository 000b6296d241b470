/** What the commands of the benchmarks have in common: their options, and how they end. */
import { parseBytes } from '../common/core/units.js';

/** For `parseArgs`. */
export const USUAL_OPTIONS = {
  quick: { type: 'boolean' },
  size: { type: 'string' },
  runs: { type: 'string' },
  directory: { type: 'string' },
  'no-save': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

export interface UsualSettings {
  readonly isQuick: boolean;
  readonly sizeBytes: number | undefined;
  readonly runCount: number | undefined;
  readonly directory: string | undefined;
  readonly isSaved: boolean;
}

interface UsualValues {
  readonly quick?: boolean;
  readonly size?: string;
  readonly runs?: string;
  readonly directory?: string;
  readonly 'no-save'?: boolean;
}

/** What the options say; `undefined` where nothing is said. Throws where a number is none. */
export function usualSettings(values: UsualValues): UsualSettings {
  const runCount = values.runs === undefined ? undefined : Number(values.runs);
  if (runCount !== undefined && !(Number.isInteger(runCount) && runCount >= 1 && runCount <= 1000))
    throw new Error(`--runs must be a number from 1 to 1000, not "${values.runs}".`);
  return {
    isQuick: values.quick === true,
    sizeBytes: values.size === undefined ? undefined : parseBytes(values.size),
    runCount,
    directory: values.directory,
    isSaved: values['no-save'] !== true,
  };
}

/** The whole number that an option says. Throws where it says none, or one that is not within the bounds. */
export function numberOf(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < least || value > most)
    throw new Error(`${flag} takes a number from ${least} to ${most}, not "${text}".`);
  return value;
}

/** Runs `main` with the arguments of the process; a failure is one line and exit code 1. */
export function runProgram(name: string, main: (args: readonly string[]) => Promise<void>): void {
  main(process.argv.slice(2)).then(
    () => undefined,
    (error: unknown) => {
      process.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
      process.exitCode = 1;
    },
  );
}
