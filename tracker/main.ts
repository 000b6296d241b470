#!/usr/bin/env node
/** Entry point of the `tracker` command. */
import { runProgram } from '../common/cli/run-program.js';
import { packageVersion } from '../common/node/version.js';
import { trackerProgram } from './cli/program.js';

function main(): Promise<number> {
  // A reader that goes away (`tracker | head -1`) does not stop the tracker.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  return runProgram(trackerProgram(packageVersion()), process.argv.slice(2), {
    error: (text) => void process.stderr.write(text),
    env: process.env,
  });
}

void main().then((code) => {
  process.exitCode = code;
});
