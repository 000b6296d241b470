/**
 * Inputs that are kept: a folder for each target, a file for each input, named for what it holds. `verdicts.json` says what becomes of
 * each, so that a change of behaviour is seen.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Target } from './target.js';

/** Where inputs are kept, seen from the compiled program. */
export const CORPUS_FOLDER = join(dirname(fileURLToPath(import.meta.url)), '../../../test_files/corpus');

const VERDICTS_PATH = join(CORPUS_FOLDER, 'verdicts.json');
const FAILURES = 'failures';

export interface Entry {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What each entry of each target comes to. */
export type Verdicts = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The entries of a target, in the order of their names; empty where there are none. */
export function entriesOf(targetName: string, folder = CORPUS_FOLDER): Entry[] {
  const path = join(folder, targetName);
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .sort()
    .map((name) => ({ name, bytes: new Uint8Array(readFileSync(join(path, name))) }));
}

export function readVerdicts(): Verdicts {
  return JSON.parse(readFileSync(VERDICTS_PATH, 'utf8')) as Verdicts;
}

export function writeVerdicts(verdicts: Verdicts): void {
  writeFileSync(VERDICTS_PATH, `${JSON.stringify(verdicts, undefined, 1)}\n`);
}

/** What becomes of an entry, by a judge of its own: so what one does to a server changes nothing of the next. Throws what the judge throws. */
export async function verdictOfEntry(target: Target, bytes: Uint8Array): Promise<string> {
  const judge = await target.open();
  try {
    const verdict = await judge.judge(bytes);
    await judge.settle?.();
    return verdict;
  } finally {
    await judge.close?.();
  }
}

export function keepEntry(targetName: string, { name, bytes }: Entry): void {
  const folder = join(CORPUS_FOLDER, targetName);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), bytes);
}

/** Keeps an input that failed; returns its path. The name is the target's and the content's, so that the same one is kept once. */
export function keepFailure(targetName: string, input: Uint8Array): string {
  const folder = join(CORPUS_FOLDER, FAILURES, targetName);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, createHash('sha256').update(input).digest('hex').slice(0, 12));
  writeFileSync(path, input);
  return path;
}
