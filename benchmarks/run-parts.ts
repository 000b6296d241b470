/** What the commands of the benchmarks do: part after part, each printed as soon as it is measured, all of them saved at the end. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repoRoot } from '../common/testkit/repo-root.js';
import { originOf, type ProgramUsed, reportText, type Section, saveReport, sectionText } from './report.js';

export interface Measured {
  readonly sections: readonly Section[];
  readonly programs?: readonly ProgramUsed[];
  /** An SVG that goes beside the result; the first one that a part gives. */
  readonly picture?: string;
}

export interface PartsRun<Part> {
  /** As npm knows it, such as `bench:tracker`. */
  readonly script: string;
  /** What the person gave after it. */
  readonly args: readonly string[];
  readonly parts: readonly Part[];
  readonly measure: (part: Part) => Promise<Measured>;
  readonly isSaved: boolean;
  /** Ends the names of what is saved; left out for the usual benchmark. */
  readonly kind?: string;
}

export async function runParts<Part>({ script, args, parts, measure, isSaved, kind }: PartsRun<Part>): Promise<void> {
  const origin = originOf(repoRoot, [`npm run ${script}`, ...(args.length > 0 ? ['--', ...args] : [])].join(' '));
  process.stdout.write(reportText(origin, []));
  const sections: Section[] = [];
  const programs: ProgramUsed[] = [];
  let picture: string | undefined;
  for (const part of parts) {
    const measured = await measure(part);
    sections.push(...measured.sections);
    programs.push(...(measured.programs ?? []));
    picture ??= measured.picture;
    process.stdout.write(`${measured.sections.map(sectionText).join('\n')}\n`);
  }
  if (!isSaved) return;
  const all = programs.length === 0 ? origin : { ...origin, programs };
  const path = saveReport(join(repoRoot, 'benchmarks/results'), all, sections, kind);
  if (picture !== undefined) writeFileSync(`${path}.svg`, picture);
  process.stdout.write(`\nSaved as ${path}.md${picture === undefined ? ' and .json' : ', .json and .svg'}\n`);
}
