/** A program of two commands that does nothing but say what it was given, for the tests of the command line. */
import type { CommandInput, CommandSpec, ProgramSpec } from '../cli/command-spec.js';

export interface Seen {
  readonly command: string;
  readonly input: CommandInput;
}

/** `onRun` sees each run and gives its exit code, or throws. */
export function sampleProgram(onRun: (seen: Seen) => number): ProgramSpec {
  const run = (command: string) => async (input: CommandInput) => onRun({ command, input });
  const fetch: CommandSpec = {
    name: 'fetch',
    summary: 'fetch something',
    args: [{ name: 'what', help: 'name or link' }],
    flags: [
      { name: 'tracker', type: 'list', value: 'host:port', help: 'tracker to ask', configAliases: ['trackerIP'] },
      { name: 'limit-down', type: 'text', value: 'rate', help: 'most bytes a second', default: '10M' },
      { name: 'resume', type: 'switch', help: 'go on where it stopped', isOnByDefault: true },
      { name: 'out', type: 'text', value: 'PATH', help: 'where to', isPath: true, configAliases: ['directory'] },
      { name: 'log', type: 'text', value: 'level', help: 'how much to log', choices: ['debug', 'silent'] },
    ],
    examples: ['sample fetch a.bin --tracker 192.168.1.5:4700'],
    run: run('fetch'),
  };
  const share: CommandSpec = {
    name: 'share',
    summary: 'share something',
    args: [{ name: 'path', help: 'files', isVariadic: true, isPath: true }],
    flags: [{ name: 'port', type: 'text', value: 'port', help: 'port' }],
    examples: ['sample share a.bin'],
    run: run('share'),
  };
  return { name: 'sample', summary: 'A sample.', version: '1.2.3', envPrefix: 'SAMPLE', commands: [fetch, share] };
}
