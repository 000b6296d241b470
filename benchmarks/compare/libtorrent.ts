/** libtorrent in the comparison: four seeding sessions and one that fetches, each in a process of its own, by `libtorrent-session.py`. */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LocalProcess, stopAll } from '../processes.js';
import { measureFetch, type Program, printedBy, SHARER_COUNT, shownCommand, TOOL_ENV } from './program.js';

const SCRIPT = fileURLToPath(new URL('../../../benchmarks/compare/libtorrent-session.py', import.meta.url));
/** The package belongs to the system's Python, and another one may come first in the path. */
const PYTHONS = ['python3', '/usr/bin/python3'];
const SAY_VERSION = 'import libtorrent, platform; print(libtorrent.__version__, "on Python", platform.python_version())';

export const libtorrent: Program = {
  name: 'libtorrent',
  packages: ['python3-libtorrent'],
  version: () => findLibtorrent()?.version,

  async prepare({ folder, samplePath, torrentPath, targetPath, limitMs, atEnd }) {
    const python = findLibtorrent()?.python ?? 'python3';
    const start = (...args: string[]) => new LocalProcess('libtorrent', python, [SCRIPT, ...args], TOOL_ENV);
    const seeders = Array.from({ length: SHARER_COUNT }, () => start('seed', torrentPath, dirname(samplePath)));
    atEnd(() => stopAll(seeders));
    const listening = await Promise.all(seeders.map((seeder) => seeder.line('listening ')));
    const args = ['fetch', torrentPath, dirname(targetPath), ...listening.map((line) => line.split(' ').at(-1) ?? '')];
    const shown = (words: readonly string[]) =>
      shownCommand(folder, python, ['benchmarks/compare/libtorrent-session.py', ...words]);
    return {
      commands: [`${SHARER_COUNT} times: ${shown(['seed', torrentPath, dirname(samplePath)])}`, shown(args)],
      fetchOnce: () => measureFetch(() => start(...args), seeders, limitMs),
    };
  },
};

/** The Python that has libtorrent, and its version. */
export function findLibtorrent(): { python: string; version: string } | undefined {
  for (const python of PYTHONS) {
    const version = printedBy(python, ['-c', SAY_VERSION]);
    if (version !== undefined) return { python, version };
  }
  return undefined;
}
