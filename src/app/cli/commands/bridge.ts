import { startBridge } from '../../../bridge/bridge.ts';
import type { RunningBridge } from '../../../bridge/open-face.ts';
import { startServerBridge } from '../../../bridge/server-bridge.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { Tracer } from '../../../telemetry/tracer.ts';
import { telemetrySettings } from '../../config/telemetry-settings.ts';
import { openTracing, type Tracing } from '../../telemetry/open-tracing.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';
import { joinTokenFlags, readJoinToken } from '../join-token-flags.ts';
import { readSignIn, signInFlags } from '../sign-in-flags.ts';

/** `bridge`: beside an MCP client. */
export const bridgeCommand: Command = {
  path: ['bridge'],
  summary:
    'Let an MCP client that speaks stdio or loopback HTTP reach a server behind the gateway, or any other',
  example: 'countersign bridge --gateway https://gateway.example.internal:8443/mcp/files --agent ci-bot',
  flags: [
    {
      name: 'gateway',
      kind: 'text',
      placeholder: 'url',
      meaning: 'the endpoint of one server behind the gateway',
    },
    {
      name: 'server',
      kind: 'text',
      placeholder: 'url',
      meaning: 'an MCP server that is behind no gateway of ours; it sees no certificate',
    },
    {
      name: 'authority',
      kind: 'text',
      placeholder: 'url',
      meaning:
        'the authority, for enrolment and renewal; of several with commas between, any that can be reached',
    },
    { name: 'agent', kind: 'text', placeholder: 'name', meaning: 'the name of the agent' },
    ...joinTokenFlags,
    ...signInFlags,
    {
      name: 'state',
      kind: 'text',
      placeholder: 'folder',
      meaning: 'where key, certificate and sign-ins lie, instead of the per-user place',
    },
    {
      name: 'http',
      kind: 'integer',
      placeholder: 'port',
      meaning: 'listen for MCP over HTTP on this loopback port instead of stdio',
    },
    {
      name: 'traces-to',
      kind: 'text',
      placeholder: 'url',
      meaning: 'a collector of OpenTelemetry that gets a span of every request, by OTLP/HTTP',
    },
  ],
  positionals: [],
  run: bridge,
};

async function bridge(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  await using tracing = await openTraces(context, input.text('traces-to'));
  const running = await start(context, input, tracing?.tracer ?? null);
  await using held = running;
  context.ended.addEventListener('abort', () => void held[Symbol.asyncDispose](), { once: true });
  return { text: '', json: null, exitCode: await held.ended };
}

/** Whoever names the collector on the command line means that address. Throws Fault `invalid_input`. */
async function openTraces({ clock, redactor }: CommandContext, url: string | null): Promise<Tracing | null> {
  if (url === null) return null;
  const otlp = telemetrySettings.safeParse({ otlp: { url, addresses: 'any' } });
  if (!otlp.success || url === '') {
    throw new Fault('invalid_input', '--traces-to takes a URL of https, or of http on this machine.');
  }
  return await openTracing(otlp.data, { clock, redactor, service: 'countersign-bridge' });
}

async function start(
  context: CommandContext,
  input: CommandInput,
  tracer: Tracer | null,
): Promise<RunningBridge> {
  const [gateway, server] = [input.text('gateway'), input.text('server')];
  const port = input.integer('http');
  const rootsFile = input.text('ca') ?? context.env['MCP_CA_CERT'] ?? null;
  // MCP clients show standard error by lines: what happened, why and what to do stand on one.
  const log = (line: string): void => context.say(line.replaceAll(/\s*\n\s*/g, ' '));
  const around = {
    stateFolder: input.text('state'),
    environment: context.env,
    face:
      port === null
        ? ({ kind: 'stdio', input: context.stdin, output: context.stdout } as const)
        : ({ kind: 'http', port } as const),
    clock: context.clock,
    log,
    signIn: await readSignIn(context, input, log),
  };
  if (gateway !== null && server === null) {
    return await startBridge({
      ...around,
      gateway,
      tracer,
      authority: input.text('authority'),
      agent: input.text('agent'),
      joinToken: await readJoinToken(context, input),
      authorityFile: rootsFile,
      rootFingerprint: input.text('ca-fingerprint'),
    });
  }
  if (server === null || gateway !== null) {
    throw new Fault('usage', 'Say with --gateway or with --server whom the bridge leads to: one of the two.');
  }
  const ours = [
    'authority',
    'agent',
    'join-token',
    'join-token-file',
    'workload-token-file',
    'ca-fingerprint',
  ];
  const misplaced = ours.find((flag) => input.text(flag) !== null);
  if (misplaced !== undefined) {
    throw new Fault(
      'usage',
      `--${misplaced} is for --gateway: a server of others sees no certificate of ours.`,
    );
  }
  return await startServerBridge({ ...around, server, rootsFile });
}
