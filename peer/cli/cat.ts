/** `peer cat`: verified bytes of a content to standard output, and nothing else there. */
import type { CommandInput, CommandSpec } from '../../common/cli/command-spec.js';
import { baseName, type FileName } from '../../common/core/file-name.js';
import { parseByteRange } from '../cat/byte-range.js';
import { catContent } from '../cat/cat-content.js';
import { openFileOutput, StreamOutput } from '../cat/output.js';
import { parseFetchSource } from '../fetch/fetch-source.js';
import { HashPool } from '../hash/hash-pool.js';
import { realStorage } from '../storage-ports.js';
import { QUIET_FLAG, TRACKER_FLAG, trackersOf, UDP_FLAG } from './common-flags.js';
import { listenForStop } from './stop-signal.js';
import { trackersToUse } from './tracker-choice.js';
import { trackerPorts } from './tracker-ports.js';

/** What has no name is called this where `--out` is a folder. */
const CONTENT = 'content' as FileName;

export const catCommand: CommandSpec = {
  name: 'cat',
  summary: 'write a file, or a part of it, to standard output',
  args: [{ name: 'filename|link|@root', help: 'the name it is shared under, a link, or a root with an @ before it' }],
  flags: [
    TRACKER_FLAG,
    UDP_FLAG,
    { name: 'range', type: 'text', value: 'A-B', help: 'bytes A to B, both included; A- to the end; -N for the last N' },
    { name: 'out', type: 'text', value: 'FILE', help: 'write to this file, which is there when it is whole', isPath: true },
    { name: 'overwrite', type: 'switch', help: 'replace a file that has the name of --out already' },
    { name: 'timeout', type: 'text', value: 'TIME', help: 'give up when nothing came for this long', default: '30s' },
    QUIET_FLAG,
  ],
  examples: [
    'peer cat notes.txt --tracker 192.168.1.5:4700',
    'peer cat disk.img --range 0-511 | xxd',
    'peer cat photos/2026/beach.jpg > beach.jpg',
    'peer cat server.log --range -4096',
  ],
  run: runCat,
};

async function runCat(input: CommandInput): Promise<number> {
  const shown = input.args[0] ?? '';
  const source = parseFetchSource(shown);
  const rangeText = input.text('range');
  const isQuiet = input.switch('quiet') === true;
  const hasOwnSources = source.trackers.length > 0 || source.peers.length > 0;
  const options = {
    source,
    shown: source.name ?? shown,
    range: rangeText === undefined ? undefined : parseByteRange(rangeText),
    patienceMs: input.durationMs('timeout', '30s'),
    trackers: hasOwnSources ? trackersOf(input) : await trackersToUse(input),
    note: (text: string) => {
      if (!isQuiet) process.stderr.write(`peer: ${text}\n`);
    },
  };
  const out = input.text('out');
  const output =
    out === undefined
      ? new StreamOutput(process.stdout)
      : await openFileOutput(realStorage, out, baseName(source.name ?? CONTENT), input.switch('overwrite') === true);
  const pool = new HashPool({ threadCount: 1 });
  const stop = listenForStop('What was written is right, and not all of it.');
  try {
    await catContent(
      { ...(await trackerPorts(input.switch('udp') === true)), pool },
      { ...options, signal: stop.signal },
      output,
    );
    await output.finish();
    return 0;
  } finally {
    stop.close();
    await output.close();
    await pool.close();
  }
}
