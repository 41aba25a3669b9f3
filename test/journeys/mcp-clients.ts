import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernTransport,
} from '@modelcontextprotocol/client';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { Agent, fetch as undiciFetch } from 'undici';
import type { Presentable } from './deployment.ts';

type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/** `fetch` over mutual TLS. */
export function mutualFetch(shown: Pick<Presentable, 'ca' | 'cert' | 'key'>): Fetch & AsyncDisposable {
  const dispatcher = new Agent({ connect: { ca: shown.ca, cert: shown.cert, key: shown.key } });
  const over: Fetch = (url, init) => undiciFetch(url, { ...init, dispatcher });
  return Object.assign(over, { [Symbol.asyncDispose]: () => dispatcher.destroy() });
}

/** The official SDK 1.x as a client, over mutual TLS and without our bridge. */
export async function legacyClient(url: string, fetch: Fetch): Promise<LegacyClient> {
  const client = new LegacyClient({ name: 'v1', version: '1' }, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: {} }));
  await client.connect(new LegacyTransport(new URL(url), { fetch }));
  return client;
}

/** The official SDK 2.x as a client of the 2026-07-28 revision. */
export async function modernClient(url: string, fetch: Fetch): Promise<ModernClient> {
  const client = new ModernClient(
    { name: 'v2', version: '1' },
    { versionNegotiation: { mode: { pin: '2026-07-28' } } },
  );
  await client.connect(new ModernTransport(new URL(url), { fetch }));
  return client;
}

/** The text of a tool's result. */
export function textOf(result: unknown): string {
  const { content } = result as { content: readonly { text?: string }[] };
  return content.map(({ text }) => text ?? '').join('');
}
