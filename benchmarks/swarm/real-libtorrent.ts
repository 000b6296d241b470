/** libtorrent as a swarm of real processes: a seed with a rate limit, fetchers that all know each other, by `libtorrent-peer.py`. */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findLibtorrent, libtorrent } from '../compare/libtorrent.js';
import { cpuMs, shownCommand, TOOL_ENV } from '../compare/program.js';
import { freePorts, LocalProcess, stopAll } from '../processes.js';
import { fetcherFolder, type SwarmProgram, type SwarmSetup, watchFetchers } from './real-program.js';

const SCRIPT = fileURLToPath(new URL('../../../benchmarks/swarm/libtorrent-peer.py', import.meta.url));
const LINES = {
  began: 'began',
  done: 'done ',
  wastedBytesOf: (doneLine: string) => Number(doneLine.split(' ')[1]),
};

export const realLibtorrent: SwarmProgram = {
  name: libtorrent.name,
  packages: libtorrent.packages,
  version: libtorrent.version,

  commands(setup) {
    const shown = (args: readonly string[]) =>
      shownCommand(setup.folder, 'python3', ['benchmarks/swarm/libtorrent-peer.py', ...args]);
    return [shown(seedArgs(setup)), `${setup.fetcherCount} times: ${shown(fetchArgs(setup, 0, ['PORT', 'PORT...']))}`];
  },

  async runOnce(setup) {
    const started: LocalProcess[] = [];
    const run = (args: readonly string[]) =>
      new LocalProcess('libtorrent', findLibtorrent()?.python ?? 'python3', [SCRIPT, ...args], TOOL_ENV);
    try {
      const seed = run(seedArgs(setup));
      started.push(seed);
      const seedPort = (await seed.line('listening ')).split(' ').at(-1) ?? '';
      const ports = (await freePorts(setup.fetcherCount)).map(String);
      const cpuBeforeMs = cpuMs(seed.processId ?? 'none', 'own');
      const start = (at: number) =>
        run(fetchArgs(setup, at, [ports[at] ?? '', seedPort, ...ports.filter((_, other) => other !== at)]));
      const fetchers = await watchFetchers(setup, LINES, start, started);
      const seedCpuMs = cpuMs(seed.processId ?? 'none', 'own') - cpuBeforeMs;
      await seed.stop();
      return { fetchers, seedSentBytes: Number((await seed.line('sent ')).split(' ')[1]), seedCpuMs };
    } finally {
      await stopAll(started);
    }
  },
};

function seedArgs({ torrentPath, samplePath, seedBytesPerSecond }: SwarmSetup): string[] {
  return ['seed', torrentPath, dirname(samplePath), String(seedBytesPerSecond)];
}

/** `ports`: its own, then those of the others. */
function fetchArgs(setup: SwarmSetup, fetcherIndex: number, ports: readonly string[]): string[] {
  return ['fetch', setup.torrentPath, fetcherFolder(setup, fetcherIndex), ...ports];
}
