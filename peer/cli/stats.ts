/** `peer stats`: what went out and came in, ever: of the running peer, or of what the last one remembered. */
import type { CommandInput, CommandSpec } from '../../common/cli/command-spec.js';
import { ShoalError } from '../../common/core/errors.js';
import { formatBytes } from '../../common/core/units.js';
import { realDisk } from '../../common/node/disk.js';
import { stateFolderOf } from '../serve/serve-paths.js';
import { StateFile } from '../serve/state-file.js';
import { type StatsJson, statsJson } from '../serve/stats-json.js';
import { JSON_FLAG } from './common-flags.js';
import { withJsonErrors } from './json-errors.js';
import { connectNode } from './running-node.js';
import { outputWidth, table } from './table.js';

export const statsCommand: CommandSpec = {
  name: 'stats',
  summary: 'show what the peer of this machine sent and received, ever',
  args: [],
  flags: [JSON_FLAG],
  examples: ['peer stats', 'peer stats --json'],
  run: (input) => withJsonErrors(input, runStats),
};

async function runStats(input: CommandInput): Promise<number> {
  const stats = await readStats();
  const text = input.switch('json') === true ? JSON.stringify({ event: 'stats', ...stats }) : describe(stats);
  process.stdout.write(`${text}\n`);
  return 0;
}

async function readStats(): Promise<StatsJson> {
  const node = await connectNode();
  if (node !== undefined) return (await node.ask({ request: 'stats' }).finally(() => node.close())) as unknown as StatsJson;
  const folder = stateFolderOf(process.env);
  const state = await StateFile.read(realDisk, folder);
  if (state !== undefined) return statsJson(state);
  throw new ShoalError(
    'NOT_FOUND',
    'local',
    `No peer runs here, and none has left statistics in ${folder}. "peer serve" starts one.`,
  );
}

function describe({ sinceMs, uploadedBytes, downloadedBytes, contents }: StatsJson): string {
  const since = new Date(sinceMs).toISOString().slice(0, 10);
  const totals = `${formatBytes(uploadedBytes)} up, ${formatBytes(downloadedBytes)} down since ${since}`;
  if (contents.length === 0) return totals;
  const rows = contents.map(({ name, sizeBytes, uploadedBytes: up, downloadedBytes: down, root }) => {
    const ratio = sizeBytes === 0 ? '-' : (up / sizeBytes).toFixed(2);
    return [name, formatBytes(sizeBytes), formatBytes(up), ratio, formatBytes(down), root?.slice(0, 12) ?? '-'];
  });
  return `${totals}\n\n${table([['name', 'size', 'up', 'ratio', 'down', 'root'], ...rows], 'lrrrrl', outputWidth())}`;
}
