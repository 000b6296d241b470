/** Shoal in the comparison: a tracker, four peers that share, one that fetches by name and verifies. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { CommandProcess, startSharer, startTracker } from '../processes.js';
import { measureFetch, type Program, SHARER_COUNT, shownCommand } from './program.js';

const PACKAGE = new URL('../../../package.json', import.meta.url);

export const shoal: Program = {
  name: 'Shoal',
  packages: [],
  version: () => `${(JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string }).version} on Node ${process.version}`,

  async prepare({ folder, samplePath, targetPath, limitMs, atEnd }) {
    const { tracker, address } = await startTracker(folder, false);
    atEnd(() => tracker.stop());
    const sharers: CommandProcess[] = [];
    for (let count = 0; count < SHARER_COUNT; count += 1) {
      const sharer = await startSharer(folder, samplePath, address, false);
      sharers.push(sharer);
      atEnd(() => sharer.stop());
    }
    const args = ['fetch', basename(samplePath), '--tracker', address, '--out', targetPath, '--quiet'];
    return {
      commands: [
        'tracker --host 127.0.0.1 --port 0',
        `${SHARER_COUNT} times: ${shownCommand(folder, 'peer', ['share', samplePath, '--tracker', address, '--host', '127.0.0.1'])}`,
        shownCommand(folder, 'peer', args),
      ],
      fetchOnce: () => measureFetch(() => new CommandProcess('peer', args, folder, false), [tracker, ...sharers], limitMs),
    };
  },
};
