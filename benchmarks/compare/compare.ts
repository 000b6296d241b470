/**
 * `npm run bench:compare`: Shoal beside what people would use instead, on one machine, by turns. It asserts that what was fetched is
 * the sample, and nothing else; a figure is worth what the machine is worth, a ratio somewhat more.
 *
 * Options: `--quick` (small and few) · `--size 4g` · `--runs 5` · `--directory DIR` · `--no-save`.
 */
import { copyFileSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runProgram, USUAL_OPTIONS, usualSettings } from '../options.js';
import { figure, originOf, type ProgramUsed, ratio, reportText, type Section, saveReport, sectionText } from '../report.js';
import { createScratch, writeSample } from '../scratch.js';
import { aria2 } from './aria2.js';
import { curl } from './curl.js';
import { libtorrent } from './libtorrent.js';
import { type Contender, type FetchCost, missingAdvice, type Program, type Setup, SHARER_COUNT } from './program.js';
import { shoal } from './shoal.js';
import { hashPieces, torrentOf } from './torrent.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PROGRAMS: readonly Program[] = [curl, shoal, libtorrent, aria2];
const MIB = 2 ** 20;
/** Milliseconds for a GiB before a fetch is given up (10 MiB/s), and for a process to start. */
const FETCH_LIMIT_MS_PER_GIB = 100_000;
const START_LIMIT_MS = 30_000;

const USAGE = `Usage: npm run bench:compare -- [options]

  --quick          a small file and few runs
  --size SIZE      bytes of the file that is fetched (default 1g)
  --runs COUNT     runs of which the median is taken (default 5)
  --directory DIR  where the files go (default: in memory if there is room, else the temporary folder)
  --no-save        print only; otherwise kept as benchmarks/results/<date>-<commit>-compare.md and .json

Shoal is compared with those of these programs that are installed: ${PROGRAMS.filter((one) => one !== shoal)
  .map(({ name }) => name)
  .join(', ')}.
`;

/** A program in the race, with what its runs took so far. */
interface Runner {
  readonly program: Program;
  readonly contender: Contender;
  readonly costs: FetchCost[];
}

async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: USUAL_OPTIONS });
  if (values.help === true) return void process.stdout.write(USAGE);
  const { isQuick, sizeBytes, runCount, directory, isSaved } = usualSettings(values);
  const installed = PROGRAMS.filter((program) => program.version() !== undefined);
  const advice = missingAdvice(PROGRAMS.filter((program) => !installed.includes(program)));
  if (advice !== undefined) process.stdout.write(`${advice}\n`);

  const begun = originOf(ROOT, ['npm run bench:compare', ...(args.length > 0 ? ['--', ...args] : [])].join(' '));
  const size = sizeBytes ?? (isQuick ? 256 : 1024) * MIB;
  const scratch = createScratch(2 * size + 64 * MIB, directory);
  try {
    const runners = await race(scratch.folder, installed, size, runCount ?? (isQuick ? 3 : 5));
    const programs: ProgramUsed[] = runners.map(({ program, contender: { commands } }) => {
      return { name: program.name, version: program.version() ?? '', commands };
    });
    const origin = { ...begun, programs };
    const where = scratch.isInMemory ? 'in memory' : 'on disk';
    const sections = sectionsOf(runners, size, where, advice);
    process.stdout.write(`\n${reportText(origin, [])}${sections.map(sectionText).join('\n')}\n`);
    if (isSaved) {
      process.stdout.write(`\nSaved as ${saveReport(`${ROOT}benchmarks/results`, origin, sections, 'compare')}.md and .json\n`);
    }
  } finally {
    scratch.remove();
  }
}

/** Prepares all, then lets them fetch by turns; a first round, in which the content is checked too, does not count. */
async function race(
  folder: string,
  programs: readonly Program[],
  sizeBytes: number,
  runCount: number,
): Promise<readonly Runner[]> {
  const closers: (() => Promise<void>)[] = [];
  const setup: Setup = {
    folder,
    samplePath: join(folder, 'sample.bin'),
    torrentPath: join(folder, 'sample.torrent'),
    targetPath: join(folder, 'fetched', 'sample.bin'),
    atEnd: (close) => void closers.push(close),
    limitMs: START_LIMIT_MS + (FETCH_LIMIT_MS_PER_GIB * sizeBytes) / 2 ** 30,
  };
  await writeSample(setup.samplePath, sizeBytes);
  const { pieces, sha256 } = await hashPieces(setup.samplePath);
  writeFileSync(setup.torrentPath, torrentOf(basename(setup.samplePath), sizeBytes, pieces));
  const runners: Runner[] = [];
  try {
    for (const program of programs) runners.push({ program, contender: await program.prepare(setup), costs: [] });
    for (let round = 0; round <= runCount; round += 1) {
      // Another one begins each time, so that nobody always runs behind the same neighbour's leavings.
      const start = round % runners.length;
      for (const { program, contender, costs } of [...runners.slice(start), ...runners.slice(0, start)]) {
        clearTarget(setup);
        const cost = await contender.fetchOnce();
        const isWhole = statSync(setup.targetPath).size === sizeBytes;
        if (!isWhole || (round === 0 && (await hashPieces(setup.targetPath)).sha256 !== sha256))
          throw new Error(`What ${program.name} fetched is not the sample.`);
        process.stdout.write(
          `${round === 0 ? 'rehearsal' : `run ${round}`}: ${program.name} ${(cost.wallMs / 1000).toFixed(2)} s\n`,
        );
        if (round > 0) costs.push(cost);
      }
    }
  } finally {
    for (const close of closers.toReversed()) await close();
  }
  return runners;
}

/** Empties the target's folder, and has as much memory touched as a fetch will need: a virtual machine may have lent it out meanwhile. */
function clearTarget({ samplePath, targetPath }: Setup): void {
  const folder = dirname(targetPath);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  copyFileSync(samplePath, targetPath);
  rmSync(targetPath);
}

function sectionsOf(runners: readonly Runner[], sizeBytes: number, where: string, advice: string | undefined): Section[] {
  const size = Math.round(sizeBytes / MIB);
  const series = (program: Program, of: (cost: FetchCost) => number) =>
    runners.find((runner) => runner.program === program)?.costs.map(of) ?? [];
  const wallMs = ({ wallMs: ms }: FetchCost) => ms;
  const against = (what: string, part: readonly number[], of: readonly number[]) =>
    part.length > 0 && of.length > 0 ? [ratio(what, part, of)] : [];
  const others = runners.map(({ program }) => program).filter((program) => program !== curl);
  const sections = [
    {
      title: `Fetch of ${size} MiB`,
      note:
        `Each fetching process from its start to its end, its loading included; source and target ${where}. Shoal, libtorrent and aria2c fetch from ` +
        `${SHARER_COUNT} processes and verify every byte; curl has one server and verifies nothing. Shoal hashes with BLAKE3 in chunks of 512 KiB, ` +
        'the torrent is of version 1: SHA-1, pieces of 512 KiB. All run on the same processors. A first round is not counted.' +
        (advice === undefined ? '' : ` ${advice}.`),
      figures: runners.map(({ program, costs }) =>
        figure(
          `${program.name}, time`,
          's',
          costs.map((cost) => cost.wallMs / 1000),
        ),
      ),
    },
    {
      title: 'Ratios',
      note: 'Each formed within one round.',
      figures: [
        ...others.flatMap((one) => against(`time, ${one.name} ÷ ${curl.name}`, series(one, wallMs), series(curl, wallMs))),
        ...others
          .filter((one) => one !== shoal)
          .flatMap((one) => against(`rate, ${shoal.name} ÷ ${one.name}`, series(one, wallMs), series(shoal, wallMs))),
      ],
    },
    {
      title: 'Processor time',
      note: 'User and system time of the fetching process, and of the processes that served it meanwhile.',
      figures: runners.flatMap(({ program, costs }) => [
        figure(
          `${program.name}, fetching`,
          's',
          costs.map((cost) => cost.fetchingCpuMs / 1000),
        ),
        figure(
          `${program.name}, serving`,
          's',
          costs.map((cost) => cost.servingCpuMs / 1000),
        ),
      ]),
    },
  ];
  return sections.filter(({ figures }) => figures.length > 0);
}

runProgram('bench:compare', main);
