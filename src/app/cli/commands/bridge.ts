import { readPrivateFile } from '../../../kernel/durable-file.ts';
import { startBridge } from '../../../bridge/bridge.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';

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
    {
      name: 'join-token',
      kind: 'text',
      placeholder: 'token',
      meaning: 'a one-time token for the first start',
    },
    { name: 'join-token-file', kind: 'text', placeholder: 'file', meaning: 'a file (0600) with that token' },
    { name: 'ca', kind: 'text', placeholder: 'file', meaning: 'the root certificates to trust, in PEM' },
    {
      name: 'ca-fingerprint',
      kind: 'text',
      placeholder: 'sha256:…',
      meaning: 'the fingerprint of the root to trust at the first start',
    },
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
    joinToken: await joinToken(context, input),
    authorityFile: input.text('ca') ?? context.env['MCP_CA_CERT'] ?? null,
    rootFingerprint: input.text('ca-fingerprint'),
    stateFolder: input.text('state'),
    environment: context.env,
    face:
      port === null
        ? { kind: 'stdio', input: context.stdin, output: context.stdout }
        : { kind: 'http', port },
    clock: context.clock,
    log: context.say,
  });
  await using held = running;
  context.ended.addEventListener('abort', () => void held[Symbol.asyncDispose](), { once: true });
  return { text: '', json: null, exitCode: await held.ended };
}

async function joinToken(context: CommandContext, input: CommandInput): Promise<string | null> {
  const file = input.text('join-token-file');
  if (file !== null)
    return Buffer.from(await readPrivateFile(file))
      .toString('utf8')
      .trim();
  return input.text('join-token') ?? context.env['COUNTERSIGN_JOIN_TOKEN'] ?? null;
}
