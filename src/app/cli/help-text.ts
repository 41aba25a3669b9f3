import { assertNever } from '../../kernel/assert-never.ts';
import type { Command, Flag, Positional } from './command.ts';
import { globalFlags } from './parse-command-line.ts';

/** The help of one command. */
export function commandHelp(command: Command): string {
  const parts = [
    `${command.summary}.`,
    `Usage\n  ${usageLine(command)}`,
    ...(command.positionals.length > 0
      ? [`Words\n${table(command.positionals.map((row) => [`<${row.name}>`, `${row.meaning}.`]))}`]
      : []),
    `Flags\n${table([...command.flags, ...globalFlags].map(flagRow))}`,
    `Example\n  ${command.example}`,
  ];
  return parts.join('\n\n');
}

/** The commands that begin with a path, one line each. */
export function overview(path: readonly string[], commands: readonly Command[]): string {
  const listed = commands.filter((command) => path.every((word, at) => command.path[at] === word));
  const rows = listed.map((command): readonly [string, string] => [command.path.join(' '), command.summary]);
  const head = path.length === 0 ? 'Certificates instead of API keys for MCP agents.\n\n' : '';
  return (
    `${head}Usage\n  countersign ${[...path, ''].join(' ')}<command> [flags]\n\n` +
    `Commands\n${table(rows)}\n\n` +
    'Help for one command: countersign <command> --help'
  );
}

/** `countersign agent add <name> --owner <owner> [flags]` */
export function usageLine(command: Command): string {
  const required = command.flags.filter((flag) => flag.required === true);
  const words = [
    'countersign',
    ...command.path,
    ...required.map((flag) => `--${flag.name} <${placeholder(flag)}>`),
    ...(command.flags.length > required.length ? ['[flags]'] : []),
    ...command.positionals.map(positionalText),
  ];
  return words.join(' ');
}

/** `--life <duration>` with its meaning, choices and default. */
export function flagRow(flag: Flag): readonly [string, string] {
  const name = flag.kind === 'switch' ? `--${flag.name}` : `--${flag.name} <${placeholder(flag)}>`;
  const notes = [
    ...(flag.choices ? [`one of ${flag.choices.join(', ')}`] : []),
    ...(flag.required === true ? ['required'] : []),
    ...(flag.default === undefined ? [] : [`default ${flag.default}`]),
  ];
  return [name, `${flag.meaning}${notes.length > 0 ? ` (${notes.join('; ')})` : ''}.`];
}

function placeholder(flag: Flag): string {
  return flag.placeholder ?? (flag.kind === 'duration' || flag.kind === 'integer' ? flag.kind : flag.name);
}

function positionalText(positional: Positional): string {
  switch (positional.count) {
    case 'one':
      return `<${positional.name}>`;
    case 'optional':
      return `[${positional.name}]`;
    case 'any':
      return `[${positional.name}…]`;
    case 'some':
      return `<${positional.name}…>`;
    default:
      return assertNever(positional.count);
  }
}

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n');
}
