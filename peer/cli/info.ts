/** `peer info`: what the trackers know of one content. */
import type { CommandInput, CommandSpec } from '../../common/cli/command-spec.js';
import { ShoalError } from '../../common/core/errors.js';
import { FOLDER_TYPE } from '../../common/core/folder-index.js';
import { formatLink } from '../../common/core/link.js';
import type { HostPort } from '../../common/core/peer-address.js';
import { formatBytes } from '../../common/core/units.js';
import { printable } from '../../common/wire/tokens.js';
import type { ContentInfo } from '../../common/wire/tracker-replies.js';
import { parseFetchSource } from '../fetch/fetch-source.js';
import { ASK_FLAGS, askTrackers, CONTENT_ROWS, maxOf, note, printRows } from './ask-trackers.js';
import { withJsonErrors } from './json-errors.js';
import { columns } from './table.js';

export const infoCommand: CommandSpec = {
  name: 'info',
  summary: 'show what the trackers know of a file or folder',
  args: [{ name: 'filename|link|@root', help: 'the name it is shared under, a link, or a root with an @ before it' }],
  flags: ASK_FLAGS,
  examples: ['peer info ubuntu.iso', "peer info 'magnet:?xt=urn:shoal:…'", 'peer info @9f2c… --json'],
  run: (input) => withJsonErrors(input, runInfo),
};

async function runInfo(input: CommandInput): Promise<number> {
  const shown = input.args[0] ?? '';
  const source = parseFetchSource(shown);
  const maxCount = maxOf(input);
  const answer = await askTrackers(input, (directory) => directory.info(source.content, maxCount), source.trackers);
  if (answer.rows.length === 0) throw new ShoalError('NOT_FOUND', 'local', `Nobody shares "${printable(source.name ?? shown)}".`);
  if (input.switch('json') === true) {
    printRows(input, answer, CONTENT_ROWS);
    return 0;
  }
  process.stdout.write(answer.rows.map((row) => `${describe(row, answer.trackers)}\n`).join('\n'));
  const nameCount = new Set(answer.rows.map(({ root, sizeBytes }) => `${root} ${sizeBytes}`)).size;
  if (source.root === undefined && nameCount > 1)
    note(input, 'Several contents have this name: fetch the one that is meant by its root or its link.');
  return 0;
}

function describe(
  { name, root, sizeBytes, completeCount, partialCount, type, checksum }: ContentInfo,
  trackers: readonly HostPort[],
): string {
  const size = `${formatBytes(sizeBytes)} (${sizeBytes} bytes)${type === FOLDER_TYPE ? ', the list of its files' : ''}`;
  const holders = `${completeCount} ${completeCount === 1 ? 'peer has' : 'peers have'} all of it, ${partialCount} a part`;
  const rows: [string, string][] = [
    ['name', printable(name)],
    ['size', size],
    ['root', root ?? '-  (nobody gives one, so it cannot be verified)'],
    ['holders', holders],
  ];
  if (type !== undefined) rows.push(['type', type]);
  if (checksum !== undefined) rows.push(['checksum', checksum]);
  if (root !== undefined) rows.push(['link', formatLink({ root, name, sizeBytes, trackers, peers: [] })]);
  return columns(rows, 'll');
}
