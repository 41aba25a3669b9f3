import { Client, StreamableHTTPClientTransport, type Transport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import type { Door } from './passage.ts';

/**
 * The client under test: the official SDK 2.x, doing what a scenario wants to see. The suite starts it with the
 * address of its server. With `COUNTERSIGN_PASSAGE` it goes to that server through Countersign, over the face that
 * `COUNTERSIGN_FACE` names.
 */
const {
  MCP_CONFORMANCE_SCENARIO: scenario = '',
  MCP_CONFORMANCE_PROTOCOL_VERSION: revision = '',
  MCP_CONFORMANCE_CONTEXT: context = '{}',
  COUNTERSIGN_PASSAGE: passage = '',
  COUNTERSIGN_FACE: face = 'http',
} = process.env;

async function main(server: string): Promise<void> {
  const client = new Client(
    { name: 'countersign-conformance', version: '1.0.0' },
    {
      capabilities: { roots: {}, sampling: {}, elicitation: { form: { applyDefaults: true } } },
      versionNegotiation: { mode: revision === '2026-07-28' ? 'auto' : 'legacy' },
    },
  );
  client.setRequestHandler('elicitation/create', ({ params }) => ({
    action: 'accept',
    // With nothing filled in, the defaults of the form are what counts.
    content: scenario.startsWith('elicitation') ? {} : { confirmed: params.message.length > 0 },
  }));
  await client.connect(await transportTo(server));
  try {
    await play(client);
  } finally {
    await client.close();
  }
}

async function transportTo(server: string): Promise<Transport> {
  if (passage === '') return new StreamableHTTPClientTransport(new URL(server));
  const answer = await fetch(passage, { method: 'POST', body: JSON.stringify({ server, face }) });
  const door = (await answer.json()) as Door;
  return door.kind === 'http'
    ? new StreamableHTTPClientTransport(new URL(door.url))
    : new StdioClientTransport({ command: door.command, args: [...door.words], stderr: 'inherit' });
}

async function play(client: Client): Promise<void> {
  switch (scenario) {
    case 'request-metadata':
      return;
    case 'http-custom-headers':
      await client.listTools();
      return await callAll(client, (JSON.parse(context) as { toolCalls: Calls }).toolCalls);
    case 'http-standard-headers':
      return await useEverything(client);
    case 'json-schema-2020-12-preservation':
      return await echoSchema(client);
    default: {
      const { tools } = await client.listTools();
      return await callAll(
        client,
        tools.map(({ name }) => ({ name, arguments: argumentsOf[name] ?? {} })),
      );
    }
  }
}

type Calls = readonly { readonly name: string; readonly arguments: Record<string, unknown> }[];

const argumentsOf: Readonly<Record<string, Record<string, unknown>>> = {
  add_numbers: { a: 5, b: 3 },
  valid_tool: { region: 'us-west1' },
  lookup_user: { id: 'a' },
};

async function callAll(client: Client, calls: Calls): Promise<void> {
  for (const call of calls) {
    // What the server answers is for the scenario to judge.
    await client.callTool(call).catch(() => undefined);
  }
}

async function useEverything(client: Client): Promise<void> {
  const { tools } = await client.listTools();
  for (const { name } of tools) await client.callTool({ name, arguments: {} });
  const { resources } = await client.listResources();
  for (const { uri } of resources) await client.readResource({ uri });
  const { prompts } = await client.listPrompts();
  for (const { name } of prompts) await client.getPrompt({ name });
}

async function echoSchema(client: Client): Promise<void> {
  const { tools } = await client.listTools();
  const rich = tools.find(({ name }) => name === 'json_schema_2020_12_tool');
  await client.callTool({ name: 'json_schema_echo', arguments: { schema: rich?.inputSchema } });
}

await main(process.argv.at(-1) ?? '');
