#!/usr/bin/env node
/** Entry point of the `tracker` command. */
import { readFile } from 'node:fs/promises';
import { runProgram } from '../common/cli/run-program.js';
import { trackerProgram } from './cli/program.js';

async function main(): Promise<number> {
  // A reader that goes away (`tracker | head -1`) does not stop the tracker.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  const manifest = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  return runProgram(trackerProgram(manifest.version), process.argv.slice(2), {
    error: (text) => void process.stderr.write(text),
    env: process.env,
  });
}

void main().then((code) => {
  process.exitCode = code;
});
