import type { Json } from '../../../kernel/canonical-json.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';
import { formatTable } from '../format-table.ts';
import { administer, administrationFlags } from './administration.ts';
import { rows } from './show-json.ts';

/** The commands about what agents have used (`docs/flow-rules.md`). */
export const flowCommands: readonly Command[] = [
  {
    path: ['flow', 'show'],
    summary: 'Show which labels agents have touched, since when and by which call',
    example: 'countersign flow show --agent ci-bot',
    flags: [
      { name: 'agent', kind: 'text', meaning: 'only of this agent and all that enrolled each other with it' },
      { name: 'person', kind: 'text', meaning: 'only for this person' },
      ...administrationFlags,
    ],
    positionals: [],
    run: show,
  },
  {
    path: ['flow', 'forget'],
    summary:
      'Begin a new task: forget what an agent, and all that enrolled each other with it, have used until now',
    example: 'countersign flow forget ci-bot --person keycloak:alice --reason "the report is sent"',
    flags: [
      {
        name: 'person',
        kind: 'text',
        meaning: 'only what was used for this person; of all people unless given',
      },
      { name: 'reason', kind: 'text', meaning: 'why, for the audit log', required: true },
      ...administrationFlags,
    ],
    positionals: [{ name: 'agent', meaning: 'the name of the agent', count: 'one' }],
    run: forget,
  },
];

async function show(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const order = { agent: input.text('agent'), person: input.text('person') };
  const json = await administer(context, input, 'flow.show', order);
  const table = rows(json).map((row) => ({
    agent: shown(row['family']),
    person: row['person'] === null ? 'anybody' : shown(row['person']),
    label: shown(row['label']),
    'last touched': new Date(Number(row['at'])).toISOString(),
    by: `${shown(row['method'])}${row['target'] === null ? '' : ` of ${shown(row['target'])}`} on ${shown(row['server'])}`,
    gateway: shown(row['gateway']),
  }));
  if (table.length === 0) return { text: 'Nothing is touched, as far as the gateways have told.', json };
  return { text: formatTable(['agent', 'person', 'label', 'last touched', 'by', 'gateway'], table), json };
}

function shown(value: Json | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null);
}

async function forget(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const order = { agent: input.word('agent'), person: input.text('person'), reason: input.must('reason') };
  const json = await administer(context, input, 'flow.forget', order);
  const whose = order.person === null ? 'anybody' : order.person;
  return { text: `What ${order.agent} used for ${whose} until now counts no longer.`, json };
}
