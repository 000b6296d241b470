/**
 * `npm run bench:swarm`: how far swarms are from the fluid bound. It asserts nothing; it prints, draws and saves.
 *
 * Options: `--only sim` · `--peers 10,100` · `--chunks 256` · `--seed 1` · `--runs 1` · `--no-save`.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { originOf, reportText, type Section, saveReport, sectionText } from '../report.js';
import { benchSim } from './sim.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PARTS = ['sim'] as const;
type Part = (typeof PARTS)[number];

const USAGE = `Usage: npm run bench:swarm -- [options]

  --only PART    ${PARTS.join(', ')}; may be given several times (default: all)
  --peers LIST   simulated fetchers (default 10,30,100,300,1000)
  --chunks COUNT chunks of the simulated file (default 256)
  --seed NUMBER  of the simulated swarms (default 1)
  --runs COUNT   runs of which the median is taken, each simulated one with the next seed (default 1)
  --no-save      print only; otherwise kept as benchmarks/results/<date>-<commit>-swarm.md, .json and .svg
`;

interface Settings {
  readonly parts: readonly Part[];
  readonly fetcherCounts: readonly number[];
  readonly chunkCount: number;
  readonly seed: number;
  readonly runCount: number;
  readonly isSaved: boolean;
}

interface Measured {
  readonly sections: readonly Section[];
  readonly picture?: string;
}

function settingsOf(args: readonly string[]): Settings | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', multiple: true },
      peers: { type: 'string', default: '10,30,100,300,1000' },
      chunks: { type: 'string', default: '256' },
      seed: { type: 'string', default: '1' },
      runs: { type: 'string', default: '1' },
      'no-save': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return undefined;
  const unknown = values.only?.find((part) => !PARTS.some((known) => known === part));
  if (unknown !== undefined) throw new Error(`--only must be one of ${PARTS.join(', ')}, not "${unknown}".`);
  return {
    parts: PARTS.filter((part) => values.only?.includes(part) ?? true),
    fetcherCounts: values.peers.split(',').map((text) => numberOf('--peers', text, 1, 5000)),
    chunkCount: numberOf('--chunks', values.chunks, 2, 100_000),
    seed: numberOf('--seed', values.seed, 0, 2 ** 31),
    runCount: numberOf('--runs', values.runs, 1, 1000),
    isSaved: values['no-save'] !== true,
  };
}

function numberOf(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < least || value > most)
    throw new Error(`${flag} takes numbers from ${least} to ${most}, not "${text}".`);
  return value;
}

function measure(part: Part, settings: Settings): Promise<Measured> {
  switch (part) {
    case 'sim':
      return benchSim({ ...settings, note: (line) => process.stderr.write(`${line}\n`) });
  }
}

async function main(args: readonly string[]): Promise<void> {
  const settings = settingsOf(args);
  if (settings === undefined) {
    process.stdout.write(USAGE);
    return;
  }
  const origin = originOf(ROOT, ['npm run bench:swarm', ...(args.length > 0 ? ['--', ...args] : [])].join(' '));
  process.stdout.write(reportText(origin, []));
  const sections: Section[] = [];
  let picture: string | undefined;
  for (const part of settings.parts) {
    const measured = await measure(part, settings);
    sections.push(...measured.sections);
    picture ??= measured.picture;
    process.stdout.write(`${measured.sections.map(sectionText).join('\n')}\n`);
  }
  if (!settings.isSaved) return;
  const path = saveReport(`${ROOT}benchmarks/results`, origin, sections, 'swarm');
  if (picture !== undefined) writeFileSync(`${path}.svg`, picture);
  process.stdout.write(`\nSaved as ${path}.md, .json${picture === undefined ? '' : ' and .svg'}\n`);
}

main(process.argv.slice(2)).then(
  () => undefined,
  (error: unknown) => {
    process.stderr.write(`bench:swarm: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  },
);
