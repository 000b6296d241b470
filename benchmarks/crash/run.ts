/**
 * `npm run crash`: kills real processes with real files at every point at which they change the disk, and half-way through each; then at
 * moments that a seed draws, then again and again. It fails at the first thing that is lost, wrong or left.
 */
import { parseArgs } from 'node:util';
import { formatBytes } from '../../common/core/units.js';
import { SimRandom } from '../../common/sim/sim-random.js';
import { numberOf, runProgram } from '../options.js';
import { type Enumeration, enumerate, killAtRandom } from './enumerate.js';
import { type Subject, Trials } from './trial.js';

const SUBJECTS: readonly Subject[] = ['file', 'folder', 'share', 'state'];
/** Milliseconds in which a victim starts and ends, about: what is later than that kills none. */
const LIFE_MS = 700;

const USAGE = `Usage: npm run crash -- [options]

  --stride COUNT   kill at every so many points only (default 1)
  --random COUNT   kill each fetch at so many random moments (default 100 of a file, 100 of a folder)
  --seed NUMBER    of the random moments (default 1)
  --again COUNT    chunks of a file whose fetch is killed after each (default 100)
`;

runProgram('crash', async (args) => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      stride: { type: 'string', default: '1' },
      random: { type: 'string', default: '100' },
      seed: { type: 'string', default: '1' },
      again: { type: 'string', default: '100' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return void process.stdout.write(USAGE);
  const stride = numberOf('--stride', values.stride, 1, 1000);
  const randomCount = numberOf('--random', values.random, 0, 1e6);
  const seed = numberOf('--seed', values.seed, 0, 2 ** 32 - 1);
  const againCount = numberOf('--again', values.again, 0, 10_000);
  const trials = await Trials.open();
  try {
    for (const subject of SUBJECTS) print('each point', await enumerate(trials, subject, 1, stride));
    const random = new SimRandom(seed);
    for (const subject of ['file', 'folder'] as const) {
      const moments = Array.from({ length: randomCount }, () => random.below(LIFE_MS));
      print('random', await killAtRandom(trials, subject, moments));
    }
    if (againCount > 0) {
      const { killCount, chunkCount } = await trials.killAgainAndAgain(againCount, 1);
      process.stdout.write(`again and again: ${killCount} kills, ${chunkCount} chunks sent for a file of ${againCount}\n`);
    }
  } finally {
    await trials.close();
  }
});

function print(how: string, { subject, killCount, againMaxBytes, againBytes, leftMaxCount }: Enumeration): void {
  const again = `fetched again: at most ${formatBytes(againMaxBytes)}, ${formatBytes(againBytes)} in all`;
  process.stdout.write(`${subject}, ${how}: ${killCount} kills; ${again}; names left by the dead: at most ${leftMaxCount}\n`);
}
