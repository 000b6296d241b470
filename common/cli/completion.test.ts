import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { errorCode } from '../testkit/error-code.js';
import { sampleProgram } from '../testkit/sample-program.js';
import type { ProgramSpec } from './command-spec.js';
import { completionCommand, completionScript } from './completion.js';

const execute = promisify(execFile);
const many = sampleProgram(() => 0);
/** A program that is its one command. */
const one: ProgramSpec = {
  ...many,
  name: 'solo',
  commands: many.commands.slice(0, 1).map((command) => ({ ...command, name: '' })),
};

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-completion-'));
  await writeFile(join(folder, 'my file.bin'), '');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What bash offers for the last of `words`, in a folder that holds `my file.bin`. */
async function offers(program: ProgramSpec, words: string[]): Promise<string[]> {
  const script = [
    completionScript(program, 'bash'),
    `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}`,
    `_${program.name}_complete`,
    `printf '%s\\n' "\${COMPREPLY[@]}"`,
  ].join('\n');
  const { stdout } = await execute('bash', ['-c', script], { cwd: folder });
  return stdout.split('\n').filter(Boolean);
}

describe('the bash script', () => {
  test.each([many, one])('of $name is accepted by bash, and registers itself', async (program) => {
    const path = join(folder, `${program.name}.bash`);
    await writeFile(path, completionScript(program, 'bash'));
    await execute('bash', ['-n', path]);
    const { stdout } = await execute('bash', ['-c', `source '${path}' && complete -p ${program.name}`]);
    expect(stdout).toContain(`_${program.name}_complete`);
  });

  test('completes commands, flags, choices and files', async () => {
    expect(await offers(many, ['sample', 'f'])).toEqual(['fetch']);
    expect(await offers(many, ['sample', 'fetch', '--li'])).toEqual(['--limit-down']);
    expect(await offers(many, ['sample', 'share', '--po'])).toEqual(['--port']);
    expect(await offers(many, ['sample', 'fetch', '--log', 'd'])).toEqual(['debug']);
    expect(await offers(many, ['sample', 'fetch', '--limit-down', ''])).toEqual([]);
    expect(await offers(one, ['solo', '--tr'])).toEqual(['--tracker']);
  });

  test('offers how a switch that is on is turned off, and the shells of completion', async () => {
    expect(await offers(many, ['sample', 'fetch', '--no'])).toEqual(['--no-resume']);
    const program: ProgramSpec = { ...many, commands: [completionCommand(() => program)] };
    expect(await offers(program, ['sample', 'completion', ''])).toEqual(['bash', 'zsh', 'fish']);
  });

  test('keeps a file name with a space in one piece', async () => {
    expect(await offers(many, ['sample', 'share', 'my'])).toEqual(['my file.bin']);
    expect(await offers(many, ['sample', 'fetch', '--out', 'my'])).toEqual(['my file.bin']);
  });
});

test('zsh runs the same script, fish has its own, and another shell is refused', () => {
  expect(completionScript(many, 'zsh')).toMatch(/^#compdef sample\n[\s\S]*_sample_complete/);
  const fish = completionScript(many, 'fish');
  expect(fish).toContain("complete -c sample -n '__fish_seen_subcommand_from fetch' -l limit-down -x -d 'most bytes a second'");
  expect(fish).toContain('-l no-resume -d');
  expect(errorCode(() => completionScript(many, 'powershell'))).toBe('USAGE');
});
