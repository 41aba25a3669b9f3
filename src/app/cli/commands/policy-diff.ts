import { comparePolicies } from '../../../policy/compare/comparison.ts';
import { wideningLines } from '../../../policy/compare/widening-text.ts';
import type { Widening } from '../../../policy/compare/widenings.ts';
import type { Json } from '../../../kernel/canonical-json.ts';
import { differingSettings } from '../../feed/differing-settings.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';
import { printable } from '../format-table.ts';
import { readPolicyFolder } from '../policy-files.ts';
import { readToolsFile, toolsFlag } from '../tools-file.ts';

/** `policy diff`: what a changed set of policies allows more, and what less. */
export const policyDiffCommand: Command = {
  path: ['policy', 'diff'],
  summary: 'Say what a changed set of policies allows more, and what it allows less',
  example: 'countersign policy diff ./policies ./policies-new --refuse-wider',
  flags: [
    toolsFlag,
    { name: 'refuse-wider', kind: 'switch', meaning: 'end with exit code 6 when it may allow more' },
  ],
  positionals: [
    { name: 'before', meaning: 'the folder with the policies before', count: 'one' },
    { name: 'after', meaning: 'the folder with the policies after', count: 'one' },
  ],
  run: diff,
};

async function diff(_context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const before = await readPolicyFolder(input.word('before'));
  const after = await readPolicyFolder(input.word('after'));
  const file = input.text('tools');
  const servers = file === null ? [] : (await readToolsFile(file)).servers;
  const tools = new Map([...servers].map(([server, known]) => [server, [...known.keys()]]));
  const { more, less, cut } = await comparePolicies(before.rules.policies, after.rules.policies, tools);
  const settings = differingSettings(before.files, after.files);
  const wider = more.length > 0 || settings.length > 0;
  return {
    text: [
      ...section('Allowed more', wideningLines(more), 'Nothing is allowed more by the policies.'),
      ...section('Allowed less', wideningLines(less).map(turned), 'Nothing is allowed less by the policies.'),
      ...settings.map(
        (name) => `${name} differs; what it allows is not compared, and it is taken to allow more.`,
      ),
      ...(cut ? ['There is more than is shown.'] : []),
    ]
      .map(printable)
      .join('\n'),
    json: { wider, more: more.map(row), less: less.map(row), settings: [...settings], cut },
    exitCode: wider && input.on('refuse-wider') ? 6 : 0,
  };
}

function section(title: string, lines: readonly string[], nothing: string): readonly string[] {
  return lines.length === 0 ? [nothing] : [`${title}:`, ...lines.map((line) => `  ${line}`)];
}

/** What is allowed less was found by looking the other way. */
function turned(line: string): string {
  return line.replace(/(denied|asked about|permitted) → (denied|asked about|permitted)/, '$2 → $1');
}

function row({ permit, gone, cell, certainty, question, before, after }: Widening): Json {
  const { type, server, name } = cell.resource;
  return {
    policy: permit.id,
    actions: [...cell.actions],
    resource: { type, server, name },
    certainty,
    before,
    after,
    gone: gone.map(({ id }) => id),
    question: question && (JSON.parse(JSON.stringify(question)) as Json),
  };
}
