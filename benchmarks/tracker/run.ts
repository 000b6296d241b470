/**
 * `npm run bench:tracker`: what the built tracker does as one process: requests, datagrams, memory, searches, idle connections; and
 * opentracker and redis beside it where they are installed. It asserts nothing; a figure is worth what the machine is worth.
 *
 * Options: `--only requests|udp|million|idle` · `--quick` (short and few) · `--runs 5` · `--no-save`.
 */
import { parseArgs } from 'node:util';
import { missingAdvice } from '../compare/program.js';
import { runProgram, USUAL_OPTIONS, type UsualSettings, usualSettings } from '../options.js';
import { runParts } from '../run-parts.js';
import { benchDatagrams } from './datagrams.js';
import { benchIdle } from './idle.js';
import { benchMillion } from './million.js';
import { OPENTRACKER, REDIS, versionOf } from './other-server.js';
import { benchRequests, type Measured } from './requests.js';

const PARTS = ['requests', 'udp', 'million', 'idle'] as const;
type Part = (typeof PARTS)[number];

const USAGE = `Usage: npm run bench:tracker -- [options]

  --only PART   ${PARTS.join(', ')}; may be given several times (default: all)
  --quick       short runs, 100,000 registrations and 1,000 connections: a minute
  --runs COUNT  runs of which the median is taken (default 5)
  --no-save     print only; otherwise kept as benchmarks/results/<date>-<commit>-tracker.md and .json

The tracker is compared with those of these servers that are installed: opentracker, redis.
10,000 idle connections need as many open files in one process: "ulimit -n 20000" first, where fewer are allowed.
`;

interface Settings extends UsualSettings {
  readonly parts: readonly Part[];
}

function settingsOf(args: readonly string[]): Settings | undefined {
  const { quick, runs, 'no-save': noSave, help } = USUAL_OPTIONS;
  const { values } = parseArgs({
    args: [...args],
    options: { quick, runs, 'no-save': noSave, help, only: { type: 'string', multiple: true } },
  });
  if (values.help === true) return undefined;
  const unknown = values.only?.find((part) => !PARTS.some((known) => known === part));
  if (unknown !== undefined) throw new Error(`--only must be one of ${PARTS.join(', ')}, not "${unknown}".`);
  return { ...usualSettings(values), parts: PARTS.filter((part) => values.only?.includes(part) ?? true) };
}

async function measure(part: Part, { isQuick, runCount: askedRunCount }: Settings): Promise<Measured> {
  const runCount = askedRunCount ?? (isQuick ? 3 : 5);
  const runMs = isQuick ? 500 : 2000;
  switch (part) {
    case 'requests':
      return benchRequests({ runCount, runMs, newCount: isQuick ? 50_000 : 200_000, hasOthers: true });
    case 'udp':
      return benchDatagrams({ runCount, runMs });
    case 'million': {
      const nameCount = isQuick ? 100_000 : 1_000_000;
      return { section: await benchMillion({ nameCount, runCount, runMs, searchCount: isQuick ? 100 : 500 }), programs: [] };
    }
    case 'idle': {
      const connectionCount = isQuick ? 1000 : 10_000;
      return { section: await benchIdle({ connectionCount, lookupCount: isQuick ? 500 : 3000 }), programs: [] };
    }
  }
}

async function main(args: readonly string[]): Promise<void> {
  const settings = settingsOf(args);
  if (settings === undefined) {
    process.stdout.write(USAGE);
    return;
  }
  const advice = missingAdvice([REDIS, OPENTRACKER].filter((server) => versionOf(server) === undefined));
  if (advice !== undefined) process.stdout.write(`${advice}\n`);
  const { parts, isSaved } = settings;
  await runParts({
    script: 'bench:tracker',
    args,
    parts,
    isSaved,
    kind: 'tracker',
    measure: async (part) => {
      const { section, programs } = await measure(part, settings);
      return { sections: [section], programs };
    },
  });
}

runProgram('bench:tracker', main);
