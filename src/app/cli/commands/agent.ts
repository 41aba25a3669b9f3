import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';
import { formatTable } from '../format-table.ts';
import { administer, administrationFlags } from './administration.ts';
import { explainCommand } from './explain-agent.ts';
import { describe, rows } from './show-json.ts';

const name = { name: 'name', meaning: 'the name of the agent', count: 'one' } as const;
const reason = { name: 'reason', kind: 'text', meaning: 'why, for the record', required: true } as const;

/** The commands about agents. */
export const agentCommands: readonly Command[] = [
  {
    path: ['agent', 'add'],
    summary: 'Register an agent: its name, its owner and what it is for',
    example:
      'countersign agent add ci-bot --owner alice@example.com --purpose "runs the builds" --role builder',
    flags: [
      { name: 'owner', kind: 'text', meaning: 'the person who answers for the agent', required: true },
      { name: 'purpose', kind: 'text', meaning: 'what the agent is for', required: true },
      { name: 'role', kind: 'list', meaning: 'a role that policies may name; may be repeated' },
      {
        name: 'build',
        kind: 'text',
        placeholder: 'digest',
        meaning: 'sha256:… of the software of the agent',
      },
      {
        name: 'device',
        kind: 'text',
        placeholder: 'id',
        meaning: 'the machine it runs on, by its id or serial number in the register of devices',
      },
      ...administrationFlags,
    ],
    positionals: [name],
    async run(context, input) {
      const json = await administer(context, input, 'agent.add', {
        name: input.word('name'),
        owner: input.must('owner'),
        purpose: input.must('purpose'),
        roles: input.list('role'),
        buildDigest: input.text('build'),
        device: input.text('device'),
      });
      return {
        text: `Agent ${input.word('name')} is registered. Next: countersign join-token create ${input.word('name')}`,
        json,
      };
    },
  },
  {
    path: ['agent', 'list'],
    summary: 'List the agents',
    example: 'countersign agent list',
    flags: administrationFlags,
    positionals: [],
    async run(context, input) {
      const json = await administer(context, input, 'agent.list', {});
      return {
        text: formatTable(['name', 'state', 'owner', 'roles', 'purpose', 'lastSeen'], rows(json)),
        json,
      };
    },
  },
  {
    path: ['agent', 'show'],
    summary: 'Show one agent and its certificates',
    example: 'countersign agent show ci-bot',
    flags: administrationFlags,
    positionals: [name],
    async run(context, input) {
      const json = await administer(context, input, 'agent.show', { name: input.word('name') });
      return { text: describe(json), json };
    },
  },
  {
    path: ['agent', 'device'],
    summary: 'Say on which device an agent runs, or on none that is known',
    example: 'countersign agent device ci-bot C02XK1ZKJGH5',
    flags: administrationFlags,
    positionals: [
      name,
      { name: 'device', meaning: 'its id or serial number; none unless given', count: 'optional' },
    ],
    async run(context, input) {
      const [device = null] = input.words('device');
      const json = await administer(context, input, 'agent.device', { name: input.word('name'), device });
      const text = device === null ? 'has no device that is known' : `runs on ${device}`;
      return { text: `Agent ${input.word('name')} ${text}.`, json };
    },
  },
  explainCommand,
  changing('suspend', 'Take every right from an agent until it is resumed'),
  changing('resume', 'Give a suspended agent its rights back'),
  changing('retire', 'End an agent for good; its name is not used again'),
];

function changing(verb: 'suspend' | 'resume' | 'retire', summary: string): Command {
  return {
    path: ['agent', verb],
    summary,
    example: `countersign agent ${verb} ci-bot --reason "left the project"`,
    flags: [reason, ...administrationFlags],
    positionals: [name],
    run: (context, input) => change(context, input, verb),
  };
}

async function change(context: CommandContext, input: CommandInput, verb: string): Promise<CommandResult> {
  const order = { name: input.word('name'), reason: input.must('reason') };
  const json = await administer(context, input, `agent.${verb}`, order);
  return {
    text: `Agent ${order.name}: ${verb} is done and in force at every gateway that is connected.`,
    json,
  };
}
