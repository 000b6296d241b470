/** Shoal as a swarm of real processes: a tracker, a seed with a rate limit, fetchers that serve while they fetch and after. */
import { join } from 'node:path';
import { cpuMs, shownCommand } from '../compare/program.js';
import { shoal } from '../compare/shoal.js';
import { CommandProcess, type LocalProcess, startTracker, stopAll } from '../processes.js';
import { fetcherFolder, type SwarmProgram, type SwarmSetup, targetPath, watchFetchers, writtenBytes } from './real-program.js';

const LINES = {
  began: '{"event":"phase","phase":"lookup"',
  done: '{"event":"done"',
  wastedBytesOf: (doneLine: string) => (JSON.parse(doneLine) as { wastedBytes: number }).wastedBytes,
};

export const realShoal: SwarmProgram = {
  name: shoal.name,
  packages: shoal.packages,
  version: shoal.version,

  commands(setup) {
    const shown = (args: readonly string[]) => shownCommand(setup.folder, 'peer', args);
    return [
      'tracker --host 127.0.0.1 --port 0',
      shown(seedArgs(setup, 'TRACKER')),
      `${setup.fetcherCount} times: ${shown(fetchArgs(setup, 'TRACKER', 0))}`,
    ];
  },

  async runOnce(setup) {
    const { tracker, address } = await startTracker(setup.folder, false);
    const started: LocalProcess[] = [tracker];
    try {
      const seed = new CommandProcess('peer', seedArgs(setup, address), join(setup.folder, 'seed'), false);
      started.push(seed);
      await seed.line('sharing ');
      const [writtenBeforeBytes, cpuBeforeMs] = [writtenBytes(seed), cpuMs(seed.processId ?? 'none', 'own')];
      const start = (at: number) => new CommandProcess('peer', fetchArgs(setup, address, at), fetcherFolder(setup, at), false);
      const fetchers = await watchFetchers(setup, LINES, start, started);
      return {
        fetchers,
        seedSentBytes: writtenBytes(seed) - writtenBeforeBytes,
        seedCpuMs: cpuMs(seed.processId ?? 'none', 'own') - cpuBeforeMs,
      };
    } finally {
      await stopAll(started);
    }
  },
};

function seedArgs({ samplePath, seedBytesPerSecond }: SwarmSetup, trackerAddress: string): string[] {
  const rate = `${seedBytesPerSecond / 1024}k`;
  return ['share', samplePath, '--tracker', trackerAddress, '--host', '127.0.0.1', '--limit-up', rate];
}

function fetchArgs(setup: SwarmSetup, trackerAddress: string, fetcherIndex: number): string[] {
  const from = ['fetch', 'sample.bin', '--tracker', trackerAddress, '--host', '127.0.0.1'];
  return [...from, '--out', targetPath(setup, fetcherIndex), '--seed-time', '60s', '--json'];
}
