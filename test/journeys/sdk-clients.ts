import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernHttp,
} from '@modelcontextprotocol/client';
import { StdioClientTransport as ModernStdio } from '@modelcontextprotocol/client/stdio';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as LegacyStdio } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as LegacyHttp } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { textOf } from './mcp-clients.ts';

/** How a client reaches its server. */
export type Way =
  | { readonly kind: 'http'; readonly url: string; readonly fetch?: typeof fetch }
  | { readonly kind: 'stdio'; readonly command: string; readonly args: string[] };

/** What every SDK's client can do, in one form. */
export interface AnyClient extends AsyncDisposable {
  tools(): Promise<readonly string[]>;
  call(name: string, more?: Call): Promise<string>;
  read(uri: string): Promise<string>;
  prompt(name: string, args: Record<string, string>): Promise<string>;
}

interface Call {
  readonly args?: Record<string, unknown>;
  readonly onprogress?: (step: { progress: number }) => void;
  readonly signal?: AbortSignal;
}

export interface SdkClient {
  readonly name: string;
  readonly era: 'legacy' | 'modern';
  connect(way: Way): Promise<AnyClient>;
}

export const sdkClients: readonly SdkClient[] = [
  { name: 'v1', era: 'legacy', connect: connectLegacy },
  { name: 'v2 by initialize', era: 'legacy', connect: (way) => connectModern(way, 'legacy') },
  { name: 'v2 of 2026-07-28', era: 'modern', connect: (way) => connectModern(way, { pin: '2026-07-28' }) },
];

const accept = { action: 'accept', content: { go: true } } as const;
const said = { role: 'assistant', model: 'none', content: { type: 'text', text: 'hello' } } as const;
const capabilities = { elicitation: {}, sampling: {} };

async function connectLegacy(way: Way): Promise<AnyClient> {
  const client = new LegacyClient({ name: 'v1', version: '1' }, { capabilities });
  client.setRequestHandler(ElicitRequestSchema, () => accept);
  client.setRequestHandler(CreateMessageRequestSchema, () => said);
  const transport =
    way.kind === 'http'
      ? new LegacyHttp(new URL(way.url), way.fetch ? { fetch: way.fetch } : {})
      : new LegacyStdio({ command: way.command, args: way.args, stderr: 'pipe' });
  await client.connect(transport);
  return {
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, { args = {}, ...options } = {}) =>
      textOf(await client.callTool({ name, arguments: args }, undefined, options)),
    read: async (uri) => contentsOf(await client.readResource({ uri })),
    prompt: async (name, args) => messagesOf(await client.getPrompt({ name, arguments: args })),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function connectModern(way: Way, mode: 'legacy' | { pin: string }): Promise<AnyClient> {
  const client = new ModernClient(
    { name: 'v2', version: '1' },
    { capabilities, versionNegotiation: { mode } },
  );
  client.setRequestHandler('elicitation/create', () => accept);
  client.setRequestHandler('sampling/createMessage', () => said);
  const transport =
    way.kind === 'http'
      ? new ModernHttp(new URL(way.url), way.fetch ? { fetch: way.fetch } : {})
      : new ModernStdio({ command: way.command, args: way.args, stderr: 'pipe' });
  await client.connect(transport);
  return {
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, { args = {}, ...options } = {}) =>
      textOf(await client.callTool({ name, arguments: args }, options)),
    read: async (uri) => contentsOf(await client.readResource({ uri })),
    prompt: async (name, args) => messagesOf(await client.getPrompt({ name, arguments: args })),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

function contentsOf({ contents }: { contents: readonly object[] }): string {
  return contents.map((content) => ('text' in content ? String(content.text) : '')).join('');
}

function messagesOf({ messages }: { messages: readonly { content: object }[] }): string {
  return messages.map(({ content }) => ('text' in content ? String(content.text) : '')).join('');
}
