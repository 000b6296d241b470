/** Figures, and how they are shown and kept: a table for people, JSON for programs, both dated and with where they come from. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';
import { join } from 'node:path';

/** One figure: the median of its runs, and all of them, in the order in which they were made. */
export interface Figure {
  readonly what: string;
  readonly unit: string;
  readonly median: number;
  readonly runs: readonly number[];
}

export interface Section {
  readonly title: string;
  readonly note: string;
  readonly figures: readonly Figure[];
}

/** A program that took part: what it is, and how it was called. */
export interface ProgramUsed {
  readonly name: string;
  readonly version: string;
  readonly commands: readonly string[];
}

export interface Origin {
  readonly date: string;
  readonly commit: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryGib: number;
  /** How many threads wanted a processor in the minute before it began: where that is not near 0, others were measured too. */
  readonly loadAverage: number;
  readonly system: string;
  readonly node: string;
  readonly command: string;
  /** Where other programs than Shoal took part. */
  readonly programs?: readonly ProgramUsed[];
}

/** The middle value; of an even number of values the mean of the middle two. NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

export function figure(what: string, unit: string, runs: readonly number[]): Figure {
  return { what, unit, median: median(runs), runs };
}

/** How many times `of` is in `part`, run by run. Both must have been measured in turn. */
export function ratio(what: string, part: readonly number[], of: readonly number[]): Figure {
  return figure(
    what,
    'times',
    part.map((value, index) => value / (of[index] ?? Number.NaN)),
  );
}

export function originOf(root: string, command: string): Origin {
  return {
    date: new Date().toISOString(),
    commit: commitOf(root),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGib: Math.round(totalmem() / 2 ** 30),
    loadAverage: Number((loadavg()[0] ?? Number.NaN).toFixed(2)),
    system: `${type()} ${release()}`,
    node: process.version,
    command,
  };
}

/** The short commit, with `-changed` where files differ from it; `unknown` outside a repository. */
function commitOf(root: string): string {
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', root, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const isChanged = git('status', '--porcelain', '--untracked-files=no', '--', '.', ':!benchmarks/results', ':!*.md') !== '';
    return git('rev-parse', '--short=10', 'HEAD') + (isChanged ? '-changed' : '');
  } catch {
    return 'unknown';
  }
}

export function reportText(origin: Origin, sections: readonly Section[]): string {
  const head = [
    `# Benchmark of ${origin.date.slice(0, 10)}`,
    '',
    `- commit ${origin.commit}`,
    `- ${origin.processor}, ${origin.cores} cores, ${origin.memoryGib} GiB, load average ${origin.loadAverage} at the start`,
    `- ${origin.system}, Node ${origin.node}`,
    `- \`${origin.command}\``,
    ...(origin.programs ?? []).flatMap(({ name, version, commands }) => [
      `- ${name}: ${version}`,
      ...commands.map((command) => `  - \`${command}\``),
    ]),
    '',
    'Medians; the single runs are in brackets, in the order in which they were made.',
  ];
  return `${[...head, ...sections.map(sectionText)].join('\n')}\n`;
}

export function sectionText({ title, note, figures }: Section): string {
  const rows = figures.map((one) => [
    one.what,
    `${shown(one.median)} ${one.unit}`,
    one.runs.length > 1 ? `[${one.runs.map(shown).join(' ')}]` : '',
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(4, ...rows.map((row) => (row[column] ?? '').length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const table = [
    line(['what', 'median', 'runs']),
    `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`,
    ...rows.map(line),
  ];
  return ['', `## ${title}`, '', note, '', ...table].join('\n');
}

/** Three digits that matter, and no more than a whole number where it is large. */
function shown(value: number): string {
  if (!Number.isFinite(value)) return '?';
  if (Math.abs(value) >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

/** Writes both forms below `folder`; returns their common path without the ending. `kind` keeps apart what one commit gave on one day. */
export function saveReport(folder: string, origin: Origin, sections: readonly Section[], kind?: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, [origin.date.slice(0, 10), origin.commit, ...(kind === undefined ? [] : [kind])].join('-'));
  writeFileSync(`${path}.json`, `${JSON.stringify({ ...origin, sections }, null, 2)}\n`);
  writeFileSync(`${path}.md`, reportText(origin, sections));
  return path;
}
