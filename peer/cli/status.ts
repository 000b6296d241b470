/** `peer status`: how the running peer is, and what it does now. */
import type { CommandInput, CommandSpec } from '../../common/cli/command-spec.js';
import { formatBytes, formatDuration, formatRate } from '../../common/core/units.js';
import type { NodeStatus } from '../serve/serving-node.js';
import { JSON_FLAG } from './common-flags.js';
import { withJsonErrors } from './json-errors.js';
import { needNode } from './running-node.js';
import { columns, outputWidth, table } from './table.js';

export const statusCommand: CommandSpec = {
  name: 'status',
  summary: 'show how the running peer is and what it does',
  args: [],
  flags: [JSON_FLAG],
  examples: ['peer status', 'peer status --json'],
  run: (input) => withJsonErrors(input, runStatus),
};

async function runStatus(input: CommandInput): Promise<number> {
  const node = await needNode();
  const status = (await node.ask({ request: 'status' }).finally(() => node.close())) as unknown as NodeStatus;
  const text = input.switch('json') === true ? JSON.stringify({ event: 'status', ...status }) : describe(status, outputWidth());
  process.stdout.write(`${text}\n`);
  return 0;
}

function describe(status: NodeStatus, width: number | undefined): string {
  const { load, usedSlotCount, slotCount, waitingCount, rateBytes, shareCount, fileCount } = status;
  // A node that was started before an update may say nothing of it.
  const damaged = status.damaged ?? [];
  const sending = `${Math.ceil(usedSlotCount)} of ${slotCount} chunks at once, ${waitingCount} waiting, ${formatRate(rateBytes)}`;
  const rows = [
    ['peer', `${status.address}, process ${status.pid}, Shoal ${status.version}`],
    ['up for', formatDuration(status.uptimeMs)],
    ['load', `${load} % (${sending})`],
    ['shares', `${shareCount} ${shareCount === 1 ? 'path' : 'paths'}, ${fileCount} ${fileCount === 1 ? 'name' : 'names'}`],
    ['ever', `${formatBytes(status.uploadedBytes)} up, ${formatBytes(status.downloadedBytes)} down`],
    ...(damaged.length > 0 ? [['damaged', damagedText(damaged)]] : []),
    ...status.trackers.map(({ tracker, message }) => ['tracker', message === null ? tracker : `${tracker}: ${message}`]),
  ];
  const parts = [columns(rows, 'll')];
  const fetches = status.fetches.map(({ name, phase, doneBytes, totalBytes, peerCount }) => {
    const done = totalBytes === 0 ? '' : `${Math.floor((100 * doneBytes) / totalBytes)} % of ${formatBytes(totalBytes)}`;
    return [name, phase, done, String(peerCount)];
  });
  if (fetches.length > 0) parts.push(table([['fetching', 'phase', 'done', 'peers'], ...fetches], 'llrr', width));
  const uploads = status.uploads.map(({ name, sizeBytes, bytesPerSecond }) => [
    name,
    formatBytes(sizeBytes),
    formatRate(bytesPerSecond),
  ]);
  if (uploads.length > 0) parts.push(table([['sending', 'size', 'rate'], ...uploads], 'lrr', width));
  return parts.join('\n\n');
}

function damagedText(damaged: NodeStatus['damaged']): string {
  const chunkCount = damaged.reduce((sum, file) => sum + file.chunkCount, 0);
  const files = damaged.length === 1 ? '1 file' : `${damaged.length} files`;
  return `${chunkCount} ${chunkCount === 1 ? 'chunk' : 'chunks'} of ${files}; "peer verify --all --repair" fetches what is damaged again`;
}
