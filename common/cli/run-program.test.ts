import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { ShoalError } from '../core/errors.js';
import { type Seen, sampleProgram } from '../testkit/sample-program.js';
import { defaultConfigPaths, runProgram } from './run-program.js';

let folder = '';
let emptyConfig = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-cli-'));
  emptyConfig = await config('empty.conf', '');
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => {
  jest.restoreAllMocks();
});

async function config(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

interface Outcome {
  readonly exitCode: number;
  readonly errorText: string;
  readonly outText: string;
  readonly seen: Seen | undefined;
}

/** Runs the sample program; whatever configuration this machine has is kept out. */
async function run(argv: string[], env: Record<string, string> = {}, end: () => number = () => 0): Promise<Outcome> {
  let errorText = '';
  let outText = '';
  let seen: Seen | undefined;
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    outText += String(text);
    return true;
  });
  const program = sampleProgram((one) => {
    seen = one;
    return end();
  });
  const error = (text: string): void => {
    errorText += text;
  };
  const exitCode = await runProgram(program, argv, { error, env: { SAMPLE_CONFIG: emptyConfig, ...env } });
  return { exitCode, errorText, outText, seen };
}

describe('precedence', () => {
  test('is flag, environment, configuration file, default', async () => {
    const path = await config('limit.conf', 'limit-down=1M\n');
    const read = async (argv: string[], env: Record<string, string>) =>
      (await run(['fetch', 'a', ...argv], env)).seen?.input.text('limit-down');
    expect(await read([], {})).toBe('10M');
    expect(await read(['--config', path], {})).toBe('1M');
    expect(await read([], { SAMPLE_CONFIG: path })).toBe('1M');
    expect(await read(['--config', path], { SAMPLE_LIMIT_DOWN: '2M' })).toBe('2M');
    expect(await read(['--config', path, '--limit-down', '3M'], { SAMPLE_LIMIT_DOWN: '2M' })).toBe('3M');
    expect(await read(['--config', path], { SAMPLE_LIMIT_DOWN: '' })).toBe('1M');
  });

  test('takes the names of the old configuration file, and lists from everywhere', async () => {
    const path = await config('config.dat', '//config.dat\ndirectory=../x\ntrackerIP=1.2.3.4\n');
    const { input } = (await run(['fetch', 'a', '--config', path])).seen ?? {};
    expect([input?.text('out'), input?.list('tracker')]).toEqual(['../x', ['1.2.3.4']]);
    const toml = await config('a.toml', 'tracker = ["a:1", "b:2"]\n');
    expect((await run(['fetch', 'a', '--config', toml])).seen?.input.list('tracker')).toEqual(['a:1', 'b:2']);
    expect((await run(['fetch', 'a'], { SAMPLE_TRACKER: 'a:1, b:2' })).seen?.input.list('tracker')).toEqual(['a:1', 'b:2']);
    const argv = ['fetch', 'a', '--tracker', 'c:3', '--tracker=d:4'];
    expect((await run(argv, { SAMPLE_TRACKER: 'a:1' })).seen?.input.list('tracker')).toEqual(['c:3', 'd:4']);
  });

  test('a key of one command is known to the others, which share the file', async () => {
    const path = await config('shared.conf', 'port=1\nresume=no\n');
    const { seen } = await run(['fetch', 'a', '--config', path]);
    expect(seen?.input.switch('resume')).toBe(false);
  });
});

describe('switches', () => {
  test.each<[string[], Record<string, string>, boolean | undefined]>([
    [[], {}, undefined],
    [['--resume'], {}, true],
    [['--no-resume'], {}, false],
    [['--no-resume'], { SAMPLE_RESUME: 'yes' }, false],
    [[], { SAMPLE_RESUME: '1' }, true],
    [[], { SAMPLE_RESUME: 'OFF' }, false],
  ])('%j with %j are %s', async (argv, env, expected) => {
    expect((await run(['fetch', 'a', ...argv], env)).seen?.input.switch('resume')).toBe(expected);
  });

  test('that say neither yes nor no are refused', async () => {
    const { exitCode, errorText, seen } = await run(['fetch', 'a'], { SAMPLE_RESUME: 'perhaps' });
    expect([exitCode, seen]).toEqual([2, undefined]);
    expect(errorText).toContain('SAMPLE_RESUME');
  });
});

describe('usage', () => {
  test.each([
    ['an unknown flag', ['fetch', 'a', '--nope'], '--nope'],
    ['an unknown command', ['fetsh', 'a'], 'fetsh'],
    ['an argument too many', ['fetch', 'a', 'b'], 'too many arguments'],
    ['an argument too few', ['fetch'], 'what'],
    ['no file at all', ['share'], 'path'],
    ['no command', [], 'no command given'],
    ['a flag without its value', ['fetch', 'a', '--out'], '--out'],
    ['a choice that there is not', ['fetch', 'a', '--log', 'loud'], 'debug, silent'],
  ])('%s ends with exit code 2 and one sentence', async (_, argv, text) => {
    const { exitCode, errorText, outText, seen } = await run(argv);
    expect([exitCode, outText, seen]).toEqual([2, '', undefined]);
    expect(errorText).toContain(text);
    expect(errorText).toMatch(/^sample: /);
    expect(errorText).not.toMatch(/\n\s+at /);
  });

  test('what was typed wrong points to the help of its command', async () => {
    expect((await run(['fetch'])).errorText).toContain('\nTry "sample fetch --help".\n');
    expect((await run(['fetsh'])).errorText).toContain('\nTry "sample --help".\n');
  });

  test('a configuration file that is absent, or has an unknown key, is refused by name', async () => {
    const absent = await run(['fetch', 'a', '--config', join(folder, 'absent.conf')]);
    expect([absent.exitCode, absent.errorText]).toEqual([2, expect.stringContaining('absent.conf')]);
    const typo = await run(['fetch', 'a', '--config', await config('typo.conf', 'trakcer=1.2.3.4\n')]);
    expect([typo.exitCode, typo.errorText]).toEqual([2, expect.stringContaining('unknown key "trakcer"')]);
    expect(typo.errorText).toContain('tracker');
  });

  test.each([[['--help']], [['-h']], [['fetch', '--help']]])('%j shows help and ends with 0', async (argv) => {
    const { exitCode, errorText, outText } = await run(argv);
    expect([exitCode, errorText]).toEqual([0, '']);
    expect(outText).toContain('Usage: sample');
  });

  test("a command's help shows its examples, its flags, their environment twins and defaults", async () => {
    const { outText } = await run(['fetch', '--help']);
    expect(outText).toContain('Examples:\n  sample fetch a.bin --tracker 192.168.1.5:4700');
    expect(outText).toMatch(/--log <level>\s+how much to log: debug, silent/);
    expect(outText).toMatch(/--limit-down <rate>\s+most bytes a second \(default 10M\)\s+\[\$SAMPLE_LIMIT_DOWN\]/);
  });

  test('--version prints the version', async () => {
    expect(await run(['--version'])).toMatchObject({ exitCode: 0, outText: '1.2.3\n' });
  });

  test('several values for one argument arrive in order', async () => {
    expect((await run(['share', 'a', 'b c', '--port', '7', 'd'])).seen?.input.args).toEqual(['a', 'b c', 'd']);
  });
});

describe('the end of a command', () => {
  test('gives its exit code', async () => {
    expect((await run(['fetch', 'a'], {}, () => 7)).exitCode).toBe(7);
  });

  test('with a ShoalError is its sentence and its exit code', async () => {
    const failed = await run(['fetch', 'a'], {}, () => {
      throw new ShoalError('NOT_FOUND', 'remote', 'Nobody shares a.');
    });
    expect([failed.exitCode, failed.errorText]).toEqual([3, 'sample: Nobody shares a.\n']);
  });

  test('PW13: what an error quotes of a stranger cannot steer the terminal; a line stays a line', async () => {
    const failed = await run(['fetch', 'a'], {}, () => {
      throw new ShoalError('USAGE', 'local', 'Bad link: tr=\u001b[2J\u202e is no host:port.\nTry another.');
    });
    expect(failed.errorText).toBe('sample: Bad link: tr=\\u001b[2J\\u202e is no host:port.\nTry another.\n');
  });

  test('with an error of ours shows no stack, unless it is asked for', async () => {
    const fail = () => {
      throw new TypeError('x is not a function');
    };
    const failed = await run(['fetch', 'a'], {}, fail);
    expect([failed.exitCode, failed.errorText]).toEqual([1, 'sample: x is not a function\n']);
    expect((await run(['fetch', 'a'], { SHOAL_DEBUG: '1' }, fail)).errorText).toContain('TypeError');
  });
});

test('the configuration is looked for under the name of the program', () => {
  expect(defaultConfigPaths('peer').map((path) => path.split(/[\\/]/).at(-1))).toEqual(['peer.toml', 'peer.conf']);
});
