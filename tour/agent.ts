import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import type { Narrator } from './narrator.ts';
import type { Place } from './place.ts';
import { everythingCommand, namesOf, toolsWithoutGateway } from './servers.ts';
import { ask, bridgeCommand, type Listening } from './stage.ts';

/** How an MCP client starts the bridge to one server. */
export interface BridgeStart {
  readonly command: string;
  readonly args: string[];
}

/** What the agent needs of the world around it. */
export interface AgentPlace {
  readonly place: Place;
  readonly listening: Listening;
  readonly rootFingerprint: string;
}

export function bridgeTo(server: string, { place, listening, rootFingerprint }: AgentPlace): BridgeStart {
  const where = ['--gateway', `${listening.agents}/mcp/${server}`, '--authority', listening.authority];
  const who = ['--agent', 'tour', '--ca-fingerprint', rootFingerprint, '--state', place.state];
  return { command: bridgeCommand.command, args: [...bridgeCommand.args, ...where, ...who] };
}

async function connect({ command, args }: BridgeStart, more: readonly string[] = []): Promise<Client> {
  const client = new Client({ name: 'tour', version: '1.0.0' });
  await client.connect(new StdioClientTransport({ command, args: [...args, ...more], stderr: 'inherit' }));
  return client;
}

/** Steps: the agent joins, lists, calls what it may and what it may not. Gives the end of its certificate. */
export async function useEverything(
  at: Omit<AgentPlace, 'rootFingerprint'>,
  say: Narrator,
): Promise<AgentPlace & { readonly notAfter: number }> {
  say.step('An agent joins with a one-time token and gets a certificate of its own');
  const data = ['--folder', at.place.data];
  const made = await ask<{ token: string; rootFingerprint: string }>([
    'join-token',
    'create',
    'tour',
    ...data,
  ]);
  const agent: AgentPlace = { ...at, rootFingerprint: made.rootFingerprint };
  const client = await connect(bridgeTo('everything', agent), ['--join-token', made.token]);
  type Shown = { readonly certificates: readonly { spiffeId: string; notAfter: number }[] };
  const shown = await ask<Shown>(['agent', 'show', 'tour', ...data]);
  const [certificate] = shown.certificates;
  const notAfter = certificate?.notAfter ?? 0;
  say.fact(`${certificate?.spiffeId} until ${new Date(notAfter).toISOString()}`);
  say.check('one certificate, live, and the MCP session is open', shown.certificates.length === 1);

  say.step('tools/list: the agent sees what policy lets it use');
  const [all, { tools }] = await Promise.all([toolsWithoutGateway(everythingCommand()), client.listTools()]);
  const seen = namesOf({ tools });
  say.fact(`the server has ${all.length} tools: ${all.join(', ')}`);
  say.fact(`the agent sees ${seen.length}: ${seen.join(', ')}`);
  say.check('only the permitted tools are listed', seen.join() === 'echo,get-sum' && all.length > 2);

  say.step('tools/call echo: permitted');
  const echoed = await client.callTool({ name: 'echo', arguments: { message: 'certificates, not keys' } });
  const [echo] = echoed.content as { text?: string }[];
  say.fact(`the server answered: ${echo?.text}`);
  say.check('the real result came back', echo?.text === 'Echo: certificates, not keys');

  say.step("tools/call get-env: refused (it would print the server's environment)");
  const refusal = await refusalOf(client.callTool({ name: 'get-env', arguments: {} }));
  say.fact(refusal ?? 'it was not refused');
  say.check(
    'refused, with the reason and the policy that refused',
    /policy "never-environment" \(tour\.cedar:\d+\) forbids it/.test(refusal ?? ''),
  );
  await client.close();
  return { ...agent, notAfter };
}

/** Step: the arguments of a call decide. */
export async function useFiles(agent: AgentPlace, say: Narrator): Promise<void> {
  say.step('Arguments count: one file is permitted, its neighbour is not');
  const files = await connect(bridgeTo('files', agent));
  const read = (path: string): ReturnType<Client['callTool']> =>
    files.callTool({ name: 'read_text_file', arguments: { path } });
  const { documents } = agent.place;
  const allowed = await read(join(documents, 'public', 'hello.txt'));
  const denied = await refusalOf(read(join(documents, 'salaries.txt')));
  const [content] = allowed.content as { text?: string }[];
  say.fact(`public/hello.txt → ${content?.text?.trim()}`);
  say.fact(`salaries.txt     → ${denied ?? 'it was not refused'}`);
  say.check(
    'the path in the arguments decided',
    content?.text?.startsWith('Hello') === true && denied?.includes('no policy permits it') === true,
  );
  await files.close();
}

function refusalOf(call: Promise<unknown>): Promise<string | null> {
  return call.then(
    () => null,
    (error: Error) => error.message,
  );
}
