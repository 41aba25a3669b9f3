import type { SignedOut } from '../../../bridge/oauth/sign-out.ts';
import { signOutOfGateway, signOutOfServer } from '../../../bridge/sign-out.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';
import { joinTokenFlags } from '../join-token-flags.ts';

/** `sign-out`: forgets what a bridge keeps of a person. */
export const signOutCommand: Command = {
  path: ['sign-out'],
  summary: 'End the sign-in of a bridge at a server that wants tokens, and forget it',
  example: 'countersign sign-out --server https://mcp.example.com/mcp',
  flags: [
    {
      name: 'gateway',
      kind: 'text',
      placeholder: 'url',
      meaning: 'the endpoint of one server behind the gateway, as the bridge has it',
    },
    {
      name: 'server',
      kind: 'text',
      placeholder: 'url',
      meaning: 'an MCP server that is behind no gateway of ours, as the bridge has it',
    },
    { name: 'authority', kind: 'text', placeholder: 'url', meaning: 'the authority, with --gateway' },
    { name: 'agent', kind: 'text', placeholder: 'name', meaning: 'the name of the agent, with --gateway' },
    ...joinTokenFlags.filter(({ name }) => name === 'ca'),
    {
      name: 'state',
      kind: 'text',
      placeholder: 'folder',
      meaning: 'where the sign-in lies, instead of the per-user place',
    },
  ],
  positionals: [],
  run: end,
};

async function end(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const [gateway, server] = [input.text('gateway'), input.text('server')];
  const around = {
    stateFolder: input.text('state'),
    environment: context.env,
    rootsFile: input.text('ca') ?? context.env['MCP_CA_CERT'] ?? null,
    clock: context.clock,
  };
  if ((gateway === null) === (server === null)) {
    throw new Fault(
      'usage',
      'Say with --gateway or with --server where the bridge is signed in: one of the two.',
    );
  }
  const done =
    server === null
      ? await signOutOfGateway({
          ...around,
          gateway: gateway ?? '',
          authority: input.text('authority'),
          agent: input.text('agent'),
        })
      : await signOutOfServer({ ...around, server });
  return { text: wordsFor(done), json: done };
}

function wordsFor(done: SignedOut): string {
  switch (done.kind) {
    case 'none':
      return 'There was no sign-in.';
    case 'ended':
      return `${done.issuer} has ended the sign-in, and it is forgotten here.`;
    default:
      return `The sign-in is forgotten here. ${done.issuer} may keep it: ${done.why}`;
  }
}
