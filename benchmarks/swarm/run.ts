/**
 * `npm run bench:swarm`: how far swarms are from the fluid bound. It asserts nothing; it prints, draws and saves.
 *
 * Options: `--only real|sim|spread|hostile` · `--quick` (small and few) · `--size 256m` · `--peers 10,100` · `--chunks 256` · `--seed 1` · `--runs 3` ·
 * `--directory DIR` · `--no-save`.
 */
import { parseArgs } from 'node:util';
import { numberOf, runProgram, USUAL_OPTIONS, type UsualSettings, usualSettings } from '../options.js';
import { type Measured, runParts } from '../run-parts.js';
import { benchHostile } from './hostile.js';
import { benchReal } from './real.js';
import { benchSim } from './sim.js';
import { benchSpread } from './spread.js';

const PARTS = ['real', 'sim', 'spread', 'hostile'] as const;
type Part = (typeof PARTS)[number];
const MIB = 2 ** 20;

const USAGE = `Usage: npm run bench:swarm -- [options]

  --only PART     ${PARTS.join(', ')}; may be given several times (default: all)
  --quick         a small file and few runs and peers
  --size SIZE     bytes of the file that real processes fetch (default 256m)
  --peers LIST    simulated fetchers (default 10,30,100,300,1000)
  --chunks COUNT  chunks of the simulated file (default 256)
  --seed NUMBER   of the simulated swarms (default 1)
  --runs COUNT    runs of which the median is taken, each simulated one with the next seed (default 3 real ones, 1 simulated, 10 of the spread, 20 of hostile peers)
  --directory DIR where the files go (default: in memory if there is room, else the temporary folder)
  --no-save       print only; otherwise kept as benchmarks/results/<date>-<commit>-swarm.md, .json and .svg
`;

interface Settings extends UsualSettings {
  readonly parts: readonly Part[];
  readonly fetcherCounts: readonly number[];
  readonly chunkCount: number;
  readonly seed: number;
}

function settingsOf(args: readonly string[]): Settings | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...USUAL_OPTIONS,
      only: { type: 'string', multiple: true },
      peers: { type: 'string' },
      chunks: { type: 'string', default: '256' },
      seed: { type: 'string', default: '1' },
    },
  });
  if (values.help === true) return undefined;
  const unknown = values.only?.find((part) => !PARTS.some((known) => known === part));
  if (unknown !== undefined) throw new Error(`--only must be one of ${PARTS.join(', ')}, not "${unknown}".`);
  const usual = usualSettings(values);
  const peers = values.peers ?? (usual.isQuick ? '10,30,100' : '10,30,100,300,1000');
  return {
    ...usual,
    parts: PARTS.filter((part) => values.only?.includes(part) ?? true),
    fetcherCounts: peers.split(',').map((text) => numberOf('--peers', text, 1, 5000)),
    chunkCount: numberOf('--chunks', values.chunks, 2, 100_000),
    seed: numberOf('--seed', values.seed, 0, 2 ** 31),
  };
}

async function measure(part: Part, settings: Settings): Promise<Measured> {
  const { isQuick, sizeBytes, runCount } = settings;
  const note = (line: string) => void process.stderr.write(`${line}\n`);
  switch (part) {
    case 'real':
      return benchReal({
        sizeBytes: sizeBytes ?? (isQuick ? 64 : 256) * MIB,
        runCount: runCount ?? (isQuick ? 1 : 3),
        directory: settings.directory,
        note,
      });
    case 'sim':
      return benchSim({ ...settings, runCount: runCount ?? 1, note });
    case 'spread':
      return { sections: [await benchSpread({ seed: settings.seed, runCount: runCount ?? (isQuick ? 3 : 10), note })] };
    case 'hostile':
      return { sections: [await benchHostile({ seed: settings.seed, runCount: runCount ?? (isQuick ? 3 : 20), note })] };
  }
}

async function main(args: readonly string[]): Promise<void> {
  const settings = settingsOf(args);
  if (settings === undefined) {
    process.stdout.write(USAGE);
    return;
  }
  const { parts, isSaved } = settings;
  await runParts({ script: 'bench:swarm', args, parts, isSaved, kind: 'swarm', measure: (part) => measure(part, settings) });
}

runProgram('bench:swarm', main);
