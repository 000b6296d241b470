/** `peer peers`: the peers that the trackers know. */
import type { CommandInput, CommandSpec } from '../../common/cli/command-spec.js';
import { formatPeerAddress } from '../../common/core/peer-address.js';
import { formatBytes, formatDuration } from '../../common/core/units.js';
import type { PeerInfo } from '../../common/wire/tracker-replies.js';
import { GROUP_FLAG, groupOf } from '../push/push-flags.js';
import { ASK_FLAGS, askTrackers, maxOf, note, printRows } from './ask-trackers.js';
import { withJsonErrors } from './json-errors.js';

export const peersCommand: CommandSpec = {
  name: 'peers',
  summary: 'list the peers that the trackers know',
  args: [],
  flags: [GROUP_FLAG, ...ASK_FLAGS],
  examples: ['peer peers', 'peer peers --group lab --json'],
  run: (input) => withJsonErrors(input, runPeers),
};

async function runPeers(input: CommandInput): Promise<number> {
  const maxCount = maxOf(input);
  const group = groupOf(input);
  const answer = await askTrackers(input, (directory) => directory.peers(maxCount, group));
  if (answer.rows.length === 0)
    note(input, group === undefined ? 'These trackers know no peer.' : `These trackers know no peer of the group ${group}.`);
  printRows(input, answer, {
    event: ({ address, fileCount, seenMs, load, acceptBytes, group: label }: PeerInfo) => {
      const state = { load: load ?? null, accept: acceptBytes ?? 0, group: label ?? null };
      return { event: 'peer', address: formatPeerAddress(address), files: fileCount, seenMs, ...state };
    },
    head: ['peer', 'files', 'seen', 'load', 'accepts', 'group'],
    sides: 'lrrrrl',
    cells: ({ address, fileCount, seenMs, load, acceptBytes, group: label }: PeerInfo) => [
      formatPeerAddress(address),
      String(fileCount),
      `${formatDuration(seenMs)} ago`,
      load === undefined ? '-' : `${load} %`,
      acceptBytes === undefined || acceptBytes === 0 ? '-' : formatBytes(acceptBytes),
      label ?? '',
    ],
  });
  return 0;
}
