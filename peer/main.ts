#!/usr/bin/env node
/** The `peer` command. It only starts what `peer/cli` describes. */
import { runProgram } from '../common/cli/run-program.js';
import { program } from './cli/program.js';

void runProgram(program, process.argv.slice(2), {
  error: (text) => process.stderr.write(text),
  env: process.env,
}).then((exitCode) => {
  process.exitCode = exitCode;
});
