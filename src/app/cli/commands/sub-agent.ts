import { enrolSubAgent } from '../../../bridge/enrol-sub-agent.ts';
import { statePlace } from '../../../bridge/state-place.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';

/** `sub-agent`: an agent gets a certificate for an agent that works for it. */
export const subAgentCommand: Command = {
  path: ['sub-agent'],
  summary: 'Get a certificate of minutes for an agent below one of this machine, in some of its roles',
  example:
    'countersign sub-agent fetch --of ci-bot --authority https://authority.example.internal:8444 --purpose "fetches pages" --role reader',
  flags: [
    { name: 'of', kind: 'text', placeholder: 'name', meaning: 'the agent that asks', required: true },
    {
      name: 'authority',
      kind: 'text',
      placeholder: 'url',
      meaning: 'the authority that gives the certificate',
      required: true,
    },
    { name: 'purpose', kind: 'text', meaning: 'what the new agent is for', required: true },
    {
      name: 'role',
      kind: 'list',
      meaning: 'a role that the agent that asks is in; may be repeated, none unless given',
    },
    {
      name: 'state',
      kind: 'text',
      placeholder: 'folder',
      meaning: 'where the identity of the agent that asks lies, instead of the per-user place',
    },
    {
      name: 'out',
      kind: 'text',
      placeholder: 'folder',
      meaning: 'where that of the new one goes, instead of the per-user place',
    },
  ],
  positionals: [{ name: 'name', meaning: 'what comes behind the name of the agent that asks', count: 'one' }],
  run: subAgent,
};

async function subAgent(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const authority = input.must('authority');
  if (!URL.canParse(authority) || new URL(authority).protocol !== 'https:') {
    throw new Fault('usage', '--authority needs a URL of https.');
  }
  const place = (agent: string, stateFolder: string | null): string =>
    statePlace({ stateFolder, agent, authority, gateway: authority, environment: context.env });
  const enrolled = await enrolSubAgent({
    authority,
    parentFolder: place(input.must('of'), input.text('state')),
    folderOf: (agent) => place(agent, input.text('out')),
    name: input.word('name'),
    purpose: input.must('purpose'),
    roles: input.list('role'),
    clock: context.clock,
  });
  const ends = new Date(enrolled.notAfter).toISOString();
  return {
    text: [
      `The agent ${enrolled.agent} has a certificate until ${ends}, in ${enrolled.folder}.`,
      'It is not renewed: run the command again. It ends when the agent above it is suspended, retired or revoked.',
    ].join('\n'),
    json: { ...enrolled },
  };
}
