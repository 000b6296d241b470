/** Shell completion scripts for bash, zsh and fish, made from the command specs. */
import { ShoalError } from '../core/errors.js';
import type { CommandSpec, FlagSpec, ProgramSpec } from './command-spec.js';
import { flagsOf } from './run-program.js';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** The script for one shell. Throws `USAGE` for another. */
export function completionScript(program: ProgramSpec, shell: string): string {
  switch (shell) {
    case 'bash':
      return bashScript(program);
    case 'zsh':
      // zsh runs bash completions; one generator less to go stale.
      return `#compdef ${program.name}\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(program)}`;
    case 'fish':
      return fishScript(program);
    default:
      throw new ShoalError('USAGE', 'local', `Completion is there for ${SHELLS.join(', ')}, not for "${shell}".`);
  }
}

/** Only a line end parts two file names, so that one with spaces stays whole. */
const COMPLETE_FILES = `local IFS=$'\\n'; COMPREPLY=($(compgen -f -- "$cur"))`;

function words(command: CommandSpec): string {
  return [...flagsOf(command).flatMap(namesOf), 'help'].map((name) => `--${name}`).join(' ');
}

/** A flag as it may be written, without the dashes. */
function namesOf({ name, isOnByDefault }: FlagSpec): readonly string[] {
  return isOnByDefault === true ? [name, `no-${name}`] : [name];
}

/** What bash offers for the arguments that are no flags. */
function bashArguments({ args }: CommandSpec): string {
  const choices = args.flatMap((arg) => arg.choices ?? []);
  if (choices.length > 0) return `      COMPREPLY=($(compgen -W "${choices.join(' ')}" -- "$cur"))`;
  return args.some((arg) => arg.isPath) ? `      ${COMPLETE_FILES}` : '      COMPREPLY=()';
}

function valueFlags(command: CommandSpec): readonly FlagSpec[] {
  return flagsOf(command).filter((flag) => flag.type !== 'switch');
}

function bashScript(program: ProgramSpec): string {
  const name = `_${program.name}_complete`;
  const names = program.commands.map((command) => command.name).filter(Boolean);
  const cases = program.commands.map((command) => {
    const values = valueFlags(command).map((flag) => {
      const reply = flag.choices
        ? `COMPREPLY=($(compgen -W "${flag.choices.join(' ')}" -- "$cur"))`
        : flag.isPath
          ? COMPLETE_FILES
          : 'COMPREPLY=()';
      return `        --${flag.name}) ${reply}; return ;;`;
    });
    return [
      `    ${command.name === '' ? '*' : command.name})`,
      '      case "$prev" in',
      ...values,
      '      esac',
      `      if [[ "$cur" == -* ]]; then COMPREPLY=($(compgen -W "${words(command)}" -- "$cur")); return; fi`,
      bashArguments(command),
      '      ;;',
    ].join('\n');
  });
  const first =
    names.length === 0
      ? ''
      : `  if [[ $COMP_CWORD -eq 1 ]]; then COMPREPLY=($(compgen -W "${names.join(' ')} --help --version" -- "$cur")); return; fi\n`;
  return [
    `${name}() {`,
    `  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}"`,
    `${first}  case "\${COMP_WORDS[1]}" in`,
    ...cases,
    '  esac',
    '}',
    `complete -o filenames -F ${name} ${program.name}`,
    '',
  ].join('\n');
}

function fishScript(program: ProgramSpec): string {
  const lines: string[] = [];
  const quote = (text: string) => `'${text.replace(/\\/g, '\\\\').replace(/'/g, "\\'")}'`;
  const isMulti = program.commands.some((command) => command.name !== '');
  for (const command of program.commands) {
    if (isMulti)
      lines.push(`complete -c ${program.name} -f -n __fish_use_subcommand -a ${command.name} -d ${quote(command.summary)}`);
    const when = isMulti ? ` -n '__fish_seen_subcommand_from ${command.name}'` : '';
    for (const flag of flagsOf(command)) {
      const value =
        flag.type === 'switch' ? '' : flag.choices ? ` -x -a ${quote(flag.choices.join(' '))}` : flag.isPath ? ' -r -F' : ' -x';
      for (const name of namesOf(flag))
        lines.push(`complete -c ${program.name}${when} -l ${name}${value} -d ${quote(flag.help)}`);
    }
    for (const { choices } of command.args)
      if (choices !== undefined) lines.push(`complete -c ${program.name}${when} -f -a ${quote(choices.join(' '))}`);
    if (command.args.some((arg) => arg.isPath)) lines.push(`complete -c ${program.name}${when} -F`);
  }
  return `${lines.join('\n')}\n`;
}

/** The command `completion`, for programs that have commands. */
export function completionCommand(program: () => ProgramSpec): CommandSpec {
  return {
    name: 'completion',
    summary: 'print a completion script for a shell',
    args: [{ name: 'shell', help: SHELLS.join(', '), choices: SHELLS }],
    flags: [],
    examples: [`eval "$(peer completion bash)"`, 'peer completion fish > ~/.config/fish/completions/peer.fish'],
    run: async (input) => {
      process.stdout.write(completionScript(program(), input.args[0] ?? ''));
      return 0;
    },
  };
}
