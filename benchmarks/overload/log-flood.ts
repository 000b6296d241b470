/** OV7: what a tracker writes into its log while others do all that it logs, as often as they can. */
import { statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommandProcess, LocalProcess } from '../processes.js';
import { figure, type Section } from '../report.js';
import { createScratch } from '../scratch.js';

const FLOODER = fileURLToPath(new URL('./flooder.js', import.meta.url));
const JUNK_PER_SECOND = 20_000;
const AT_ONCE_COUNT = 50;

export async function benchLogFlood(floodMs: number): Promise<Section> {
  const scratch = createScratch(2 ** 20);
  const log = join(scratch.folder, 'tracker.log');
  const args = ['--host', '127.0.0.1', '--port', '0', '--max-connections', '20'];
  const tracker = new CommandProcess('tracker', args, scratch.folder, false, `exec 2>${log}`);
  try {
    const line = await tracker.line('tracker listening on ');
    const port = Number(line.split(':').at(-1));
    const junk = new LocalProcess(
      'junk',
      process.execPath,
      [FLOODER, 'datagrams', String(port), String(JUNK_PER_SECOND)],
      process.env,
    );
    let connectionCount = 0;
    const endMs = performance.now() + floodMs;
    const flood = async () => {
      while (performance.now() < endMs) {
        await badConnection(port);
        connectionCount += 1;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE_COUNT }, flood));
    await junk.stop();
    const figures = [
      figure('connections that were refused, or sent junk and reset', 'connections', [connectionCount]),
      figure('log', 'KiB', [statSync(log).size / 1024]),
    ];
    const note = `${floodMs / 1000} s of ${AT_ONCE_COUNT} at once, more than the tracker lets in, and of junk over UDP; log level as it is by default.`;
    return { title: 'Log of a tracker in a flood (OV7)', note, figures };
  } finally {
    await tracker.stop();
    scratch.remove();
  }
}

function badConnection(port: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write('JUNK\n'.repeat(20));
      socket.once('data', () => socket.resetAndDestroy());
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve());
  });
}
