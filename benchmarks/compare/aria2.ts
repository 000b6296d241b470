/** aria2c in the comparison: four seeders and one that fetches the same torrent, which a tracker of ours brings together. */
import { dirname } from 'node:path';
import { LocalProcess, stopAll } from '../processes.js';
import { AnnounceServer } from './announce-server.js';
import { measureFetch, type Program, printedBy, SHARER_COUNT, shownCommand, TOOL_ENV } from './program.js';

/** Milliseconds in which the seeders have to be there. */
const READY_MS = 60_000;

export const aria2: Program = {
  name: 'aria2c',
  packages: ['aria2'],
  version: () => /version ([0-9.]+)/.exec(printedBy('aria2c', ['--version']) ?? '')?.[1],

  async prepare({ folder, samplePath, torrentPath, targetPath, limitMs, atEnd }) {
    const tracker = await AnnounceServer.open();
    atEnd(() => tracker.close());
    const start = (args: readonly string[]) => new LocalProcess('aria2c', 'aria2c', args, TOOL_ENV);
    const both = commonArgs(tracker.url);
    const unlimited = ['--seed-ratio=0.0', '--bt-seed-unverified=true'];
    const seedArgs = [...both, ...unlimited, `--stop-with-process=${process.pid}`, `--dir=${dirname(samplePath)}`, torrentPath];
    const args = [...both, '--seed-time=0', `--dir=${dirname(targetPath)}`, torrentPath];
    const seeders = Array.from({ length: SHARER_COUNT }, () => start(seedArgs));
    atEnd(() => stopAll(seeders));
    await tracker.seeders(SHARER_COUNT, READY_MS);
    return {
      commands: [`${SHARER_COUNT} times: ${shownCommand(folder, 'aria2c', seedArgs)}`, shownCommand(folder, 'aria2c', args)],
      fetchOnce: () => measureFetch(() => start(args), seeders, limitMs),
    };
  },
};

/** Loopback alone, nobody found but by the tracker, no encryption, no limit on peers, and no space claimed before data is there. */
function commonArgs(trackerUrl: string): string[] {
  return [
    '--no-conf',
    '--quiet',
    '--interface=127.0.0.1',
    '--disable-ipv6=true',
    '--listen-port=20000-40000',
    '--enable-dht=false',
    '--bt-enable-lpd=false',
    '--enable-peer-exchange=false',
    '--bt-max-peers=0',
    '--bt-request-peer-speed-limit=0',
    '--disk-cache=64M',
    '--file-allocation=none',
    `--bt-tracker=${trackerUrl}`,
  ];
}
