import { Fault } from '../../../kernel/fault.ts';
import type { Rule } from '../../../policy/rule.ts';
import { checkTools, toolFindingText } from '../../../policy/tools/check-tools.ts';
import type { KnownTools } from '../../../policy/tools/known-tools.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';
import { formatTable, printable } from '../format-table.ts';
import { allowsText, perText } from '../limits-text.ts';
import { openPolicyFiles, policyFolder } from '../policy-files.ts';
import { tokenRows } from '../tokens-text.ts';
import { readToolsFile, toolsFlag } from '../tools-file.ts';

export const policyCheckCommand: Command = {
  path: ['policy', 'check'],
  summary: 'Check the policies, limits and token rules of a folder and list them',
  example: 'countersign policy check ./policies --tools ./tools.json',
  flags: [toolsFlag],
  positionals: [policyFolder],
  run: check,
};

async function check(_context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const { policies: set, limits, tokens } = await openPolicyFiles(input.word('folder'));
  const policies = set.policies.map(({ id, effect, ask, file, line }) => ({
    id,
    effect: ask === null ? effect : 'ask',
    file,
    line,
  }));
  const rows = limits.map((rule) => ({ limit: rule.name, per: perText(rule), allows: allowsText(rule) }));
  const wanted = tokenRows(tokens);
  const file = input.text('tools');
  const warnings = file === null ? [] : holdAgainst(await readToolsFile(file), set.policies);
  const tables = [
    formatTable(['id', 'effect', 'file', 'line'], policies),
    ...(rows.length > 0 ? [formatTable(['limit', 'per', 'allows'], rows)] : []),
    ...(wanted.length > 0 ? [formatTable(['wants a token', 'bound', 'of', 'needs'], wanted)] : []),
  ];
  return {
    text: [
      ...tables,
      ...(warnings.length > 0 ? [warnings.map((line) => printable(`warning: ${line}`)).join('\n')] : []),
      `All are valid. Version ${set.version}.`,
    ].join('\n\n'),
    json: { version: set.version, policies, limits: rows, tokens: wanted, warnings },
  };
}

/** What is only a warning, as lines. Throws Fault `policy_invalid` with every error. */
function holdAgainst(tools: KnownTools, policies: readonly Rule[]): readonly string[] {
  const findings = checkTools(policies, tools);
  const errors = findings.filter(({ level }) => level === 'error').map(toolFindingText);
  if (errors.length > 0) throw new Fault('policy_invalid', errors.join('\n'));
  return findings.map(toolFindingText);
}
