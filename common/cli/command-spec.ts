/**
 * What a command is, as data. Parsing, help, environment twins, configuration keys and shell completion are all made from it, so a
 * flag that is written here exists everywhere.
 */
import { ShoalError } from '../core/errors.js';
import { parseDurationMs } from '../core/units.js';

export interface FlagSpec {
  /** Long name without dashes: `limit-down`. The configuration key is the same, the environment twin is PREFIX_LIMIT_DOWN. */
  readonly name: string;
  /** `switch` takes no value and may be written `--no-name`; `text` takes one; `list` may be given several times. */
  readonly type: 'switch' | 'text' | 'list';
  /** How the value is shown in help: `host:port`. */
  readonly value?: string;
  readonly help: string;
  readonly default?: string;
  /** A `switch` that holds unless `--no-name` is said, so that completion offers that too. */
  readonly isOnByDefault?: boolean;
  /** Other names that configuration files of old use for it. */
  readonly configAliases?: readonly string[];
  /** Completion offers files. */
  readonly isPath?: boolean;
  /** Completion offers these. */
  readonly choices?: readonly string[];
}

export interface ArgumentSpec {
  readonly name: string;
  readonly help: string;
  readonly isOptional?: boolean;
  readonly isVariadic?: boolean;
  readonly isPath?: boolean;
  /** Completion offers these. */
  readonly choices?: readonly string[];
}

export interface CommandSpec {
  /** Empty for a program that is its one command. */
  readonly name: string;
  readonly summary: string;
  readonly args: readonly ArgumentSpec[];
  readonly flags: readonly FlagSpec[];
  /** Whole command lines. */
  readonly examples: readonly string[];
  /** Resolves with the exit code. Errors are printed by the caller. */
  run(input: CommandInput): Promise<number>;
}

export interface ProgramSpec {
  readonly name: string;
  readonly summary: string;
  readonly version: string;
  /** Prefix of environment twins: `SHOAL` makes SHOAL_PORT. */
  readonly envPrefix: string;
  readonly commands: readonly CommandSpec[];
}

/** Arguments and flag values after command line, environment, configuration and defaults were laid over each other. */
export class CommandInput {
  readonly args: readonly string[];
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(args: readonly string[], values: ReadonlyMap<string, readonly string[]>) {
    this.args = args;
    this.#values = values;
  }

  /** The value of a `text` flag, or `undefined` where nobody gave one and it has no default. */
  text(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }

  list(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** A `switch`: true, false, or `undefined` where nobody said. */
  switch(name: string): boolean | undefined {
    const value = this.text(name);
    return value === undefined ? undefined : value === 'true';
  }

  /** A time such as `30s`, in milliseconds; where nobody said, that of `preset`, or `undefined`. Throws `USAGE`, which names the flag. */
  durationMs(name: string, preset: string): number;
  durationMs(name: string): number | undefined;
  durationMs(name: string, preset?: string): number | undefined {
    const text = this.text(name) ?? preset;
    if (text === undefined) return undefined;
    try {
      return parseDurationMs(text);
    } catch (error) {
      throw new ShoalError('USAGE', 'local', `--${name} takes a duration such as 30s, 90m or 12h, not "${text}".`, error);
    }
  }
}

export function envName(envPrefix: string, flag: string): string {
  return `${envPrefix}_${flag.toUpperCase().replaceAll('-', '_')}`;
}
