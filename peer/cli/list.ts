/** `peer list`: what the trackers list, what one peer shares, or what the running peer does. */
import type { CommandInput, CommandSpec } from '../../common/cli/command-spec.js';
import { ShoalError } from '../../common/core/errors.js';
import { FOLDER_TYPE } from '../../common/core/folder-index.js';
import { parsePeerAddress } from '../../common/core/peer-address.js';
import { formatBytes } from '../../common/core/units.js';
import { realClock } from '../../common/node/clock.js';
import { tcpDialer } from '../../common/node/tcp.js';
import type { SharedRow } from '../../common/wire/peer-documents.js';
import { type Walk, walkPages } from '../discovery/walk-pages.js';
import type { ShareListing } from '../share/share-place.js';
import { ASK_FLAGS, askTrackers, CONTENT_ROWS, maxOf, note, printRows } from './ask-trackers.js';
import { withJsonErrors } from './json-errors.js';
import { needNode } from './running-node.js';

/** Milliseconds for the connection to a peer, and for each page. */
const DIAL_TIMEOUT_MS = 5000;
const PAGE_DEADLINE_MS = 10_000;

export const listCommand: CommandSpec = {
  name: 'list',
  summary: 'list what is shared: at the trackers, by one peer, or here',
  args: [],
  flags: [
    { name: 'peer', type: 'text', value: 'ip:port', help: 'what this peer shares, asked of itself' },
    { name: 'local', type: 'switch', help: 'what the running peer of this machine shares' },
    ...ASK_FLAGS,
  ],
  examples: ['peer list', 'peer list --local', 'peer list --peer 192.168.1.7:40123 --json', 'peer list --max 100000'],
  run: (input) => withJsonErrors(input, runList),
};

async function runList(input: CommandInput): Promise<number> {
  const maxCount = maxOf(input);
  const peer = input.text('peer');
  if (input.switch('local') === true && peer !== undefined)
    throw new ShoalError('USAGE', 'local', '--local asks the peer of this machine, and --peer another one: give one of the two.');
  if (input.switch('local') === true) return listLocal(input, maxCount);
  if (peer !== undefined) return listPeer(input, peer, maxCount);
  const answer = await askTrackers(input, (directory) => directory.list(maxCount));
  if (answer.rows.length === 0) note(input, 'Nothing is shared at these trackers.');
  printRows(input, answer, CONTENT_ROWS);
  return 0;
}

type LocalShare = Omit<ShareListing, 'root'> & { readonly root: string | null; readonly isKept: boolean };

async function listLocal(input: CommandInput, maxCount: number): Promise<number> {
  const node = await needNode();
  const { shares } = (await node.ask({ request: 'list' }).finally(() => node.close())) as {
    readonly shares: readonly LocalShare[];
  };
  if (shares.length === 0) note(input, 'The running peer shares nothing. "peer share --stay" gives it something.');
  const answer = { rows: shares.slice(0, maxCount), isCut: shares.length > maxCount };
  printRows(input, answer, {
    event: ({ name, kind, path, root, sizeBytes, fileCount, isKept }: LocalShare) => {
      return { event: 'share', name, kind, path, root, size: sizeBytes, files: fileCount, kept: isKept };
    },
    head: ['name', 'size', 'files', 'kept', 'root', 'path'],
    sides: 'lrrlll',
    cells: ({ name, path, root, sizeBytes, fileCount, isKept }: LocalShare) => {
      const kept = isKept ? 'yes' : 'no';
      return [name, formatBytes(sizeBytes), String(fileCount), kept, root?.slice(0, 12) ?? 'changed', path];
    },
  });
  return 0;
}

async function listPeer(input: CommandInput, address: string, maxCount: number): Promise<number> {
  const answer = await askPeer(address, maxCount);
  if (answer.rows.length === 0) note(input, `The peer at ${address} shares nothing.`);
  printRows(input, answer, {
    event: ({ name, root, sizeBytes, haveChunks, type }: SharedRow) => {
      return { event: 'content', name, root, size: sizeBytes, have: haveChunks ?? null, type: type ?? null };
    },
    head: ['name', 'size', 'here', 'root'],
    sides: 'lrrl',
    cells: ({ name, root, sizeBytes, haveChunks, type }: SharedRow) => {
      const size = type === FOLDER_TYPE ? 'folder' : formatBytes(sizeBytes);
      return [name, size, haveChunks === undefined ? 'all' : `${haveChunks} chunks`, root.slice(0, 12)];
    },
  });
  return 0;
}

/** Walks the pages of one peer. Throws `USAGE` for a bad address, `NETWORK` for a peer that is not there. */
async function askPeer(text: string, maxCount: number): Promise<Walk<SharedRow>> {
  const address = addressOf(text);
  const { PeerConnection } = await import('../net/peer-connection.js');
  const { SlotMemory } = await import('../hash/slot-memory.js');
  const slots = new SlotMemory(1);
  const connection = await PeerConnection.connect({ dialer: tcpDialer, clock: realClock, slots }, address, DIAL_TIMEOUT_MS);
  const silent = new ShoalError('NETWORK', 'remote', `The peer at ${text} does not answer.`);
  try {
    return await walkPages((page) => {
      const deadline = realClock.setTimer('list of a peer', PAGE_DEADLINE_MS, () => connection.close(silent));
      return connection.getList(page).finally(() => deadline.cancel());
    }, maxCount);
  } finally {
    connection.close(new ShoalError('STOPPED', 'local', 'The list is there.'));
  }
}

function addressOf(text: string) {
  try {
    return parsePeerAddress(text);
  } catch (error) {
    throw new ShoalError(
      'USAGE',
      'local',
      `--peer takes an IP address and a port, such as 192.168.1.7:40123, not "${text}".`,
      error,
    );
  }
}
