import type { Command } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { flagRow, usageLine } from './help-text.ts';

/** The exit codes and every command of a table, in Markdown: the generated part of `docs/cli.md`. */
export function commandPages(commands: readonly Command[]): string {
  const codes = Object.entries(exitCodes).map(([code, meaning]) => `| ${code} | ${meaning} |`);
  return [
    '## Exit codes',
    ['| code | meaning |', '|---|---|', ...codes].join('\n'),
    '## Commands',
    ...commands.map(page),
  ].join('\n\n');
}

function page(command: Command): string {
  const words = command.positionals.map(({ name, meaning }) => ['<' + name + '>', `${meaning}.`] as const);
  const rows = [...words, ...command.flags.map(flagRow)].map(([left, right]) => `| \`${left}\` | ${right} |`);
  return [
    `### ${command.path.join(' ')}`,
    `${command.summary}.`,
    `\`\`\`console\n$ ${usageLine(command)}\n\`\`\``,
    ...(rows.length > 0 ? [['| word or flag | meaning |', '|---|---|', ...rows].join('\n')] : []),
    `Example:\n\n\`\`\`console\n$ ${command.example}\n\`\`\``,
  ].join('\n\n');
}
