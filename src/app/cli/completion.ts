import { assertNever } from '../../kernel/assert-never.ts';
import type { Command, Flag } from './command.ts';
import { nextWords, globalFlags } from './parse-command-line.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** The script that completes commands, flags and their choices in a shell, made from the table alone. */
export function completionScript(shell: Shell, commands: readonly Command[]): string {
  switch (shell) {
    case 'bash':
      return bash(commands);
    case 'zsh':
      return `#compdef countersign\nautoload -U +X bashcompinit && bashcompinit\n${bash(commands)}`;
    case 'fish':
      return fish(commands);
    default:
      return assertNever(shell);
  }
}

/** One case per path: the words that may come next, or the flags of a whole command. */
function bash(commands: readonly Command[]): string {
  const cases = [...prefixes(commands), ...commands.map(({ path }) => path)].map((path) => {
    const command = commands.find((row) => row.path.join(' ') === path.join(' '));
    const words = [
      ...nextWords(path, commands),
      ...(command ? flagsOf(command).map((flag) => `--${flag.name}`) : []),
    ];
    return `    ${quoted(path.join(' '))}) words=${quoted([...new Set(words)].join(' '))} ;;`;
  });
  // `path` would be $PATH in zsh.
  return `_countersign() {
  local current=\${COMP_WORDS[COMP_CWORD]} known=${quoted(`|${wholePaths(commands).join('|')}|`)} so_far='' words='' word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $known in
      *"|\${so_far:+$so_far }$word|"*) so_far="\${so_far:+$so_far }$word" ;;
      *) break ;;
    esac
  done
  case $so_far in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _countersign countersign
`;
}

function fish(commands: readonly Command[]): string {
  const lines = ['complete -c countersign -f'];
  for (const path of prefixes(commands)) {
    for (const word of nextWords(path, commands)) {
      const whole = commands.find((command) => command.path.join(' ') === [...path, word].join(' '));
      const about = whole ? ` -d ${quoted(whole.summary)}` : '';
      lines.push(`complete -c countersign -n ${quoted(fishAt(path, commands))} -a ${quoted(word)}${about}`);
    }
  }
  for (const command of commands) {
    const condition = `__fish_seen_subcommand_from ${command.path.at(-1)}`;
    const all =
      command.path.length > 1
        ? `__fish_seen_subcommand_from ${command.path[0]}; and ${condition}`
        : condition;
    for (const flag of flagsOf(command)) {
      const value =
        flag.kind === 'switch' ? '' : flag.choices ? ` -x -a ${quoted(flag.choices.join(' '))}` : ' -r -F';
      lines.push(
        `complete -c countersign -n ${quoted(all)} -l ${flag.name}${value} -d ${quoted(flag.meaning)}`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}

function fishAt(path: readonly string[], commands: readonly Command[]): string {
  if (path.length === 0) return '__fish_use_subcommand';
  const later = nextWords(path, commands).join(' ');
  return `__fish_seen_subcommand_from ${path.at(-1)}; and not __fish_seen_subcommand_from ${later}`;
}

/** Every path that is the beginning of a longer command; the empty one first. */
function prefixes(commands: readonly Command[]): readonly (readonly string[])[] {
  const found = new Map<string, readonly string[]>();
  for (const { path } of commands) {
    for (let length = 0; length < path.length; length++)
      found.set(path.slice(0, length).join(' '), path.slice(0, length));
  }
  return [...found.values()];
}

function wholePaths(commands: readonly Command[]): readonly string[] {
  const paths = [...prefixes(commands), ...commands.map(({ path }) => path)];
  return [...new Set(paths.map((path) => path.join(' ')).filter((text) => text !== ''))];
}

function flagsOf(command: Command): readonly Flag[] {
  return [...command.flags, ...globalFlags];
}

/** POSIX single quotes: nothing inside is special, and a quote is written outside them. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
