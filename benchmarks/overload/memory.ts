/** OV6: what a peer holds that serves a large file to fifty at once, and one that fetches it from fifty, each in 256 MiB and no more. */
import { closeSync, ftruncateSync, openSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CommandProcess, startTracker } from '../processes.js';
import { type Figure, figure, type Section } from '../report.js';
import { createScratch } from '../scratch.js';
import { rest } from '../tracker/delays.js';
import { LightFetchers, LightSeeds } from './light-peers.js';
import { loopFigures } from './loop.js';
import { MemoryGroup, MemoryWatch } from './memory-group.js';

const MIB = 2 ** 20;
const LIMIT_BYTES = 256 * MIB;
const PEERS_COUNT = 50;
const FETCH_LIMIT_MS = 600_000;

export interface MemoryOptions {
  readonly sizeBytes: number;
  /** How long the fifty are served. */
  readonly serveMs: number;
  readonly directory: string | undefined;
}

export async function benchMemory({ sizeBytes, serveMs, directory }: MemoryOptions): Promise<Section> {
  // On a disk: what is in a file system in memory would be charged to the group.
  const scratch = createScratch(1.1 * sizeBytes, directory ?? '/tmp');
  try {
    const groups: (MemoryGroup | undefined)[] = [];
    const figures = [
      ...(await seeding(scratch.folder, sizeBytes, serveMs, groups)),
      ...(await fetching(scratch.folder, sizeBytes, groups)),
    ];
    const kind = groups.includes(undefined)
      ? 'This machine lets nobody make a control group: nothing held the processes to their limit.'
      : `The kernel holds each process to ${LIMIT_BYTES / MIB} MiB, files that it keeps in memory for it included, by a control group of version ${groups[0]?.version}.`;
    const note =
      `A file of ${sizeBytes / MIB} MiB. ${PEERS_COUNT} fetchers that throw away what they get; ${PEERS_COUNT} seeds that make up what they give. ${kind} ` +
      "A process's own memory is RssAnon and RssShmem, looked at ten times a second.";
    return { title: `${PEERS_COUNT} peers and ${LIMIT_BYTES / MIB} MiB (OV6)`, note, figures };
  } finally {
    scratch.remove();
  }
}

/** Runs a command in a group of its own, while `use` does; gives its memory. */
async function inGroup(
  what: string,
  groups: (MemoryGroup | undefined)[],
  folder: string,
  args: readonly string[],
  use: (command: CommandProcess) => Promise<readonly Figure[]>,
): Promise<readonly Figure[]> {
  const group = MemoryGroup.open(LIMIT_BYTES);
  groups.push(group);
  const command = new CommandProcess('peer', args, folder, true, group?.enter ?? '');
  const watch = new MemoryWatch(command.processId);
  try {
    const figures = await use(command);
    watch.close();
    await command.stop();
    return [
      ...figures,
      figure(`${what}: own memory at most`, 'MiB', [watch.mostBytes / MIB]),
      figure(`${what}: with files that the kernel keeps for it`, 'MiB', [(group?.peakBytes ?? Number.NaN) / MIB]),
      figure(`${what}: ended by the kernel`, 'processes', [group?.killedCount ?? Number.NaN]),
      ...loopFigures(what, command),
    ];
  } finally {
    watch.close();
    await command.stop();
    await group?.close();
  }
}

async function seeding(
  folder: string,
  sizeBytes: number,
  serveMs: number,
  groups: (MemoryGroup | undefined)[],
): Promise<readonly Figure[]> {
  const path = join(folder, 'sparse.bin');
  const file = openSync(path, 'w');
  ftruncateSync(file, sizeBytes);
  closeSync(file);
  const { tracker, address } = await startTracker(folder, false);
  try {
    const args = ['share', path, '--tracker', address, '--host', '127.0.0.1', '--no-node'];
    return await inGroup('serving', groups, folder, args, async (sharer) => {
      const line = await sharer.line('sharing ');
      const fetchers = new LightFetchers(Number(line.split(':').at(-1)), PEERS_COUNT, 'sparse.bin', sizeBytes);
      await rest(serveMs);
      const { gotBytes, failedCount } = fetchers;
      fetchers.close();
      return [
        figure('serving: rate to all together', 'MiB/s', [gotBytes / MIB / (serveMs / 1000)]),
        figure('serving: fetchers whose connection ended', 'fetchers', [failedCount]),
      ];
    });
  } finally {
    await tracker.stop();
    rmSync(path);
  }
}

async function fetching(folder: string, sizeBytes: number, groups: (MemoryGroup | undefined)[]): Promise<readonly Figure[]> {
  const seeds = await LightSeeds.open(PEERS_COUNT, sizeBytes);
  try {
    const target = join(folder, 'fetched.bin');
    const args = ['fetch', seeds.link, '--out', target, '--quiet', '--no-node'];
    const startedMs = performance.now();
    return await inGroup('fetching', groups, folder, args, async (fetcher) => {
      await fetcher.end(FETCH_LIMIT_MS);
      const seconds = (performance.now() - startedMs) / 1000;
      if (statSync(target).size !== sizeBytes) throw new Error('The fetched file has another size.');
      return [figure('fetching: rate', 'MiB/s', [sizeBytes / MIB / seconds])];
    });
  } finally {
    await seeds.close();
  }
}
