import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Client, type JSONRPCMessage, type Transport } from '@modelcontextprotocol/client';
import type { SignInSettings } from '../../src/bridge/oauth/sign-in.ts';
import { startServerBridge } from '../../src/bridge/server-bridge.ts';
import { systemClock } from '../../src/kernel/clock.ts';

/** What the suite tells a client that it starts. */
export interface Task {
  readonly server: string;
  readonly scenario: string;
  readonly revision: string;
  readonly context: {
    readonly client_id?: string;
    readonly client_secret?: string;
    readonly issuer?: string;
  };
}

/** The document that the suite expects of a client that has one. */
const document = 'https://conformance-test.local/client-metadata.json';

/**
 * A desk at which the clients that the suite starts hand in their task. Each gets a bridge of its own to the suite's server, in this
 * process, and the official client over its standard input and output; it answers 200 when the client came to its end, 500 when not.
 */
export async function openSignInDesk(): Promise<AsyncDisposable & { readonly address: string }> {
  const desk = createServer((request, response) => {
    text(request)
      .then(async (task) => carryOut(JSON.parse(task) as Task))
      .then(
        () => response.end(),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
  });
  await new Promise<void>((resolve) => desk.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${(desk.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      desk.closeAllConnections();
      await new Promise((resolve) => desk.close(resolve));
    },
  };
}

async function carryOut(task: Task): Promise<void> {
  await using around = new AsyncDisposableStack();
  const state = await mkdtemp(join(tmpdir(), 'countersign-conformance-'));
  around.defer(() => rm(state, { recursive: true, force: true }));
  const [input, output] = [new PassThrough(), new PassThrough()];
  around.use(
    await startServerBridge({
      server: task.server,
      rootsFile: null,
      stateFolder: state,
      environment: {},
      signIn: {
        settings: await settingsFor(task),
        callbackPort: null,
        hasBrowser: true,
        showPage: (url) => void visit(url).catch(() => undefined),
        showCode: () => undefined,
      },
      face: { kind: 'stdio', input, output },
      clock: systemClock,
      log: () => undefined,
    }),
  );
  const client = new Client(
    { name: 'countersign-conformance', version: '1.0.0' },
    { versionNegotiation: { mode: task.revision === '2026-07-28' ? 'auto' : 'legacy' } },
  );
  around.defer(() => client.close());
  await client.connect(pipes(input, output));
  const { tools } = await client.listTools();
  for (const { name } of tools) await client.callTool({ name, arguments: {} });
}

/** What somebody who runs the bridge would have been told beforehand. */
async function settingsFor({ server, scenario, context }: Task): Promise<SignInSettings> {
  const { client_id: id, client_secret: secret } = context;
  const known = id !== undefined && secret !== undefined;
  return {
    way: scenario.startsWith('auth/client-credentials') ? 'client-credentials' : 'browser',
    issuer: known ? (context.issuer ?? (await issuerOf(server))) : null,
    scopes: [],
    client: { configured: known ? { id, secret } : null, document, register: true },
  };
}

async function issuerOf(server: string): Promise<string | null> {
  const { origin, pathname } = new URL(server);
  const answer = await fetch(`${origin}/.well-known/oauth-protected-resource${pathname}`);
  if (!answer.ok) return null;
  const { authorization_servers: issuers } = (await answer.json()) as { authorization_servers?: string[] };
  return issuers?.[0] ?? null;
}

/** The person whom the suite takes for granted: every page sends them straight back. */
async function visit(url: string): Promise<void> {
  const page = await fetch(url, { redirect: 'manual' });
  const location = page.headers.get('location');
  if (location !== null) await fetch(location);
}

/** Standard input and output of the bridge, as a client in the same process sees them. */
function pipes(input: PassThrough, output: PassThrough): Transport {
  const transport: Transport = {
    async start() {
      let rest = '';
      output.setEncoding('utf8').on('data', (piece: string) => {
        const lines = (rest + piece).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) transport.onmessage?.(JSON.parse(line) as JSONRPCMessage);
      });
    },
    async send(message) {
      input.write(`${JSON.stringify(message)}\n`);
    },
    async close() {
      input.end();
      transport.onclose?.();
    },
  };
  return transport;
}
