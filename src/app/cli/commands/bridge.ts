import { startBridge } from '../../../bridge/bridge.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';
import { joinTokenFlags, readJoinToken } from '../join-token-flags.ts';

/** `bridge`: beside an MCP client. */
export const bridgeCommand: Command = {
  path: ['bridge'],
  summary: 'Let an MCP client that speaks stdio or loopback HTTP reach a server behind the gateway',
  example: 'countersign bridge --gateway https://gateway.example.internal:8443/mcp/files --agent ci-bot',
  flags: [
    {
      name: 'gateway',
      kind: 'text',
      placeholder: 'url',
      meaning: 'the endpoint of one server behind the gateway',
      required: true,
    },
    {
      name: 'authority',
      kind: 'text',
      placeholder: 'url',
      meaning: 'the authority, for enrolment and renewal',
    },
    { name: 'agent', kind: 'text', placeholder: 'name', meaning: 'the name of the agent' },
    ...joinTokenFlags,
    {
      name: 'state',
      kind: 'text',
      placeholder: 'folder',
      meaning: 'where key and certificate lie, instead of the per-user place',
    },
    {
      name: 'http',
      kind: 'integer',
      placeholder: 'port',
      meaning: 'listen for MCP over HTTP on this loopback port instead of stdio',
    },
  ],
  positionals: [],
  run: bridge,
};

async function bridge(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const port = input.integer('http');
  const running = await startBridge({
    gateway: input.must('gateway'),
    authority: input.text('authority'),
    agent: input.text('agent'),
    joinToken: await readJoinToken(context, input),
    authorityFile: input.text('ca') ?? context.env['MCP_CA_CERT'] ?? null,
    rootFingerprint: input.text('ca-fingerprint'),
    stateFolder: input.text('state'),
    environment: context.env,
    face:
      port === null
        ? { kind: 'stdio', input: context.stdin, output: context.stdout }
        : { kind: 'http', port },
    clock: context.clock,
    // MCP clients show standard error by lines: what happened, why and what to do stand on one.
    log: (line) => context.say(line.replaceAll(/\s*\n\s*/g, ' ')),
  });
  await using held = running;
  context.ended.addEventListener('abort', () => void held[Symbol.asyncDispose](), { once: true });
  return { text: '', json: null, exitCode: await held.ended };
}
