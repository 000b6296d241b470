/** The `tracker` program: one command, which serves. */
import type { CommandInput, CommandSpec, ProgramSpec } from '../../common/cli/command-spec.js';
import { completionScript } from '../../common/cli/completion.js';
import { parseLogLevel, parseTrackerOptions, TRACKER_FLAGS } from '../config.js';
import { serve } from './serve.js';

const SUMMARY = 'Tells peers who shares what. Runs until SIGINT or SIGTERM; keeps nothing on disk.';

export function trackerProgram(version: string): ProgramSpec {
  const command: CommandSpec = {
    name: '',
    summary: SUMMARY,
    args: [],
    flags: TRACKER_FLAGS,
    examples: [
      'tracker',
      'tracker --port 4701 --interval 10s',
      'tracker --host :: --log-level warn',
      'tracker --completion bash > ~/.local/share/bash-completion/completions/tracker',
    ],
    run: (input) => run(program, input),
  };
  const program: ProgramSpec = { name: 'tracker', summary: SUMMARY, version, envPrefix: 'SHOAL_TRACKER', commands: [command] };
  return program;
}

async function run(program: ProgramSpec, input: CommandInput): Promise<number> {
  const shell = input.text('completion');
  if (shell !== undefined) {
    process.stdout.write(completionScript(program, shell));
    return 0;
  }
  return serve(parseTrackerOptions(input), parseLogLevel(input));
}
