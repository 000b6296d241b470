/**
 * `npm run fuzz`: every decoder and every server against inputs by grammar and by mutation. A find is kept in the corpus, and makes the
 * command end with 1.
 *
 * Options: `--only TARGET` (several times) · `--inputs COUNT` · `--seed NUMBER` · `--minutes NUMBER` · `--replay FILE` · `--grow` · `--freeze`.
 */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { parseArgs } from 'node:util';
import { numberOf, runProgram } from '../options.js';
import { DECODERS, SERVERS } from './all-targets.js';
import { entriesOf, keepEntry, keepFailure, type Verdicts, verdictOfEntry, writeVerdicts } from './corpus.js';
import { grow } from './grow.js';
import type { Find } from './loop.js';
import type { Target } from './target.js';
import { runWatched } from './watched-run.js';
import type { WorkerReport } from './worker.js';

const TARGETS = [...DECODERS, ...SERVERS];

/** Bytes that a run may keep at its end beyond what it kept when it was warm: a leak of a few bytes an input is more. */
const GROWTH_MAX_BYTES = 8 * 2 ** 20;

/** Tries of `--grow`: each costs milliseconds. */
const GROW_COUNT = 10_000;

const USAGE = `Usage: npm run fuzz -- [options]

  --only TARGET     one of the targets below; may be given several times (default: all)
  --inputs COUNT    inputs of each target (default: what the project is held to, 1,000,000 of what comes from the network)
  --seed NUMBER     the same seed gives the same inputs (default 1)
  --minutes NUMBER  ends each target after so long, whatever --inputs says
  --replay FILE     judges one input and says what comes of it; needs --only
  --grow            looks for inputs that reach more of the program than the corpus does, and keeps them there (10,000 tries unless told)
  --freeze          writes what comes of every entry of the corpus to test_files/corpus/verdicts.json

Targets: ${TARGETS.map(({ name }) => name).join(', ')}
`;

const OPTIONS = {
  only: { type: 'string', multiple: true },
  inputs: { type: 'string' },
  seed: { type: 'string', default: '1' },
  minutes: { type: 'string' },
  replay: { type: 'string' },
  grow: { type: 'boolean' },
  freeze: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  if (values.help === true) return void process.stdout.write(USAGE);
  const targets = targetsOf(values.only);
  if (values.freeze === true) return freeze();
  if (values.replay !== undefined) return replay(targets, values.replay);
  const seed = numberOf('--seed', values.seed, 0, 2 ** 32 - 1);
  const minutes = values.minutes === undefined ? undefined : numberOf('--minutes', values.minutes, 1, 10_000);
  const inputs = values.inputs === undefined ? undefined : numberOf('--inputs', values.inputs, 1, 1e12);
  if (values.grow === true) return growAll(targets, { seed, inputCount: inputs ?? GROW_COUNT });
  let findCount = 0;
  for (const target of targets) {
    const inputCount = inputs ?? (minutes === undefined ? target.heldToCount : 1e12);
    const { report, lost } = await runWatched(target, { seed, inputCount, untilMs: minutes && 60_000 * minutes });
    const finds = [...(report?.finds ?? []), ...(lost === undefined ? [] : [lost]), ...leaks(report)];
    process.stdout.write(`${lineOf(target, report)}\n`);
    for (const find of finds) tell(target, find);
    findCount += finds.length;
  }
  if (findCount > 0) process.exitCode = 1;
}

function targetsOf(only: readonly string[] | undefined): Target[] {
  const unknown = only?.find((name) => !TARGETS.some((target) => target.name === name));
  if (unknown !== undefined) throw new Error(`There is no target "${unknown}"; --help names them.`);
  return TARGETS.filter(({ name }) => only?.includes(name) ?? true);
}

function leaks(report: WorkerReport | undefined): Find[] {
  if (report === undefined || report.keptGrowthBytes <= GROWTH_MAX_BYTES) return [];
  return [{ input: new Uint8Array(0), why: `It grew by ${report.keptGrowthBytes} bytes in ${report.inputCount} inputs.` }];
}

function lineOf({ name }: Target, report: WorkerReport | undefined): string {
  if (report === undefined) return `${name.padEnd(20)} did not come to its end`;
  const { inputCount, elapsedMs, slowestMs, keptGrowthBytes, residentGrowthBytes, verdicts } = report;
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const common = [...verdicts].sort((left, right) => right[1] - left[1]).slice(0, 4);
  return [
    name.padEnd(20),
    `${inputCount} inputs in ${(elapsedMs / 1000).toFixed(1)} s`.padEnd(28),
    `slowest ${slowestMs.toFixed(1)} ms`.padEnd(18),
    `kept ${mib(keptGrowthBytes)} more, resident ${mib(residentGrowthBytes)}`.padEnd(42),
    common
      .map(([verdict, count]) => `${verdict === '' ? 'nothing' : verdict} ${Math.round((100 * count) / inputCount)} %`)
      .join(', '),
  ].join(' ');
}

function tell(target: Target, { input, why }: Find): void {
  process.stdout.write(`  FOUND ${why}\n`);
  if (input.length === 0) return;
  const path = relative(process.cwd(), keepFailure(target.name, input));
  process.stdout.write(`  replay it: npm run fuzz -- --only ${target.name} --replay ${path}\n`);
}

async function replay(targets: readonly Target[], path: string): Promise<void> {
  const [target, ...others] = targets;
  if (target === undefined || others.length > 0) throw new Error('--replay needs one --only.');
  const judge = await target.open();
  try {
    const before = process.cpuUsage();
    const verdict = await judge.judge(new Uint8Array(readFileSync(path)));
    const { user, system } = process.cpuUsage(before);
    await judge.settle?.();
    process.stdout.write(`${target.name}: ${verdict || 'nothing'}, ${((user + system) / 1000).toFixed(1)} ms\n`);
  } finally {
    await judge.close?.();
  }
}

/** What is kept is judged as everything else: `--freeze` is next. */
async function growAll(
  targets: readonly Target[],
  options: { readonly seed: number; readonly inputCount: number },
): Promise<void> {
  for (const target of targets) {
    const entries = await grow(target, { ...options, corpus: entriesOf(target.name) });
    for (const entry of entries) keepEntry(target.name, entry);
    process.stdout.write(`${target.name.padEnd(20)} ${entries.length} new entries\n`);
  }
}

async function freeze(): Promise<void> {
  const verdicts: Record<string, Record<string, string>> = {};
  for (const target of TARGETS) verdicts[target.name] = await verdictsOf(target);
  writeVerdicts(verdicts satisfies Verdicts);
}

async function verdictsOf(target: Target): Promise<Record<string, string>> {
  const verdicts: Record<string, string> = {};
  for (const { name, bytes } of entriesOf(target.name)) {
    verdicts[name] = await verdictOfEntry(target, bytes).catch((error: unknown) => {
      throw new Error(`${target.name}/${name}: ${String(error)}`);
    });
  }
  return verdicts;
}

runProgram('fuzz', main);
