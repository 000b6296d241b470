/**
 * `npm run bench`: measures, prints and saves. It asserts nothing; a figure is worth what the machine it was made on is worth.
 *
 * Options: `--only hash|plan|fetch|sizes|tracker|memory` · `--quick` (small and few) · `--size 4g` · `--runs 5` · `--directory DIR` · `--no-save`.
 */

import { parseArgs } from 'node:util';
import { benchFetch } from './fetch.js';
import { benchHash } from './hash.js';
import { runProgram, USUAL_OPTIONS, type UsualSettings, usualSettings } from './options.js';
import { benchPlan } from './plan.js';
import type { Section } from './report.js';
import { runParts } from './run-parts.js';
import { benchSizes } from './sizes.js';
import { benchRequests } from './tracker/requests.js';

const PARTS = ['hash', 'plan', 'fetch', 'sizes', 'tracker', 'memory'] as const;
type Part = (typeof PARTS)[number];
/** What takes long or much room is measured only where it is asked for. */
const ON_DEMAND: readonly Part[] = ['sizes', 'memory'];
const MIB = 2 ** 20;

const USAGE = `Usage: npm run bench -- [options]

  --only PART      ${PARTS.join(', ')}; may be given several times (default: all but sizes and memory)
  --quick          small files and few runs: half a minute
  --size SIZE      bytes of the file that is hashed and fetched (default 1g; memory: 4g;
                   sizes: 1g and its 2, 4 and 8 times)
  --runs COUNT     runs of which the median is taken (default 5; plan and sizes: 3; memory: 1)
  --directory DIR  where the files go (default: in memory if there is room, else the temporary folder)
  --no-save        print only; otherwise kept as benchmarks/results/<date>-<commit>.md and .json
`;

interface Settings extends UsualSettings {
  readonly parts: readonly Part[];
}

function settingsOf(args: readonly string[]): Settings | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: { ...USUAL_OPTIONS, only: { type: 'string', multiple: true } },
  });
  if (values.help === true) return undefined;
  const unknown = values.only?.find((part) => !PARTS.some((known) => known === part));
  if (unknown !== undefined) throw new Error(`--only must be one of ${PARTS.join(', ')}, not "${unknown}".`);
  const chosen = PARTS.filter((part) => values.only?.includes(part) ?? !ON_DEMAND.includes(part));
  return { ...usualSettings(values), parts: chosen };
}

async function measure(part: Part, { isQuick, sizeBytes, runCount, directory }: Settings): Promise<Section> {
  const usualBytes = sizeBytes ?? (isQuick ? 256 : 1024) * MIB;
  const usualRuns = runCount ?? (isQuick ? 3 : 5);
  switch (part) {
    case 'hash':
      return benchHash({ sizeBytes: usualBytes, runCount: usualRuns, directory });
    case 'plan':
      return benchPlan({ chunkCount: isQuick ? 200_000 : 2_000_000, runCount: runCount ?? 3 });
    case 'fetch':
      return benchFetch({ sizeBytes: usualBytes, runCount: usualRuns, peerCounts: [1, 4], directory });
    case 'sizes':
      return benchSizes({ sizesBytes: [1, 2, 4, 8].map((times) => times * usualBytes), runCount: runCount ?? 3, directory });
    case 'tracker':
      return (
        await benchRequests({
          runCount: usualRuns,
          runMs: isQuick ? 500 : 2000,
          newCount: isQuick ? 50_000 : 200_000,
          hasOthers: false,
        })
      ).section;
    case 'memory':
      return benchFetch({
        sizeBytes: sizeBytes ?? (isQuick ? 1024 : 4096) * MIB,
        runCount: runCount ?? 1,
        peerCounts: [4],
        directory,
      });
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
    script: 'bench',
    args,
    parts,
    isSaved,
    measure: async (part) => ({ sections: [await measure(part, settings)] }),
  });
}

runProgram('bench', main);
