/**
 * From `argv` to a running command: parses, lays environment and configuration under the flags, runs, prints an error as one
 * sentence and gives the exit code. The one door to commander.
 *
 * Precedence: flag, environment, configuration file, default.
 */
import { join } from 'node:path';
import { Argument, Command, CommanderError, Option } from 'commander';
import { asShoalError, ShoalError } from '../core/errors.js';
import { configFolder } from '../node/user-folders.js';
import { escaped } from '../wire/tokens.js';
import { CommandInput, type CommandSpec, envName, type FlagSpec, type ProgramSpec } from './command-spec.js';
import { type ConfigValues, readConfigFile } from './config-file.js';

const CONFIG_FLAG: FlagSpec = {
  name: 'config',
  type: 'text',
  value: 'FILE',
  help: 'configuration file: TOML if it ends in .toml, else key=value lines',
  isPath: true,
};

/** Flags of a command, with those that every command has. */
export function flagsOf(command: CommandSpec): readonly FlagSpec[] {
  return [...command.flags, CONFIG_FLAG];
}

/** Where a program looks for its configuration when `--config` names none. */
export function defaultConfigPaths(program: string): readonly string[] {
  return [join(configFolder, `${program}.toml`), join(configFolder, `${program}.conf`)];
}

export interface Outlet {
  /** Standard error. */
  error(text: string): void;
  env: Readonly<Record<string, string | undefined>>;
}

/** Runs a program; resolves with its exit code and never throws. */
export async function runProgram(program: ProgramSpec, argv: readonly string[], outlet: Outlet): Promise<number> {
  for (const stream of [process.stdout, process.stderr]) {
    if (!stream.listeners('error').includes(passOver)) stream.on('error', passOver);
  }
  let exitCode = 0;
  const root = new Command(program.name)
    .description(program.summary)
    .version(program.version, '-V, --version', 'print the version');
  root
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .helpOption('-h, --help', 'show this help')
    .showHelpAfterError(false);
  for (const spec of program.commands) {
    const command = spec.name === '' ? root : root.command(spec.name).description(spec.summary);
    addCommand(command, spec, program, async (args, given) => {
      const values = await layer(program, spec, given, outlet.env);
      exitCode = await spec.run(new CommandInput(args, values));
    });
  }
  try {
    await root.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    return report(program, error, argv, outlet);
  }
}

/** Whoever reads our output may leave (`peer fetch … | head -1`): that ends no fetch, and is no mistake of ours. */
function passOver(): void {}

function report(program: ProgramSpec, error: unknown, argv: readonly string[], outlet: Outlet): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    const text =
      error.message === '(outputHelp)' || error.code === 'commander.help'
        ? 'no command given'
        : error.message.replace(/^error: /, '');
    const command = program.commands.find(({ name }) => name !== '' && name === argv[0]);
    const whole = command === undefined ? program.name : `${program.name} ${command.name}`;
    outlet.error(`${program.name}: ${text}\nTry "${whole} --help".\n`);
    return 2;
  }
  const shoal = asShoalError(error);
  // A message may quote what a stranger wrote, such as a part of a link: nothing in it may steer the terminal.
  outlet.error(`${program.name}: ${shoal.message.split('\n').map(escaped).join('\n')}\n`);
  if (shoal.code === 'INTERNAL' && outlet.env['SHOAL_DEBUG'] !== undefined)
    outlet.error(`${String(shoal.cause ?? shoal.stack)}\n`);
  return shoal.exitCode;
}

function addCommand(
  command: Command,
  spec: CommandSpec,
  program: ProgramSpec,
  action: (args: readonly string[], given: Readonly<Record<string, unknown>>) => Promise<void>,
): void {
  for (const arg of spec.args) {
    const inner = arg.isVariadic === true ? `${arg.name}...` : arg.name;
    command.addArgument(new Argument(arg.isOptional === true ? `[${inner}]` : `<${inner}>`, arg.help));
  }
  for (const flag of flagsOf(spec)) {
    const twin = ` [$${envName(program.envPrefix, flag.name)}]`;
    const choices = flag.choices === undefined ? '' : `: ${flag.choices.join(', ')}`;
    const preset = flag.default === undefined ? '' : ` (default ${flag.default})`;
    const usage = flag.type === 'switch' ? `--${flag.name}` : `--${flag.name} <${flag.value ?? 'value'}>`;
    const option = new Option(usage, `${flag.help}${choices}${preset}${twin}`);
    if (flag.type === 'list') option.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
    command.addOption(option);
    if (flag.type === 'switch') command.addOption(new Option(`--no-${flag.name}`).hideHelp());
  }
  if (spec.examples.length > 0)
    command.addHelpText('after', `\nExamples:\n${spec.examples.map((line) => `  ${line}\n`).join('')}`);
  command.allowExcessArguments(false);
  command.action(async (...all: unknown[]) => {
    const args = all
      .slice(0, spec.args.length)
      .flat()
      .filter((arg): arg is string => typeof arg === 'string');
    const given = Object.fromEntries(
      Object.entries(command.opts()).filter(([key]) => command.getOptionValueSource(key) === 'cli'),
    );
    await action(args, given);
  });
}

/** `limit-down` as commander names it: `limitDown`. */
function optionKey(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

async function layer(
  program: ProgramSpec,
  spec: CommandSpec,
  given: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Map<string, readonly string[]>> {
  const values = new Map<string, readonly string[]>();
  const fromEnv = (flag: FlagSpec): string | undefined => env[envName(program.envPrefix, flag.name)];
  const named = (given['config'] as string | undefined) ?? (fromEnv(CONFIG_FLAG) || undefined);
  const config = await loadConfig(program, named);
  for (const flag of spec.flags) {
    const cli = given[optionKey(flag.name)];
    const twin = fromEnv(flag);
    const file = [flag.name, ...(flag.configAliases ?? [])].map((key) => config?.get(key)).find((found) => found !== undefined);
    if (cli !== undefined) values.set(flag.name, Array.isArray(cli) ? cli.map(String) : [String(cli)]);
    else if (twin !== undefined && twin !== '')
      values.set(flag.name, flag.type === 'list' ? twin.split(/[\s,]+/).filter(Boolean) : [twin]);
    else if (file !== undefined) values.set(flag.name, file);
    else if (flag.default !== undefined) values.set(flag.name, [flag.default]);
    if (flag.type === 'switch') checkSwitch(flag, values, program);
    checkChoice(flag, values);
  }
  return values;
}

function checkSwitch(flag: FlagSpec, values: Map<string, readonly string[]>, program: ProgramSpec): void {
  const value = values.get(flag.name)?.at(-1)?.toLowerCase();
  if (value === undefined) return;
  if (['true', '1', 'yes', 'on'].includes(value)) values.set(flag.name, ['true']);
  else if (['false', '0', 'no', 'off'].includes(value)) values.set(flag.name, ['false']);
  else {
    throw new ShoalError(
      'USAGE',
      'local',
      `${envName(program.envPrefix, flag.name)} or the key ${flag.name} must be yes or no, not "${value}".`,
    );
  }
}

function checkChoice(flag: FlagSpec, values: ReadonlyMap<string, readonly string[]>): void {
  const value = values.get(flag.name)?.at(-1);
  if (flag.choices !== undefined && value !== undefined && !flag.choices.includes(value)) {
    throw new ShoalError('USAGE', 'local', `--${flag.name} must be one of ${flag.choices.join(', ')}, not "${value}".`);
  }
}

async function loadConfig(program: ProgramSpec, named: string | undefined): Promise<ConfigValues | undefined> {
  const known = new Set(
    program.commands.flatMap((command) => command.flags.flatMap((flag) => [flag.name, ...(flag.configAliases ?? [])])),
  );
  for (const path of named === undefined ? defaultConfigPaths(program.name) : [named]) {
    const config = await readConfigFile(path);
    if (config === undefined) continue;
    const unknown = [...config.keys()].find((key) => !known.has(key));
    if (unknown !== undefined) {
      throw new ShoalError('USAGE', 'local', `${path}: unknown key "${unknown}". Known keys: ${[...known].sort().join(', ')}.`);
    }
    return config;
  }
  if (named !== undefined) throw new ShoalError('USAGE', 'local', `There is no configuration file ${named}.`);
  return undefined;
}
