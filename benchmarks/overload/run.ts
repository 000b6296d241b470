/**
 * `npm run bench:overload`: what the built programs do when too much is asked of them: memory with fifty peers, the event loop while
 * hashing and serving, a tracker in storms, its log in a flood. It asserts nothing; the tests of the rows hold what does not depend on time.
 *
 * Options: `--only memory|loop|storms|log` · `--quick` (short and small) · `--size 4g` · `--directory DIR` · `--no-save`.
 */
import { parseArgs } from 'node:util';
import { runProgram, USUAL_OPTIONS, type UsualSettings, usualSettings } from '../options.js';
import type { Section } from '../report.js';
import { runParts } from '../run-parts.js';
import { benchLogFlood } from './log-flood.js';
import { benchLoop } from './loop.js';
import { benchMemory } from './memory.js';
import { benchStorms } from './storms.js';

const PARTS = ['memory', 'loop', 'storms', 'log'] as const;
type Part = (typeof PARTS)[number];
const MIB = 2 ** 20;

const USAGE = `Usage: npm run bench:overload -- [options]

  --only PART     ${PARTS.join(', ')}; may be given several times (default: all)
  --quick         small files and short storms: a minute
  --size SIZE     bytes of the file that fifty peers have (default 4g)
  --directory DIR where files go (default: the temporary folder)
  --no-save       print only; otherwise kept as benchmarks/results/<date>-<commit>-overload.md and .json
`;

interface Settings extends UsualSettings {
  readonly parts: readonly Part[];
}

function settingsOf(args: readonly string[]): Settings | undefined {
  const { quick, size, directory, 'no-save': noSave, help } = USUAL_OPTIONS;
  const { values } = parseArgs({
    args: [...args],
    options: { quick, size, directory, 'no-save': noSave, help, only: { type: 'string', multiple: true } },
  });
  if (values.help === true) return undefined;
  const unknown = values.only?.find((part) => !PARTS.some((known) => known === part));
  if (unknown !== undefined) throw new Error(`--only must be one of ${PARTS.join(', ')}, not "${unknown}".`);
  return { ...usualSettings(values), parts: PARTS.filter((part) => values.only?.includes(part) ?? true) };
}

function measure(part: Part, { isQuick, sizeBytes, directory }: Settings): Promise<Section> {
  switch (part) {
    case 'memory':
      return benchMemory({ sizeBytes: sizeBytes ?? (isQuick ? 512 : 4096) * MIB, serveMs: isQuick ? 10_000 : 60_000, directory });
    case 'loop':
      return benchLoop({ hashedBytes: (isQuick ? 2048 : 10_240) * MIB, filesCount: isQuick ? 5000 : 100_000, directory });
    case 'storms':
      return benchStorms(isQuick ? 3000 : 10_000);
    case 'log':
      return benchLogFlood(isQuick ? 3000 : 10_000);
  }
}

async function main(args: readonly string[]): Promise<void> {
  const settings = settingsOf(args);
  if (settings === undefined) {
    process.stdout.write(USAGE);
    return;
  }
  const { parts, isSaved } = settings;
  await runParts({
    script: 'bench:overload',
    args,
    parts,
    isSaved,
    kind: 'overload',
    measure: async (part) => ({ sections: [await measure(part, settings)] }),
  });
}

runProgram('bench:overload', main);
