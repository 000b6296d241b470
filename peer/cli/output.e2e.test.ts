/** The built `peer` command, and what it does with its standard output. */
import { spawn } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { commandFile } from '../../common/testkit/repo-root.js';

const MAIN = commandFile('peer');

/** Runs it to its end; with `isDeaf`, nobody reads what it prints. */
async function run(args: readonly string[], isDeaf = false) {
  // Nothing of the user's own takes part.
  const env = { ...process.env, SHOAL_STATE_DIR: '/nonexistent' };
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const out: string[] = [];
  const err: string[] = [];
  if (isDeaf) child.stdout.destroy();
  else child.stdout.on('data', (text: Buffer) => out.push(text.toString()));
  child.stderr.on('data', (text: Buffer) => err.push(text.toString()));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, out: out.join(''), err: err.join('') };
}

test.each([[['fetch', '--help']], [['completion', 'bash']]])('a reader that has left is no mistake of ours: %j', async (args) => {
  expect(await run(args, true)).toMatchObject({ code: 0, err: '' });
});

test('a fetch that nobody listens to ends with its own exit code, and no stack trace', async () => {
  const { code, err } = await run(['fetch', 'x', '--tracker', '127.0.0.1:1', '--json'], true);
  expect(code).toBe(6);
  expect(err).toMatch(/^peer: Tracker 127\.0\.0\.1:1 .*\n$/);
});

test.each([[['@zz']], [['x', '--tracker', '127.0.0.1:99999']], [['x', '--timeout', 'soon']]])(
  'with --json wrong usage too is told as an event: %j',
  async (args) => {
    const { code, out, err } = await run(['fetch', ...args, '--json']);
    expect(code).toBe(2);
    expect(err).toMatch(/^peer: .*\n$/);
    expect(JSON.parse(out)).toMatchObject({ event: 'error', code: 'USAGE', exit: 2 });
  },
);
