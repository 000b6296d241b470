/** OV5: how late the event loop of a sharing peer comes round while it hashes and serves, and while it looks through very many files. */
import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProbeReading } from '../process-probe.js';
import { CommandProcess, startTracker } from '../processes.js';
import { type Figure, figure, type Section } from '../report.js';
import { createScratch, writeSample } from '../scratch.js';
import { LightFetchers } from './light-peers.js';

const MIB = 2 ** 20;
const SMALL_BYTES = 64 * MIB;
const FETCHERS_COUNT = 4;
const FILES_PER_FOLDER_COUNT = 1000;
const LIMIT_MS = 600_000;

export interface LoopOptions {
  readonly hashedBytes: number;
  readonly filesCount: number;
  readonly directory: string | undefined;
}

export async function benchLoop({ hashedBytes, filesCount, directory }: LoopOptions): Promise<Section> {
  const scratch = createScratch(2 * SMALL_BYTES + 4096 * filesCount, directory ?? '/tmp');
  try {
    const { folder } = scratch;
    const small = join(folder, 'small.bin');
    await writeSample(small, SMALL_BYTES);
    const large = join(folder, 'large.bin');
    const file = openSync(large, 'w');
    ftruncateSync(file, hashedBytes);
    closeSync(file);
    const tree = join(folder, 'tree');
    makeTree(tree, filesCount);
    const { tracker, address } = await startTracker(folder, false, ['--max-entries-per-source', '2000000']);
    try {
      const figures = [
        ...(await serveWhile(
          `hashing ${hashedBytes / MIB} MiB and serving`,
          folder,
          address,
          [small, large],
          'sharing large.bin ',
        )),
        ...(await serveWhile(`looking through ${filesCount} files and serving`, folder, address, [small, tree], 'sharing tree ')),
      ];
      const note =
        `One peer process, from its first socket to its end. ${FETCHERS_COUNT} fetchers take a file of ${SMALL_BYTES / MIB} MiB from it again and again meanwhile. ` +
        'The large file is sparse, so that hashing and not the disk is what takes the time.';
      return { title: 'Event loop of a peer (OV5)', note, figures };
    } finally {
      await tracker.stop();
    }
  } finally {
    scratch.remove();
  }
}

/** What the probe saw of a process that has ended. */
export function loopFigures(what: string, command: CommandProcess): readonly Figure[] {
  const reading = command.reading();
  const of = (key: keyof ProbeReading) => [reading?.[key] ?? Number.NaN];
  return [
    figure(`${what}: event loop, 99 % below`, 'ms', of('loopDelayP99Ms')),
    figure(`${what}: event loop, longest`, 'ms', of('loopDelayMaxMs')),
    figure(`${what}: event loop without waiting for a processor, 99 % below`, 'ms', of('ownDelayP99Ms')),
    figure(`${what}: event loop without waiting for a processor, longest`, 'ms', of('ownDelayMaxMs')),
  ];
}

function makeTree(folder: string, filesCount: number): void {
  for (let at = 0; at < filesCount; at += 1) {
    const inner = join(folder, String(Math.floor(at / FILES_PER_FOLDER_COUNT)));
    if (at % FILES_PER_FOLDER_COUNT === 0) mkdirSync(inner, { recursive: true });
    writeFileSync(join(inner, `${at}.txt`), `${at}\n`);
  }
}

/** Serves the first path from the moment that it is shared until the peer has printed `untilLine`. */
async function serveWhile(
  what: string,
  folder: string,
  trackerAddress: string,
  paths: readonly string[],
  untilLine: string,
): Promise<readonly Figure[]> {
  const args = ['share', ...paths, '--tracker', trackerAddress, '--host', '127.0.0.1', '--no-node'];
  const sharer = new CommandProcess('peer', args, folder);
  try {
    const line = await sharer.line('sharing small.bin ');
    const startedMs = performance.now();
    const fetchers = new LightFetchers(Number(line.split(':').at(-1)), FETCHERS_COUNT, 'small.bin', SMALL_BYTES);
    await sharer.line(untilLine, LIMIT_MS);
    const seconds = (performance.now() - startedMs) / 1000;
    const { gotBytes } = fetchers;
    fetchers.close();
    await sharer.stop();
    return [
      ...loopFigures(what, sharer),
      figure(`${what}: took`, 's', [seconds]),
      figure(`${what}: served meanwhile`, 'MiB/s', [gotBytes / MIB / seconds]),
    ];
  } finally {
    await sharer.stop();
  }
}
